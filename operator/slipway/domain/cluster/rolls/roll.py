"""A roll, stage by stage: where it is, what this stage asks for, and whether the next one may begin."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from slipway.api.v1alpha1.common import seconds
from slipway.domain.cluster.looks.memory import Failure, Progress
from slipway.domain.cluster.looks.views import Child, moment
from slipway.domain.cluster.marks import NOBODY
from slipway.domain.cluster.rolls.situation import Situation
from slipway.domain.cluster.rolls.stages import ALL, Stage, Traffic, keeps_old_whole, stages, stages_digest
from slipway.domain.conditions import timestamp

STARTUP_TIMED_OUT = "StartupTimedOut"
CHECK_FAILED = "CheckFailed"


@dataclass(frozen=True)
class Roll:
    """A roll from the revision that serves, if any does, to the wanted one."""

    situation: Situation
    found: tuple[Stage, ...]
    progress: Progress
    is_new: bool
    """Whether it begins in this pass, so that nothing of it is stored yet."""

    @property
    def stage(self) -> Stage:
        """The stage that it is in."""
        return self.found[self.progress.stage]

    @property
    def count(self) -> int:
        """Replicas that the roll is about."""
        asked, serving, coming = self.situation.replicas, self.situation.serving, self.situation.coming
        if asked is not None:
            return asked
        if not self.leaves_old_alone or serving is None or coming is None:
            return self.progress.count
        return max(self.progress.count, serving.replicas, coming.replicas)  # what the load takes is more by now

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after this stage."""
        return self.progress.stage == len(self.found) - 1

    @property
    def selected(self) -> str | None:
        """What the Service's selector must say in this stage, as in `views.Routing`."""
        return selected(self.situation, self.stage.traffic)

    @property
    def leaves_old_alone(self) -> bool:
        """Whether the old fleet's count is an autoscaler's in this stage."""
        return self.situation.autoscaler is not None and self.stage.old == ALL

    def next_progress(self) -> Progress:
        """The stage after this one."""
        return self.progress.model_copy(
            update={
                "stage": self.progress.stage + 1,
                "since": timestamp(self.situation.now),
                "complete": None,
                "proven": self.progress.proven or self.must_prove(),
            }
        )

    def must_prove(self) -> bool:
        """Whether the next stage sends the first requests to the new revision."""
        return not self.is_last and not self.stage.tries_new and self.found[self.progress.stage + 1].tries_new

    @property
    def is_by_weight(self) -> bool:
        """Whether a route divides the requests in some of its stages, for which there is a Service of the new pods."""
        return any(stage.weight for stage in self.found)

    def is_complete(self) -> bool:
        """Whether the stage has brought about what it is for."""
        situation, stage = self.situation, self.stage
        new, old = situation.coming, situation.serving
        if new is None or situation.routing is None or situation.routing.selected != self.selected:
            return False
        if new.replicas != self.new_count or self._answering() < stage.ready_count(self.count):
            return False
        if not self.is_divided():
            return False
        if old is not None and not self.leaves_old_alone:
            left = stage.old_count(self.count)
            if old.replicas != left or len(situation.pods_of(old.revision)) > left:
                return False  # pods hold their GPUs until they are gone
        return stage.traffic is not Traffic.NEW or self._routes_to_new_alone()

    @property
    def new_count(self) -> int:
        """Pods that the new revision must have. While it is watched, a lighter load takes none of them."""
        count, coming = self.stage.new_count(self.count), self.situation.coming
        return max(count, coming.replicas) if coming and self.leaves_old_alone and self.progress.complete else count

    def _answering(self) -> int:
        """Pods of the new revision that are ready, and in a roll by weight can be reached by the route: a gateway
        answers with an error for the share of a Service that has nobody."""
        ready = {pod.name for pod in self.situation.ready_of(self.situation.wanted.revision)}
        return len(ready & self.situation.seen.canary if self.is_by_weight else ready)

    def _still_holds(self) -> bool:
        """Whether a stage that was complete goes on to be watched. More pods, that an autoscaler asks for in the
        meantime, need not be ready for that."""
        if self.is_complete():
            return True
        routing = self.situation.routing
        routes = routing is not None and routing.selected == self.selected and self.is_divided()
        if not routes or not self.leaves_old_alone or self.stage.traffic is Traffic.NEW:
            return False
        return self._answering() >= self.stage.ready_count(self.progress.count)

    def is_divided(self) -> bool:
        """Whether the route has this stage's weights. Where there is none, nobody comes by it, and none are needed."""
        found = self.situation.canary_weight
        return found is None or not self.stage.weight or found == self.stage.weight

    def _routes_to_new_alone(self) -> bool:
        """The selector is what was asked for; what the EndpointSlices hold is what is done."""
        routed = self.situation.seen.routed
        new = {pod.name for pod in self.situation.pods_of(self.situation.wanted.revision)}
        return routed is not None and routed <= new and (bool(routed) or self.stage.new_count(self.count) == 0)

    def seconds_to_hold(self) -> float:
        """Seconds until a complete stage may be left. 0: now."""
        if self.progress.complete is None:
            return float(self.stage.hold)
        ends = moment(self.progress.complete) + timedelta(seconds=self.stage.hold)
        return max(0.0, (ends - self.situation.now).total_seconds())

    def failure(self) -> Failure | None:
        """Why the roll has failed, if it has."""
        situation = self.situation
        checked, child, ails = situation.checked, situation.coming, situation.diagnosis
        if child is None:
            return None
        if checked and checked.config == child.name and checked.outcome == "Failed" and self.is_current(checked.at):
            return failure(situation, CHECK_FAILED, f"the check of rollout.check failed: {checked.message}")
        if ails and ails.hopeless:
            return failure(situation, ails.reason, ails.message)
        if not self.is_late() or self.must_begin_again():
            return None
        if len(situation.ready_of(child.revision)) >= self.stage.ready_count(self.count):
            return None  # it is not this revision's fault where old pods take their time to go
        if situation.serving is None and ails and ails.reason == "Unschedulable":
            return None  # nothing else could serve meanwhile, and a cluster may take long to get a GPU
        why = f": {ails.reason}: {ails.message}" if ails else ", and their pods do not say why"
        text = f"its pods were not ready within spec.rollout.startupTimeout ({situation.rollout.startup_timeout}){why}"
        return failure(situation, STARTUP_TIMED_OUT if not ails else ails.reason, text)

    def is_current(self, at: str) -> bool:
        """Whether a check was of this roll and not of a former one. Times of the status are in whole seconds."""
        return moment(at) >= moment(self.progress.began)

    def must_begin_again(self) -> bool:
        """Whether what was complete is so no more, or nobody was there to begin it while its time ran out."""
        coming = self.situation.coming
        if self.progress.complete:
            return not self._still_holds()
        return self.is_late() and coming is not None and coming.replicas < self.new_count

    def is_late(self) -> bool:
        """Whether this stage's pods should be ready by now."""
        return self.situation.now >= self.startup_deadline()

    def startup_deadline(self) -> datetime:
        """When this stage's pods must be ready.

        A first start waits for its GPUs for as long as it takes, so its time counts from when a node was found.
        """
        situation = self.situation
        begun = [moment(self.progress.since)]
        if situation.serving is None:
            pods = situation.pods_of(situation.wanted.revision)
            begun += [moment(pod.scheduled) for pod in pods if pod.scheduled]
        return max(begun) + timedelta(seconds=seconds(situation.rollout.startup_timeout))


def selected(situation: Situation, traffic: Traffic) -> str | None:
    """What the Service's selector says for this traffic."""
    if traffic is Traffic.NEW:
        return situation.wanted.revision
    if traffic is Traffic.BOTH:
        return None
    return situation.serving.revision if situation.serving else NOBODY


def current_roll(situation: Situation) -> Roll:
    """The roll that goes on, or that begins: also where its stages have changed, or its aim."""
    known = situation.routing.progress if situation.routing else None
    count = max(situation.serving.replicas if situation.serving else 0, situation.least, 1)
    if known:  # the old revision may have fewer by now
        count = known.count if known.to == situation.wanted.revision else max(count, known.count)
    found = stages(
        situation.rollout,
        first=situation.serving is None,
        drain_wait=situation.drain_wait,
        single=(count if situation.replicas is None else situation.replicas) == 1,
        by_route=situation.wanted.canary is not None,
    )
    plan = stages_digest(found)
    if known and known.to == situation.wanted.revision and known.plan == plan and known.stage < len(found):
        return Roll(situation, found, known, is_new=False)
    now = timestamp(situation.now)
    shrinks = not keeps_old_whole(found)
    begun = Progress(
        to=situation.wanted.revision, plan=plan, stage=0, since=now, began=now, count=count, shrinks=shrinks
    )
    return Roll(situation, found, begun, is_new=True)


def under_way(situation: Situation) -> Roll | None:
    """The roll that goes on from where it is; None: there is none, or it goes no further."""
    coming, serving, routing = situation.coming, situation.serving, situation.routing
    if routing is None or routing.progress is None or serving is None or situation.replicas == 0:
        return None
    if coming is None or coming is serving or (coming.failure and stands(situation, coming)):
        return None
    roll = current_roll(situation)
    return None if roll.is_new else roll


def successor(situation: Situation) -> Child | None:
    """The revision that has to take over at once: it has proved itself and has pods that answer, its own roll does not
    go on, and the roll has taken so many from the one before that fewer of those do.

    One that has failed in the end may do so as well, until a third one comes. If the one before is wanted again, its
    pods come back one by one, as long as there are any (`settle.handed_back`).
    """
    progress = situation.routing.progress if situation.routing else None
    child = situation.children.get(progress.to) if progress and progress.proven else None
    answering = len(situation.ready_of(child.revision)) if child else 0
    if child is None or progress is None or not answering:
        return None
    old = situation.serving
    comes_back = old is not None and old.revision == situation.wanted.revision
    if child.failure and (comes_back or child.revision == situation.wanted.revision):
        return None
    left = len(situation.ready_of(old.revision)) if old else 0
    if left and (left >= answering or comes_back or not progress.shrinks):
        return None
    goes_on = child.revision == situation.wanted.revision and not current_roll(situation).is_new
    return None if goes_on else child


def failure(situation: Situation, reason: str, message: str) -> Failure:
    """A failure of the wanted revision, now."""
    return Failure(
        reason=reason,
        message=message[:900],
        at=timestamp(situation.now),
        rollout=situation.rollout_digest,
        trigger=situation.trigger,
    )


def stands(situation: Situation, child: Child) -> bool:
    """Whether a failure still counts: nothing has changed that could make another try end otherwise."""
    found = child.failure
    if found is None:
        return False
    return found.rollout == situation.rollout_digest and found.trigger == situation.trigger
