"""A pace for work that may wait: never a burst, however much there is to do."""

import asyncio
from collections.abc import Awaitable, Callable

from slipway.loop.clock import Clock

Sleep = Callable[[float], Awaitable[None]]


class Trickle:
    """Hands out turns, first come first served, so many seconds apart."""

    def __init__(self, spacing: float, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        """`spacing`: seconds between two calls."""
        self.spacing = spacing
        self._clock = clock
        self._sleep = sleep
        self._free_at = 0.0

    async def turn(self, calls: int = 1) -> None:
        """Wait for a turn in which to make so many calls, one right after the other."""
        now = self._clock.monotonic()
        at = max(now, self._free_at)
        self._free_at = at + calls * self.spacing
        if at > now:
            await self._sleep(at - now)
