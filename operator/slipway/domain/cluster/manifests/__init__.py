"""From a spec and a commit to the manifests of everything that is wanted in the cluster."""
