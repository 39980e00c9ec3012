"""A clock that stands still, objects as the API server sends them, and patience."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.loop.keys import Key
from slipway.loop.store import Object

START = datetime(2026, 11, 5, 12, 0, 0, tzinfo=UTC)


class FakeClock:
    """Moves only when it is told to."""

    def __init__(self, seconds: float = 1000.0) -> None:
        self.seconds = seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


def key(name: str, kind: str = "Deployment", namespace: str = "ml") -> Key:
    return Key(kind, namespace, name)


def stored(name: str, version: int | str = 1, uid: str | None = None, namespace: str = "ml", **top: Any) -> Object:
    metadata = {"name": name, "namespace": namespace, "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata, **top}


async def until(holds: Callable[[], object]) -> None:
    """Let the other tasks run until something holds."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110  # what tests look at from outside has no event
            await asyncio.sleep(0.0005)
