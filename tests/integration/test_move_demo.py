"""`make move-demo` as a person starts it: one client, before and after the move, and nothing left behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.demos import ROOT, assert_interruptible, assert_nothing_is_left, demo, output
from tests.testbed.controlplane.choice import look
from tests.testbed.node.addresses import NoPodNetwork, PodNetwork

MODULE = "tests.testbed.demo.move"


@pytest.fixture
def pod_network() -> None:
    """That pods can run here."""
    if look().kubeconfig:
        pytest.skip("the nodes are for a control plane of our own")
    try:
        with PodNetwork():
            pass
    except NoPodNetwork as problem:
        pytest.skip(str(problem))


@pytest.mark.usefixtures("pod_network")
def test_one_client_is_answered_before_and_after_the_move(tmp_path: Path) -> None:
    with demo(tmp_path, MODULE) as process:
        status = process.wait(timeout=240)

    said = output(tmp_path)
    assert status == 0, said
    answers = re.findall(r"commit ([0-9a-f]{40}) answers; provider (\w+)", said)
    assert [provider for _, provider in answers] == ["sagemaker", "cluster"], said
    assert len({commit for commit, _ in answers}) == 1
    commands = re.findall(r"\$ (python .*)", said)
    assert len(commands) == 3
    assert len(set(commands)) == 1
    assert len(re.findall("^ *no answer: ", said, re.MULTILINE)) == 1
    assert re.search(r"uri +https://runtime\.sagemaker\.[a-z0-9-]+\.amazonaws\.com/", said)
    assert re.search(r"uri +http://twin\.slipway-demo\.svc\.cluster\.local/v1", said)
    assert re.search(r"Pod/twin-\S+ Ready=True Running, revision " + answers[0][0][:12], said)
    assert "verified: Engine" in said
    assert said.count("nothing is left in SageMaker") == 2
    assert "nothing is left in the cluster" in said
    assert "RBAC refused none" in " ".join(said.split())
    assert "Traceback" not in said
    assert_nothing_is_left(tmp_path)


@pytest.mark.usefixtures("pod_network")
@pytest.mark.parametrize(
    ("how", "moment"),
    [
        pytest.param(signal.SIGINT, "Pod/twin-", id="SIGINT while a pod starts"),
        pytest.param(signal.SIGTERM, "2  Ask", id="SIGTERM while SageMaker serves"),
    ],
)
def test_whoever_interrupts_it_finds_nothing_left(tmp_path: Path, how: signal.Signals, moment: str) -> None:
    assert_interruptible(tmp_path, MODULE, how, moment)


def test_in_somebody_elses_cluster_it_says_why_not(tmp_path: Path) -> None:
    refused = started([], {"SLIPWAY_KUBECONFIG": str(tmp_path / "config")})
    assert refused.returncode == 1
    assert "unset SLIPWAY_KUBECONFIG" in " ".join(refused.stdout.split())


def test_who_may_not_make_routes_is_told(tmp_path: Path) -> None:
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("takes away a right that only root has")
    without = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    refused = started(without, {})
    assert refused.returncode == 1, refused.stdout
    assert "pods need addresses, and this user may not make routes" in " ".join(refused.stdout.split())
    assert "control plane:" not in refused.stdout


def started(before: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    command = [*before, sys.executable, "-m", MODULE]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert "Traceback" not in ran.stdout + ran.stderr
    return ran
