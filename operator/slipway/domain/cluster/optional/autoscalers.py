"""Autoscalers: the number of pods follows the length of the engine's queue.

Both scale the apps/v1 Deployment of the revision that serves, by its scale subresource. docs/cluster-autoscaling.md
says what they need of the cluster.

**HPA** (autoscaling/v2) reads a metric of the pods from the custom metrics API, which a metrics adapter must serve:
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#support-for-metrics-apis. It is called
`tgi_queue_size` or `vllm_num_requests_waiting`: the name that vLLM gives it has a colon, which Prometheus keeps for
recording rules, and which adapters are commonly told to replace.

**KEDA** asks Prometheus itself, and can scale to zero: https://keda.sh/docs/latest/scalers/prometheus/. Two things are
true of zero:

- The queue says nothing about requests that are being answered. So there is a second trigger, which keeps one pod as
  long as anything runs, and never asks for more.
- Without a pod there is no queue, and no request can wait in it: the Service refuses connections. Whatever takes the
  requests in the meantime (a gateway, a proxy) must say so to Prometheus under the name PENDING. Nothing else wakes the
  Deployment, apart from a person.
"""

from typing import Any, NamedTuple

from slipway.api.v1alpha1.autoscaling import Autoscaling
from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.engine import Engine
from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.subject import Subject, marked

PENDING = "slipway_pending_requests"
"""Series, with the labels `namespace` and `deployment`: requests for a Deployment that no pod answers yet."""
LONGEST_WINDOW = 3600
"""Seconds: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/"""

_POLL = 15
"""Seconds between two questions to Prometheus, which scrapes every 30 s or so: requests wait meanwhile."""
_NEVER_MORE = "1000000000"
"""Threshold of a trigger that keeps the first pod and asks for no other."""
_GENERATED_NAME = 58
"""Characters of a pod's name that its ReplicaSet gives it; five random ones follow:
https://github.com/kubernetes/apiserver/blob/master/pkg/storage/names/generate.go"""


class Metrics(NamedTuple):
    """What an engine says about its load, in the names of Prometheus."""

    waiting: str
    """Gauge: requests that wait."""
    running: str
    """Gauge: requests that are being answered."""
    custom: str
    """`waiting` in the custom metrics API."""


METRICS = {
    "TGI": Metrics("tgi_queue_size", "tgi_batch_current_size", "tgi_queue_size"),
    "vLLM": Metrics("vllm:num_requests_waiting", "vllm:num_requests_running", "vllm_num_requests_waiting"),
}
"""By spec.engine.name. https://huggingface.co/docs/text-generation-inference/reference/metrics and
https://docs.vllm.ai/en/latest/usage/metrics/"""


def autoscaler(subject: Subject, autoscaling: Autoscaling, engine: Engine, child: str) -> Manifest:
    """The autoscaler `<name>`. `child`: the apps/v1 Deployment of the revision that serves."""
    metrics = METRICS[engine.name]
    if autoscaling.provider == "HPA":
        return _pod_autoscaler(subject, autoscaling, metrics, child)
    return _scaled_object(subject, autoscaling, metrics, child)


def _pod_autoscaler(subject: Subject, autoscaling: Autoscaling, metrics: Metrics, child: str) -> Manifest:
    target = {"type": "AverageValue", "averageValue": str(autoscaling.target_queue_length)}
    return marked(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": subject.metadata(subject.name),
            "spec": {
                "scaleTargetRef": _target(child),
                "minReplicas": autoscaling.min_replicas,
                "maxReplicas": autoscaling.max_replicas,
                "metrics": [{"type": "Pods", "pods": {"metric": {"name": metrics.custom}, "target": target}}],
                "behavior": _behavior(autoscaling),
            },
        }
    )


def _scaled_object(subject: Subject, autoscaling: Autoscaling, metrics: Metrics, child: str) -> Manifest:
    """KEDA makes an HPA of it, and takes the last pod away itself."""
    spec: dict[str, Any] = {
        "scaleTargetRef": _target(child),
        "minReplicaCount": autoscaling.min_replicas,
        "maxReplicaCount": autoscaling.max_replicas,
        "pollingInterval": _POLL,
        "cooldownPeriod": seconds(autoscaling.scale_down_after),
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior(autoscaling)}},
        "triggers": _triggers(subject, autoscaling, metrics, child),
    }
    return marked(
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": subject.metadata(subject.name),
            "spec": spec,
        }
    )


def _triggers(subject: Subject, autoscaling: Autoscaling, metrics: Metrics, child: str) -> list[dict[str, Any]]:
    """Where there is always a pod, no answer about its queue is an error, and the number stays as it is."""
    pods = _pods(subject, child)
    threshold = str(autoscaling.target_queue_length)
    if autoscaling.min_replicas:
        query = f"sum({metrics.waiting}{{{pods}}})"
        return [_trigger("queue", autoscaling, query, threshold, ignoreNullValues="false")]
    waiting, running = _sum_or_zero(metrics.waiting, pods), _sum_or_zero(metrics.running, pods)
    pending = _sum_or_zero(PENDING, f'namespace="{subject.namespace}",deployment="{subject.name}"')
    return [
        _trigger("queue", autoscaling, waiting, threshold),
        _trigger("busy", autoscaling, f"{waiting} + {running} + {pending}", _NEVER_MORE),
    ]


def _trigger(name: str, autoscaling: Autoscaling, query: str, threshold: str, **more: str) -> dict[str, Any]:
    metadata = {
        "serverAddress": autoscaling.prometheus or "",
        "query": query,
        "threshold": threshold,
        "activationThreshold": "0",
        **more,
    }
    return {"type": "prometheus", "name": name, "metricType": "AverageValue", "metadata": metadata}


def _pods(subject: Subject, child: str) -> str:
    """Matches the revision's pods by the labels that every usual way of scraping pods gives their series.

    Names of Deployments have nothing in them that means something in a regular expression.
    """
    prefix = f"{child}-"[:_GENERATED_NAME]
    return f'namespace="{subject.namespace}",pod=~"{prefix}.*"'


def _sum_or_zero(series: str, matchers: str) -> str:
    return f"(sum({series}{{{matchers}}}) or vector(0))"


def _target(child: str) -> dict[str, str]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": child}


def _behavior(autoscaling: Autoscaling) -> dict[str, Any]:
    return {"scaleDown": {"stabilizationWindowSeconds": seconds(autoscaling.scale_down_after)}}
