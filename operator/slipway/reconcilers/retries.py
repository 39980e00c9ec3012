"""When something that was refused or went unanswered is tried again."""

from collections.abc import Hashable

from slipway.domain.errors import OutsideError, RateLimited, Transient
from slipway.domain.installation import Timing
from slipway.loop.backoff import Backoff, Refusals
from slipway.loop.clock import Clock
from slipway.loop.keys import Key


class Retries:
    """Remembers, for each object, what failed under which circumstances, and until when it must wait."""

    def __init__(self, timing: Timing, clock: Clock) -> None:
        self._passing = Backoff(timing.retry_first, timing.retry_longest)
        self._refused = Backoff(timing.rejected_first, timing.rejected_longest)
        self._refusals: Refusals[OutsideError] = Refusals(clock)

    def holding(self, key: Key, circumstances: Hashable) -> tuple[OutsideError, float] | None:
        """The error and the seconds left, if the same would only be refused again; else None."""
        return self._refusals.holding(key, circumstances)

    def standing(self, key: Key, circumstances: Hashable) -> OutsideError | None:
        """What the same was refused with the last time, if nothing has worked since."""
        return self._refusals.standing(key, circumstances)

    def record(self, key: Key, circumstances: Hashable, error: OutsideError) -> float:
        """Note a failure. Returns the seconds to wait."""

        def delay(failures: int) -> float:
            if isinstance(error, RateLimited):
                return error.retry_after + self._passing.delay(1)
            return (self._passing if isinstance(error, Transient) else self._refused).delay(failures)

        return self._refusals.record(key, circumstances, error, delay)

    def clear(self, key: Key) -> None:
        """It worked, or the object is gone."""
        self._refusals.clear(key)
