"""The comparison of what is known with a fresh list.

A watch that breaks and reconnects loses the deletions in between, and a watch can be deaf without breaking. The
sweep finds both: it repairs the store, and it knows how long the last success is ago.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence

from slipway.domain.errors import OutsideError
from slipway.loop.clock import Clock
from slipway.loop.keys import Key
from slipway.loop.store import Object, Store

Lister = Callable[[str, str | None], AsyncIterator[Object]]
"""(kind, namespace or None for all) -> every object."""


class Sweeper:
    """Lists all kinds now and then, and when a watch has reconnected. The store tells what that changed."""

    def __init__(
        self,
        store: Store,
        lister: Lister,
        clock: Clock,
        *,
        kinds: Sequence[str],
        namespaces: Sequence[str],
        interval: float,
        on_missed: Callable[[str, int], None],
        on_failure: Callable[[OutsideError], None],
    ) -> None:
        """`namespaces`: empty for all. `on_missed(kind, number)`: changes that the watch had not delivered."""
        self._store = store
        self._lister = lister
        self._clock = clock
        self._kinds = kinds
        self._namespaces = namespaces
        self._interval = interval
        self._on_missed = on_missed
        self._on_failure = on_failure
        self._soon = asyncio.Event()
        self._last_success = clock.monotonic()
        self._last_event: dict[str, float] = {}
        self._missed_at: dict[str, float] = {}
        self._deaf: set[str] = set()

    def watch_event(self, kind: str) -> None:
        """The watch of this kind has delivered something: it is not deaf."""
        self._last_event[kind] = self._clock.monotonic()
        self._deaf.discard(kind)

    def reconnected(self) -> None:
        """A watch has listed anew: deletions in between may be lost, so sweep soon."""
        self._soon.set()

    def age(self) -> float:
        """Seconds since the last sweep that succeeded (at first: since the start)."""
        return self._clock.monotonic() - self._last_success

    def deaf(self) -> frozenset[str]:
        """Kinds whose watch delivered nothing between two sweeps that both found changes."""
        return frozenset(self._deaf)

    async def run(self) -> None:
        """Sweep until cancelled. The first one comes after an interval: the watches list at the start."""
        while True:
            try:
                async with asyncio.timeout(self._interval * random.uniform(0.8, 1.2)):  # noqa: S311
                    await self._soon.wait()
            except TimeoutError:
                pass
            self._soon.clear()
            try:
                await self.sweep()
            except OutsideError as failure:
                self._on_failure(failure)

    async def sweep(self) -> None:
        """Compare once. Raises an error of `slipway.domain.errors` if the lists cannot be had."""
        for kind in self._kinds:
            await self._sweep_kind(kind)
        self._last_success = self._clock.monotonic()

    async def _sweep_kind(self, kind: str) -> None:
        began = self._clock.monotonic()
        known = self._store.uids(kind)
        missed = 0
        for namespace in self._namespaces or (None,):
            async for raw in self._lister(kind, namespace):
                key = Key(kind, raw["metadata"]["namespace"], raw["metadata"]["name"])
                if known.get(key) == raw["metadata"]["uid"]:
                    del known[key]
                if self._store.put(key, raw):
                    missed += 1
        for key, uid in known.items():
            if self._store.discard(key, uid):
                missed += 1
        if missed:
            self._note_missed(kind, missed, began)

    def _note_missed(self, kind: str, missed: int, began: float) -> None:
        self._on_missed(kind, missed)
        before = self._missed_at.get(kind)
        if before is not None and self._last_event.get(kind, 0.0) < before:
            self._deaf.add(kind)
        self._missed_at[kind] = began
