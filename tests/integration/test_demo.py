"""`make demo` as a person starts it: it ends well, and whoever interrupts it finds nothing left behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.testbed.waiting import eventually

ROOT = Path(__file__).parents[2]


@contextmanager
def demo(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The demo, with its temporary files in `folder`, and its output in the file output.txt beside it."""
    command = [sys.executable, "-m", "tests.testbed.demo", "--fast"]
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


def test_the_demo_ends_well(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        status = process.wait(timeout=180)

    said = output(tmp_path)
    assert status == 0, said
    commits = re.findall(r"commit ([0-9a-f]{40}) answers", said)
    assert len(set(commits)) == 2, said
    assert re.search(rf"during the roll .* by {commits[0][:12]}, [0-9]+ by {commits[1][:12]}, 0 failed", said)
    assert "nothing is left in SageMaker" in said
    assert "Traceback" not in said
    assert max(len(line) for line in said.splitlines() if "Ready=" not in line) <= 100
    assert re.search(r"`kubectl apply` was reached [0-9.]+ s after the start", said)
    assert_nothing_is_left(tmp_path)


@pytest.mark.parametrize(
    ("how", "moment"),
    [
        pytest.param(signal.SIGTERM, "control plane:", id="SIGTERM while the control plane starts"),
        pytest.param(signal.SIGINT, "annotated", id="SIGINT during the roll"),
    ],
)
def test_whoever_interrupts_it_finds_nothing_left(tmp_path: Path, how: signal.Signals, moment: str) -> None:
    with demo(tmp_path) as process:
        eventually(
            lambda: moment in output(tmp_path) or process.poll() is not None, f"the demo says {moment!r}", timeout=90
        )
        assert len(processes(tmp_path)) >= 1, output(tmp_path)
        process.send_signal(how)
        status = process.wait(timeout=30)

    said = output(tmp_path)
    assert status == 130, said
    assert "Interrupted. Everything is stopped and removed." in said
    assert "Traceback" not in said
    assert_nothing_is_left(tmp_path)
