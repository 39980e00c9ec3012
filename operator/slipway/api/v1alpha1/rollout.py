"""spec.rollout: how a new revision comes into service."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.common import ApiModel, Duration, rules

ALARM_NAME_OR_METRIC = "give an alarm either the name of one that exists, or metric and threshold"
SHIFT_NEEDS_STEP = "shift Canary takes a stepPercent of 1 to 50, Linear one of 10 to 50, AllAtOnce none"
STRATEGY_SETTINGS = "blueGreen is for strategy BlueGreen, rolling is for strategy Rolling"


class BlueGreen(ApiModel):
    """A second fleet takes the traffic over; the first is kept until it has proved itself."""

    model_config = {
        "json_schema_extra": rules(
            (
                (
                    "self.shift == 'AllAtOnce' ? !has(self.stepPercent) : has(self.stepPercent)"
                    " && self.stepPercent >= (self.shift == 'Linear' ? 10 : 1)"
                ),
                SHIFT_NEEDS_STEP,
            )
        )
    }

    shift: Literal["AllAtOnce", "Canary", "Linear"] = "AllAtOnce"
    """AllAtOnce; Canary: a part of the traffic first, then the rest; Linear: in equal steps."""
    step_percent: Annotated[int, Field(ge=1, le=50)] | None = None
    """Canary: 1 to 50 percent of the fleet. Linear: 10 to 50 percent a step."""
    step_interval: Duration = "5m"
    """How long each step is watched (up to 1h; target cluster: up to 24h)."""
    termination_wait: Duration = "5m"
    """How long the old fleet is kept after the last step (up to 1h; target cluster: up to 24h)."""


class Rolling(ApiModel):
    """Instances are replaced in batches: needs less capacity than a second fleet, and two instances at least."""

    batch_percent: Annotated[int, Field(ge=5, le=50)] = 50
    """Instances replaced at a time, in percent of the fleet."""
    batch_interval: Duration = "5m"
    """How long each batch is watched (up to 1h; target cluster: up to 24h)."""


class Alarm(ApiModel):
    """A CloudWatch alarm that rolls a roll back: one that exists, or a threshold of which one is made."""

    model_config = {
        "json_schema_extra": rules(
            (
                "has(self.name) ? !has(self.metric) && !has(self.threshold) : has(self.metric) && has(self.threshold)",
                ALARM_NAME_OR_METRIC,
            )
        )
    }

    name: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]([ -~]*[!-~])?$")] | None = None
    """Name of an alarm that exists in the endpoint's account and region."""
    metric: (
        Literal[
            "ModelLatency",
            "OverheadLatency",
            "Invocation4XXErrors",
            "Invocation5XXErrors",
            "InvocationModelErrors",
        ]
        | None
    ) = None
    """Metric of the endpoint in CloudWatch's namespace AWS/SageMaker."""
    threshold: Annotated[float, Field(ge=0, le=1e12)] | None = None
    """Above it the alarm is raised. In the metric's own unit: latencies are in microseconds."""
    statistic: Literal["Average", "Sum", "Maximum", "p50", "p90", "p95", "p99"] = "Average"
    """How the values of a period become one."""
    period: Duration = "1m"
    """Length of a period: a multiple of 1m, up to 1h."""
    periods: Annotated[int, Field(ge=1, le=60)] = 1
    """Periods in a row above the threshold that raise the alarm."""


class RolloutCheck(ApiModel):
    """A real prompt, sent to the endpoint before a new revision counts as serving."""

    prompt: Annotated[str, Field(min_length=1, max_length=4096)]
    """What to ask. Any answer with text passes."""
    max_tokens: Annotated[int, Field(ge=1, le=1024)] = 16
    """Longest answer, in tokens."""
    timeout: Duration = "60s"
    """How long an answer may take (1s to 60s)."""


class Rollout(ApiModel):
    """How a new revision comes into service."""

    model_config = {
        "json_schema_extra": rules(
            (
                (
                    "(!has(self.blueGreen) || self.strategy == 'BlueGreen')"
                    " && (!has(self.rolling) || self.strategy == 'Rolling')"
                ),
                STRATEGY_SETTINGS,
            )
        )
    }

    strategy: Literal["BlueGreen", "Rolling", "Recreate"] = "BlueGreen"
    """BlueGreen: a second fleet, for which quota and capacity must suffice. Rolling: batch by batch.
    Recreate: first the old one goes, then the new one comes; it interrupts service. Target cluster only."""
    blue_green: BlueGreen | None = None
    """How the traffic moves to the second fleet. Without it: all at once, and the old fleet goes at once."""
    rolling: Rolling | None = None
    """How the instances are replaced."""
    alarms: Annotated[list[Alarm], Field(max_length=10)] = Field(default_factory=list)
    """Alarms of which each, once raised, makes SageMaker roll back. Target sageMaker only."""
    check: RolloutCheck | None = None
    """Proof that the new revision answers. One that does not is rolled back."""
    timeout: Duration | None = None
    """How long a roll may take in all (10m to 8h). SageMaker rolls back one that takes longer. Target sageMaker
    only."""
    startup_timeout: Duration = "30m"
    """How long a container may take to download the model and answer its health check (1m to 1h). Target cluster: 1m to
    24h for each stage of a roll, in which the search for a node and the pull of the image count."""
