"""kstatus' rules for a custom resource, by which Flux, Helm 4 (`--wait`) and `kubectl wait`'s users judge.

As in sigs.k8s.io/cli-utils, pkg/kstatus/status: `checkGenericProperties` and `checkGeneration` in generic.go, then
`Compute` and `checkReadyCondition` in status.go. The rules for kinds that Kubernetes has itself (core.go) are looked
up by "group/Kind" and know none of ours: `slipway.dev/Deployment` is not `apps/Deployment`.
https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus/status
"""

from collections.abc import Mapping
from typing import Any, Literal

Status = Literal["Terminating", "InProgress", "Failed", "Current"]
_BY_CONDITION: dict[tuple[str, str], Status] = {("Reconciling", "True"): "InProgress", ("Stalled", "True"): "Failed"}


def compute(obj: Mapping[str, Any]) -> Status:
    """What `status.Compute` returns for an object that is in the cluster."""
    metadata, status = obj["metadata"], obj.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    both_known = "generation" in metadata and "observedGeneration" in status
    if both_known and metadata["generation"] != status["observedGeneration"]:
        return "InProgress"
    conditions = status.get("conditions") or []
    for condition in conditions:  # in the order of the list: the first one decides
        if found := _BY_CONDITION.get((condition["type"], condition["status"])):
            return found
    for condition in conditions:
        if condition["type"] == "Ready" and condition["status"] in ("True", "False", "Unknown"):
            return "Current" if condition["status"] == "True" else "InProgress"
    return "Current"
