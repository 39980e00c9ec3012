"""Whether spec.target.cluster and what goes with it are sound, as far as that can be told without asking anybody."""

from collections.abc import Mapping

from slipway.api.v1alpha1.deployment import RETAIN_IN_CLUSTER, Deployment, DeploymentSpec
from slipway.domain.checks.image import image_in_use
from slipway.domain.checks.inputs import Inputs, Problem, invalid
from slipway.domain.checks.model import served_model
from slipway.domain.checks.rollout import Limit, duration_problem
from slipway.domain.cluster import optional
from slipway.domain.cluster.engines.known import image_of
from slipway.domain.cluster.manifests import build
from slipway.domain.cluster.subject import Subject
from slipway.domain.engines import engine_of

STARTUP_TIMEOUT_RANGE = (60, 86_400)
"""Seconds. A probe is asked every ten seconds; the upper end is ours."""
WAIT_RANGE = (0, 86_400)
CHECK_TIMEOUT_RANGE = (1, 60)
"""Seconds. A pass is cancelled after two minutes (SLIPWAY_PASS_TIMEOUT)."""
_LIMITS: Mapping[str, Limit] = {
    "startupTimeout": (STARTUP_TIMEOUT_RANGE, "1m and 24h"),
    "blueGreen.stepInterval": (WAIT_RANGE, "0s and 24h"),
    "blueGreen.terminationWait": (WAIT_RANGE, "0s and 24h"),
    "rolling.batchInterval": (WAIT_RANGE, "0s and 24h"),
    "check.timeout": (CHECK_TIMEOUT_RANGE, "1s and 60s"),
}
ROLLING_NEEDS_TWO = (
    "spec.rollout.strategy Rolling replaces pods in batches and needs two replicas: raise spec.replicas, or use "
    "Recreate (which interrupts service) or BlueGreen (which needs room for a second pod)"
)


def served_image(deployment: Deployment) -> str:
    """The container image: the spec's, or its version's, or the one that serves, or the newest one that is known.

    The one that serves does not count where it is another engine's.
    """
    engine, kept = deployment.spec.engine, image_in_use(deployment.status)
    if engine.image or engine.version or kept is None:
        return image_of(engine)
    return kept if engine_of(kept) in (engine.name, None) else image_of(engine)


def check_manifests(inputs: Inputs) -> Problem | None:
    """Whether the pods that are asked for can be made. Comes after check_model."""
    spec, metadata = inputs.deployment.spec, inputs.deployment.metadata
    served = served_model(inputs)
    if spec.target.cluster is None or served is None:
        return None
    image = served_image(inputs.deployment)
    text = build.problem(spec, spec.target.cluster, served, image, Subject.of(metadata), served.token)
    return invalid(text) if text else None


def check_cluster(inputs: Inputs) -> Problem | None:
    """What the cluster target does not have, or could not do."""
    spec = inputs.deployment.spec
    if spec.target.cluster is None:
        return None
    problems = (
        RETAIN_IN_CLUSTER if spec.deletion_policy == "Retain" else None,
        optional.problem(spec, spec.target.cluster),
        _rollout(spec),
    )
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
    return duration_problem(rollout, _LIMITS)
