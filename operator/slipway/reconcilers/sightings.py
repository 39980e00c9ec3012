"""What former searches for orphans found out at one site. In memory only: losing it costs questions and time."""

from collections.abc import Iterable, Sequence
from typing import Any

from slipway.domain.sagemaker.orphans import ORPHANS, Judged, Resource, Tags, Verdict
from slipway.loop.clock import Clock

SAY_AGAIN = 24 * 3600.0
"""Seconds after which an orphan that is still there is mentioned again. Events are kept for an hour by default."""
_Mark = tuple[str, str]
"""ARN and time of creation: something made anew under its name is another thing."""


def _mark(resource: Resource) -> _Mark:
    return resource.arn, resource.created


class Sightings:
    """Tags that were read, and orphans with the time since when they are some.

    Strangers are asked for once. Ours are asked for again, since people mark what they want to keep; if there are more
    than may be asked at once, in turns, and what was read last counts meanwhile.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._strangers: set[_Mark] = set()
        self._ours: dict[_Mark, Tags] = {}
        """The one that was asked for longest ago comes first."""
        self._since: dict[_Mark, float] = {}
        self._said: dict[_Mark, float] = {}

    def keep_only(self, in_doubt: Iterable[Resource]) -> None:
        """Forget what is gone, and what a living Deployment has: when it has it no more, everything is asked anew."""
        marks = {_mark(one) for one in in_doubt}
        self._strangers &= marks
        memories: tuple[dict[_Mark, Any], ...] = (self._ours, self._since, self._said)
        for memory in memories:
            for mark in memory.keys() - marks:
                del memory[mark]

    def questions(self, in_doubt: Iterable[Resource], limit: int) -> list[Resource]:
        """What to ask for its tags: half of it what is known already, unless there is less to ask of either kind."""
        by_mark = {_mark(one): one for one in in_doubt}
        known = [by_mark[mark] for mark in self._ours]
        new = [one for mark, one in by_mark.items() if mark not in self._strangers and mark not in self._ours]
        again = max(limit // 2, limit - len(new))
        return [*new[: limit - min(again, len(known))], *known[:again]]

    def answered(self, resource: Resource, tags: Tags | None, *, is_ours: bool) -> None:
        """What was read. `tags`: None if there was nothing to read."""
        mark = _mark(resource)
        self._ours.pop(mark, None)
        if tags is None:
            return
        if is_ours:
            self._ours[mark] = tags
        else:
            self._strangers.add(mark)

    def is_stranger(self, resource: Resource) -> bool:
        """Whether it was found to be nobody's of this installation."""
        return _mark(resource) in self._strangers

    def tags(self, resource: Resource) -> Tags | None:
        """The tags of one of ours as they were read last; None if they are not known."""
        return self._ours.get(_mark(resource))

    def saw(self, judged: Iterable[Judged]) -> None:
        """Note since when orphans are some. Of what is not known this time, nothing is concluded."""
        for one in judged:
            mark = _mark(one.resource)
            if one.verdict in ORPHANS:
                self._since.setdefault(mark, self._clock.monotonic())
            elif one.verdict is not Verdict.UNKNOWN:
                self._since.pop(mark, None)
                self._said.pop(mark, None)

    def age(self, resource: Resource) -> float:
        """Seconds since it was first seen as an orphan; 0 if it is none."""
        since = self._since.get(_mark(resource))
        return 0.0 if since is None else self._clock.monotonic() - since

    def must_be_said(self, orphans: Sequence[Judged]) -> bool:
        """Whether one of them was not mentioned within a day. If so, all of them count as mentioned now."""
        now = self._clock.monotonic()
        marks = [_mark(one.resource) for one in orphans]
        if all(mark in self._said and now - self._said[mark] < SAY_AGAIN for mark in marks):
            return False
        self._said.update(dict.fromkeys(marks, now))
        return True
