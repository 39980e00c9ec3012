"""`make demo` as a person starts it: it ends well, and whoever interrupts it finds nothing left behind."""

import re
import signal
from pathlib import Path

import pytest

from tests.integration.demos import assert_interruptible, assert_nothing_is_left, demo, output


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
    assert_interruptible(tmp_path, "tests.testbed.demo", how, moment)
