"""spec.autoscaling: the number of replicas by the length of the engine's queue."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.common import ApiModel, Duration, rules

MIN_BELOW_MAX = "autoscaling.minReplicas must not be above maxReplicas"
ZERO_NEEDS_KEDA = "autoscaling.minReplicas 0 needs provider KEDA: a HorizontalPodAutoscaler keeps one replica at least"
KEDA_NEEDS_PROMETHEUS = "autoscaling.prometheus is for provider KEDA, which needs it to read the engine's queue"
REPLICAS_OR_AUTOSCALING = "set replicas or autoscaling, not both"


class Autoscaling(ApiModel):
    """The number of replicas, by the length of the engine's queue."""

    model_config = {
        "json_schema_extra": rules(
            ("self.minReplicas <= self.maxReplicas", MIN_BELOW_MAX),
            ("self.minReplicas > 0 || self.provider == 'KEDA'", ZERO_NEEDS_KEDA),
            ("has(self.prometheus) == (self.provider == 'KEDA')", KEDA_NEEDS_PROMETHEUS),
        )
    }

    provider: Literal["HPA", "KEDA"]
    """HPA: autoscaling/v2 with the pods' own metric, which a metrics adapter must serve. KEDA: a ScaledObject."""
    min_replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """Fewest replicas. 0 with KEDA only, and then nothing wakes the endpoint but a series that your gateway feeds:
    docs/cluster-autoscaling.md."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)]
    """Most replicas."""
    target_queue_length: Annotated[int, Field(ge=1, le=10_000)] = 4
    """Requests that may wait in one replica, on average. Above it there are more replicas."""
    prometheus: Annotated[str, Field(min_length=8, max_length=512, pattern=r"^https?://[!-~]+$")] | None = None
    """Base URL of the Prometheus that scrapes the pods. For KEDA."""
    scale_down_after: Duration = "5m"
    """How long fewer replicas must have been enough before there are fewer. Up to 1h."""
