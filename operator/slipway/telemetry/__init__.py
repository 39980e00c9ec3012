"""What the operator says about itself: logs, metrics, health, events."""
