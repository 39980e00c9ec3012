"""Amazon SageMaker: clients, errors, looking, doing, and the poller that all Deployments of a region share."""
