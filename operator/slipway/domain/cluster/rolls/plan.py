"""Which steps bring the cluster to what is wanted: a pure function of one look and of what the objects remember.

Everything that stands beside the revisions is applied first; then either a roll goes on by one stage, or what serves is
kept as it should be. Nothing is remembered but in annotations (`slipway.domain.cluster.looks.memory`), so a pass that
was killed anywhere is simply done again.
"""

from dataclasses import replace

from slipway.domain.cluster.looks.memory import Failure, written
from slipway.domain.cluster.looks.views import Child
from slipway.domain.cluster.marks import FAILED, VERIFIED
from slipway.domain.cluster.rolls import loading, settle
from slipway.domain.cluster.rolls.beside import plan_beside
from slipway.domain.cluster.rolls.roll import Roll, current_roll, stands, successor, under_way
from slipway.domain.cluster.rolls.routing import corrected_service, is_about_service, routed_service
from slipway.domain.cluster.rolls.situation import Plan, Question, Situation
from slipway.domain.cluster.rolls.stages import Traffic
from slipway.domain.cluster.rolls.steps import Annotate, Create, Step
from slipway.domain.conditions import Finding, timestamp

_DIVIDING = 5.0
"""Seconds until it is seen whether a route has its weights: routes are not watched."""
_STARTING = 60.0
"""Seconds between two looks at pods that start: some of what ails them shows by the time it takes alone."""


def plan(situation: Situation) -> Plan:
    """The next steps towards the wanted revision."""
    beside = plan_beside(situation)
    if beside.stalled:
        return beside
    towards = _towards(situation)
    routes = any(is_about_service(step, situation) for step in towards.steps)
    service = () if routes else corrected_service(situation)  # what changes its route corrects the rest of it, too
    steps = (*beside.steps, *service, *towards.steps)
    again = _look_again(situation, towards)
    return replace(towards, steps=steps, drifted=beside.drifted or towards.drifted, look_again=again)


def _look_again(situation: Situation, towards: Plan) -> float | None:
    """Sooner where a route has not been taken back yet: it is not watched, and pods stay until then."""
    roll, led = under_way(situation), situation.in_canary
    if led is None or not situation.is_led_to(led) or led == situation.serving_revision:
        return towards.look_again
    if roll and roll.stage.weight:
        return towards.look_again
    return min(towards.look_again if towards.look_again is not None else _DIVIDING, _DIVIDING)


def _towards(situation: Situation) -> Plan:
    coming = situation.coming
    if situation.routing is None:
        return Plan(reconciling=_without_service(situation), look_again=0.0)  # it is among the steps beside
    if situation.replicas == 0:
        return settle.asleep(situation)
    if coming and coming.failure and stands(situation, coming):
        return settle.after_failure(situation, coming, coming.failure)
    proven = successor(situation)
    if proven:
        return settle.taken_over(situation, proven)
    serving = situation.serving
    if serving and serving.revision == situation.wanted.revision:
        return settle.going_back(situation) or settle.serving(situation)
    return _roll(situation)


def _without_service(situation: Situation) -> Finding:
    if situation.serving is None:
        return _starting(situation)
    return Finding("Creating", f"the Service {situation.subject.name} is gone: it is made anew, and the pods stay")


def _starting(situation: Situation) -> Finding:
    served = situation.wanted.served
    return Finding("Creating", f"creating the pods for {served.repo} at {served.revision}")


def _roll(situation: Situation) -> Plan:
    """One stage further, or on in this one."""
    coming = situation.coming
    waiting = loading.plan_loading(situation) if coming is None or _has_no_pod_yet(situation, coming) else None
    if waiting:
        return replace(waiting, steps=(*waiting.steps, *settle.keep_serving(situation), *_others_gone(situation)))
    if coming is None:
        return _make_ready(situation)
    if coming.failure:
        forgotten = Annotate("Deployment", coming.name, coming.resource_version, ((FAILED, None),))
        return Plan((forgotten,), reconciling=_starting(situation), look_again=0.0)
    roll = current_roll(situation)
    why = None if roll.is_new else roll.failure()
    if why:
        return _fail(coming, why)
    if roll.is_new or roll.must_begin_again():
        return _enter(situation, roll, again=not roll.is_new)
    if not roll.is_complete():
        return _bring_about(situation, roll)
    return _complete(situation, roll, coming)


def _has_no_pod_yet(situation: Situation, coming: Child) -> bool:
    """Whether a roll to it is about to begin. Its weights may have left the cache since it was made."""
    progress = situation.routing.progress if situation.routing else None
    return coming.replicas == 0 and (progress is None or progress.to != coming.revision)


def _make_ready(situation: Situation) -> Plan:
    """The revision's own Deployment, without a pod yet."""
    manifest = situation.wanted.workload
    empty = manifest | {"spec": manifest["spec"] | {"replicas": 0}}
    steps = (*settle.keep_serving(situation), Create(empty))
    return Plan(steps, reconciling=_starting(situation), look_again=0.0)


def _fail(coming: Child, why: Failure) -> Plan:
    """Remembered on the revision first: everything else follows from that, in this pass or after a crash."""
    finding = Finding("RollingBack", why.message)
    return Plan((failed(coming, why),), failure=why, reconciling=finding, look_again=0.0)


def _enter(situation: Situation, roll: Roll, *, again: bool) -> Plan:
    """The stage is stored, with the selector that it needs; its counts follow."""
    if again:
        since = {"since": timestamp(situation.now), "complete": None}
        roll = replace(roll, progress=roll.progress.model_copy(update=since))
    steps = (*settle.corrected(situation, situation.coming), _route(situation, roll))
    return Plan(steps, reconciling=_rolling(situation, roll), look_again=0.0)


def _route(situation: Situation, roll: Roll) -> Step:
    serving = situation.serving.revision if situation.serving else None
    return routed_service(situation, selected=roll.selected, serving=serving, progress=roll.progress)


def _bring_about(situation: Situation, roll: Roll) -> Plan:
    """The counts of the stage. The old one goes down before the new one comes up only where stages say so."""
    steps: list[Step] = []
    routing, coming, serving = situation.routing, situation.coming, situation.serving
    if routing and routing.selected != roll.selected:
        steps.append(_route(situation, roll))
    if serving and not roll.leaves_old_alone:
        steps += settle.scaled(serving, roll.stage.old_count(roll.count))
    if coming:
        steps += settle.scaled(coming, roll.new_count)
    steps += _others_gone(situation)
    left = (roll.startup_deadline() - situation.now).total_seconds()
    again = max(1.0, min(left, _STARTING)) if left > 0 else _STARTING
    if not roll.is_divided():
        again = min(again, _DIVIDING)
    return Plan(tuple(steps), reconciling=_rolling(situation, roll), look_again=again)


def _others_gone(situation: Situation) -> list[Step]:
    """While two revisions share the requests, so would the pods of a third."""
    return settle.tidied(situation, keep={child.revision for child in (situation.coming, situation.serving) if child})


def _complete(situation: Situation, roll: Roll, coming: Child) -> Plan:
    """The stage has done its work: prove, hold, go on."""
    others = _others_gone(situation)
    if others:
        return Plan(tuple(others), reconciling=_rolling(situation, roll), look_again=0.0)
    if roll.must_prove():
        question = _question(situation, roll, coming)
        if question:
            return Plan(question=question, reconciling=_rolling(situation, roll))
    hold = roll.seconds_to_hold()
    if hold and roll.progress.complete is None:
        seen = replace(roll, progress=roll.progress.model_copy(update={"complete": timestamp(situation.now)}))
        return Plan((_route(situation, seen),), reconciling=_rolling(situation, roll), look_again=hold)
    if hold:
        return Plan(reconciling=_rolling(situation, roll), look_again=hold)
    if roll.is_last:
        done = routed_service(situation, selected=coming.revision, serving=coming.revision, progress=None)
        return Plan((done,), reconciling=_rolling(situation, roll), look_again=0.0)
    return _enter(situation, replace(roll, progress=roll.next_progress()), again=False)


def _question(situation: Situation, roll: Roll, coming: Child) -> Question | None:
    """What the new revision has to answer before it gets any request; None: it has."""
    pod = situation.pod_to_ask(coming)
    if pod is None:
        return None
    if coming.verified is None:
        return Question(coming, pod, verify=True)
    checked = situation.checked
    passed = checked is not None and checked.config == coming.name and checked.outcome == "Passed"
    if situation.rollout.check is None or (passed and checked and roll.is_current(checked.at)):
        return None
    return Question(coming, pod, verify=False)


def verified(child: Child, how: str) -> Step:
    """Remember that a revision's commit was verified: `Engine` or `Arguments`."""
    return Annotate("Deployment", child.name, child.resource_version, ((VERIFIED, how),))


def failed(child: Child, why: Failure) -> Step:
    """Remember that a revision has failed."""
    return Annotate("Deployment", child.name, child.resource_version, ((FAILED, written(why)),))


def _rolling(situation: Situation, roll: Roll) -> Finding:
    served, stage = situation.wanted.served, roll.stage
    ready, wanted = len(situation.ready_of(situation.wanted.revision)), stage.new_count(roll.count)
    ails = situation.diagnosis
    if ails and not roll.is_complete():
        return Finding(ails.reason, ails.message)
    where = f"stage {roll.progress.stage + 1} of {len(roll.found)}"
    if situation.serving is None:
        text = f"starting {served.repo} at {served.revision}: {ready} of {wanted} pods are ready"
        return Finding("Creating", text)
    old = situation.serving.served
    text = (
        f"bringing {served.revision} into service in place of {old.revision if old else situation.serving.name} "
        f"({where}: {ready} of {wanted} new pods are ready, {_who(roll)})"
    )
    return Finding("Rolling", text)


def _who(roll: Roll) -> str:
    stage = roll.stage
    if stage.weight:
        share = f"{round(stage.weight * 100)} % of the requests by the HTTPRoute"
        return f"{share} go to them" if roll.is_divided() else f"{share} should go to them, which it does not say yet"
    return {
        Traffic.OLD: "requests go to the old ones",
        Traffic.BOTH: "requests go to old and new ones",
        Traffic.NEW: "requests go to the new ones",
    }[stage.traffic]
