"""The operator as a process of its own, under its own ServiceAccount, as it runs in a cluster."""

import ctypes
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

_ROOT = Path(__file__).parents[2]
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Linux: have the kernel end this process when its parent is gone, however it went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class OperatorProcess:
    """`python -m slipway run`, with its log in a file."""

    def __init__(
        self,
        environment: Mapping[str, str],
        log: Path,
        *,
        module: str = "slipway",
        arguments: tuple[str, ...] = ("run",),
    ) -> None:
        self._environment = dict(environment)
        self._command = [sys.executable, "-m", module, *arguments]
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> Self:
        """Start it; returns at once."""
        path = os.pathsep.join([str(_ROOT / "operator"), str(_ROOT)])
        # The parent's environment is not inherited: no token and no AWS profile of the machine can leak in.
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.log.parent),
            "PYTHONPATH": path,
            **self._environment,
        }
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                self._command,
                env=environment,
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        return self

    @property
    def pid(self) -> int:
        """Process id of the running operator."""
        if self._process is None:
            raise RuntimeError("the operator was not started")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def http_address(self) -> str | None:
        """Where /healthz and /metrics are served, as the log says; None before that."""
        found = re.findall(r"serving /healthz and /metrics on \[\('([0-9.]+)', ([0-9]+)\)\]", self._log_since_start())
        return f"http://{found[-1][0]}:{found[-1][1]}" if found and self.is_running else None

    def _log_since_start(self) -> str:
        """Several operators may write to one file, one after the other."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode()

    def kill(self) -> None:
        """SIGKILL: no chance to clean up."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self, timeout: float = 30) -> int:
        """SIGTERM, and wait. Returns the exit status; kills it (and says so) after `timeout` seconds."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def wait(self, timeout: float) -> int:
        """Wait for its end."""
        if self._process is None:
            return 0
        return self._process.wait(timeout)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.is_running:
            self.stop()
