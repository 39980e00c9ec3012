"""Two installations in one cluster and one account, each with Roles in its own namespaces and no right beyond them."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from slipway.domain.names import Owner
from tests.integration.cluster_target.conftest import cluster_bench
from tests.integration.cluster_target.using import LONGEST, QUICK
from tests.integration.rbac.releases import install_release
from tests.integration.test_orphans import QUICK as SEARCHING
from tests.integration.test_orphans import orphans, said, seed, wait_searches
from tests.testbed.controlplane import ControlPlane
from tests.testbed.node.addresses import NoPodNetwork, PodNetwork
from tests.testbed.node.bed import Bed
from tests.testbed.node.machine import Machine
from tests.testbed.node.models import small_repository
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.rights import forbidden
from tests.testbed.workbench import Workbench, workbench

ENGINE = {"name": "vLLM", "version": "0.29.0"}
ALPHA, BETA = ("alpha-far", "alpha-near"), ("beta-far",)
NOBODYS = "nobodys"
USER = "system:serviceaccount:{}:slipway"


class Release:
    """One installation, with the objects that are its own."""

    def __init__(self, bench: Workbench, namespaces: tuple[str, ...], **settings: Any) -> None:
        self.bench = bench
        """In its first namespace."""
        self.namespaces = namespaces
        self.environment = bench.environment(namespaces=list(namespaces), **SEARCHING, **settings)

    def start(self, *, named: bool) -> OperatorProcess:
        """`named`: whether the settings say what the installation is called; else the cluster tells."""
        if not named:
            del self.environment["SLIPWAY_INSTALLATION"]
        log = self.bench.folder / f"operator-{self.bench.namespace}.log"
        return OperatorProcess(self.environment, log)


@pytest.fixture
def far(plane: ControlPlane, tmp_path: Path) -> Iterator[Workbench]:
    """A Hub and an account for both; the namespace is nobody's."""
    with workbench(plane, tmp_path, NOBODYS) as bench:
        bench.hub.create_repo("acme/twin")
        yield bench


@pytest.fixture
def alpha(plane: ControlPlane, far: Workbench, tmp_path: Path) -> Release:
    """Its settings say what it is called: it needs no right in the cluster."""
    kubeconfig = install_release(plane, "alpha", ALPHA, tmp_path)
    return Release(
        replace(far, namespace=ALPHA[0], kubeconfig=kubeconfig), ALPHA, release="alpha", installation="alpha"
    )


@pytest.fixture
def beta(plane: ControlPlane, far: Workbench, tmp_path: Path) -> Release:
    """It is called by the cluster's uid and the release."""
    kubeconfig = install_release(plane, "beta", BETA, tmp_path, identifies_itself=True)
    return Release(replace(far, namespace=BETA[0], kubeconfig=kubeconfig), BETA, release="beta")


@pytest.fixture
def near(plane: ControlPlane, alpha: Release, tmp_path: Path) -> Iterator[Bed]:
    """A node in alpha's second namespace."""
    try:
        with PodNetwork():
            pass
    except NoPodNetwork as problem:
        pytest.skip(str(problem))
    bench = replace(alpha.bench, namespace=ALPHA[1])
    with cluster_bench(plane, bench, tmp_path / "nodes", [Machine("one", gpus=1)], pace=QUICK) as here:
        yield here.bed


def installation_of(bench: Workbench, endpoint: str) -> str:
    """Who made an endpoint, as its tags say."""
    return next(one.tags["slipway.dev/installation"] for one in bench.sagemaker.resources() if one.name == endpoint)


def test_two_releases_leave_each_other_alone(
    plane: ControlPlane, alpha: Release, beta: Release, far: Workbench, near: Bed
) -> None:
    commit = far.hub.commit("acme/twin", small_repository())
    of_pods = replace(alpha.bench, namespace=near.namespace)
    benches = {"alpha": alpha.bench, "near": of_pods, "beta": beta.bench, "nobody": far}
    with ExitStack() as stack:
        a, b = stack.enter_context(alpha.start(named=True)), stack.enter_context(beta.start(named=False))
        for bench in benches.values():
            bench.model_version()
            bench.deployment(engine=ENGINE, **({"cluster": {}} if bench is of_pods else {}))
        for name in ("alpha", "near", "beta"):
            benches[name].wait(lambda name=name: benches[name].serving() == commit, f"{name} serves", LONGEST)
        for operator in (a, b):
            assert httpx2.get(f"{operator.http_address}/healthz", trust_env=False).status_code == 200

        called = installation_of(far, beta.bench.endpoint)
        assert installation_of(far, alpha.bench.endpoint) == "alpha"
        assert called.endswith("/beta")
        assert far.sagemaker.status(f"{NOBODYS}-twin") is None
        _lost(alpha, beta, a, b, called)

        beta.bench.cluster.delete("Deployment", BETA[0], "twin")
        beta.bench.wait_gone("Deployment", timeout=LONGEST)
        wait_searches(alpha.bench, a, 2)
        assert alpha.bench.serving() == of_pods.serving() == commit
        assert alpha.bench.metric(a, "slipway_reconcile_total", kind="Deployment", result="done") > 0
        assert "status" not in (far.get("Deployment") or {"status": "gone"})
    _kept_to_themselves(plane, alpha, beta)


def _lost(alpha: Release, beta: Release, a: OperatorProcess, b: OperatorProcess, called: str) -> None:
    """What each has lost in the account it reports, and nothing of the other's; the namespaces' names are no help."""
    seed(alpha.bench, Owner("alpha", ALPHA[0], "lost", "uid-1"), "lost-by-alpha")
    alpha.bench.wait(lambda: orphans(alpha.bench, a) == [1, 1, 1], "alpha finds its own")
    wait_searches(beta.bench, b, 2)
    assert orphans(beta.bench, b) == [0, 0, 0]
    for number, release in enumerate((alpha, beta), start=2):  # in each other's namespaces, as after a change of scope
        seed(release.bench, Owner(called, ALPHA[1], "lost", f"uid-{number}"), f"lost-{number}")
    seed(beta.bench, Owner(called, BETA[0], "lost", "uid-4"), "lost-by-beta")
    beta.bench.wait(lambda: orphans(beta.bench, b) == [1, 1, 1], "beta finds its own")
    wait_searches(alpha.bench, a, 2)
    assert orphans(alpha.bench, a) == [1, 1, 1]
    for bench in (alpha.bench, beta.bench):
        events = bench.wait(lambda bench=bench: said(bench), "an event says so")  # two, if a search came in between
        assert {event["involvedObject"]["name"] for event in events} == {"lost"}


def _kept_to_themselves(plane: ControlPlane, alpha: Release, beta: Release) -> None:
    for home, release in {"alpha": alpha, "beta": beta}.items():
        requests = plane.audit_requests(USER.format(home))
        assert forbidden(requests) == []
        assert {one.namespace for one in requests if one.resource and one.namespace} - set(release.namespaces) <= {
            "kube-system"
        }
        of_the_cluster = {(one.verb, one.resource, one.name) for one in requests if one.resource and not one.namespace}
        asked = {("get", "namespaces", "kube-system")} if home == "beta" else set()
        assert of_the_cluster | _of_kube_system(requests) == asked


def _of_kube_system(requests: list[Any]) -> set[tuple[str, str, str]]:
    """In the audit log, a namespace is in itself."""
    return {(one.verb, one.resource, one.name) for one in requests if one.namespace == "kube-system"}
