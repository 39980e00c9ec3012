"""What is left out where the cluster lacks an API, and how to get it."""

from collections.abc import Iterable
from typing import NamedTuple

from slipway.domain.cluster.marks import Manifest
from slipway.domain.conditions import Finding

REASON = "OptionalApiMissing"


class Lack(NamedTuple):
    """What a missing API costs."""

    so: str
    """What is not there, or does not happen."""
    way_out: str
    """What would bring it."""


_GATEWAY = "install the Gateway API (https://gateway-api.sigs.k8s.io/guides/)"
_POOLS = "install the Gateway API Inference Extension (https://gateway-api-inference-extension.sigs.k8s.io/guides/)"
_PROMETHEUS = "install the Prometheus operator (https://prometheus-operator.dev/docs/getting-started/installation/)"
_KEDA = "install KEDA (https://keda.sh/docs/latest/deploy/)"
_LACKS = {
    "HTTPRoute": Lack("there is no route from outside", _GATEWAY),
    "InferencePool": Lack("no gateway picks pods by their queues, requests go through the Service", _POOLS),
    "PodMonitor": Lack("the pods are scraped by their annotations only", _PROMETHEUS),
    "ServiceMonitor": Lack("the pods are scraped by their annotations only", _PROMETHEUS),
    "ScaledObject": Lack("the number of pods does not follow the queue", f"{_KEDA}, or use provider HPA"),
    "HorizontalPodAutoscaler": Lack(
        "the number of pods does not follow the queue", "it takes Kubernetes 1.23 or later, or provider KEDA"
    ),
    "PodDisruptionBudget": Lack(
        "a drain of nodes may take all pods at once", "it takes Kubernetes 1.21 or later"
    ),
}  # fmt: skip
_UNKNOWN = Lack("it is left out", "install what defines it")


def skipped(missing: frozenset[str], wanted: Iterable[Manifest]) -> Finding | None:
    """The warning about what is wanted and left out; None: everything is there.

    `missing`: kinds that the cluster does not have in the version that is used of them.
    """
    lost = sorted({(manifest["kind"], manifest["apiVersion"]) for manifest in wanted if manifest["kind"] in missing})
    if not lost:
        return None
    sentences = (_sentence(kind, version) for kind, version in lost)
    return Finding(REASON, f"{'; '.join(sentences)}. The endpoint itself does not depend on it")


def _sentence(kind: str, version: str) -> str:
    lack = _LACKS.get(kind, _UNKNOWN)
    return f"the cluster has no {kind} ({version}), so {lack.so}: {lack.way_out}"
