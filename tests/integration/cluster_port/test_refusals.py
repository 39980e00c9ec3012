"""What the real API server refuses, in its own words; and what it cannot say just now."""

import asyncio
from pathlib import Path

import pytest

from slipway.api.v1alpha1.cluster_target import HttpRoute
from slipway.domain.cluster.looks.observation import ObjectRef
from slipway.domain.cluster.optional.refusals import Refused, as_optional, finding
from slipway.domain.cluster.optional.routes import route
from slipway.domain.cluster.rolls.steps import Apply, Create, Delete, Scale
from slipway.domain.cluster.subject import Subject
from slipway.domain.errors import Conflict, Rejected, Transient
from slipway.targets.cluster.target import Cluster
from tests.integration.cluster_port.worlds import (
    CHILD,
    NAME,
    RealWorld,
    account,
    connected,
    eventually,
    look,
    metadata,
    service,
    there,
    version,
    workload,
)
from tests.testbed.controlplane import ControlPlane


async def refused(world: RealWorld, step: Apply | Create) -> str:
    with pytest.raises(Rejected) as caught:
        await world.target.execute(world.namespace, step)
    assert caught.value.reason == "ApiServerRefused"
    return caught.value.message


async def test_an_invalid_field(real: RealWorld) -> None:
    manifest = service(real)
    manifest["spec"]["ports"][0]["port"] = 99999
    assert f'Service "{NAME}" is invalid: spec.ports[0].port' in await refused(real, Apply(manifest))


async def test_a_field_that_does_not_exist(real: RealWorld) -> None:
    manifest = service(real)
    manifest["spec"]["prots"] = []
    message = await refused(real, Apply(manifest))
    assert "prots" in message
    assert NAME in message


async def test_a_quota(real: RealWorld) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"services": "0"}}}
    await real.admin.post(f"/api/v1/namespaces/{real.namespace}/resourcequotas", quota)

    async def counted() -> bool:
        path = f"/api/v1/namespaces/{real.namespace}/resourcequotas/none"
        return bool((await real.admin._request("get", path)).get("status", {}).get("hard"))

    await eventually(real, counted, "the quota is in force")
    message = await refused(real, Apply(service(real)))
    assert f'services "{NAME}" is forbidden: exceeded quota: none' in message
    assert "rbac" not in message


async def test_a_missing_right(
    real: RealWorld, plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ("--namespace", real.namespace)
    plane.kubectl("create", "serviceaccount", "weak", *where)
    plane.kubectl("create", "role", "weak", "--verb=get,list", "--resource=services,pods,endpoints", *where)
    plane.kubectl("create", "rolebinding", "weak", "--role=weak", f"--serviceaccount={real.namespace}:weak", *where)
    config = plane.service_account_kubeconfig(real.namespace, "weak", tmp_path / "weak.kubeconfig")
    async with connected(config, monkeypatch) as kube:
        weak = Cluster(kube)
        assert (await weak.observe(real.namespace, NAME, [], [])).objects == {}
        with pytest.raises(Rejected, match=r'cannot list resource "jobs" in API group "batch"'):
            await weak.observe(real.namespace, NAME, [], ["Job"])
        with pytest.raises(Rejected, match=r'cannot patch resource "services" .* \(.*docs/rbac\.md'):
            await weak.execute(real.namespace, Apply(service(real)))
        with pytest.raises(Rejected, match=r'cannot patch resource "deployments/scale" in API group "apps"'):
            await weak.execute(real.namespace, Scale(CHILD, 1, "1"))
        await weak.close()


async def test_a_webhook_that_does_not_answer(real: RealWorld) -> None:
    """Not a refusal: it may answer next time."""
    hook = {
        "name": "policy.acme.org",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["services"], "operations": ["CREATE"]}],
        "namespaceSelector": {"matchLabels": {"hooked": real.namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
    }
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    await real.admin.patch(f"/api/v1/namespaces/{real.namespace}", {"metadata": {"labels": {"hooked": real.namespace}}})
    await real.admin.post(path, {"metadata": {"name": real.namespace}, "webhooks": [hook]})
    try:

        async def in_force() -> bool:
            try:
                await real.target.execute(real.namespace, Apply(service(real)))
            except Transient as failure:
                return "policy.acme.org" in failure.message
            found = await there(real, "Service", NAME)
            await real.target.execute(real.namespace, Delete("Service", NAME, found["metadata"]["uid"]))
            return False

        await eventually(real, in_force, "the webhook is called")
    finally:
        await real.admin.drop(f"{path}/{real.namespace}")


async def test_an_aggregated_api_that_does_not_answer_is_not_missing(real: RealWorld) -> None:
    spec = {
        "group": "monitoring.coreos.com",
        "version": "v1",
        "service": {"name": "nobody", "namespace": real.namespace},
        "insecureSkipTLSVerify": True,
        "groupPriorityMinimum": 1,
        "versionPriority": 1,
    }
    path, name = "/apis/apiregistration.k8s.io/v1/apiservices", "v1.monitoring.coreos.com"
    await real.admin.post(path, {"metadata": {"name": name}, "spec": spec})
    try:

        async def fails() -> bool:
            try:
                await Cluster(real.admin).observe(real.namespace, NAME, [], ["PodMonitor"])
            except Transient:
                return True
            return False

        await eventually(real, fails, "the API does not answer")
        assert (await look(real, kinds=["Deployment"])).missing == frozenset()
    finally:
        await real.admin.drop(f"{path}/{name}")


async def test_one_look_asks_for_each_kind_once(real: RealWorld) -> None:
    await real.target.execute(real.namespace, Apply(service(real)))
    await look(real, ("Service", NAME))
    real.kube.sent.clear()
    await look(real, ("Service", NAME))
    routes = "get endpointslices" if real.kube.sent["get endpointslices"] else f"get {NAME}"  # Endpoints, by name
    plurals = (
        "deployments",
        "services",
        "serviceaccounts",
        "networkpolicies",
        "persistentvolumeclaims",
        "jobs",
        "pods",
    )
    assert real.kube.sent == {f"get {plural}": 1 for plural in plurals} | {routes: 1}


async def test_a_long_list_comes_whole(real: RealWorld) -> None:
    together = [real.admin.post(real.path("ServiceAccount"), _numbered(real, number)) for number in range(260)]
    for some in range(0, 260, 20):
        await asyncio.gather(*together[some : some + 20])
    assert len((await look(real, kinds=["ServiceAccount"])).objects) == 260


def _numbered(world: RealWorld, number: int) -> dict[str, object]:
    return {"metadata": metadata(world, f"account-{number}")}


async def test_a_deployment_that_is_being_deleted_in_that_moment_is_not_made_anew(real: RealWorld) -> None:
    """The apply's guard is the server's: what is deleted between the read and the write stays deleted."""
    for _ in range(10):
        await real.target.execute(real.namespace, Create(workload(real, replicas=0)))
        seen = await there(real, "Deployment", CHILD)
        apply = real.target.execute(real.namespace, Apply(workload(real, content="2"), version(seen)))
        delete = real.remove("Deployment", CHILD)
        outcomes = await asyncio.gather(apply, delete, return_exceptions=True)
        assert outcomes[0] is None or isinstance(outcomes[0], Conflict), outcomes[0]
        await real.remove("Deployment", CHILD)
        assert await real.get("Deployment", CHILD) is None


async def test_the_guard_is_the_servers_own(real: RealWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The object is deleted after the read that comes before an apply."""
    await real.target.execute(real.namespace, Apply(account(real, content="1")))
    seen = await there(real, "ServiceAccount", NAME)
    find = real.kube.find

    async def found_and_deleted(api, namespace, name):  # type: ignore[no-untyped-def]
        found = await find(api, namespace, name)
        await real.remove("ServiceAccount", NAME)
        return found

    monkeypatch.setattr(real.kube, "find", found_and_deleted)
    with pytest.raises(Conflict):
        await real.target.execute(real.namespace, Apply(account(real, content="2"), version(seen)))
    monkeypatch.undo()
    seen_again = await look(real, ("ServiceAccount", NAME))
    assert ObjectRef("ServiceAccount", NAME) not in seen_again.objects


async def test_a_route_that_may_not_be_written_is_a_warning_that_names_right_and_field(
    real: RealWorld, plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the cluster knows routes or not: rights are looked at first, and an apply reads before it writes."""
    plane.kubectl("create", "serviceaccount", "unrouted", "--namespace", real.namespace)
    config = plane.service_account_kubeconfig(real.namespace, "unrouted", tmp_path / "unrouted.kubeconfig")
    subject = Subject(real.namespace, NAME, "00000000-0000-0000-0000-000000000001")
    step = Apply(route(subject, HttpRoute.model_validate({"parentRefs": [{"name": "gateway"}]})))
    what = as_optional(step)
    assert what
    async with connected(config, monkeypatch) as kube:
        weak = Cluster(kube)
        with pytest.raises(Rejected) as caught:
            await weak.execute(real.namespace, step)
        await weak.close()
    said = finding([Refused(what, caught.value.message)])
    assert said
    assert 'cannot get resource "httproutes" in API group "gateway.networking.k8s.io"' in said.message
    assert f"HTTPRoute {NAME} (spec.target.cluster.expose.httpRoute)" in said.message
