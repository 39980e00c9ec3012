"""What the spec asks for beside the pods and cannot have: the CEL rules once more, and what CEL cannot say."""

from slipway.api.v1alpha1.autoscaling import (
    KEDA_NEEDS_PROMETHEUS,
    MIN_BELOW_MAX,
    REPLICAS_OR_AUTOSCALING,
    ZERO_NEEDS_KEDA,
    Autoscaling,
)
from slipway.api.v1alpha1.cluster_target import PRODUCTS_NEED_GPUS, ClusterTarget
from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.domain.cluster.optional.autoscalers import LONGEST_WINDOW

POOL_IS_VLLM = (
    "spec.target.cluster.expose.inferencePool is for engine vLLM: TGI does not say how full its cache is, which an "
    "endpoint picker chooses by. Take it away: the Service and httpRoute do without"
)
"""https://github.com/kubernetes-sigs/gateway-api-inference-extension/tree/main/docs/proposals/003-model-server-protocol"""
WINDOW_TOO_LONG = (
    "autoscaling.scaleDownAfter must not be longer than 1h: the autoscalers of Kubernetes look back no further"
)


def problem(spec: DeploymentSpec, target: ClusterTarget) -> str | None:
    """Why the spec cannot be had, in one sentence that names the field; None: it can."""
    if spec.replicas is not None and spec.autoscaling is not None:
        return REPLICAS_OR_AUTOSCALING
    if target.gpus == 0 and (target.gpu_products is not None or target.min_gpu_memory is not None):
        return PRODUCTS_NEED_GPUS
    if target.expose.inference_pool is not None and spec.engine.name != "vLLM":
        return POOL_IS_VLLM
    return _autoscaling(spec.autoscaling) if spec.autoscaling else None


def _autoscaling(autoscaling: Autoscaling) -> str | None:
    if autoscaling.min_replicas > autoscaling.max_replicas:
        return MIN_BELOW_MAX
    if autoscaling.min_replicas == 0 and autoscaling.provider != "KEDA":
        return ZERO_NEEDS_KEDA
    if (autoscaling.prometheus is not None) != (autoscaling.provider == "KEDA"):
        return KEDA_NEEDS_PROMETHEUS
    if seconds(autoscaling.scale_down_after) > LONGEST_WINDOW:
        return WINDOW_TOO_LONG
    return None
