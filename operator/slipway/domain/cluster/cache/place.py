"""Where the Job that loads weights may run, and with which rights: as the servers that will read them."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from slipway.domain.cluster.marks import DEPLOYMENT_LABEL

_TAKEN = (
    "nodeName",
    "nodeSelector",
    "tolerations",
    "schedulerName",
    "runtimeClassName",
    "priorityClassName",
    "serviceAccountName",
    "imagePullSecrets",
    "hostAliases",
    "dnsPolicy",
    "dnsConfig",
)
"""Of the servers' pods. A volume that belongs to a zone or a node comes into being where its first pod runs
(WaitForFirstConsumer): https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode"""

GPU_NODE = {"key": "nvidia.com/gpu.present", "operator": "In", "values": ["true"]}
"""Label of GPU feature discovery on every node with a GPU: https://github.com/NVIDIA/k8s-device-plugin#gpu-feature-discovery"""


def fields(pod: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a pod's spec that say where it may run, and as whom."""
    return {name: deepcopy(pod[name]) for name in _TAKEN if pod.get(name) not in (None, "", [], {})}


def affinity(pod: Mapping[str, Any], deployment: str, *, gpus: int, beside_servers: bool) -> dict[str, Any]:
    """The servers' own affinity and what follows from asking for no GPU.

    Without such a request nothing but labels leads a pod to the nodes that have them. That is a preference only: not
    every cluster has the label. `beside_servers`: the volume can be mounted on one node only, so the Job has to run on
    the node of whatever mounts it; on any node, if nothing does.
    """
    found: dict[str, Any] = deepcopy(dict(pod.get("affinity") or {}))
    if gpus:
        preference = {"weight": 100, "preference": {"matchExpressions": [GPU_NODE]}}
        _add(found, "nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution", preference)
    if beside_servers:
        # The Job's pod carries this label, too, so that it may be the first:
        # https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity
        term = {
            "labelSelector": {"matchLabels": {DEPLOYMENT_LABEL: deployment}},
            "topologyKey": "kubernetes.io/hostname",
        }
        _add(found, "podAffinity", "requiredDuringSchedulingIgnoredDuringExecution", term)
    return found


def _add(affinity: dict[str, Any], kind: str, when: str, term: dict[str, Any]) -> None:
    terms = affinity.setdefault(kind, {}).setdefault(when, [])
    terms.append(term)


def pod_rights(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Restricted, unless the user has given the servers other rights: their files must be readable to both.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    restricted = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return restricted | deepcopy(dict(pod.get("securityContext") or {}))


def container_rights(server: Mapping[str, Any]) -> dict[str, Any]:
    """The same for the container."""
    restricted = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    return restricted | deepcopy(dict(server.get("securityContext") or {}))
