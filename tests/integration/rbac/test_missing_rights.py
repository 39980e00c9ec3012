"""An operator that lacks rights: who misses one is told which, and nobody else notices."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.domain.cluster.optional import APIS
from slipway.reconcilers.cluster_pass import MADE_KINDS
from slipway.targets.cluster.target import Cluster
from tests.integration.cluster_port.worlds import NAME, connected
from tests.integration.cluster_target.using import LONGEST
from tests.integration.rbac.releases import install_release
from tests.testbed.controlplane import ControlPlane
from tests.testbed.node.models import small_repository
from tests.testbed.rights import Grant, granted
from tests.testbed.workbench import workbench

OPTIONAL = {grant for grant in granted() if grant.resource in {api.plural for api in APIS.values()}}
SECRETS = {grant for grant in granted() if grant.resource == "secrets"}
WHERE = "gammas"
USER = 'User "system:serviceaccount:gamma:slipway"'


@pytest.fixture(scope="module")
def kubeconfig(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an installation that may touch no Secret, and nothing that is optional."""
    folder = tmp_path_factory.mktemp("gamma")
    return install_release(plane, "gamma", [WHERE], folder, without=OPTIONAL | SECRETS)


@pytest.fixture
async def weak(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    async with connected(kubeconfig, monkeypatch) as kube:
        cluster = Cluster(kube)
        yield cluster
        await cluster.close()


async def test_a_look_says_what_may_not_be_listed_and_shows_the_rest(weak: Cluster) -> None:
    seen = await weak.observe(WHERE, NAME, [], MADE_KINDS)
    assert seen.forbidden.keys() == APIS.keys() - seen.missing
    for kind, words in seen.forbidden.items():
        api: Grant = Grant(APIS[kind].group, APIS[kind].plural, "", "list")
        assert f'{USER} cannot list resource "{api.resource}" in API group "{api.group}"' in words
        assert "docs/rbac.md" in words


def test_each_condition_names_the_right(plane: ControlPlane, kubeconfig: Path, tmp_path: Path) -> None:
    with workbench(plane, tmp_path, "gammas-hub") as home:
        bench = replace(home, namespace=WHERE, kubeconfig=kubeconfig)
        bench.hub.create_repo("acme/twin")
        commit = bench.hub.commit("acme/twin", small_repository())
        with bench.operator():
            bench.model_version()
            bench.model_version("gated", tokenSecretRef={"name": "hub"})
            bench.deployment(engine={"name": "vLLM", "version": "0.29.0"})
            route = {"httpRoute": {"parentRefs": [{"name": "public"}]}}
            bench.deployment("near", cluster={"expose": route})
            gated = bench.wait_reason("ModelVersion", "gated", "Stalled", "ApiServerRefused", LONGEST)
            assert f'secrets "hub" is forbidden: {USER} cannot get resource "secrets"' in gated["message"]
            assert "docs/rbac.md" in gated["message"]
            bench.wait(lambda: bench.serving() == commit, "it serves all the same", LONGEST)
            unbound = bench.wait(lambda: bench.condition("Deployment", "twin", "BindingFailed"), "without a Secret")
            assert f'{USER} cannot get resource "secrets"' in unbound["message"]
            refused = bench.wait(lambda: bench.condition("Deployment", "near", "OptionalRefused"), "without a route")
            assert f'{USER} cannot list resource "httproutes"' in refused["message"]
            assert "spec.target.cluster.expose.httpRoute" in refused["message"]
            assert bench.condition("Deployment", "near", "Stalled") == {}
