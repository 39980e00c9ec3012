"""What was called, what was made to fail, and who wants to know: thread-safe."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Params = Mapping[str, Any]
When = Literal["before", "after"]
Hook = Callable[[str, Params, When], None]
# (code, message, HTTP status) is answered; "timeout" never answers; "reset" drops the connection.
Failure = tuple[str, str, int] | Literal["timeout", "reset"]

READING = (
    "Describe",
    "List",
    "Get",
    "Head",
    "Invoke",
    "ChatCompletions",
    "Search",
    "BatchDescribe",
    "BatchGet",
    "AssumeRole",
    "Decode",
)


def is_mutating(operation: str) -> bool:
    return not operation.startswith(READING)


@dataclass(frozen=True)
class Call:
    """One request that arrived. `effect`: the state changed. `error`: what the caller saw, or None."""

    service: str
    operation: str
    target: str
    account: str
    region: str
    mutating: bool
    effect: bool
    error: str | None
    time: float
    params: Params = field(repr=False, hash=False, compare=False)


class CallLog:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []

    def add(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)

    def read(self) -> list[Call]:
        with self._lock:
            return list(self._calls)

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()


@dataclass(eq=False)
class Fault:
    """One scripted failure; `times` None means until `cancel`."""

    operation: str
    when: When
    error: Failure
    times: int | None
    match: Callable[[Params], bool] | None
    fired: int = 0

    def cancel(self) -> None:
        self.times = 0

    def fits(self, operation: str, params: Params, when: When) -> bool:
        return (
            self.when == when
            and self.times != 0
            and self.operation in {operation, "*"}
            and (self.match is None or self.match(params))
        )


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, operation: str, params: Params, when: When) -> Fault | None:
        """The first scripted failure that fits, used up by this call."""
        with self._lock:
            for fault in self._faults:
                if fault.fits(operation, params, when):
                    fault.fired += 1
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None


class Hooks:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hooks: list[Hook] = []

    def add(self, hook: Hook) -> Callable[[], None]:
        """Registers, and returns what takes it away again."""
        with self._lock:
            self._hooks.append(hook)

        def remove() -> None:
            with self._lock:
                if hook in self._hooks:
                    self._hooks.remove(hook)

        return remove

    def fire(self, operation: str, params: Params, phase: When) -> None:
        with self._lock:
            hooks = list(self._hooks)
        for hook in hooks:
            hook(operation, params, phase)


class RateLimit:
    """A token bucket for each (account, region, operation), as the service throttles. None: no limit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._per_second: float | None = None
        self._burst = 0.0
        self._buckets: dict[tuple[str, str, str], tuple[float, float]] = {}

    def set(self, per_second: float | None, burst: float) -> None:
        with self._lock:
            self._per_second, self._burst = per_second, max(burst, 1.0)
            self._buckets.clear()

    def take(self, key: tuple[str, str, str]) -> bool:
        with self._lock:
            if self._per_second is None:
                return True
            now = time.monotonic()
            tokens, at = self._buckets.get(key, (self._burst, now))
            tokens = min(self._burst, tokens + (now - at) * self._per_second)
            allowed = tokens >= 1
            self._buckets[key] = (tokens - 1 if allowed else tokens, now)
            return allowed
