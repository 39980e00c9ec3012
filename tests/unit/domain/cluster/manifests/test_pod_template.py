"""The pods: their place, their life, their end, and what podTemplate may and may not change."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.v1alpha1.common import seconds
from slipway.domain.cluster.quantities import mebibytes
from tests.unit.domain.cluster.pod_security import violations
from tests.unit.domain.cluster.specs import CACHE, engine, environment, pod, spec, tgi, wanted

NVIDIA = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def with_template(template: dict[str, Any], **cluster: Any) -> Any:
    return spec(cluster={"podTemplate": template, **cluster})


def with_engine(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "engine", **fields}]}}


# Place


def test_gpus_are_a_limit_by_the_device_plugins_name() -> None:
    found = wanted(spec(cluster={"gpus": 4, "gpuResource": "amd.com/gpu"}))
    assert engine(found)["resources"]["limits"] == {"amd.com/gpu": "4"}
    assert pod(found)["tolerations"] == [{**NVIDIA, "key": "amd.com/gpu"}]


def test_a_part_of_a_gpu_tolerates_what_its_node_is_tainted_with() -> None:
    found = wanted(spec(cluster={"gpuResource": "nvidia.com/mig-1g.10gb"}))
    assert pod(found)["tolerations"] == [NVIDIA, {**NVIDIA, "key": "nvidia.com/mig-1g.10gb"}]


def terms(of: Any) -> Any:
    rule = pod(wanted(of))["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return rule["nodeSelectorTerms"]


def test_kinds_and_memory_of_gpus_choose_the_node() -> None:
    assert terms(spec(cluster={"gpuProducts": ["NVIDIA-L4", "NVIDIA-A10G"], "minGpuMemory": "40Gi"})) == [
        {
            "matchExpressions": [
                {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["NVIDIA-L4", "NVIDIA-A10G"]},
                {"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["40959"]},
            ]
        }
    ]


@pytest.mark.parametrize(
    ("label", "least", "fits"),
    [(81559, "80G", True), (81559, "80Gi", False), (40960, "40Gi", True), (23034, "24G", True), (15360, "16Gi", False)],
)
def test_the_memory_is_what_the_label_says(label: int, least: str, fits: bool) -> None:
    """The label is in MiB. An H100 "with 80 GB" has 81559 of them, less than 80Gi."""
    (term,) = terms(spec(cluster={"minGpuMemory": least}))
    assert (label > int(term["matchExpressions"][0]["values"][0])) is fits


@given(st.integers(1, 10**6), st.sampled_from(["", "k", "M", "G", "Ki", "Mi", "Gi"]))
def test_mebibytes_are_never_fewer_than_asked_for(number: int, suffix: str) -> None:
    factor = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}[suffix]
    found = mebibytes(f"{number}{suffix}")
    assert (found - 1) * 2**20 < number * factor <= found * 2**20


def test_gpus_are_asked_for_in_each_of_the_users_own_terms() -> None:
    """One of the terms must hold: in the first alone it could be avoided."""
    mine: list[dict[str, Any]] = [
        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]},
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["one"]}]},
    ]
    rule = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": mine}}
    of = with_template({"spec": {"affinity": {"nodeAffinity": rule, "podAffinity": {}}}}, gpuProducts=["NVIDIA-L4"])
    product = {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["NVIDIA-L4"]}
    assert [term["matchExpressions"][-1] for term in terms(of)] == [product, product]
    assert terms(of)[0]["matchExpressions"][0]["key"] == "zone"
    assert terms(of)[1]["matchFields"]


def test_a_toleration_of_the_users_own_does_not_cost_that_for_gpus() -> None:
    mine = {"key": "dedicated", "operator": "Exists"}
    assert pod(wanted(with_template({"spec": {"tolerations": [mine]}})))["tolerations"] == [mine, NVIDIA]
    assert pod(wanted(with_template({"spec": {"tolerations": [NVIDIA]}})))["tolerations"] == [NVIDIA]


def test_the_runtime_class_and_resources_are_the_specs() -> None:
    found = wanted(spec(cluster={"runtimeClassName": "nvidia", "cpu": "8", "memory": "96Gi", "sharedMemory": "8Gi"}))
    assert pod(found)["runtimeClassName"] == "nvidia"
    assert engine(found)["resources"]["requests"] == {"cpu": "8", "memory": "96Gi"}
    volume = next(v for v in pod(found)["volumes"] if v["name"] == "shared-memory")
    assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": "8Gi"}
    assert {"name": "shared-memory", "mountPath": "/dev/shm"} in engine(found)["volumeMounts"]


def test_replicas_of_all_revisions_are_spread_but_the_loading_pods_do_not_count() -> None:
    found = wanted(spec())
    (over_nodes,) = pod(found)["topologySpreadConstraints"]
    (over_zones,) = pod(found)["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    for term in (over_nodes, over_zones["podAffinityTerm"]):
        selected = term["labelSelector"]["matchLabels"]
        assert selected.items() <= found.workload["spec"]["template"]["metadata"]["labels"].items()
        assert selected["slipway.dev/role"] == "server"
    assert over_nodes["whenUnsatisfiable"] == "ScheduleAnyway"


def test_nodes_without_a_zone_are_spread_over_as_well() -> None:
    """A constraint on zones would keep the scheduler from scoring nodes that have none: seen on a real node."""
    assert [one["topologyKey"] for one in pod(wanted(spec()))["topologySpreadConstraints"]] == [
        "kubernetes.io/hostname"
    ]


# Life


@pytest.mark.parametrize("timeout", ["1m", "95s", "30m", "1h"])
def test_the_startup_probe_waits_for_the_whole_timeout(timeout: str) -> None:
    found = engine(wanted(spec(rollout={"startupTimeout": timeout})))["startupProbe"]
    waits = found["periodSeconds"] * found["failureThreshold"]
    assert seconds(timeout) <= waits < seconds(timeout) + 10


def test_a_pod_leaves_the_service_long_before_it_is_restarted() -> None:
    found = engine(wanted(spec()))
    ready, alive = found["readinessProbe"], found["livenessProbe"]
    assert ready["periodSeconds"] * ready["failureThreshold"] <= 15
    assert alive["periodSeconds"] * alive["failureThreshold"] >= 120
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert found[probe]["httpGet"] == {"path": "/health", "port": "http"}
    assert found["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]


def test_the_progress_deadline_is_beyond_the_startup_timeout() -> None:
    assert wanted(spec(rollout={"startupTimeout": "20m"})).workload["spec"]["progressDeadlineSeconds"] == 1800


# End


@pytest.mark.parametrize(
    ("of", "drain"),
    [
        (tgi(), 90),
        (spec(), 90),
        (spec({"version": "0.17.0"}), 0),
        (spec({"image": "mine/server:1", "version": None}), 0),
    ],
)
def test_a_request_has_its_90_seconds_after_nobody_sends_new_ones(of: Any, drain: int) -> None:
    """An engine that aborts on SIGTERM gets it only then; and none is killed before it has ended."""
    found = wanted(of)
    command = engine(found)["lifecycle"]["preStop"]["exec"]["command"]
    assert command[0] == "sleep"
    assert int(command[1]) + drain == 15 + 90
    assert pod(found)["terminationGracePeriodSeconds"] > int(command[1]) + drain


# Rights


def test_pods_have_no_token_of_the_cluster_and_no_variables_of_services() -> None:
    found = pod(wanted(spec()))
    assert found["automountServiceAccountToken"] is False
    assert found["enableServiceLinks"] is False


@pytest.mark.parametrize("of", [tgi(), spec(), tgi(cluster={"cache": CACHE}), spec(cluster={"cache": CACHE})])
def test_nothing_is_written_outside_of_volumes(of: Any) -> None:
    found = wanted(of)
    container = engine(found)
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert "/tmp" in writable
    for name in ("HOME", "HF_HOME", "TRITON_CACHE_DIR"):
        assert any(environment(found)[name].startswith(path) for path in writable), name


def test_the_cache_is_read_only_to_servers() -> None:
    found = wanted(spec(cluster={"cache": CACHE}))
    mount = next(mount for mount in engine(found)["volumeMounts"] if mount["name"] == "weights")
    assert mount["readOnly"] is True


def test_openshift_may_choose_the_user() -> None:
    """Its namespaces have ranges of their own: a fixed user is refused there."""
    none = {"runAsUser": None, "runAsGroup": None, "fsGroup": None}
    found = pod(wanted(with_template({"spec": {"securityContext": none}})))["securityContext"]
    assert not found.keys() & none.keys()
    assert violations(wanted(with_template({"spec": {"securityContext": none}})).workload["spec"]["template"]) == []
