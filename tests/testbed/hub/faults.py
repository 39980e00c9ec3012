"""Faults on demand: the next requests that match are refused, delayed for ever, cut off or answered with
rubbish.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tests.testbed.hub import quota


class Kind(StrEnum):
    """What happens instead of an answer."""

    STATUS = "status"
    HANG = "hang"
    RESET = "reset"
    GARBAGE = "garbage"
    TRICKLE = "trickle"


@dataclass
class Fault:
    """`times` requests of this `method` (any: None) whose path matches the regular expression `path`."""

    kind: Kind
    times: int
    method: str | None = None
    path: str = ""
    status: int = 500
    code: str = ""
    message: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def matches(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in (None, method) and re.search(self.path, path) is not None


class FaultInjection:
    """The half of `LocalHub` that makes it misbehave. `path` is a regular expression, found anywhere in the
    path.
    """

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._faults_lock = threading.Lock()

    def fail(
        self,
        status: int,
        *,
        times: int = 1,
        method: str | None = None,
        path: str = "",
        code: str = "",
        message: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """The next requests that match get `status`; a 429 carries the Hub's RateLimit headers with r=0,
        t=55.
        """
        if headers is None:
            headers = quota.headers("api", remaining=0, reset=55, quota=500) if status == 429 else {}
        self._add(Fault(Kind.STATUS, times, method, path, status, code, message, tuple(headers.items())))

    def hang(self, *, times: int = 1, method: str | None = None, path: str = "") -> None:
        """The next requests that match get no answer until the hub ends, or `released` is set."""
        self._add(Fault(Kind.HANG, times, method, path))

    def reset(self, *, times: int = 1, method: str | None = None, path: str = "") -> None:
        """The connection of the next requests that match is reset."""
        self._add(Fault(Kind.RESET, times, method, path))

    def garble(self, *, times: int = 1, method: str | None = None, path: str = "") -> None:
        """The next requests that match get 200 and the page of a captive portal, said to be JSON."""
        self._add(Fault(Kind.GARBAGE, times, method, path))

    def trickle(self, *, times: int = 1, method: str | None = None, path: str = "") -> None:
        """The next requests that match get a byte now and then, and never a whole header."""
        self._add(Fault(Kind.TRICKLE, times, method, path))

    def clear_faults(self) -> None:
        with self._faults_lock:
            self._faults.clear()

    def take_fault(self, method: str, path: str) -> Fault | None:
        """The first fault that matches, used up by one."""
        with self._faults_lock:
            for fault in self._faults:
                if fault.matches(method, path):
                    fault.times -= 1
                    return fault
        return None

    def _add(self, fault: Fault) -> None:
        with self._faults_lock:
            self._faults.append(fault)
