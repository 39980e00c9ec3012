"""Pods with GPUs in the Deployment's own namespace: manifests, rollouts and diagnosis, all pure."""
