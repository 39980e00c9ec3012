"""How endpoints move.

Nothing ticks: what is due is carried out when somebody looks. `Motion.advance` is called under the lock before
every read and write, so a status, its LastModifiedTime and the lists always agree.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping

from tests.testbed.sagemaker import neighbours, refusals, rollout
from tests.testbed.sagemaker.resources import Change, Endpoint, Kind, Variant
from tests.testbed.sagemaker.rules import Rules, Scripted


class Motion:
    """The endpoints of one account in one region. Every method is called with `rules.lock` held."""

    def __init__(self, account: str, region: str, rules: Rules) -> None:
        self.account, self.region, self.rules = account, region, rules
        self.endpoints: dict[str, Endpoint] = {}
        self._due: list[tuple[float, int, str]] = []
        self._parked: set[str] = set()
        self._watching: dict[str, set[str]] = {}
        self._tickets = itertools.count(1)
        self._last = 0.0

    def now(self) -> float:
        """Never the same twice, so that what was made first is also listed first."""
        self._last = max(self.rules.clock(), self._last + 1e-6)
        return self._last

    def begin(self, endpoint: Endpoint, status: str, change: Change, step: str) -> None:
        endpoint.status, endpoint.change = status, change
        self.touch(endpoint)
        self._schedule(endpoint, self.rules.durations[step])

    def begin_update(self, endpoint: Endpoint, change: Change) -> None:
        endpoint.status, endpoint.change = "Updating", change
        change.phase_started = change.started
        for alarm in rollout.alarms(change.deployment):
            self._watching.setdefault(alarm, set()).add(endpoint.name.lower())
        self.touch(endpoint)
        self._schedule(endpoint, change.phase.seconds)

    def touch(self, endpoint: Endpoint, at: float | None = None) -> None:
        """LastModifiedTime moves by what the wire can show, a millisecond, at the least."""
        endpoint.modified = max(at or self.now(), endpoint.modified + 0.001)

    def rest(self, endpoint: Endpoint, status: str, at: float | None = None) -> None:
        """The endpoint stands still from now on; whatever was due for it no longer is."""
        change, endpoint.status, endpoint.change = endpoint.change, status, None
        self.touch(endpoint, at)
        endpoint.ticket = next(self._tickets)
        self._parked.discard(endpoint.name.lower())
        self._watch_no_more(endpoint, change)

    def _watch_no_more(self, endpoint: Endpoint, change: Change | None) -> None:
        for alarm in rollout.alarms(change.deployment if change else None):
            waiting = self._watching.get(alarm, set())
            waiting.discard(endpoint.name.lower())
            if not waiting:
                self._watching.pop(alarm, None)

    def _schedule(self, endpoint: Endpoint, seconds: float, since: float | None = None) -> None:
        endpoint.ticket = next(self._tickets)
        self._parked.discard(endpoint.name.lower())
        due = (self.rules.clock() if since is None else since) + seconds
        heapq.heappush(self._due, (due, endpoint.ticket, endpoint.name.lower()))

    def advance(self) -> None:
        now = self.rules.clock()
        while self._due and self._due[0][0] <= now:
            due, ticket, name = heapq.heappop(self._due)
            endpoint = self.endpoints.get(name)
            if endpoint is None or endpoint.ticket != ticket:
                continue
            if self.rules.holds(name, _step(endpoint)):
                self._parked.add(name)
            else:
                self._finish(endpoint, due)

    def release(self, name: str) -> bool:
        """Finishes the transition in progress now, with all its phases, held or not; False if there is none."""
        endpoint = self.endpoints.get(name.lower())
        if endpoint is None or endpoint.change is None:
            return False
        change, kind = endpoint.change, endpoint.change.kind
        while endpoint.change is change and change.kind == kind:
            self._finish(endpoint, self.now())
            if kind == "delete":
                break
        return True

    def release_step(self, name: str) -> bool:
        """Finishes the phase in progress now, held or not; False if nothing moves."""
        endpoint = self.endpoints.get(name.lower())
        if endpoint is None or endpoint.change is None:
            return False
        self._finish(endpoint, self.now())
        return True

    def release_parked(self) -> None:
        for name in list(self._parked):
            if name in self.endpoints and not self.rules.holds(name, _step(self.endpoints[name])):
                self.release_step(name)

    def _finish(self, endpoint: Endpoint, at: float) -> None:
        change = endpoint.change
        if change is None:
            return
        finish: Mapping[Kind, Callable[[Endpoint, Change, float], None]] = {
            "create": self._created,
            "update": self._updated,
            "scale": self._scaled,
            "rollback": self._rolled_back,
            "delete": self._deleted,
        }
        finish[change.kind](endpoint, change, at)

    def _created(self, endpoint: Endpoint, change: Change, at: float) -> None:
        scripted = self._outcome(endpoint, change)
        endpoint.variants, endpoint.capture = change.variants, change.capture
        if scripted is None:
            self._settle(change.variants, at)
            self.rest(endpoint, "InService", at)
        else:
            endpoint.failure = scripted.reason[:1024]
            self.rest(endpoint, "Failed", at)

    def _updated(self, endpoint: Endpoint, change: Change, at: float) -> None:
        """One phase is over: the next one begins, or the update is through, or it comes back."""
        if change.phase.status == "Creating":
            scripted = self._outcome(endpoint, change)
            if scripted is not None:
                self._update_failed(endpoint, change, scripted, at)
                return
        if self._tripped(endpoint, change, at):
            return
        if change.position + 1 == len(change.phases):
            self._update_through(endpoint, change, at)
            return
        change.position, change.phase_started, change.routed = change.position + 1, at, 0
        if not self._tripped(endpoint, change, at):
            self._schedule(endpoint, change.phase.seconds, at)

    def _update_through(self, endpoint: Endpoint, change: Change, at: float) -> None:
        self._settle(change.variants, at)
        endpoint.variants = change.variants
        if change.config is not None:
            endpoint.config_name = change.config.name
        endpoint.failure, endpoint.deployment, endpoint.capture = None, change.deployment, change.capture
        self.rest(endpoint, "InService", at)

    def _update_failed(self, endpoint: Endpoint, change: Change, scripted: Scripted, at: float) -> None:
        if scripted.rollback_fails or change.position == 0:
            endpoint.failure = scripted.reason[:1024]
            self.rest(endpoint, "UpdateRollbackFailed" if scripted.rollback_fails else "InService", at)
        else:
            self._roll_back(endpoint, change, scripted.reason, at)

    def _tripped(self, endpoint: Endpoint, change: Change, at: float) -> bool:
        """[D] "If any alarms are tripped during a deployment, SageMaker rolls back the deployment"."""
        if not change.phase.watched:
            return False
        names = rollout.alarms(change.deployment)
        tripped = [name for name in names if neighbours.alarm_state(self.account, self.region, name) == "ALARM"]
        if tripped:
            self._roll_back(endpoint, change, refusals.ALARM_REASON.format(alarms=", ".join(tripped)), at)
        return bool(tripped)

    def alarm_tripped(self, name: str) -> None:
        """Somebody set this alarm to ALARM: updates that bake under it come back at once, held or not."""
        for endpoint_name in list(self._watching.get(name, ())):
            endpoint = self.endpoints.get(endpoint_name)
            if endpoint is not None and endpoint.change is not None and endpoint.change.kind == "update":
                self._tripped(endpoint, endpoint.change, self.now())

    def _roll_back(self, endpoint: Endpoint, change: Change, reason: str, at: float) -> None:
        change.kind, change.reason = "rollback", reason[:1024]
        endpoint.status = "RollingBack"
        self.touch(endpoint, at)
        self._schedule(endpoint, self.rules.durations["RollingBack"], at)

    def answering(self, endpoint: Endpoint) -> list[Variant]:
        """The fleet that the next request goes to: while an update shifts traffic, each gets its exact share."""
        change = endpoint.change
        if change is None or change.kind != "update":
            return endpoint.variants
        change.routed += 1
        new = rollout.goes_to_the_new_fleet(change.routed, change.phase.share)
        return change.variants if new else endpoint.variants

    def _scaled(self, endpoint: Endpoint, change: Change, at: float) -> None:
        scripted = self._outcome(endpoint, change)
        if scripted is None:
            for variant in endpoint.variants:
                variant.settle()
            self.rest(endpoint, "InService", at)
            return
        # [D] a failed change of counts or weights passes through RollingBack.
        self._roll_back(endpoint, change, scripted.reason, at)

    def _rolled_back(self, endpoint: Endpoint, change: Change, at: float) -> None:
        for variant in endpoint.variants:
            variant.desired, variant.desired_weight = variant.current, variant.current_weight
        endpoint.failure = change.reason
        self.rest(endpoint, "InService", at)

    def _deleted(self, endpoint: Endpoint, _change: Change, _at: float) -> None:
        self.forget(endpoint)

    def forget(self, endpoint: Endpoint) -> None:
        del self.endpoints[endpoint.name.lower()]
        self._parked.discard(endpoint.name.lower())
        neighbours.forget_targets(self.account, self.region, endpoint.name)

    def _settle(self, variants: list[Variant], at: float) -> None:
        for variant in variants:
            variant.settle()
            variant.resolved_at = at

    def _outcome(self, endpoint: Endpoint, change: Change) -> Scripted | None:
        waiting = self.rules.failures.get(endpoint.name.lower())
        if waiting:
            return waiting.popleft()
        for variant in change.variants:
            grows = change.kind != "scale" or variant.desired > variant.current
            if grows and not self._provision(variant, only_chosen=change.kind == "scale"):
                return Scripted(refusals.CAPACITY_REASON)
            check = change.health.get((variant.name, variant.instance_type))
            if check is not None and check.result(timeout=60):
                return Scripted(refusals.PING_REASON.format(variant=variant.name))
        return None

    def _provision(self, variant: Variant, *, only_chosen: bool) -> bool:
        """Takes the first pool with capacity; each refused attempt uses up one scripted shortage."""
        for index, (instance_type, _) in enumerate(variant.fleet):
            if only_chosen and index != variant.chosen:
                continue
            if self.rules.shortages[instance_type] > 0:
                self.rules.shortages[instance_type] -= 1
                continue
            variant.chosen = index
            return True
        return False


def _step(endpoint: Endpoint) -> str:
    """What a hold can name: the phase of an update, the status of every other motion."""
    change = endpoint.change
    return change.phase.status if change is not None and change.kind == "update" else endpoint.status
