"""A volume that one node can mount, and specs that need several."""

from typing import Any

import pytest

from slipway.api.v1alpha1.cluster_target import CACHE_FIXED, Cache
from slipway.domain.cluster.cache import change_problem, problem
from tests.unit.domain.builders import merged
from tests.unit.domain.cluster.optional.specs import spec, target_of

ONE_NODE: dict[str, Any] = {"target": {"cluster": {"cache": {"size": "100Gi", "accessMode": "ReadWriteOnce"}}}}
RECREATE = {"rollout": {"strategy": "Recreate"}}
ROLLING = {"rollout": {"strategy": "Rolling"}}
HPA = {"autoscaling": {"provider": "HPA", "maxReplicas": 3}}


def said(*changes: dict[str, Any]) -> str | None:
    wanted: dict[str, Any] = {}
    for change in changes:
        wanted = merged(wanted, change)
    found = spec(wanted)
    return problem(found, target_of(found))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "spec.rollout.strategy"),
        ({"rollout": {"strategy": "BlueGreen"}}, "spec.rollout.strategy"),
        ({**RECREATE, "replicas": 2}, "spec.replicas"),
        ({**ROLLING, "replicas": 2}, "spec.replicas"),
        ({**RECREATE, **HPA}, "spec.autoscaling.maxReplicas"),
    ],
)
def test_what_needs_several_nodes_is_refused_with_a_way_out(changes: dict[str, Any], field: str) -> None:
    text = said(ONE_NODE, changes)
    assert text is not None
    assert "spec.target.cluster.cache.accessMode is ReadWriteOnce" in text
    assert field in text
    assert "ReadWriteMany" in text
    assert "kubernetes.io/hostname" in text


@pytest.mark.parametrize(
    "changes",
    [
        RECREATE,
        {**RECREATE, "replicas": 1},
        {**ROLLING, "replicas": 1},
        {**RECREATE, "autoscaling": {"provider": "HPA", "maxReplicas": 1}},
    ],
)
def test_one_pod_at_a_time_is_fine(changes: dict[str, Any]) -> None:
    assert said(ONE_NODE, changes) is None


@pytest.mark.parametrize(
    "pod", [{"nodeName": "gpu-1"}, {"nodeSelector": {"kubernetes.io/hostname": "gpu-1", "pool": "gpu"}}]
)
def test_pods_that_are_bound_to_one_node_may_be_several(pod: dict[str, Any]) -> None:
    assert said(ONE_NODE, {"replicas": 4, "target": {"cluster": {"podTemplate": {"spec": pod}}}}) is None


@pytest.mark.parametrize("template", [{"spec": {"nodeSelector": {"pool": "gpu"}}}, {"spec": "none"}, {"spec": {}}])
def test_a_choice_of_nodes_is_not_one_node(template: dict[str, Any]) -> None:
    assert said(ONE_NODE, {"target": {"cluster": {"podTemplate": template}}})


def test_a_shared_volume_and_no_volume_ask_for_nothing() -> None:
    assert said({"replicas": 4}) is None
    assert said({"replicas": 4, "target": {"cluster": {"cache": {"size": "100Gi"}}}}) is None


@pytest.mark.parametrize(
    ("cache", "fits"),
    [
        (Cache(size="100Gi"), True),
        (Cache(size="200Gi", storage_class="nfs"), True),
        (Cache(size="100Gi", storage_class="efs"), False),
        (Cache(size="100Gi", access_mode="ReadWriteOnce"), False),
    ],
)
def test_a_volume_keeps_its_class_and_its_mode_for_life(cache: Cache, fits: bool) -> None:
    claim = {"spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "nfs"}}
    assert change_problem(cache, claim) == (None if fits else CACHE_FIXED)
    assert change_problem(cache, None) is None
