"""The test bed's scheduler: which node, and its words when there is none."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.cluster_target import plain
from tests.integration.cluster_target.looking import unscheduled
from tests.testbed.controlplane import ControlPlane
from tests.testbed.node.bed import Bed, condition
from tests.testbed.node.machine import GPU_TAINT, Machine

MakeBed = Callable[..., Bed]


def test_a_gpu_too_few_is_told_in_the_schedulers_words_until_one_is_free(bed: Bed) -> None:
    bed.things.create(plain.deployment(commit=bed.publish(), replicas=3), plain.service())

    pending = bed.wait(
        lambda: [pod for pod in bed.pods() if condition(pod, "PodScheduled").get("status") == "False"],
        "one is too many",
    )

    found = condition(pending[0], "PodScheduled")
    assert found["reason"] == "Unschedulable"
    assert found["message"] == (
        "0/2 nodes are available: 2 Insufficient nvidia.com/gpu. "
        "preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."
    )
    assert pending[0]["status"]["phase"] == "Pending"
    name = pending[0]["metadata"]["name"]
    other = next(pod for pod in bed.pods() if pod["metadata"]["name"] != name)
    bed.things.scale("twin", 0)
    bed.things.delete("Pod", other["metadata"]["name"])
    bed.wait(lambda: not bed.things.list("Pod"), "all have gone")
    assert "FailedScheduling" in {event["reason"] for event in bed.things.list("Event")}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-H100"}},
            "2 node(s) didn't match Pod's node affinity/selector",
        ),
        ({"gpus": 4}, "2 Insufficient nvidia.com/gpu"),
        (
            {"tolerations": []},
            "1 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint {nvidia.com/gpu: present}",
        ),
    ],
)
def test_why_no_node_will_do(make_bed: MakeBed, spec: dict[str, Any], message: str) -> None:
    tainted = Machine("tainted", taints=(GPU_TAINT,))
    bed = make_bed(machines=(tainted, Machine("bare", gpus=0 if "tolerations" in spec else 1)))
    tolerate = {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}
    bed.things.create(plain.pod(**{**tolerate, **spec}))

    def refused() -> str:
        return str(condition(bed.things.get("Pod", "twin") or {}, "PodScheduled").get("message", ""))

    bed.wait(lambda: refused(), "it is refused")
    assert refused().startswith(f"0/2 nodes are available: {message}. preemption: 0/2 nodes are available: ")
    assert refused().endswith("2 Preemption is not helpful for scheduling.")


def test_affinity_finds_the_machine_with_enough_memory(make_bed: MakeBed) -> None:
    bed = make_bed(machines=(Machine("small"), Machine("large", gpu_product="NVIDIA-A100-SXM4-80GB", gpu_memory=81920)))
    memory = {"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["40000"]}
    kind = {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["NVIDIA-A100-SXM4-80GB", "NVIDIA-H200"]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [memory, kind]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}

    bed.things.create(plain.pod(commit=bed.publish(), affinity=affinity))

    bed.wait(lambda: bed.ready(), "it is ready")
    assert bed.ready()[0]["spec"]["nodeName"].startswith("large-")


def test_a_cordoned_node_gets_no_pod(bed: Bed, plane: ControlPlane) -> None:
    for name in bed.nodes.machines:
        plane.kubectl("cordon", name)

    bed.things.create(plain.pod())

    said = condition(bed.wait(lambda: unscheduled(bed, "twin"), "it has no node"), "PodScheduled")["message"]
    assert said.startswith("0/2 nodes are available: 2 node(s) were unschedulable. preemption: ")


def test_pods_are_put_beside_others_where_they_must(bed: Bed) -> None:
    names = list(bed.nodes.machines)
    there = {"kubernetes.io/hostname": names[1]}
    bed.things.create(plain.pod("first", commit=bed.publish(), nodeSelector=there))
    bed.wait(lambda: bed.ready(app="first"), "the first one is ready")
    term = {"labelSelector": {"matchLabels": {"app": "first"}}, "topologyKey": "kubernetes.io/hostname"}
    beside = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}

    bed.things.create(plain.pod("second", gpus=0, commit=bed.publish(), affinity=beside))
    bed.wait(lambda: bed.ready(app="second"), "the second one is ready")
    assert bed.ready(app="second")[0]["spec"]["nodeName"] == names[1]

    bed.things.create(plain.pod("third", gpus=1, affinity=beside))
    said = condition(bed.wait(lambda: unscheduled(bed, "third"), "there is no room"), "PodScheduled")["message"]
    assert said.startswith(
        "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) didn't match pod affinity rules."
    )
