"""N workers that take keys from the queue and hand them to a reconciler."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from slipway.loop.backoff import Backoff
from slipway.loop.keys import Key
from slipway.loop.queue import WorkQueue

Reconcile = Callable[[Key], Awaitable[float | None]]
"""One pass over one object. Returns the seconds until it wants another one: None for never, 0 for at once.

It deals with the errors that it expects; anything else that it raises is a defect, which is reported, counted as
a failure of this key, and retried with back-off, so that it never stops other objects."""


class Workers:
    """A fixed number of concurrent passes over one queue."""

    def __init__(
        self,
        queue: WorkQueue,
        reconcile: Reconcile,
        *,
        on_defect: Callable[[Key, Exception], Awaitable[None]],
        backoff: Backoff,
        timeout: float,
    ) -> None:
        """`timeout`: seconds after which a pass is cancelled and counted as failed. `on_defect` must not raise."""
        self._queue = queue
        self._reconcile = reconcile
        self._on_defect = on_defect
        self._backoff = backoff
        self._timeout = timeout
        self._failures: dict[Key, int] = {}

    async def run(self, count: int) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(self._work(), name=f"worker-{number}")

    async def _work(self) -> NoReturn:
        while True:
            key = await self._queue.get()
            try:
                again = await self._pass(key)
            finally:
                self._queue.done(key)
            if again is not None:
                self._queue.add_after(key, again)

    async def _pass(self, key: Key) -> float | None:
        try:
            async with asyncio.timeout(self._timeout):
                again = await self._reconcile(key)
        except Exception as defect:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            await self._on_defect(key, defect)
            return self._backoff.delay(failures)
        self._failures.pop(key, None)
        return again
