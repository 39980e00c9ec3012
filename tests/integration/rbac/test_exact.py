"""The operator has the rights that it uses, and no other: everything that it can ask for, it asks for here."""

import json

import pytest

from tests.integration.cluster_target.conftest import ClusterBench, cluster_bench
from tests.integration.cluster_target.using import FOUR, LONGEST, QUICK, edited, reasons
from tests.integration.rbac.reviews import Reviews
from tests.testbed.cluster import Object
from tests.testbed.controlplane import AuditedRequest, ControlPlane
from tests.testbed.node.addresses import NoPodNetwork, PodNetwork
from tests.testbed.older_versions import VARIABLE, lacking
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.rights import Grant, forbidden, granted, missing, unused, used
from tests.testbed.workbench import OPERATOR_USER, Workbench, workbench

ENGINE = {"name": "vLLM", "version": "0.29.0"}
ROUTE = {"parentRefs": [{"name": "public"}], "hostnames": ["twin.example.com"]}
SCALED = {"minReplicas": 1, "maxReplicas": 2}
SLICES = "discovery.k8s.io/v1"
AS_BEFORE_1_21 = Grant("", "endpoints", "", "get")
"""Where there are EndpointSlices, nobody asks for Endpoints: tests/unit/targets/cluster/test_target.py shows that it is
the other way round where there are none."""


@pytest.fixture(scope="module")
def requests(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> list[AuditedRequest]:
    """Everything that the operator has asked for while it did all that it can do."""
    try:
        with PodNetwork():
            pass
    except NoPodNetwork as problem:
        pytest.skip(str(problem))
    folder = tmp_path_factory.mktemp("exact")
    with (
        workbench(plane, folder, "exact") as bench,
        cluster_bench(plane, bench, folder / "nodes", FOUR, pace=QUICK) as here,
    ):
        _lives(here, lacking(plane.server_minor))
    return plane.audit_requests(OPERATOR_USER)


def _lives(here: ClusterBench, older: dict[str, str]) -> None:
    """A Deployment on SageMaker, and one in the cluster that has, changes and loses everything that one can have."""
    bench, commit = here.bench, here.bed.publish()
    everything = {"httpRoute": ROUTE, "inferencePool": {"endpointPicker": "picker"}}
    target = {"cache": {"size": "10Gi"}, "expose": everything, "monitoring": {"kind": "PodMonitor"}}
    with _operator(bench, {version: it for version, it in older.items() if version != SLICES}):
        bench.deployment("far", engine=ENGINE)
        bench.deployment(cluster=target, engine=ENGINE, autoscaling={"provider": "HPA", **SCALED})
        bench.wait_reason("Deployment", "twin", "Stalled", "ModelVersionNotFound")
        bench.model_version()
        bench.wait_serving(commit, "far", LONGEST)
        bench.cluster.delete("Deployment", bench.namespace, "far")
        bench.wait(lambda: bench.serving() == commit, "it serves", LONGEST)
        _wait_there(here, "HorizontalPodAutoscaler", "InferencePool", "PodMonitor", "HTTPRoute")
        bench.wait_gone("Deployment", "far", LONGEST)
    with _operator(bench, older, named=False):
        keda = {"provider": "KEDA", "prometheus": "http://prometheus.monitoring:9090", **SCALED}
        changed = {"expose": {"inferencePool": None}, "monitoring": {"kind": "ServiceMonitor"}}
        edited(here, target={"cluster": changed}, autoscaling=keda)
        _wait_there(here, "ScaledObject", "ServiceMonitor")
        here.bed.publish(note="worse", dies="RuntimeError: Engine core initialization failed.")
        bench.wait(lambda: "Stalled" in reasons(here), "it is given up", LONGEST)
        edited(here, expireAfter="1s")
        bench.wait(lambda: reasons(here).get("Stalled") == "Expired", "it has expired", LONGEST)
    assert not _there(here), "everything is gone"


def _operator(bench: Workbench, older: dict[str, str], *, named: bool = True) -> OperatorProcess:
    """`named`: whether the settings say what the installation is called; else the cluster tells."""
    environment = {**bench.environment(), VARIABLE: json.dumps(older)}
    if not named:
        del environment["SLIPWAY_INSTALLATION"]
    log = bench.folder / f"operator-{bench.namespace}.log"
    return OperatorProcess(environment, log, module="tests.testbed.older_versions", arguments=())


def _there(here: ClusterBench) -> set[str]:
    """Kinds of what belongs to the Deployment, as its owner references say."""
    plurals = (
        "hpa,scaledobjects,inferencepools,podmonitors,servicemonitors,httproutes,deploy,svc,jobs,pvc,netpol,pdb,sa"
    )
    found = here.bench.plane.kubectl("get", plurals, "--namespace", here.bench.namespace, "--output=json")
    items: list[Object] = json.loads(found.stdout)["items"]
    return {item["kind"] for item in items if item["metadata"].get("ownerReferences")}


def _wait_there(here: ClusterBench, *kinds: str) -> None:
    here.bench.wait(lambda: set(kinds) <= _there(here), f"{kinds} are there", LONGEST)


def _excused(plane: ControlPlane) -> set[Grant]:
    return {AS_BEFORE_1_21} if plane.server_minor >= 21 else set()


def test_nothing_is_refused(requests: list[AuditedRequest]) -> None:
    assert forbidden(requests) == []
    assert missing(used(requests), granted()) == set()


def test_nothing_is_granted_that_is_not_used(requests: list[AuditedRequest], plane: ControlPlane) -> None:
    assert {str(grant) for grant in unused(used(requests), granted()) - _excused(plane)} == set()
    of_the_cluster = [grant for grant in granted() if grant.resource == "namespaces"]
    assert [str(grant) for grant in of_the_cluster] == ["get namespaces kube-system"]


@pytest.mark.parametrize(
    "more",
    [
        Grant("", "secrets", "", "list"),
        Grant("", "pods", "", "delete"),
        Grant("apps", "deployments", "", "update"),
        Grant("", "namespaces", "", "get"),
        Grant("", "pods", "exec", "create"),
    ],
    ids=str,
)
def test_one_right_more_would_be_noticed(requests: list[AuditedRequest], more: Grant, plane: ControlPlane) -> None:
    assert unused(used(requests), {*granted(), more}) - _excused(plane) == {more}


def test_without_any_one_of_the_rights_the_api_server_refuses_something(
    requests: list[AuditedRequest], plane: ControlPlane
) -> None:
    """Asked of the API server's own authorizer, for each right in turn."""
    grants, asked = granted() - _excused(plane), used(requests)
    with Reviews(plane) as reviews:
        assert reviews.refused("all-rights", grants, asked) == set()
        for number, left_out in enumerate(sorted(grants, key=str)):
            needed = {one for one in asked if left_out.allows(one)}
            refused = reviews.refused(f"one-less-{number}", grants - {left_out}, needed)
            assert refused, f"nobody would miss {left_out}"
