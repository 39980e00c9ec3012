"""Whether spec.target.cluster and what goes with it are sound, as far as that can be told without asking anybody."""

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.deployment import RETAIN_IN_CLUSTER, DeploymentSpec
from slipway.api.v1alpha1.rollout import Rollout
from slipway.domain.checks.inputs import Inputs, Problem, invalid

STARTUP_TIMEOUT_RANGE = (60, 86_400)
"""Seconds. A probe is asked every ten seconds; the upper end is ours."""
WAIT_RANGE = (0, 86_400)
CHECK_TIMEOUT_RANGE = (1, 60)
"""Seconds. A pass is cancelled after two minutes (SLIPWAY_PASS_TIMEOUT)."""
ROLLING_NEEDS_TWO = (
    "spec.rollout.strategy Rolling replaces pods in batches and needs two replicas: raise spec.replicas, or use "
    "Recreate (which interrupts service) or BlueGreen (which needs room for a second pod)"
)


def check_cluster(inputs: Inputs) -> Problem | None:
    """What the cluster target does not have, or could not do."""
    spec = inputs.deployment.spec
    if spec.target.cluster is None:
        return None
    problems = (RETAIN_IN_CLUSTER if spec.deletion_policy == "Retain" else None, _rollout(spec))
    text = next((problem for problem in problems if problem), None)
    return invalid(text) if text else None


def _rollout(spec: DeploymentSpec) -> str | None:
    rollout = spec.rollout
    if rollout.alarms:
        return "spec.rollout.alarms are CloudWatch's, for target sageMaker. In the cluster, use spec.rollout.check"
    if rollout.timeout:
        return "spec.rollout.timeout is for target sageMaker. In the cluster, use spec.rollout.startupTimeout"
    if rollout.strategy == "Rolling" and spec.replicas == 1:
        return ROLLING_NEEDS_TWO
    return _durations(rollout)


def _durations(rollout: Rollout) -> str | None:
    blue_green, rolling, check = rollout.blue_green, rollout.rolling, rollout.check
    limits = (
        ("startupTimeout", rollout.startup_timeout, STARTUP_TIMEOUT_RANGE, "1m and 24h"),
        ("blueGreen.stepInterval", blue_green.step_interval if blue_green else None, WAIT_RANGE, "0s and 24h"),
        ("blueGreen.terminationWait", blue_green.termination_wait if blue_green else None, WAIT_RANGE, "0s and 24h"),
        ("rolling.batchInterval", rolling.batch_interval if rolling else None, WAIT_RANGE, "0s and 24h"),
        ("check.timeout", check.timeout if check else None, CHECK_TIMEOUT_RANGE, "1s and 60s"),
    )
    for field, duration, (shortest, longest), words in limits:
        if duration is not None and not shortest <= seconds(duration) <= longest:
            return f"spec.rollout.{field} must be between {words}"
    return None
