"""A process as it is seen from outside: CPU and memory as the kernel counts them."""

import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_EVERY = 0.1


@dataclass(frozen=True)
class Usage:
    """What a process has used since it was started."""

    cpu: float
    """Seconds of CPU, user and system, of all its threads."""
    peak_memory: float
    """MB (10^6 bytes): the kernel's own high-water mark of the resident set (VmHWM), which no sampling misses."""
    memory: float
    """MB resident now."""
    peak_descriptors: int
    """Most open file descriptors in any sample, ten samples a second: nearly all of them sockets."""


@dataclass(frozen=True)
class _Sample:
    at: float
    cpu: float
    descriptors: int


class Observer:
    """Samples a process until it is left. The samples only serve what the kernel does not keep itself."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._process = psutil.Process(pid)
        self._samples: list[_Sample] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"observer-{pid}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def usage(self) -> Usage:
        """Until now."""
        status = Path(f"/proc/{self._pid}/status").read_text()
        return Usage(
            cpu=self.cpu(),
            peak_memory=_megabytes(status, "VmHWM"),
            memory=_megabytes(status, "VmRSS"),
            peak_descriptors=max((sample.descriptors for sample in self._samples), default=0),
        )

    def cpu(self) -> float:
        """Seconds of CPU until now."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def cpu_at(self, moment: float) -> float:
        """Seconds of CPU until a moment (time.time()), from the sample before it."""
        return max((sample.cpu for sample in self._samples if sample.at <= moment), default=0.0)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            try:
                self._samples.append(_Sample(time.time(), self.cpu(), self._process.num_fds()))
            except psutil.Error:
                return


def _megabytes(status: str, name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"/proc/<pid>/status has no {name}")
    return int(found[1]) * 1024 / 1e6
