"""Keeping what serves as it should be: its count, its manifest, and nothing beside it but what a roll back needs."""

from dataclasses import replace

from slipway.domain.cluster.comparison import differs, is_foreign_change
from slipway.domain.cluster.marks import NOBODY
from slipway.domain.cluster.memory import Failure
from slipway.domain.cluster.routing import routed_service
from slipway.domain.cluster.situation import Plan, Situation
from slipway.domain.cluster.steps import Apply, Delete, Scale, Step
from slipway.domain.cluster.views import Child
from slipway.domain.conditions import Finding

KEPT_BEFORE = 1
"""Revisions without pods that are kept beside the one that serves, for a roll back."""


def scaled(child: Child, count: int) -> list[Step]:
    """Give a revision this many pods."""
    return [] if child.replicas == count else [Scale(child.name, count, child.resource_version)]


def serving(situation: Situation) -> Plan:
    """What serves is what is wanted."""
    child = situation.serving
    if child is None:
        raise AssertionError("without a revision that serves, a roll begins")
    drifted = _drift(situation, child)
    steps: list[Step] = []
    if (not drifted or situation.drift == "Correct") and differs(child.manifest, situation.wanted.workload):
        steps.append(Apply(situation.wanted.workload, child.resource_version))
    steps += _corrected_route(situation, child)
    steps += _count(situation, child)
    steps += tidied(situation, keep={child.revision})
    plan = Plan(tuple(steps), drifted=drifted, look_again=0.0 if steps else None)
    missing = _missing_pods(situation, child)
    return replace(plan, reconciling=missing) if missing else plan


def after_failure(situation: Situation, coming: Child, failure: Failure) -> Plan:
    """The wanted revision has failed: what served before serves, and that is said until something changes."""
    steps: list[Step] = list(keep_serving(situation))
    steps += scaled(coming, 0)
    keep = {coming.revision} | ({situation.serving.revision} if situation.serving else set())
    steps += tidied(situation, keep=keep)
    text = (
        f"{situation.wanted.served.revision} did not come into service ({failure.reason}): {failure.message}. It is "
        "tried again when the spec, the commit or spec.rollout changes, or the annotation slipway.dev/reconcile-now"
    )
    return Plan(tuple(steps), failure=failure, stalled=Finding(failure.reason, text), look_again=0.0 if steps else None)


def keep_serving(situation: Situation) -> tuple[Step, ...]:
    """What serves goes on with all its pods and all the requests, and no roll is under way."""
    child = situation.serving
    if child is None:
        return tuple(_nobody(situation))
    return (*_corrected_route(situation, child), *_count(situation, child))


def asleep(situation: Situation) -> Plan:
    """spec.replicas is 0: nothing runs, and a revision that has not served yet waits."""
    child = situation.serving
    steps: list[Step] = []
    for other in situation.children.values():
        steps += scaled(other, 0)
    steps += _corrected_route(situation, child) if child else _nobody(situation)
    keep = {other.revision for other in (child, situation.coming) if other}
    steps += tidied(situation, keep=keep)
    waits = child is None or child.revision != situation.wanted.revision
    text = "spec.replicas is 0: no pod runs" + (
        f", and {situation.wanted.served.revision} comes into service when there are replicas again" if waits else ""
    )
    return Plan(tuple(steps), asleep=Finding("ScaledToZero", text), look_again=0.0 if steps else None)


def tidied(situation: Situation, *, keep: set[str]) -> list[Step]:
    """Other revisions have no pods, and the oldest of them go. Those in `keep` are somebody else's concern.

    They are told apart by age: the youngest of those that have served is what a roll back goes to.
    """
    others = [child for child in situation.children.values() if child.revision not in keep]
    others.sort(key=lambda child: (child.failure is None, child.created, child.revision), reverse=True)
    steps: list[Step] = []
    for place, child in enumerate(others):
        if child.replicas:
            steps += scaled(child, 0)
        elif place >= KEPT_BEFORE:
            steps.append(Delete("Deployment", child.name, child.manifest["metadata"]["uid"]))
    return steps


def _drift(situation: Situation, child: Child) -> Finding | None:
    if not is_foreign_change(child.manifest, situation.wanted.workload):
        return None
    done = "it is changed back" if situation.drift == "Correct" else "spec.drift says to leave it"
    return Finding("ChangedOutside", f"somebody else has changed the apps/v1 Deployment {child.name}; {done}")


def _corrected_route(situation: Situation, child: Child) -> list[Step]:
    routing = situation.routing
    if routing and routing.selected == child.revision and routing.progress is None:
        return []
    return [routed_service(situation, selected=child.revision, serving=child.revision, progress=None)]


def _nobody(situation: Situation) -> list[Step]:
    routing = situation.routing
    if routing and routing.selected == NOBODY and routing.progress is None and routing.serving is None:
        return []
    return [routed_service(situation, selected=NOBODY, serving=None, progress=None)]


def _count(situation: Situation, child: Child) -> list[Step]:
    """The spec's count; without one, and under an autoscaler, only that there is a pod at all where there should be."""
    if situation.replicas is not None:
        return scaled(child, situation.replicas)
    progress = situation.routing.progress if situation.routing else None
    if progress and child.replicas < progress.count:
        return scaled(child, progress.count)  # a roll that came to nothing had made it smaller
    if situation.autoscaler is None and child.replicas == 0:
        return scaled(child, max(1, situation.least))
    return []


def _missing_pods(situation: Situation, child: Child) -> Finding | None:
    ready, ails = len(situation.ready_of(child.revision)), situation.diagnosis
    if ready >= child.replicas:
        return None
    if ails:
        return Finding(ails.reason, ails.message)
    return Finding("Scaling", f"{ready} of {child.replicas} pods are ready")
