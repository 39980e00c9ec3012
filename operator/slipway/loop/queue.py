"""A keyed work queue: each key waits at most once and is worked on by at most one worker.

The semantics are those of client-go's workqueue
(https://pkg.go.dev/k8s.io/client-go/util/workqueue): a key added while it is being worked on is handed out again
afterwards, once, however often it was added; a key may be added for later, and the earliest time wins.
"""

import asyncio
import heapq
import itertools
from collections import deque

from slipway.loop.clock import Clock, SystemClock
from slipway.loop.keys import Key


class WorkQueue:
    """Keys that wait, keys that are due, keys in work."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._due: deque[Key] = deque()
        self._waiting_to_run: dict[Key, float] = {}
        self._in_work: dict[Key, float] = {}
        self._again: set[Key] = set()
        self._delayed: list[tuple[float, int, Key]] = []
        self._delayed_until: dict[Key, float] = {}
        self._order = itertools.count()
        self._changed = asyncio.Event()

    def add(self, key: Key) -> None:
        """Hand the key out as soon as a worker is free."""
        self._delayed_until.pop(key, None)
        if key in self._in_work:
            self._again.add(key)
        elif key not in self._waiting_to_run:
            self._waiting_to_run[key] = self._clock.monotonic()
            self._due.append(key)
            self._changed.set()

    def add_after(self, key: Key, delay: float) -> None:
        """Hand the key out in `delay` seconds, unless it is handed out earlier for another reason."""
        if delay <= 0:
            self.add(key)
            return
        if key in self._waiting_to_run or key in self._again:
            return
        at = self._clock.monotonic() + delay
        if at < self._delayed_until.get(key, float("inf")):
            self._delayed_until[key] = at
            heapq.heappush(self._delayed, (at, next(self._order), key))
            self._changed.set()

    async def get(self) -> Key:
        """Wait for the next key. The caller must call `done` with it."""
        while True:
            until_next = self._promote_delayed()
            if self._due:
                key = self._due.popleft()
                del self._waiting_to_run[key]
                self._in_work[key] = self._clock.monotonic()
                return key
            self._changed.clear()
            try:
                async with asyncio.timeout(until_next):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: Key) -> None:
        """The worker has finished with the key."""
        del self._in_work[key]
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def forget(self, key: Key) -> None:
        """Drop a delayed hand-out: the object is gone."""
        self._delayed_until.pop(key, None)

    def _promote_delayed(self) -> float | None:
        """Move what is due now; seconds until the next delayed key, None without one."""
        now = self._clock.monotonic()
        while self._delayed:
            at, _, key = self._delayed[0]
            if self._delayed_until.get(key) != at:
                heapq.heappop(self._delayed)  # superseded by an earlier or an immediate hand-out
            elif at <= now:
                heapq.heappop(self._delayed)
                self.add(key)
            else:
                return at - now
        return None

    @property
    def depth(self) -> int:
        """Number of keys that are due and wait for a worker."""
        return len(self._due)

    @property
    def in_work(self) -> int:
        """Number of keys that workers hold."""
        return len(self._in_work)

    @property
    def is_idle(self) -> bool:
        """Nothing due, nothing in work. Keys may still be delayed."""
        return not self._due and not self._in_work

    def longest_wait(self) -> float:
        """Seconds that the oldest due key has waited for a worker."""
        return self._age(self._waiting_to_run)

    def longest_work(self) -> float:
        """Seconds that the oldest key in work has been held."""
        return self._age(self._in_work)

    def _age(self, since: dict[Key, float]) -> float:
        # Both dictionaries keep insertion order, and are filled in the order of time.
        first = next(iter(since.values()), None)
        return 0.0 if first is None else self._clock.monotonic() - first
