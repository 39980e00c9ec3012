"""What a Deployment needs before anything is asked of its target: pure checks, in an order."""
