"""The one writer of status: only when it changed, with an event for each transition."""

import logging
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from slipway.api.v1alpha1.common import Condition
from slipway.domain.conditions import Finding, Health, announcements, conditions, transitions
from slipway.domain.errors import Conflict, NotFound
from slipway.kube import Kube
from slipway.loop.keys import Key
from slipway.loop.store import Object, Store
from slipway.telemetry.events import EventRecorder
from slipway.telemetry.metrics import Metrics

OWN_CONDITIONS = frozenset(
    {
        "Ready",
        "Reconciling",
        "Stalled",
        "Drifted",
        "UnpinnedReference",
        "BindingFailed",
        "OptionalApiMissing",
        "OptionalRefused",
        "Limited",
    }
)
Status = dict[str, Any]
log = logging.getLogger(__name__)


class Reporter:
    """Writes what a pass concluded."""

    def __init__(self, kube: Kube, store: Store, events: EventRecorder, metrics: Metrics) -> None:
        self._kube = kube
        self._store = store
        self._events = events
        self._metrics = metrics

    async def report(self, key: Key, raw: Object, after: Status) -> Object:
        """Make `after` the object's status. Returns the object as it is then.

        Raises Conflict or NotFound if the object has changed or gone since `raw`: the pass is void.
        """
        before: Status = raw.get("status") or {}
        if _in_order(_ours(before)) == _in_order(after):
            return raw
        written = await self._kube.apply_status(key, raw["metadata"]["resourceVersion"], after)
        self._metrics.kube_writes.labels("status").inc()
        self._store.put(key, written)
        earlier = [Condition.model_validate(condition) for condition in before.get("conditions", [])]
        later = [Condition.model_validate(condition) for condition in after.get("conditions", [])]
        changes = transitions(earlier, later)
        for change in announcements(changes):
            self._events.record(key, raw["metadata"]["uid"], change)
        for transition in changes:
            self._metrics.conditions.labels(key.kind, transition.kind, transition.reason).inc()
            level = logging.WARNING if transition.is_warning else logging.INFO
            log.log(
                level,
                "%s=%s %s: %s",
                transition.kind,
                transition.status,
                transition.reason,
                transition.message,
            )
        return written


def _ours(status: Status) -> Status:
    """The status without conditions that other managers have added."""
    if "conditions" not in status:
        return status
    own = [condition for condition in status["conditions"] if condition["type"] in OWN_CONDITIONS]
    return {**status, "conditions": own}


def _in_order(status: Status) -> Status:
    """The conditions by type: an apply leaves those that are there where they are, and puts new ones behind them."""
    return {**status, "conditions": sorted(status.get("conditions", []), key=lambda condition: str(condition["type"]))}


async def report_invalid(reporter: Reporter, key: Key, raw: Object, invalid: ValidationError, now: datetime) -> None:
    """Say which fields of an object cannot be read.

    The CRD's schema keeps such objects out; they exist where it was loosened, or is older than the object.
    """
    fields = "; ".join(f"{_path(error['loc'])}: {error['msg']}" for error in invalid.errors(include_input=False))
    await report_stalled(reporter, key, raw, Finding("InvalidSpec", fields), now)


async def report_stalled(reporter: Reporter, key: Key, raw: Object, finding: Finding, now: datetime) -> None:
    """Add that nothing can be done for an object. Everything else in its status stays, and what serves is Ready."""
    status = _ours(raw.get("status") or {})
    before = [Condition.model_validate(condition) for condition in status.get("conditions", [])]
    generation = raw["metadata"].get("generation", 0)
    ready = next((c for c in before if c.type == "Ready" and c.status == "True"), None)
    health = Health(ready is not None, Finding(ready.reason, ready.message) if ready else finding, stalled=finding)
    found = conditions(health, before, generation=generation, now=now)
    after = {**status, "observedGeneration": generation, "conditions": [c.to_api() for c in found]}
    try:
        await reporter.report(key, raw, after)
    except (Conflict, NotFound):
        log.info("the object changed meanwhile; the watch brings the new state")


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)
