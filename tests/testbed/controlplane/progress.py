"""Tells a person what a long build is doing, and keeps its log."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from .processes import ControlPlaneError, die_with_parent, tail

HEARTBEAT = 15.0
"""Seconds of silence after which a line says that the build is alive."""

Report = Callable[[str], None]


class Progress:
    """Phases with their elapsed time, a heartbeat within them, and one log for all output."""

    def __init__(self, report: Report, log: Path) -> None:
        self.log = log
        self._report = report
        self._began = time.monotonic()
        self._phase = ""

    @contextmanager
    def phase(self, what: str) -> Iterator[None]:
        """Announce a phase; it ends with the time that it took."""
        self._phase, began = what, time.monotonic()
        self._say(f"{what} …")
        yield
        self._say(f"{what}: done in {_duration(time.monotonic() - began)}")

    def run(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        """Run a command with its output in the log; on failure raise with the end of that log."""
        with self.log.open("ab") as output:
            output.write(f"\n$ {' '.join(command)[:2000]}\n".encode())
            output.flush()
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(),
            )
        try:
            code = self._wait(process)
        finally:
            if process.poll() is None:  # interrupted
                process.kill()
                process.wait()
        if code != 0:
            what = f"{self._phase} failed ({command[0]}: {code})"
            raise ControlPlaneError(f"{what}; the end of {self.log}:\n{tail(self.log)}")

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        while True:
            try:
                return process.wait(timeout=HEARTBEAT)
            except subprocess.TimeoutExpired:
                self._say(f"  still {self._phase[:1].lower()}{self._phase[1:]}")

    def _say(self, text: str) -> None:
        self._report(f"[{_duration(time.monotonic() - self._began)}] {text}")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
