"""Patience per endpoint: once a service has said 429, nobody asks it again before the time it named."""

from collections.abc import Callable

SHORTEST_HOLD, LONGEST_HOLD = 1.0, 3600.0
"""Seconds. The Hub's windows are 300 s long; no server may make us ask without a pause, or not for a year."""


class Throttle:
    """Remembers until when each endpoint wants to be left alone. Not thread-safe: one event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def hold(self, endpoint: str, seconds: float) -> float:
        """Hold `endpoint` for so many seconds, within the bounds; returns what was taken. Never shortens."""
        taken = min(max(seconds, SHORTEST_HOLD), LONGEST_HOLD)
        now = self._clock()
        self._until = {held: until for held, until in self._until.items() if until > now}
        self._until[endpoint] = max(self._until.get(endpoint, 0.0), now + taken)
        return taken

    def seconds_left(self, endpoint: str) -> float:
        """How long `endpoint` is still held; 0 when it may be asked."""
        return max(0.0, self._until.get(endpoint, 0.0) - self._clock())
