"""The rules of the CRD once more, and what it cannot say."""

from typing import Any

import pytest

from slipway.api.v1alpha1.autoscaling import (
    KEDA_NEEDS_PROMETHEUS,
    MIN_BELOW_MAX,
    REPLICAS_OR_AUTOSCALING,
    ZERO_NEEDS_KEDA,
)
from slipway.api.v1alpha1.cluster_target import PRODUCTS_NEED_GPUS
from slipway.domain.cluster.optional import problem
from slipway.domain.cluster.optional.problems import POOL_IS_VLLM, WINDOW_TOO_LONG
from tests.unit.domain.cluster.optional.specs import spec, target_of

HPA = {"provider": "HPA", "maxReplicas": 3}
KEDA = {"provider": "KEDA", "maxReplicas": 3, "prometheus": "http://prometheus:9090"}
POOL = {"expose": {"inferencePool": {"endpointPicker": "picker"}}}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"replicas": 2, "autoscaling": HPA}, REPLICAS_OR_AUTOSCALING),
        ({"replicas": 0, "autoscaling": HPA}, REPLICAS_OR_AUTOSCALING),
        ({"autoscaling": {**HPA, "minReplicas": 4}}, MIN_BELOW_MAX),
        ({"autoscaling": {**HPA, "minReplicas": 0}}, ZERO_NEEDS_KEDA),
        ({"autoscaling": {**HPA, "prometheus": "http://prometheus:9090"}}, KEDA_NEEDS_PROMETHEUS),
        ({"autoscaling": {"provider": "KEDA", "maxReplicas": 3}}, KEDA_NEEDS_PROMETHEUS),
        ({"autoscaling": {**HPA, "scaleDownAfter": "61m"}}, WINDOW_TOO_LONG),
        ({"target": {"cluster": {"gpus": 0, "gpuProducts": ["NVIDIA-L4"]}}}, PRODUCTS_NEED_GPUS),
        ({"target": {"cluster": {"gpus": 0, "minGpuMemory": "40Gi"}}}, PRODUCTS_NEED_GPUS),
    ],
)
def test_what_cannot_be_had_is_said(changes: dict[str, Any], text: str) -> None:
    found = spec(changes)
    assert problem(found, target_of(found)) == text


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"replicas": 0},
        {"autoscaling": HPA},
        {"autoscaling": {**HPA, "minReplicas": 3, "scaleDownAfter": "1h"}},
        {"autoscaling": {**KEDA, "minReplicas": 0}},
        {"target": {"cluster": {"gpus": 1, "gpuProducts": ["NVIDIA-L4"], "minGpuMemory": "20Gi"}}},
        {"target": {"cluster": {"gpus": 0}}},
        {"target": {"cluster": POOL}},
    ],
)
def test_what_can_be_had_passes(changes: dict[str, Any]) -> None:
    found = spec(changes)
    assert problem(found, target_of(found)) is None


def test_a_pool_is_for_vllm() -> None:
    found = spec({"target": {"cluster": POOL}}, engine="TGI")
    assert problem(found, target_of(found)) == POOL_IS_VLLM
