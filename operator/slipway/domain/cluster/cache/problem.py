"""Whether pods can share the cache as the spec wants them to run."""

from collections.abc import Mapping
from typing import Any

from slipway.api.v1alpha1.cluster_target import CACHE_FIXED, Cache, ClusterTarget
from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.domain.cluster.marks import Manifest

_HOSTNAME = "kubernetes.io/hostname"
_WAYS_OUT = (
    "set cache.accessMode to ReadWriteMany with a StorageClass that can do that (NFS, EFS, Filestore, CephFS), or bind "
    f"all pods to one node by podTemplate.spec.nodeSelector {_HOSTNAME}"
)


def problem(spec: DeploymentSpec, target: ClusterTarget) -> str | None:
    """Why a volume that only one node can mount does not do, or None.

    A pod on another node waits in ContainerCreating until the volume is free ("Multi-Attach error"), and the roll with
    it: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes
    """
    cache = target.cache
    if cache is None or cache.access_mode == "ReadWriteMany" or _is_on_one_node(target.pod_template or {}):
        return None
    why = _needs_several(spec)
    if why is None:
        return None
    field, says, way_out = why
    return (
        f"spec.target.cluster.cache.accessMode is ReadWriteOnce, so all pods must be on one node, but {field} {says}, "
        f"and these may be on several: {_WAYS_OUT}{way_out}"
    )


def change_problem(cache: Cache, claim: Manifest | None) -> str | None:
    """Why the volume that is there cannot become the one that is asked for, or None.

    `claim`: the live PersistentVolumeClaim; None: there is none yet. Where the spec names no StorageClass, it has that
    which was the cluster's default when it was made.
    """
    if claim is None:
        return None
    spec = claim["spec"]
    same_class = cache.storage_class in (None, spec.get("storageClassName"))
    return None if same_class and spec.get("accessModes") == [cache.access_mode] else CACHE_FIXED


def _needs_several(spec: DeploymentSpec) -> tuple[str, str, str] | None:
    """The field that asks for two pods at a time, what it says, and a further way out."""
    if spec.rollout.strategy == "BlueGreen":
        way_out = ", or spec.rollout.strategy to Recreate, which interrupts service"
        return "spec.rollout.strategy", "BlueGreen runs the old and the new pods side by side", way_out
    if spec.autoscaling is not None and spec.autoscaling.max_replicas > 1:
        most = spec.autoscaling.max_replicas
        return "spec.autoscaling.maxReplicas", f"allows {most} pods", ", or maxReplicas to 1"
    if (spec.replicas or 0) > 1:
        return "spec.replicas", f"asks for {spec.replicas} pods", ", or replicas to 1"
    return None


def _is_on_one_node(template: Mapping[str, Any]) -> bool:
    pod = template.get("spec")
    if not isinstance(pod, Mapping):
        return False
    selector = pod.get("nodeSelector")
    return bool(pod.get("nodeName")) or (isinstance(selector, Mapping) and bool(selector.get(_HOSTNAME)))
