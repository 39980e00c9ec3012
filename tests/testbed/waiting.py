"""Waiting for a condition instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], what: str, *, timeout: float = 30.0, interval: float = 0.05) -> T:
    """Look until the answer is truthy, and return it. Raises TimeoutError with the last answer."""
    deadline = time.monotonic() + timeout
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout:.0f} s; last seen: {answer!r}")
        time.sleep(interval)
