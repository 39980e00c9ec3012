"""Answers that hold for a while: one caller asks for all."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

V = TypeVar("V")


class Answers(Generic[V]):
    """Answers by question. What could not be answered is asked again by the next caller."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, tuple[V, float]] = {}
        self._asking: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def get(self, question: Hashable, ask: Callable[[], Awaitable[tuple[V, float]]]) -> V:
        """The answer; `ask` gives it with the seconds for which it holds."""
        lock = self._asking.setdefault(question, asyncio.Lock())
        async with lock:
            now = time.monotonic()
            if question in self._answers and now < self._answers[question][1]:
                return self._answers[question][0]
            answer, seconds = await ask()
            self._answers = {asked: kept for asked, kept in self._answers.items() if now < kept[1]}
            self._answers[question] = answer, time.monotonic() + seconds
            return answer

    def forget(self, question: Hashable) -> None:
        """Ask anew next time: something has shown that the answer is wrong."""
        self._answers.pop(question, None)
