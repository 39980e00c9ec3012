"""Of several causes the one that tells most, and whether there is hope."""

import random
from datetime import timedelta

from slipway.domain.cluster.diagnosis import diagnose
from slipway.domain.cluster.looks.observation import Diagnosis
from tests.unit.domain.cluster.diagnosis import logs
from tests.unit.domain.cluster.diagnosis.pods import (
    CREATED,
    NOW,
    SERVING,
    STARTING,
    Manifest,
    crashed,
    disrupted,
    gone,
    pod,
    unscheduled,
    waiting,
    workload,
)

NO_GPU = "0/5 nodes are available: 5 Insufficient nvidia.com/gpu."
QUOTA = 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5'


def found(*pods: Manifest, replica_failure: str = "") -> Diagnosis:
    diagnosis = diagnose(pods, workload(replica_failure), now=NOW)
    assert diagnosis
    return diagnosis


def test_what_an_engine_says_tells_more_than_what_befell_a_pod_before_it_ran() -> None:
    ill = pod(crashed(logs.TGI_CUDA_OUT_OF_MEMORY), name="b")
    assert found(unscheduled(NO_GPU, name="a"), ill).reason == "OutOfGpuMemory"
    assert found(pod(waiting("ImagePullBackOff"), name="a"), ill).reason == "OutOfGpuMemory"
    assert found(unscheduled(NO_GPU, name="a"), pod(waiting("ImagePullBackOff"), name="b")).reason == "ImagePull"


def test_a_pod_tells_more_than_that_others_cannot_be_made() -> None:
    assert found(pod(crashed(logs.TGI_HEADS)), replica_failure=QUOTA).reason == "BadArguments"
    assert found(replica_failure=QUOTA).reason == "QuotaExceeded"


def test_what_is_hopeless_comes_first() -> None:
    """Out of disk may pass, a name of an image does not become one."""
    disk = pod(crashed("OSError: [Errno 28] No space left on device"), name="a")
    assert found(disk, pod(waiting("InvalidImageName", "invalid reference format"), name="b")).reason == "ImagePull"


def test_that_a_pod_is_gone_only_matters_while_nothing_else_is_known() -> None:
    evicted = gone("Evicted", "The node was low on resource: memory.", name="old")
    assert found(evicted, unscheduled(NO_GPU, name="new")).reason == "Unschedulable"
    assert found(evicted, pod(STARTING, name="new")).reason == "Evicted"


def test_nothing_is_said_of_a_pod_that_is_gone_where_another_one_serves() -> None:
    evicted = gone("Evicted", "The node was low on resource: memory.", name="old")
    leaving = disrupted("PreemptionByScheduler", name="older")
    assert diagnose([evicted, leaving, pod(SERVING, name="new")], workload(), now=NOW) is None


def test_nothing_is_hopeless_where_the_same_works_in_another_pod() -> None:
    """The check of a GPU's kind fails on one node of two kinds."""
    ill = pod(crashed("RuntimeError: CUDA error: no kernel image is available for execution on the device"), name="b")
    assert found(ill).hopeless
    beside = found(ill, pod(SERVING, name="a"))
    assert (beside.reason, beside.hopeless) == ("UnsupportedGpu", False)


def test_a_pod_that_serves_and_is_leaving_gives_no_hope() -> None:
    ill = pod(crashed(logs.TGI_HEADS), name="b")
    assert found(ill, pod(SERVING, name="a", deleted=True)).hopeless


def test_of_equals_the_oldest_is_named_and_the_others_counted() -> None:
    pods = [
        pod(crashed(logs.TGI_HEADS), name="a"),
        pod(crashed(logs.TGI_HEADS), name="b", created=CREATED - timedelta(minutes=1)),
        pod(crashed(logs.TGI_HEADS), name="c"),
        unscheduled(NO_GPU, name="d"),
    ]
    assert found(*pods).message.startswith("pod b (like 2 more) has ended")


def test_the_order_of_the_pods_does_not_matter() -> None:
    pods = [
        pod(crashed(logs.TGI_CUDA_OUT_OF_MEMORY), name="a"),
        pod(crashed(logs.VLLM_FREE_MEMORY), name="b"),
        pod(crashed(logs.GATED_403), name="c"),
        pod(crashed(logs.HUB_UNREACHABLE), name="d"),
        unscheduled(NO_GPU, name="e"),
        gone("Evicted", "low on resource: memory", name="f"),
    ]
    expected = found(*pods)
    for seed in range(10):
        random.Random(seed).shuffle(pods)
        assert found(*pods) == expected


def test_a_few_tries_decide_what_may_pass() -> None:
    assert not found(pod(crashed(logs.TGI_CUDA_OUT_OF_MEMORY, restarts=2))).hopeless
    assert found(pod(crashed(logs.TGI_CUDA_OUT_OF_MEMORY, restarts=3))).hopeless
