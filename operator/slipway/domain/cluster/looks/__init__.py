"""What is seen of a Deployment in the cluster, what its objects remember, and how that is read."""
