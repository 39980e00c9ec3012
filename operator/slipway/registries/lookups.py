"""Answers shared between callers: one request in flight per key, and a bounded cache of what came back."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import replace
from typing import Any, Generic, TypeVar

from slipway.domain.errors import OutsideError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SharedLookups(Generic[K, V]):
    """Single flight and cache. Errors reach those who were waiting and are then forgotten.

    A caller that is cancelled leaves the request to the others: it runs to its end, which its own time-out
    bounds.
    """

    def __init__(self, *, size: int, clock: Callable[[], float]) -> None:
        self._size = size
        self._clock = clock
        self._answers: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._in_flight: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, fetch: Callable[[], Coroutine[Any, Any, V]], *, max_age: float) -> V:
        """A cached answer younger than `max_age` seconds, or that of the request in flight, or a new one."""
        cached = self._answers.get(key)
        if cached is not None and self._clock() - cached[0] < max_age:
            self._answers.move_to_end(key)
            return cached[1]
        task = self._in_flight.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._fetch(key, fetch))
            self._in_flight[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        # Not `await task`: that would cancel the request of everybody together with this caller.
        await asyncio.wait({task})
        return _outcome(task)

    async def close(self) -> None:
        """Cancels what is in flight and waits until it is gone."""
        tasks = list(self._in_flight.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, key: K, fetch: Callable[[], Coroutine[Any, Any, V]]) -> V:
        asked_at = self._clock()  # the answer is true since some time after the question, so age counts from there
        answer = await fetch()
        self._answers[key] = (asked_at, answer)
        self._answers.move_to_end(key)
        while len(self._answers) > self._size:
            self._answers.popitem(last=False)
        return answer

    def _landed(self, key: K, task: asyncio.Task[V]) -> None:
        self._in_flight.pop(key, None)
        if not task.cancelled():
            task.exception()  # marks it as seen: every waiter may have been cancelled meanwhile


def _outcome(task: "asyncio.Task[V]") -> V:
    error = None if task.cancelled() else task.exception()
    if isinstance(error, OutsideError):
        raise replace(error)  # a copy: a shared exception would collect the tracebacks of all who raise it
    return task.result()
