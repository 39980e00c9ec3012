"""The number of pods by the length of the queue."""

import re
from typing import Any

import kubernetes_validate
import pytest

from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.optional import autoscaler
from slipway.domain.cluster.optional.autoscalers import PENDING
from tests.unit.domain.cluster.optional.crd_schemas import faults
from tests.unit.domain.cluster.optional.specs import CHILD, SUBJECT, spec

HPA = {"provider": "HPA", "minReplicas": 2, "maxReplicas": 5, "targetQueueLength": 8, "scaleDownAfter": "10m"}
KEDA = {**HPA, "provider": "KEDA", "prometheus": "http://prometheus.monitoring:9090"}
TO_ZERO = {**KEDA, "minReplicas": 0}


def made(autoscaling: dict[str, Any], engine: str = "vLLM", child: str = CHILD) -> Manifest:
    found = spec({"autoscaling": autoscaling}, engine=engine)
    assert found.autoscaling is not None
    return autoscaler(SUBJECT, found.autoscaling, found.engine, child)


def queries(manifest: Manifest) -> dict[str, str]:
    return {trigger["name"]: trigger["metadata"]["query"] for trigger in manifest["spec"]["triggers"]}


@pytest.mark.parametrize("version", ["1.25", "1.28", "1.31", "1.34", "1.37"])
def test_the_autoscaler_of_kubernetes_is_valid(version: str) -> None:
    kubernetes_validate.validate(made(HPA), version, strict=True)


@pytest.mark.parametrize("autoscaling", [KEDA, TO_ZERO])
def test_the_scaled_object_is_what_kedas_crd_accepts(autoscaling: dict[str, Any]) -> None:
    assert faults(made(autoscaling)) == []


@pytest.mark.parametrize("autoscaling", [HPA, KEDA])
def test_it_scales_the_revision_that_serves(autoscaling: dict[str, Any]) -> None:
    target = made(autoscaling)["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": "apps/v1", "kind": "Deployment", "name": CHILD}


def test_its_limits_are_the_users() -> None:
    kubernetes, keda = made(HPA)["spec"], made(KEDA)["spec"]
    assert (kubernetes["minReplicas"], kubernetes["maxReplicas"]) == (2, 5)
    assert (keda["minReplicaCount"], keda["maxReplicaCount"]) == (2, 5)
    window = {"scaleDown": {"stabilizationWindowSeconds": 600}}
    assert kubernetes["behavior"] == window
    assert keda["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == window
    assert keda["cooldownPeriod"] == 600


@pytest.mark.parametrize(("engine", "name"), [("TGI", "tgi_queue_size"), ("vLLM", "vllm_num_requests_waiting")])
def test_kubernetes_reads_the_queue_of_each_pod(engine: str, name: str) -> None:
    (metric,) = made(HPA, engine)["spec"]["metrics"]
    target = {"type": "AverageValue", "averageValue": "8"}
    assert metric == {"type": "Pods", "pods": {"metric": {"name": name}, "target": target}}


@pytest.mark.parametrize(
    ("engine", "query"),
    [
        ("TGI", 'sum(tgi_queue_size{namespace="ml",pod=~"twin-0123456789-.*"})'),
        ("vLLM", 'sum(vllm:num_requests_waiting{namespace="ml",pod=~"twin-0123456789-.*"})'),
    ],
)
def test_keda_asks_for_the_queue_of_this_revision(engine: str, query: str) -> None:
    manifest = made(KEDA, engine)
    assert queries(manifest) == {"queue": query}
    (trigger,) = manifest["spec"]["triggers"]
    assert trigger["metadata"]["serverAddress"] == "http://prometheus.monitoring:9090"
    assert trigger["metadata"]["threshold"] == "8"


def test_without_an_answer_of_prometheus_no_pod_goes() -> None:
    """An empty answer counts as zero unless KEDA is told that it is an error."""
    (trigger,) = made(KEDA)["spec"]["triggers"]
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    assert "vector(0)" not in trigger["metadata"]["query"]


def test_the_last_pod_stays_while_it_answers_although_nobody_waits() -> None:
    manifest = made(TO_ZERO)
    assert manifest["spec"]["minReplicaCount"] == 0
    assert "vllm:num_requests_running" not in queries(manifest)["queue"]
    assert "vllm:num_requests_running" in queries(manifest)["busy"]
    busy = next(trigger for trigger in manifest["spec"]["triggers"] if trigger["name"] == "busy")
    assert busy["metadata"]["activationThreshold"] == "0"
    assert int(busy["metadata"]["threshold"]) > 1_000_000 * 5  # no number of requests makes it ask for a second pod


def test_what_takes_requests_while_there_is_no_pod_can_wake_it() -> None:
    busy = queries(made(TO_ZERO))["busy"]
    assert f'(sum({PENDING}{{namespace="ml",deployment="twin"}}) or vector(0))' in busy
    assert busy.count("or vector(0)") == 3


def test_a_pod_is_found_by_its_name_even_where_kubernetes_has_cut_it() -> None:
    """A name of 59 characters and more is cut to 58 before the pod's own five follow."""
    child = f"{'a' * 48}-0123456789"
    pod = f"{child}-7d9f8b6c5d-"[:58] + "x7k2p"
    pattern = re.search(r'pod=~"([^"]*)"', queries(made(KEDA, child=child))["queue"])
    assert pattern is not None
    assert re.fullmatch(pattern[1], pod)
    assert not re.fullmatch(pattern[1], f"{'b' * 48}-0123456789"[:58] + "x7k2p")
