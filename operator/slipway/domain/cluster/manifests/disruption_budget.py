"""How many replicas a drain of nodes may take at a time."""

from typing import Any

from slipway.domain.cluster.marks import DEPLOYMENT_LABEL, ROLE_LABEL, SERVER, Manifest
from slipway.domain.cluster.settings import ClusterSettings
from slipway.domain.cluster.subject import Subject, marked


def disruption_budget(subject: Subject, settings: ClusterSettings) -> Manifest:
    """The PodDisruptionBudget `<name>`: one at a time, whatever their number and revision.

    `maxUnavailable`, because a `minAvailable` of 1 would block the drain of a single replica's node for ever. A pod
    that loads its weights, or never comes up, would block it as well, until it is ready or its revision has failed;
    where the cluster knows `unhealthyPodEvictionPolicy` it does not.
    https://kubernetes.io/docs/tasks/run-application/configure-pdb/#unhealthy-pod-eviction-policy
    """
    selector = {"matchLabels": {DEPLOYMENT_LABEL: subject.name, ROLE_LABEL: SERVER}}
    spec: dict[str, Any] = {"maxUnavailable": 1, "selector": selector}
    if settings.evicts_unhealthy:
        spec["unhealthyPodEvictionPolicy"] = "AlwaysAllow"
    metadata = subject.metadata(subject.name)
    return marked({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec})
