"""A demo as a person starts it, for tests."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.testbed.waiting import eventually

ROOT = Path(__file__).parents[2]


@contextmanager
def demo(folder: Path, module: str = "tests.testbed.demo") -> Iterator[subprocess.Popen[str]]:
    """A demo, with its temporary files in `folder`, and its output in the file output.txt beside it."""
    command = [sys.executable, "-m", module, "--fast"]
    environment = {**os.environ, "TMPDIR": str(temporary(folder)), "PYTHONUNBUFFERED": "1"}
    with (
        (folder / "output.txt").open("w") as output,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output, text=True) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def temporary(folder: Path) -> Path:
    path = folder / "tmp"
    path.mkdir(exist_ok=True)
    return path


def output(folder: Path) -> str:
    return (folder / "output.txt").read_text()


def processes(folder: Path) -> list[str]:
    """Command lines of all processes that have this folder in their arguments or their environment."""
    mark, found = str(temporary(folder)), []
    for process in psutil.process_iter():
        try:
            told = [*process.cmdline(), *process.environ().values()]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if any(mark in word for word in told):
            found.append(" ".join(process.cmdline()))
    return found


def assert_nothing_is_left(folder: Path) -> None:
    assert processes(folder) == []
    assert list(temporary(folder).iterdir()) == []


def assert_interruptible(folder: Path, module: str, how: signal.Signals, moment: str) -> None:
    """A signal once the demo has said `moment`: it says so, ends soon, and leaves nothing."""
    with demo(folder, module) as process:
        eventually(
            lambda: moment in output(folder) or process.poll() is not None, f"the demo says {moment!r}", timeout=180
        )
        assert len(processes(folder)) >= 1, output(folder)
        process.send_signal(how)
        status = process.wait(timeout=60)

    said = output(folder)
    assert status == 130, said
    assert "Interrupted. Everything is stopped and removed." in said
    assert "Traceback" not in said
    assert_nothing_is_left(folder)
