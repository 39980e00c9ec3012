"""Several questions at once."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

V = TypeVar("V")


async def together(questions: Iterable[Coroutine[Any, Any, V]]) -> list[V]:
    """The answers, in the order of the questions. Where one fails, its error is raised and the others are given up."""
    tasks = [asyncio.create_task(question) for question in questions]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
