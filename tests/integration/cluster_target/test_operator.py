"""The operator with pods that run: what its users see, and what clients of the endpoint get."""

import threading
from collections.abc import Callable, Iterator

import httpx2
import pytest

from tests.integration.cluster_target.conftest import ClusterBench
from tests.integration.cluster_target.using import (
    FOUR,
    LONGEST,
    QUICK,
    answer,
    begun,
    edited,
    message,
    published,
    reasons,
    serves,
)
from tests.testbed.node.bed import Object
from tests.testbed.node.machine import Machine

MakeBench = Callable[..., ClusterBench]
CHECK = {"check": {"prompt": "Are you there?"}}


@pytest.fixture
def here(make_cluster_bench: MakeBench) -> ClusterBench:
    """Two machines with two GPUs each."""
    return make_cluster_bench(*FOUR, pace=QUICK)


def servers(here: ClusterBench) -> list[Object]:
    return [pod for pod in here.bed.things.list("Pod") if "slipway.dev/revision" in pod["metadata"]["labels"]]


def asked_for(here: ClusterBench) -> int:
    """How often anybody asked the Hub for a file that the operator itself has no use for."""
    return here.bench.hub.calls(path=r"/tokenizer\.json")


class Asking:
    """A client that asks all the time, one request after the other, through the Service."""

    def __init__(self, here: ClusterBench) -> None:
        self._here = here
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(2)]
        self.failed: list[str] = []
        self.answers: list[str] = []

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                self.answers.append(self._here.bed.ask())
            except httpx2.HTTPError as problem:
                self.failed.append(repr(problem))

    def __enter__(self) -> "Asking":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


@pytest.fixture
def running(here: ClusterBench) -> Iterator[ClusterBench]:
    """With an operator."""
    with here.bench.operator():
        yield here


def test_a_deployment_serves_scales_rolls_and_leaves_nothing(running: ClusterBench) -> None:
    first = begun(running, replicas=1, rollout=CHECK)
    status = running.bench.status("Deployment")
    assert status["placement"] == {"target": "Cluster"}
    assert status["revision"]["serving"]["verified"] == "Engine"
    assert status["check"]["outcome"] == "Passed"
    assert not (running.bench.get("Deployment") or {})["metadata"].get("finalizers")

    edited(running, replicas=2)
    running.bench.wait(lambda: running.bench.status("Deployment").get("readyReplicas") == 2, "two pods", LONGEST)

    second = published(running, "better")
    serves(running, second)
    running.bench.wait(lambda: len(servers(running)) == 2, "the old pods are gone", LONGEST)
    history = [(one["revision"], one["outcome"]) for one in running.bench.status("Deployment")["history"]]
    assert history == [(second, "Serving"), (first, "Replaced")]

    running.bench.cluster.delete("Deployment", running.bench.namespace, "twin")
    running.bench.wait_gone("Deployment")
    running.bench.wait(lambda: not running.bed.things.list("Pod"), "no pod is left", LONGEST)
    for kind in ("Deployment", "ReplicaSet", "Service", "Secret", "Job"):
        running.bench.wait(lambda kind=kind: not _of_ours(running, kind), f"no {kind} is left", LONGEST)


def _of_ours(here: ClusterBench, kind: str) -> list[Object]:
    found = here.bed.things.list(kind)
    return [one for one in found if "slipway.dev" in str(one["metadata"].get("ownerReferences"))]


def test_clients_lose_no_request_in_a_roll(running: ClusterBench) -> None:
    first = begun(running, replicas=2)
    with Asking(running) as client:
        second = published(running, "better")
        serves(running, second)
        running.bench.wait(lambda: len(servers(running)) == 2, "the old pods are gone", LONGEST)
    assert client.failed == []
    assert any(first in text for text in client.answers)
    assert any(second in text for text in client.answers)


def test_a_roll_that_crashes_is_rolled_back_by_itself(running: ClusterBench) -> None:
    first = begun(running, replicas=1)
    published(running, "worse", dies="torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.")
    running.bench.wait(lambda: "Stalled" in reasons(running), "it is given up", LONGEST)
    assert reasons(running)["Ready"] == "Serving"
    assert reasons(running)["Stalled"] == "OutOfGpuMemory"
    assert "Tried to allocate 2.00 GiB" in message(running, "Stalled")
    assert first in answer(running)
    running.bench.wait(lambda: len(servers(running)) == 1, "its pods are gone", LONGEST)
    mended = published(running, "mended")
    serves(running, mended)


def test_a_commit_that_says_nothing_never_gets_a_request(running: ClusterBench) -> None:
    first = begun(running, replicas=1, rollout=CHECK)
    with Asking(running) as client:
        published(running, "silent", answers="nothing")
        running.bench.wait(lambda: reasons(running).get("Stalled") == "CheckFailed", "it is given up", LONGEST)
    assert client.failed == []
    assert all(first in text for text in client.answers)


def test_without_a_free_gpu_it_says_so_and_recreate_needs_none(make_cluster_bench: MakeBench) -> None:
    here = make_cluster_bench(Machine("one", gpus=1), pace=QUICK)
    with here.bench.operator():
        begun(here, replicas=1)
        second = published(here, "better")
        here.bench.wait(lambda: reasons(here).get("Reconciling") == "Unschedulable", "no GPU", LONGEST)
        assert "nvidia.com/gpu" in message(here, "Reconciling")
        edited(here, rollout={"strategy": "Recreate"})
        serves(here, second)


def test_a_cache_loads_each_commit_once(make_cluster_bench: MakeBench) -> None:
    here = make_cluster_bench(*FOUR, pace=QUICK)
    with here.bench.operator():
        first = begun(here, replicas=1, cluster={"cache": {"size": "10Gi"}})
        loaded = asked_for(here)
        assert loaded > 0
        edited(here, replicas=2)
        here.bench.wait(lambda: here.bench.status("Deployment").get("readyReplicas") == 2, "two pods", LONGEST)
        assert asked_for(here) == loaded

        second = published(here, "better")
        serves(here, second)
        loaded = asked_for(here)
        source = {"huggingFace": {"revision": first}}
        here.bench.cluster.patch("ModelVersion", here.bench.namespace, "twin", {"spec": {"source": source}})
        serves(here, first)
        assert asked_for(here) == loaded


def test_a_gated_model_is_loaded_with_the_token_of_its_secret(running: ClusterBench) -> None:
    bench = running.bench
    bench.hub.create_repo("acme/gated", private=True)
    commit = running.bed.publish("acme/gated")
    token = "hf_" + "a1B2" * 8 + "Zz"
    bench.hub.add_token(token, "anna", can_read=["acme/gated"])
    bench.secret("hub", token=token)
    bench.model_version(repo="acme/gated", tokenSecretRef={"name": "hub"})
    bench.deployment(cluster={}, replicas=1)
    serves(running, commit)
    assert token not in bench.everything_written()
    assert token not in str(running.bed.things.list("Pod"))
    assert token not in str(running.bed.things.list("Deployment"))
