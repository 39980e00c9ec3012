"""A container's processes: the first one, and whatever it starts, in a session of their own."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.testbed.controlplane.processes import die_with_parent

_CAP_BOUNDING_SET_DROP = 24
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
LOG_BYTES, LOG_LINES = 2048, 80
"""What FallbackToLogsOnError takes of a log's end:
https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/kubelet/container/runtime.go"""


class Process:
    """One container that runs. It ends when its first process ends; it dies with the thread that started it."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> None:
        """Raises OSError."""
        log.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                list(command),
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_arrange(die_with_parent()),
            )
        self.log = log
        self.ended = asyncio.get_running_loop().create_task(self._wait())

    @property
    def pid(self) -> int:
        return self._process.pid

    async def _wait(self) -> int:
        """The exit code as a container runtime has it: 128 and the signal's number where a signal ended it."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        descriptor = os.pidfd_open(self._process.pid)
        loop.add_reader(descriptor, over.set)
        try:
            await over.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        code = self._process.wait()
        self.kill()  # the kernel ends what the first process has left behind
        return code if code >= 0 else 128 - code

    def terminate(self) -> None:
        """SIGTERM to the first process. As in any container the kernel drops it unless the process wants it.

        https://man7.org/linux/man-pages/man7/pid_namespaces.7.html
        """
        with contextlib.suppress(OSError):
            caught = next(line for line in _status(self.pid) if line.startswith("SigCgt:"))
            if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
                self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to all of them."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def _status(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text().splitlines()


def _arrange(before: Callable[[], None]) -> Callable[[], None]:
    """Without the capabilities that let root override a folder's mode: containers have none."""

    def arrange() -> None:
        before()
        if _LIBC is not None and os.geteuid() == 0:
            for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
                _LIBC.prctl(_CAP_BOUNDING_SET_DROP, capability, 0, 0, 0)

    return arrange


def end_of(log: Path) -> str:
    """The last lines of a log, as far as a termination message takes them."""
    if not log.exists():
        return ""
    data = log.read_bytes()[-LOG_BYTES:].decode(errors="replace")
    return "\n".join(data.split("\n")[-LOG_LINES - 1 :])
