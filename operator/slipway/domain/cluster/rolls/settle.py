"""Keeping what serves as it should be: its count, its manifest, and nothing beside it but what a roll back needs."""

from dataclasses import replace
from datetime import timedelta

from slipway.domain.cluster.looks.comparison import differs, is_foreign_change
from slipway.domain.cluster.looks.memory import Failure
from slipway.domain.cluster.looks.views import Child, moment
from slipway.domain.cluster.marks import NOBODY
from slipway.domain.cluster.rolls import loading
from slipway.domain.cluster.rolls.routing import routed_service
from slipway.domain.cluster.rolls.situation import Plan, Question, Situation
from slipway.domain.cluster.rolls.steps import Apply, Delete, Scale, Step
from slipway.domain.conditions import Finding

_SEARCH = 60.0
"""Seconds in which a pod finds a node where there is one that is free."""
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
    reloading = loading.plan_reloading(situation, child)
    steps: list[Step] = list(reloading.steps) if reloading else []
    steps += _count(situation, child)
    steps += _corrected_route(situation, child)
    steps += tidied(situation, keep={child.revision})
    again = 0.0 if steps else None
    steps += corrected(situation, child)  # who forbids that must not be asked without end: a change is watched
    plan = Plan(tuple(steps), drifted=drifted, question=_question(situation, child), look_again=again)
    if reloading:
        return replace(plan, reconciling=reloading.reconciling, stalled=reloading.stalled)
    missing = _missing_pods(situation, child)
    return replace(plan, reconciling=missing) if missing else plan


def _question(situation: Situation, child: Child) -> Question | None:
    """One that somebody has deleted was made anew, and says again what it serves."""
    pod = situation.pod_to_ask(child) if child.verified is None else None
    return Question(child, pod, verify=True) if pod else None


def corrected(situation: Situation, child: Child | None) -> list[Step]:
    """The wanted revision as its manifest says, unless somebody else has changed it and that is to be left alone."""
    wanted = situation.wanted.workload
    if child is None or not differs(child.manifest, wanted):
        return []
    is_foreign = is_foreign_change(child.manifest, wanted)
    if is_foreign and situation.drift == "Report":
        return []
    return [Apply(wanted, child.resource_version, whole=is_foreign)]


def taken_over(situation: Situation, child: Child) -> Plan:
    """A revision that has proved itself serves, although its roll has not come to its end."""
    progress = situation.routing.progress if situation.routing else None
    steps: list[Step] = []
    if situation.replicas is None and progress and child.replicas < progress.count:
        steps += scaled(child, progress.count)
    steps.append(routed_service(situation, selected=child.revision, serving=child.revision, progress=None))
    text = f"{child.name} serves: more of its pods answer than of the revision before it"
    return Plan(tuple(steps), reconciling=Finding("Rolling", text), look_again=0.0)


def after_failure(situation: Situation, coming: Child, failure: Failure) -> Plan:
    """The wanted revision has failed: what served before serves, and that is said until something changes."""
    text = (
        f"{situation.wanted.served.revision} did not come into service ({failure.reason}): {failure.message}. It is "
        "tried again when the spec, the commit or spec.rollout changes, or the annotation slipway.dev/reconcile-now"
    )
    steps, again = handed_back(situation), None
    if steps is not None:
        again = _SEARCH
        text = f"{text}. Those of its pods that are ready answer until the old ones are back"
    else:
        steps = list(keep_serving(situation))
        if coming is not situation.serving and not situation.is_led_to(coming.revision):
            steps += scaled(coming, 0)
        keep = {coming.revision} | ({situation.serving.revision} if situation.serving else set())
        steps += tidied(situation, keep=keep)
    again = 0.0 if steps else again
    return Plan(tuple(steps), failure=failure, stalled=Finding(failure.reason, text), look_again=again)


def going_back(situation: Situation) -> Plan | None:
    """What served before is wanted again, and the roll has taken pods from it; None: they are back."""
    steps = handed_back(situation)
    if steps is None:
        return None
    child = situation.serving
    served = child.served.revision if child and child.served else "what served before"
    text = f"going back to {served}: the pods that took over answer until the old ones are back"
    return Plan(tuple(steps), reconciling=Finding("Rolling", text), look_again=0.0 if steps else _SEARCH)


def handed_back(situation: Situation) -> list[Step] | None:
    """Steps towards the old revision's whole fleet, where a roll has put proven new pods in the place of old ones.

    Each old pod that is ready lets one more new one go, so that there are never more pods than replicas, for which
    there are GPUs, and never fewer that answer than all but one. Where there are fewer GPUs by now, those that wait for
    a node let others go, but never the last one. None: there is nothing (more) to hand back.
    """
    routing, serving = situation.routing, situation.serving
    progress = routing.progress if routing else None
    if routing is None or serving is None or progress is None or not (progress.proven and progress.shrinks):
        return None
    other = situation.children.get(progress.to)
    total = progress.count if situation.replicas is None else min(progress.count, situation.replicas)
    if other is None or other is serving or serving.replicas >= total:
        return None
    answering, back = len(situation.ready_of(other.revision)), len(situation.ready_of(serving.revision))
    left = min(answering, total - back - 1)
    if left > 0:
        left = max(left - _without_node(situation, serving), 0 if back else 1)
    if left <= 0:
        return None
    steps: list[Step] = []
    if routing.selected is not None:
        steps.append(routed_service(situation, selected=None, serving=serving.revision, progress=progress))
    room = total - max(left, len(situation.pods_of(other.revision)))  # those that leave hold their GPUs until then
    return [*steps, *scaled(other, left), *scaled(serving, max(serving.replicas, room))]


def _without_node(situation: Situation, child: Child) -> int:
    """Pods that have found no node for a while."""
    before = situation.now - timedelta(seconds=_SEARCH)
    waiting = (pod for pod in situation.pods_of(child.revision) if pod.scheduled is None and not pod.leaving)
    return sum(moment(pod.created) < before for pod in waiting)


def keep_serving(situation: Situation) -> tuple[Step, ...]:
    """What serves goes on with all its pods and all the requests, and no roll is under way."""
    child = situation.serving
    if child is None:
        return tuple(_nobody(situation))
    return (*_count(situation, child), *_corrected_route(situation, child))


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

    A roll back goes to the youngest of those that have served; those that never got so far go first.
    """
    others = [child for child in situation.children.values() if child.revision not in keep]
    others = [child for child in others if not situation.is_led_to(child.revision)]
    others.sort(key=_worth, reverse=True)
    steps: list[Step] = []
    for place, child in enumerate(others):
        if child.replicas:
            steps += scaled(child, 0)
        elif place >= KEPT_BEFORE:
            steps.append(Delete("Deployment", child.name, child.manifest["metadata"]["uid"]))
    return steps


def _worth(child: Child) -> tuple[bool, bool, str, str]:
    """What is kept longest comes last."""
    return child.failure is None, child.verified is not None, child.created, child.revision


def _drift(situation: Situation, child: Child) -> Finding | None:
    if not is_foreign_change(child.manifest, situation.wanted.workload):
        return None
    done = "it is changed back" if situation.drift == "Correct" else "spec.drift says to leave it"
    return Finding("ChangedOutside", f"somebody else has changed the apps/v1 Deployment {child.name}; {done}")


def _corrected_route(situation: Situation, child: Child) -> list[Step]:
    routing = situation.routing
    if routing and (routing.selected, routing.serving, routing.progress) == (child.revision, child.revision, None):
        return []
    return [routed_service(situation, selected=child.revision, serving=child.revision, progress=None)]


def _nobody(situation: Situation) -> list[Step]:
    routing = situation.routing
    if routing and routing.selected == NOBODY and routing.progress is None and routing.serving is None:
        return []
    return [routed_service(situation, selected=NOBODY, serving=None, progress=None)]


def _count(situation: Situation, child: Child) -> list[Step]:
    """The spec's count; without one, and under an autoscaler, only that there is a pod at all where there should be.

    Comes before the Service is changed, which remembers what the count was before a roll.
    """
    if situation.replicas is not None:
        return scaled(child, situation.replicas)
    progress = situation.routing.progress if situation.routing else None
    if progress and child.replicas < progress.count and not _is_scaled(situation):
        return scaled(child, progress.count)  # a roll that came to nothing had made it smaller
    if child.replicas == 0 and (situation.autoscaler is None or child.verified is None):  # or it was made anew
        return scaled(child, max(1, situation.least))
    return []


def _is_scaled(situation: Situation) -> bool:
    """Whether the old fleet's count is an autoscaler's, in a roll as well."""
    progress = situation.routing.progress if situation.routing else None
    return situation.autoscaler is not None and (progress is None or not progress.shrinks)


def _missing_pods(situation: Situation, child: Child) -> Finding | None:
    ready, ails = len(situation.ready_of(child.revision)), situation.diagnosis
    if ready >= child.replicas:
        return None
    if ails:
        return Finding(ails.reason, ails.message)
    return Finding("Scaling", f"{ready} of {child.replicas} pods are ready")
