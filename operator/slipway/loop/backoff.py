"""How long to wait before something that failed is tried again, for each key on its own."""

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from slipway.loop.clock import Clock, SystemClock
from slipway.loop.keys import Key

E = TypeVar("E", bound=Exception)


@dataclass(frozen=True)
class Backoff:
    """Exponential delays with jitter.

    "Equal jitter": half of the delay is fixed, half is random, so that many keys that failed together do not
    come back together (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/).
    """

    first: float
    """Seconds before the first retry."""
    longest: float
    """Seconds that no delay exceeds."""

    def delay(self, failures: int, random_unit: Callable[[], float] = random.random) -> float:
        """Seconds to wait after the `failures`-th failure in a row (1 is the first)."""
        full = min(self.longest, self.first * 2.0 ** min(failures - 1, 60))
        return full / 2 + full / 2 * random_unit()


@dataclass(frozen=True)
class Held(Generic[E]):
    """A key that failed, and may not be tried again before a moment unless its circumstances change."""

    circumstances: Hashable
    failures: int
    not_before: float
    error: E


class Refusals(Generic[E]):
    """Remembers what was refused, and under which circumstances.

    A corrected spec is tried at once (other circumstances); an echo of our own status write is not (the same
    ones). The memory is lost with the process, which costs one more try.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._held: dict[Key, Held[E]] = {}

    def record(self, key: Key, circumstances: Hashable, error: E, delay: Callable[[int], float]) -> float:
        """Note a failure; `delay` maps the number of failures in a row to seconds. Returns these seconds."""
        before = self._held.get(key)
        failures = before.failures + 1 if before and before.circumstances == circumstances else 1
        seconds = delay(failures)
        self._held[key] = Held(circumstances, failures, self._clock.monotonic() + seconds, error)
        return seconds

    def holding(self, key: Key, circumstances: Hashable) -> tuple[E, float] | None:
        """The error and the seconds left, if the key must not be tried yet; None if it may."""
        held = self._same(key, circumstances)
        left = held.not_before - self._clock.monotonic() if held else 0.0
        return (held.error, left) if held and left > 0 else None

    def standing(self, key: Key, circumstances: Hashable) -> E | None:
        """The last error under these circumstances, whether or not it is time to try again."""
        held = self._same(key, circumstances)
        return held.error if held else None

    def _same(self, key: Key, circumstances: Hashable) -> Held[E] | None:
        held = self._held.get(key)
        return held if held and held.circumstances == circumstances else None

    def clear(self, key: Key) -> None:
        """It worked, or the object is gone."""
        self._held.pop(key, None)
