"""How SageMaker is told to bring a new config into service, and the alarms that make it roll back.

Limits: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeploymentConfig.html
"""

from dataclasses import dataclass
from typing import Literal

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.rollout import Alarm, BlueGreen, Rolling, Rollout
from slipway.domain.names import Owner, content_name

WAIT_RANGE = (0, 3600)
"""Seconds that WaitIntervalInSeconds and TerminationWaitInSeconds allow."""
EXECUTION_RANGE = (600, 28_800)
"""Seconds that MaximumExecutionTimeoutInSeconds allows."""

ROLLING_NEEDS_TWO = (
    "spec.rollout.strategy Rolling replaces at most half of the instances at a time and needs two of them: set "
    "spec.replicas to 2 or more, or use BlueGreen"
)

Shift = Literal["ALL_AT_ONCE", "CANARY", "LINEAR", "ROLLING"]


@dataclass(frozen=True)
class AlarmRequest:
    """What PutMetricAlarm needs. The alarm is raised by values above the threshold; no data raises nothing."""

    name: str
    endpoint: str
    variant: str
    metric: str
    statistic: str
    threshold: float
    period: int
    """Seconds: a multiple of 60."""
    periods: int


@dataclass(frozen=True)
class RolloutPolicy:
    """DeploymentConfig of UpdateEndpoint."""

    shift: Shift
    step_percent: int | None = None
    interval: int = 0
    """Seconds between two steps or batches, in which alarms are watched."""
    termination_wait: int = 0
    """Seconds that the old fleet is kept after the last step."""
    alarms: tuple[str, ...] = ()
    longest: int | None = None
    """Seconds for all of it."""


def policy(rollout: Rollout, alarms: tuple[str, ...]) -> RolloutPolicy | None:
    """The policy of a spec; None where SageMaker's default says the same: everything at once, nothing watched."""
    longest = seconds(rollout.timeout) if rollout.timeout else None
    if rollout.strategy == "Rolling":
        rolling = rollout.rolling or Rolling()
        return RolloutPolicy(
            "ROLLING", rolling.batch_percent, seconds(rolling.batch_interval), alarms=alarms, longest=longest
        )
    if rollout.blue_green is None and not alarms and longest is None:
        return None
    # Alarms need time to be watched: without it they would protect from nothing.
    at_once = BlueGreen() if alarms else BlueGreen(step_interval="0s", termination_wait="0s")
    blue_green = rollout.blue_green or at_once
    shifts: dict[str, Shift] = {"AllAtOnce": "ALL_AT_ONCE", "Canary": "CANARY", "Linear": "LINEAR"}
    return RolloutPolicy(
        shifts[blue_green.shift],
        blue_green.step_percent,
        seconds(blue_green.step_interval),
        seconds(blue_green.termination_wait),
        alarms,
        longest,
    )


def way_back(rollout: Rollout) -> RolloutPolicy | None:
    """How to leave a revision that failed its check: at once, in batches only where there is no room for a fleet."""
    if rollout.strategy != "Rolling":
        return None
    return RolloutPolicy("ROLLING", (rollout.rolling or Rolling()).batch_percent)


def alarm_requests(rollout: Rollout, owner: Owner, endpoint: str, variant: str) -> tuple[AlarmRequest, ...]:
    """The alarms to make: one for each threshold."""
    return tuple(_request(alarm, owner, endpoint, variant) for alarm in rollout.alarms if alarm.metric)


def alarm_names(rollout: Rollout, owner: Owner, endpoint: str, variant: str) -> tuple[str, ...]:
    """Names of all alarms that are watched, in the spec's order."""
    return tuple(alarm.name or _request(alarm, owner, endpoint, variant).name for alarm in rollout.alarms)


def _request(alarm: Alarm, owner: Owner, endpoint: str, variant: str) -> AlarmRequest:
    if alarm.metric is None or alarm.threshold is None:
        raise AssertionError("check_spec comes first")
    content = {
        "endpoint": endpoint,
        "variant": variant,
        "metric": alarm.metric,
        "statistic": alarm.statistic,
        "threshold": alarm.threshold,
        "period": seconds(alarm.period),
        "periods": alarm.periods,
    }
    return AlarmRequest(
        name=content_name(owner, content),
        endpoint=endpoint,
        variant=variant,
        metric=alarm.metric,
        statistic=alarm.statistic,
        threshold=alarm.threshold,
        period=seconds(alarm.period),
        periods=alarm.periods,
    )
