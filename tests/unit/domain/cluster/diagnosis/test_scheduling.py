"""The scheduler's words, as several versions of Kubernetes put them."""

import pytest

from slipway.domain.cluster.diagnosis import diagnose
from slipway.domain.cluster.diagnosis.scheduling import Refusal, verdict
from tests.unit.domain.cluster.diagnosis.pods import NOW, unscheduled

IN_1_20 = (
    "0/3 nodes are available: 1 node(s) had taint {node-role.kubernetes.io/master: }, that the pod didn't tolerate, "
    "2 Insufficient nvidia.com/gpu."
)
"""https://github.com/kubernetes/kubernetes/blob/release-1.20/pkg/scheduler/framework/plugins/tainttoleration"""
IN_1_24 = (
    "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/master: }, 2 node(s) "
    "didn't match Pod's node affinity/selector. preemption: 0/2 nodes are available: 3 Preemption is not helpful for "
    "scheduling."
)
IN_1_35 = (
    "0/17 nodes are available: 17 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/17 "
    "nodes are available: 17 Preemption is not helpful for scheduling."
)
"""Taints are not named any more, and claims of devices come before preemption."""
SEVERAL = "0/4 nodes are available: 1 Insufficient memory, 1 Too many pods, 4 Insufficient nvidia.com/mig-1g.10gb."
OF_THE_WHOLE = (
    "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/3 nodes are available: 3 "
    "Preemption is not helpful for scheduling.."
)
"""https://github.com/kubernetes/kubernetes/tree/master/pkg/scheduler/framework/plugins/volumebinding"""
TAINT = "taint {node-role.kubernetes.io/master: }"


@pytest.mark.parametrize(
    ("words", "nodes", "refusals", "whole"),
    [
        (IN_1_20, 3, [(1, f"node(s) had {TAINT}, that the pod didn't tolerate"), (2, "nvidia.com/gpu")], ""),
        (
            IN_1_24,
            3,
            [(1, f"node(s) had untolerated {TAINT}"), (2, "node(s) didn't match Pod's node affinity/selector")],
            "",
        ),
        (IN_1_35, 17, [(17, "node(s) had untolerated taint(s)")], ""),
        (SEVERAL, 4, [(1, "memory"), (1, "pods"), (4, "nvidia.com/mig-1g.10gb")], ""),
        (OF_THE_WHOLE, 3, [], "pod has unbound immediate PersistentVolumeClaims"),
        ("0/0 nodes are available: .", 0, [], ""),
    ],
)
def test_the_words_of_several_versions(words: str, nodes: int, refusals: list[tuple[int, str]], whole: str) -> None:
    found = verdict(words)
    assert found is not None
    assert (found.nodes, found.whole) == (nodes, whole)
    assert [(refusal.nodes, refusal.short_of or refusal.why) for refusal in found.refusals] == refusals


@pytest.mark.parametrize("words", ["", "no nodes available to schedule pods", "running PreFilter plugin: timed out"])
def test_other_words_are_left_as_they_are(words: str) -> None:
    assert verdict(words) is None
    diagnosis = diagnose([unscheduled(words)], None, now=NOW)
    assert diagnosis
    assert diagnosis.reason == "Unschedulable"
    assert words in diagnosis.message


def test_a_resource_is_named_without_punctuation() -> None:
    assert Refusal(2, "Insufficient nvidia.com/gpu.").short_of == "nvidia.com/gpu"


@pytest.mark.parametrize(
    ("why", "summary", "advice"),
    [
        (
            "3 Insufficient nvidia.com/gpu",
            "3 of 3 nodes have too little nvidia.com/gpu free",
            "spec.target.cluster.gpus",
        ),
        ("3 Insufficient amd.com/gpu", "3 of 3 nodes have too little amd.com/gpu free", "Recreate"),
        ("3 Insufficient memory", "3 of 3 nodes have too little memory free", "spec.target.cluster.memory"),
        ("3 node(s) didn't match Pod's node affinity", "3 lack labels", "spec.target.cluster.gpuProducts"),
        ("3 node(s) didn't match node selector", "3 lack labels", "GPU feature discovery"),
        ("3 node(s) had untolerated taint {gpu: only}", "3 have a taint {gpu: only}", "tolerations"),
        ("3 node(s) were unschedulable", "3 are cordoned", ""),
        ("3 node(s) had volume node affinity conflict", "3 cannot use its volume", "ReadWriteMany"),
        ("3 node(s) didn't match PersistentVolume's node affinity", "3 cannot use its volume", "ReadWriteMany"),
        ("3 node(s) exceed max volume count", "3 cannot use its volume", "ReadWriteMany"),
    ],
)
def test_what_is_short_or_out_of_the_question_is_said_with_the_field_to_change(
    why: str, summary: str, advice: str
) -> None:
    diagnosis = diagnose([unscheduled(f"0/3 nodes are available: {why}.")], None, now=NOW)
    assert diagnosis
    assert (diagnosis.reason, diagnosis.hopeless) == ("Unschedulable", False)
    assert f"finds no node: {summary}" in diagnosis.message
    assert f"The scheduler says: “0/3 nodes are available: {why}”" in diagnosis.message
    assert advice in diagnosis.message


def test_gates_are_named() -> None:
    gated = unscheduled("Scheduling is blocked due to non-empty scheduling gates", reason="SchedulingGated")
    gated["spec"]["schedulingGates"] = [{"name": "kueue.x-k8s.io/admission"}]
    diagnosis = diagnose([gated], None, now=NOW)
    assert diagnosis
    assert "(kueue.x-k8s.io/admission)" in diagnosis.message


def test_that_nobody_can_be_put_out_is_left_out() -> None:
    words = "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims."
    diagnosis = diagnose([unscheduled(words)], None, now=NOW)
    assert diagnosis
    assert "victims" not in diagnosis.message
