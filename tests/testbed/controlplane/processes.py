"""Child processes that cannot outlive us, whatever happens to us."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class ControlPlaneError(RuntimeError):
    """A server or a build step failed; the message ends with what it said last."""


def tail(log: Path, lines: int = 30) -> str:
    """The last lines of a log, indented, for an error message."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (it said nothing)"


def die_with_parent() -> Callable[[], None]:
    """A preexec_fn after which the kernel kills the child when the *thread* that started it ends (Linux)."""
    parent = os.getpid()

    def arrange() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died before the kernel was told
                os._exit(1)

    return arrange


class Child:
    """One server process, in its own session, with its output in a log."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise, with the end of its log, if the process is gone."""
        if (code := self._process.poll()) is not None:
            end = tail(self.log)
            raise ControlPlaneError(f"{self.name} ended with {code}; the end of {self.log}:\n{end}")

    def send(self, signum: signal.Signals) -> None:
        """Send a signal; a process that is gone already is left at that."""
        if self._process.poll() is None:
            self._process.send_signal(signum)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone: nothing here is worth a graceful minute."""
        self.send(signal.SIGKILL)
        self._process.wait(timeout=10)


class Launcher:
    """Starts children from one thread of its own.

    The kernel ties a child's parent-death signal to the thread that started it, not to the process: a server
    that a worker thread (an asyncio executor, say) restarted would die with that worker.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="control-plane")

    def start(self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str]) -> Child:
        """Start a child in a session of its own; its output is appended to the log."""
        return self._thread.submit(self._start, name, command, log, env).result()

    def close(self) -> None:
        """End the thread, and with it every child that still runs."""
        self._thread.shutdown()

    @staticmethod
    def _start(name: str, command: Sequence[str], log: Path, env: Mapping[str, str]) -> Child:
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent(),
                env=env,
            )
        return Child(name, process, log)
