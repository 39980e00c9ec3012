"""Whether requests are answered, which is what Ready says of a Deployment in the cluster: pure."""

from typing import NamedTuple

from slipway.api.v1alpha1.common import Condition
from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.api.v1alpha1.deployment_status import ServedRevision
from slipway.domain.cluster.looks.fleet import Fleet
from slipway.domain.cluster.looks.memory import Served
from slipway.domain.conditions import Finding

NO_POD_READY = "NoPodReady"


class Readiness(NamedTuple):
    """What the condition Ready says."""

    ready: bool
    finding: Finding


def readiness(
    spec: DeploymentSpec, served: ServedRevision, fleet: Fleet, *, asleep: Finding | None, why: Finding | None
) -> Readiness:
    """Ready follows the pods that the Service lets requests reach, old ones and new ones alike.

    `served`: what serves as the status has it. `asleep`: why no pod should run, if the plan says so. `why`: what else
    is the case, for the message where nobody answers.
    """
    asleep = asleep or _asleep(spec, served, fleet)
    if asleep:
        return Readiness(True, asleep)
    if fleet.reached:
        names = _answering(served, fleet)
        verb = "serves" if len(names) == 1 else "serve"
        return Readiness(True, Finding("Serving", f"{' and '.join(names)} {verb}"))
    lack = "none of the pods that it selects is ready" if fleet.routing else "it is gone"
    text = f"{_name(served)} serves no more: nobody answers the Service {fleet.subject.name}, {lack}"
    return Readiness(False, Finding(NO_POD_READY, text + (f" ({why.reason}: {why.message})" if why else "")))


def last_known(before: list[Condition], served: ServedRevision) -> Readiness:
    """Ready in a pass that could not look: as it was, if it was about whether anybody answers."""
    ready = next((condition for condition in before if condition.type == "Ready"), None)
    if ready and (ready.status == "True" or ready.reason == NO_POD_READY):
        return Readiness(ready.status == "True", Finding(ready.reason, ready.message))
    return Readiness(True, Finding("Serving", f"{_name(served)} serves"))


def _asleep(spec: DeploymentSpec, served: ServedRevision, fleet: Fleet) -> Finding | None:
    """Why nobody answers although nothing is amiss. A roll wants pods, whatever the old revision has left."""
    child = fleet.serving
    if child is None or child.replicas or fleet.rolls or fleet.reached:
        return None
    if spec.replicas == 0:
        return Finding("ScaledToZero", "spec.replicas is 0: no pod runs")
    if spec.autoscaling is None:
        return None
    return Finding("ScaledToZero", f"{_name(served)} serves when the autoscaler asks for pods; none runs now")


def _answering(served: ServedRevision, fleet: Fleet) -> list[str]:
    """The commits that clients get answers from, that which has served before in front."""
    revisions = {pod.revision for pod in fleet.reached}
    serving = fleet.serving.revision if fleet.serving else None
    children = sorted(fleet.children.values(), key=lambda child: (child.revision != serving, child.revision))
    found = [_name(child.served) for child in children if child.served and child.revision in revisions]
    return list(dict.fromkeys(found)) or [_name(served)]


def _name(served: ServedRevision | Served) -> str:
    return f"{served.repo} at {served.revision}"
