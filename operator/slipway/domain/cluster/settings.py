"""What an installation says about its cluster."""

from dataclasses import dataclass
from typing import Any

from slipway.domain.cluster.marks import MANAGED_BY, NAME_LABEL

Peer = dict[str, Any]
"""A NetworkPolicyPeer: https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/"""
NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""Label that every namespace has: https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name"""

ANY_PROMETHEUS: Peer = {"namespaceSelector": {}, "podSelector": {"matchLabels": {NAME_LABEL: "prometheus"}}}
"""Every Prometheus, in whichever namespace: the label is the Prometheus operator's and the community chart's."""


@dataclass(frozen=True)
class ClusterSettings:
    """What an installation says about its cluster. The defaults fit most."""

    cluster_domain: str = "cluster.local"
    """https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/"""
    operator_namespace: str | None = None
    """Where the operator runs, which asks new pods for their model; None: in any namespace."""
    prometheus: tuple[Peer, ...] = (ANY_PROMETHEUS,)
    """Who may read the metrics."""
    dns: tuple[Peer, ...] = ()
    """Who answers for names; none: any address on port 53. A cache on the node (169.254.20.10) is no pod."""
    evicts_unhealthy: bool = False
    """Whether the cluster knows PodDisruptionBudget's spec.unhealthyPodEvictionPolicy: Kubernetes 1.27 and later."""

    @property
    def operator(self) -> Peer:
        """The operator's pods."""
        name = {"matchLabels": {NAMESPACE_NAME: self.operator_namespace}} if self.operator_namespace else {}
        return {"namespaceSelector": name, "podSelector": {"matchLabels": {NAME_LABEL: MANAGED_BY}}}
