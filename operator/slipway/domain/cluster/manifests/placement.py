"""Which nodes the pods go to: those with GPUs of the right kind, spread over zones and nodes."""

from typing import Any

from slipway.api.v1alpha1.cluster_target import ClusterTarget
from slipway.domain.cluster.marks import DEPLOYMENT_LABEL, ROLE_LABEL, SERVER
from slipway.domain.cluster.quantities import mebibytes

PRODUCT = "nvidia.com/gpu.product"
MEMORY = "nvidia.com/gpu.memory"
"""Labels of GPU feature discovery; the memory is that of each GPU in MiB:
https://github.com/NVIDIA/k8s-device-plugin/tree/main/docs/gpu-feature-discovery#generated-labels"""
_NVIDIA = "nvidia.com/"
_TAINT = "nvidia.com/gpu"
"""What nodes with NVIDIA's GPUs are tainted with as a rule, parts of a GPU (MIG) included."""


def spread(deployment: str) -> dict[str, Any]:
    """Replicas over nodes and zones, as far as there is room: fields of a PodSpec.

    Zones are no second spread constraint: the scheduler scores only nodes that have the labels of all constraints, so
    where nodes have no zone, as in many clusters outside of clouds, nothing would be spread at all.
    https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/#conventions
    """
    selector = {"matchLabels": {DEPLOYMENT_LABEL: deployment, ROLE_LABEL: SERVER}}
    elsewhere = {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": selector}
    return {
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": selector,
            }
        ],
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 50, "podAffinityTerm": elsewhere}]
            }
        },
    }


def placed(pod: dict[str, Any], target: ClusterTarget) -> dict[str, Any]:
    """A PodSpec with what the GPUs ask for, besides whatever it says already.

    It comes after the user's podTemplate: lists of tolerations and of node selector terms are replaced as a whole by a
    strategic merge, and a toleration of one's own must not cost the one for the GPUs.
    """
    result = dict(pod)
    if tolerations := _tolerations(target, pod.get("tolerations") or []):
        result["tolerations"] = tolerations
    if requirements := _requirements(target):
        result["affinity"] = _required(pod.get("affinity") or {}, requirements)
    return result


def _tolerations(target: ClusterTarget, present: list[Any]) -> list[Any]:
    if target.gpus == 0:
        return present
    keys = dict.fromkeys([*([_TAINT] if target.gpu_resource.startswith(_NVIDIA) else []), target.gpu_resource])
    wanted = [{"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in keys]
    return [*present, *(toleration for toleration in wanted if toleration not in present)]


def _requirements(target: ClusterTarget) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if target.gpu_products:
        found.append({"key": PRODUCT, "operator": "In", "values": list(target.gpu_products)})
    if target.min_gpu_memory:
        below = mebibytes(target.min_gpu_memory) - 1  # there is no operator for "no less than"
        found.append({"key": MEMORY, "operator": "Gt", "values": [str(below)]})
    return found


def _required(affinity: dict[str, Any], requirements: list[dict[str, Any]]) -> dict[str, Any]:
    """Each of the terms, of which one must hold, asks for it in addition."""
    node = affinity.get("nodeAffinity") or {}
    rule = node.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = [
        term | {"matchExpressions": [*(term.get("matchExpressions") or []), *requirements]}
        for term in rule.get("nodeSelectorTerms") or [{}]
    ]
    rule = rule | {"nodeSelectorTerms": terms}
    return affinity | {"nodeAffinity": node | {"requiredDuringSchedulingIgnoredDuringExecution": rule}}
