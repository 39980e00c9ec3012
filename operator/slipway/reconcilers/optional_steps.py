"""The steps of a pass for what is optional: what is refused waits for a while of its own, and holds up nothing else."""

import logging
from collections.abc import Hashable, Sequence

from slipway.domain.cluster.optional.refusals import FIELDS, OptionalStep, Refused, as_optional, finding
from slipway.domain.cluster.rolls.situation import Plan
from slipway.domain.cluster.rolls.steps import Step
from slipway.domain.cluster.subject import Subject
from slipway.domain.conditions import Finding
from slipway.domain.errors import OutsideError
from slipway.loop.keys import Key
from slipway.reconcilers.retries import Retries

log = logging.getLogger(__name__)


class OptionalSteps:
    """Those of one pass over one Deployment. What was refused is remembered in `Retries`, under the object's key."""

    def __init__(
        self, retries: Retries, subject: Subject, plan: Plan, *, trigger: str | None, said: Finding | None
    ) -> None:
        """`said`: what the status says of refusals. `trigger`: another one asks for another try at once."""
        self._retries = retries
        self._subject = subject
        self._trigger = trigger
        self._said = said
        self._untried: set[OptionalStep] = set()
        self._refused: list[Refused] = []
        self._again: float | None = None
        # A name that is somebody else's, or a volume that cannot change: then what is optional was not planned at all.
        self._unknown = plan.stalled is not None and plan.failure is None and not plan.steps
        self.due: tuple[Step, ...] = tuple(step for step in plan.steps if self._is_due(step))
        """All steps of the plan but those that would only be refused again."""
        self.tries = bool(self._untried)
        """Whether something optional is among them."""
        if not self._unknown:
            self._forget_others()

    def finding(self, unlisted: Sequence[Refused] = ()) -> Finding | None:
        """The warning. As long as something is about to be tried, it is what the status says.

        `unlisted`: what may not even be looked for, so that there is no step for it.
        """
        return self._said if self._untried or self._unknown else finding((*self._refused, *unlisted))

    def done(self, step: Step) -> None:
        """A step was carried out."""
        what = as_optional(step)
        if what:
            self._untried.discard(what)
            self._retries.clear(self._key(what))

    def refused(self, step: Step, error: OutsideError) -> bool:
        """Whether the others may go on although this step was refused."""
        what = as_optional(step)
        if what is None:
            return False
        delay = self._retries.record(self._key(what), self._circumstances(what), error)
        log.warning("%s; what is optional is tried again in %.0f s", error, delay)
        self._untried.discard(what)
        self._wait(what, error.message, delay)
        return True

    def sooner(self, again: float | None) -> float | None:
        """Seconds until the next pass: those of the pass, or until something refused may be tried again."""
        return min((seconds for seconds in (again, self._again) if seconds is not None), default=None)

    def _is_due(self, step: Step) -> bool:
        what = as_optional(step)
        if what is None:
            return True
        held = self._retries.holding(self._key(what), self._circumstances(what))
        if held is None:
            self._untried.add(what)
            return True
        self._wait(what, held[0].message, held[1])
        return False

    def _wait(self, what: OptionalStep, words: str, delay: float) -> None:
        self._refused.append(Refused(what, words))
        self._again = self.sooner(delay)

    def _forget_others(self) -> None:
        """What is as it should be, or not wanted any more, was refused in another life."""
        planned = {one.ref.kind for one in (*self._untried, *(refused.what for refused in self._refused))}
        for kind in FIELDS.keys() - planned:
            self._retries.clear(Key(kind, self._subject.namespace, self._subject.name))

    def _key(self, what: OptionalStep) -> Key:
        return Key(what.ref.kind, self._subject.namespace, what.ref.name)

    def _circumstances(self, what: OptionalStep) -> Hashable:
        return (self._subject.uid, what, self._trigger)


def forget(retries: Retries, deployment: Key) -> None:
    """The Deployment is gone."""
    for kind in FIELDS:
        retries.clear(Key(kind, deployment.namespace, deployment.name))
