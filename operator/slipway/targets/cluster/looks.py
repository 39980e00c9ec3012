"""The last look at each Deployment, for passes over what rests: it holds for as long as nothing has been noticed.

Thousands of Deployments at rest would otherwise be listed kind by kind at every echo of their status and at every
timer. A look is kept as compressed text, which takes a few KB; as dictionaries it would take a hundred.
"""

import json
import time
import zlib
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from slipway.domain.cluster.looks.observation import ObjectRef, Observation

Subject = tuple[str, str]
"""Namespace and name of a Deployment."""
Question = tuple[frozenset[str], frozenset[ObjectRef]]
"""What was asked about: kinds and names."""


class Noticed(Protocol):
    """Whoever watches what Deployments have in the cluster."""

    def mark(self, namespace: str, deployment: str) -> int | None:
        """Another number whenever something of a Deployment has changed. None: that cannot be known now."""
        ...


class NothingNoticed:
    """Nobody watches: every look is a new one."""

    def mark(self, namespace: str, deployment: str) -> int | None:
        """Unknown."""
        return None


@dataclass(frozen=True)
class _Kept:
    question: Question
    mark: int
    changes: int
    until: float
    text: bytes


class Looks:
    """Remembers looks for a while."""

    def __init__(self, noticed: Noticed, *, keep: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`keep`: seconds for which a look holds where nothing is noticed; not everything is watched."""
        self._noticed = noticed
        self._keep = keep
        self._clock = clock
        self._kept: dict[Subject, _Kept] = {}
        """The oldest first."""
        self._changes: Counter[str] = Counter()
        """By namespace, how often we have changed something there: a look from before is worth nothing."""

    def mark(self, subject: Subject) -> int | None:
        """Take it before looking: what changes meanwhile makes the look worth nothing."""
        return self._noticed.mark(*subject)

    def again(self, subject: Subject, question: Question) -> Observation | None:
        """The last look, if it answers the question and nothing has been noticed since."""
        kept = self._kept.get(subject)
        if kept is None or self._clock() >= kept.until or kept.question != question:
            return None
        if kept.changes != self._changes[subject[0]]:
            return None
        return _read(kept.text) if kept.mark == self._noticed.mark(*subject) else None

    def remember(self, subject: Subject, question: Question, mark: int | None, seen: Observation) -> None:
        """Keep a look that was begun at `mark`."""
        now = self._clock()
        self._kept.pop(subject, None)
        while self._kept and now >= next(iter(self._kept.values())).until:
            del self._kept[next(iter(self._kept))]
        if mark is not None and self._keep > 0:
            self._kept[subject] = _Kept(question, mark, self._changes[subject[0]], now + self._keep, _written(seen))

    def forget(self, namespace: str) -> None:
        """Something in this namespace is being changed by ourselves."""
        self._changes[namespace] += 1


def _written(seen: Observation) -> bytes:
    content = {
        "objects": [[*ref, manifest] for ref, manifest in seen.objects.items()],
        "pods": seen.pods,
        "routed": None if seen.routed is None else sorted(seen.routed),
        "canary": sorted(seen.canary),
        "missing": sorted(seen.missing),
        "forbidden": dict(seen.forbidden),
    }
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode(), level=1)


def _read(text: bytes) -> Observation:
    content = json.loads(zlib.decompress(text))
    return Observation(
        objects={ObjectRef(kind, name): manifest for kind, name, manifest in content["objects"]},
        pods=tuple(content["pods"]),
        routed=None if content["routed"] is None else frozenset(content["routed"]),
        canary=frozenset(content["canary"]),
        missing=frozenset(content["missing"]),
        forbidden=content["forbidden"],
    )


def question(kinds: Collection[str], names: Collection[ObjectRef]) -> Question:
    """What is asked about, in any order."""
    return frozenset(kinds), frozenset(names)
