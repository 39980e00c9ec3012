"""The container's own end: killed by the kernel for its memory, and ending on SIGTERM."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from tests.testbed.node.engines.host import Host


class Terminated(Exception):
    """SIGTERM has come."""


class Termination:
    """SIGTERM as an exception in the main thread, once."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._woken, waking = os.pipe()
        os.set_blocking(waking, False)
        # The kernel may hand the signal to any thread, which does not wake the main one: this does.
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._arrived)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def going(self) -> bool:
        """Whether nobody has asked to end."""
        return not self.asked.is_set()

    def wait(self) -> None:
        """Until somebody asks to end. Raises Terminated."""
        while self.going():  # the handler raises, as soon as this thread runs
            select.select([self._woken], [], [])

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if not self.asked.is_set():
            self.asked.set()
            raise Terminated


def say(line: str) -> None:
    """Into the log, at once."""
    print(line, flush=True)


def die(code: int, *lines: str) -> NoReturn:
    """End like the engine, with these last lines."""
    for line in lines:
        print(line, file=sys.stderr, flush=True)
    os._exit(code)


def take_memory(host: Host, needed: int | None) -> None:
    """The kernel kills a container that takes more main memory than its limit."""
    if needed and host.memory_limit and needed > host.memory_limit:
        host.exceed_memory()


def after(seconds: float | None, host: Host, do: Callable[[], NoReturn]) -> None:
    """Do something later, unless the process has ended by then."""
    if seconds is not None:
        timer = threading.Timer(seconds / host.speed, do)
        timer.daemon = True
        timer.start()
