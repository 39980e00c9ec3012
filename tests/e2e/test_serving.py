"""What an ML team sees on a real node, from the first apply to the deletion. One story in the order of its tests."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.release import Release
from tests.e2e.team import CHAT, Team
from tests.testbed.real_node.cluster import RealCluster

CHECK = {"check": {"prompt": "Are you there?"}}


@pytest.fixture(scope="module")
def ml(release: Callable[..., Release], team: Callable[[str], Team]) -> Iterator[Team]:
    """A team whose namespace an operator watches."""
    ml = team("ml")
    operator = release("slipway-ml", "ml")
    operator.install()
    yield ml
    print(operator.log())


@pytest.fixture(scope="module")
def first(ml: Team) -> str:
    """The first commit, which serves."""
    commit = ml.publish()
    ml.model()
    ml.deployment(replicas=1, rollout=CHECK)
    ml.serves(commit)
    return commit


def test_a_deployment_is_ready_and_answers_through_its_service(ml: Team, first: str) -> None:
    assert first in ml.ask()
    status = ml.status()
    # TGI asks huggingface.co which commit it has, and that is out of reach here: what is left are its arguments.
    assert status["revision"]["serving"]["verified"] == "Arguments"
    assert status["check"]["outcome"] == "Passed"
    shown = ml.kubectl("get", "sdep", "twin")
    assert first in shown
    assert "True" in shown


def test_it_scales(ml: Team, first: str) -> None:
    ml.kubectl("scale", "sdep/twin", "--replicas=2")
    ml.serves(first, replicas=2)
    assert len({pod["spec"]["nodeName"] for pod in ml.pods()}) == 2, "on two nodes"


def test_a_drained_node_costs_no_request(ml: Team, cluster: RealCluster, first: str) -> None:
    ml.serves(first, replicas=2)
    node = ml.pods()[0]["spec"]["nodeName"]
    try:
        with ml.load() as clients:
            cluster.plane.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=100s")
            ml.serves(first, replicas=2)
    finally:
        cluster.plane.kubectl("uncordon", node)
    assert clients.failed == []
    assert {pod["spec"]["nodeName"] for pod in ml.pods()} == {one.name for one in cluster.nodes} - {node}


def test_a_new_commit_is_rolled_out_without_a_lost_request(ml: Team, first: str) -> None:
    with ml.load() as clients:
        second = ml.publish("better")
        ml.serves(second, replicas=2)
    assert clients.failed == []
    assert clients.heard(first)
    assert clients.heard(second)


def test_a_commit_that_fails_is_rolled_back_by_itself(ml: Team) -> None:
    serving = ml.status()["revision"]["serving"]["revision"]
    with ml.load() as clients:
        words = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."
        bad = ml.publish("worse", dies=words)
        ml.wait(lambda: ml.conditions().get("Stalled") == "OutOfGpuMemory", "it is given up")
        ml.wait(lambda: len(ml.pods()) == 2, "the new pods are gone")
    assert clients.failed == []
    assert not clients.heard(bad)
    assert ml.conditions()["Ready"] == "Serving"
    assert "Tried to allocate 2.00 GiB" in ml.message("Stalled")
    assert ml.status()["revision"]["serving"]["revision"] == serving
    ml.serves(ml.publish("mended"), replicas=2)


def test_without_a_free_gpu_it_says_so_and_goes_on_when_there_is_one(ml: Team) -> None:
    """The two nodes have four, of which two are in use."""
    ml.deployment("big", replicas=3)
    ml.wait(lambda: ml.conditions("big").get("Reconciling") == "Unschedulable", "no GPU is left for the third pod")
    assert "nvidia.com/gpu" in ml.message("Reconciling", "big")
    ml.kubectl("scale", "sdep/twin", "--replicas=1")
    ml.serves(ml.commit, replicas=1)
    ml.serves(ml.commit, "big", replicas=3)
    ml.kubectl("delete", "sdep", "big")


def test_vllm_answers_like_tgi(ml: Team) -> None:
    commit = ml.status()["revision"]["serving"]["revision"]
    ml.deployment("other", engine={"name": "vLLM"}, replicas=1)
    ml.serves(commit, "other")
    chat = {"model": ml.status("other")["endpoint"]["model"], **CHAT[1]}
    assert commit in ml.ask("other", (CHAT[0], chat))
    ml.kubectl("delete", "sdep", "other")


def test_deletion_leaves_nothing(ml: Team, cluster: RealCluster) -> None:
    ml.kubectl("delete", "sdep,mv", "--all")
    kinds = (
        "pods,deployments.apps,replicasets,services,jobs,persistentvolumeclaims,poddisruptionbudgets,networkpolicies"
    )

    def left() -> list[str]:
        items = json.loads(ml.kubectl("get", kinds, "--output=json"))["items"]
        return [f"{one['kind']}/{one['metadata']['name']}" for one in items]

    ml.wait(lambda: not left(), "nothing is left")
    accounts = ml.kubectl("get", "serviceaccounts,secrets", "--output=name").split()
    assert [one for one in accounts if "default" not in one] == []

    def engines() -> set[str]:
        used = {name for node in cluster.nodes for name in node.images_in_use()}
        return {name for name in used if "text-generation-inference" in name or "vllm" in name}

    ml.wait(lambda: not engines(), "no container of an engine is left on the nodes")
