"""Whether spec.rollout is sound, and within what SageMaker allows."""

from collections.abc import Mapping

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.rollout import (
    ALARM_NAME_OR_METRIC,
    SHIFT_NEEDS_STEP,
    STRATEGY_SETTINGS,
    Alarm,
    BlueGreen,
    Rollout,
)
from slipway.domain.sagemaker.check import TIMEOUT_RANGE
from slipway.domain.sagemaker.desired import STARTUP_TIMEOUT_RANGE
from slipway.domain.sagemaker.rollout import EXECUTION_RANGE, ROLLING_NEEDS_TWO, WAIT_RANGE, policy

_LONGEST_WATCH = 86_400
"""Seconds that an alarm may look back: Period times EvaluationPeriods
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html)."""


Limit = tuple[tuple[int, int], str]
"""The shortest and the longest, in seconds, and both in words."""
_LIMITS: Mapping[str, Limit] = {
    "startupTimeout": (STARTUP_TIMEOUT_RANGE, "1m and 1h"),
    "timeout": (EXECUTION_RANGE, "10m and 8h"),
    "blueGreen.stepInterval": (WAIT_RANGE, "0s and 1h"),
    "blueGreen.terminationWait": (WAIT_RANGE, "0s and 1h"),
    "rolling.batchInterval": (WAIT_RANGE, "0s and 1h"),
    "check.timeout": (TIMEOUT_RANGE, "1s and 60s"),
}


def shape_problem(rollout: Rollout) -> str | None:
    """Which fields of spec.rollout do not go together, whatever the target; None if all do."""
    if (rollout.blue_green and rollout.strategy != "BlueGreen") or (rollout.rolling and rollout.strategy != "Rolling"):
        return STRATEGY_SETTINGS
    if rollout.blue_green and not _step_fits(rollout.blue_green):
        return SHIFT_NEEDS_STEP
    return None


def rollout_problem(rollout: Rollout, instances: int | None) -> str | None:
    """What SageMaker would refuse, naming the field; None if nothing is.

    `instances`: spec.replicas; None: left open, and judged when a roll is due.
    """
    if rollout.strategy == "Recreate":
        return "spec.rollout.strategy Recreate is for target cluster: SageMaker never takes an endpoint out of service"
    if rollout.strategy == "Rolling" and instances is not None and instances < 2:
        return ROLLING_NEEDS_TWO
    problems = (
        *(_alarm(alarm) for alarm in rollout.alarms),
        duration_problem(rollout, _LIMITS, ", which is what SageMaker allows"),
        _time_for_waits(rollout),
    )
    return next((problem for problem in problems if problem), None)


def _step_fits(blue_green: BlueGreen) -> bool:
    step = blue_green.step_percent
    if blue_green.shift == "AllAtOnce":
        return step is None
    return step is not None and step >= (10 if blue_green.shift == "Linear" else 1)


def _alarm(alarm: Alarm) -> str | None:
    by_name = alarm.name is not None
    if by_name == (alarm.metric is not None) or by_name == (alarm.threshold is not None):
        return ALARM_NAME_OR_METRIC
    period = seconds(alarm.period)
    if period % 60 or not 60 <= period <= 3600:
        return "spec.rollout.alarms: period must be a multiple of 1m, from 1m to 1h"
    if period * alarm.periods > _LONGEST_WATCH:
        return "spec.rollout.alarms: period times periods must not exceed one day"
    return None


def duration_problem(rollout: Rollout, limits: Mapping[str, Limit], whose: str = "") -> str | None:
    """Which duration of spec.rollout is out of its limits, and `whose` they are; None if none is."""
    blue_green, rolling, check = rollout.blue_green, rollout.rolling, rollout.check
    given = {
        "startupTimeout": rollout.startup_timeout,
        "timeout": rollout.timeout,
        "blueGreen.stepInterval": blue_green.step_interval if blue_green else None,
        "blueGreen.terminationWait": blue_green.termination_wait if blue_green else None,
        "rolling.batchInterval": rolling.batch_interval if rolling else None,
        "check.timeout": check.timeout if check else None,
    }
    for field, ((shortest, longest), words) in limits.items():
        duration = given[field]
        if duration is not None and not shortest <= seconds(duration) <= longest:
            return f"spec.rollout.{field} must be between {words}{whose}"
    return None


def _time_for_waits(rollout: Rollout) -> str | None:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_BlueGreenUpdatePolicy.html: the time limit "should
    be larger than the total waiting time" of the two, as they are sent."""
    sent = policy(rollout, tuple(alarm.name or "made" for alarm in rollout.alarms))
    if sent is None or sent.longest is None or sent.shift == "ROLLING":
        return None
    waits = sent.interval + sent.termination_wait
    if sent.longest > waits:
        return None
    return (
        "spec.rollout.timeout must be longer than blueGreen.stepInterval and blueGreen.terminationWait together, which "
        f"are {waits} s: raise it, or shorten these"
    )
