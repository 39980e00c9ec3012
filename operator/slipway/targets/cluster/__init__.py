"""The cluster as a target: objects in the namespace of a Deployment, and questions to its pods."""
