"""Which rights a write takes of the API server, beside the verb that the audit log shows."""

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from slipway.domain.cluster.looks.observation import ObjectRef
from slipway.domain.cluster.rolls.steps import Apply
from slipway.domain.errors import Rejected
from slipway.targets.cluster.target import Cluster
from tests.integration.cluster_port.worlds import NAME, RealWorld, account, connected, look, real_world, version
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import eventually
from tests.testbed.workbench import operators_kubeconfig

As = Callable[[Path], AbstractAsyncContextManager[Cluster]]


@pytest.fixture
async def real(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RealWorld]:
    async with real_world(plane, f"writes-{uuid.uuid4().hex[:6]}", monkeypatch) as world:
        yield world


@pytest.fixture
def acting(monkeypatch: pytest.MonkeyPatch) -> As:
    """The cluster target as whoever a kubeconfig is."""

    @asynccontextmanager
    async def acting(kubeconfig: Path) -> AsyncIterator[Cluster]:
        async with connected(kubeconfig, monkeypatch) as kube:
            cluster = Cluster(kube)
            yield cluster
            await cluster.close()

    return acting


async def test_an_apply_that_makes_an_object_takes_the_right_to_create_it(
    real: RealWorld, plane: ControlPlane, tmp_path: Path, acting: As
) -> None:
    """The audit log shows a patch alone."""
    where = ("--namespace", real.namespace)
    plane.kubectl("create", "serviceaccount", "weak", *where)
    plane.kubectl("create", "role", "weak", "--verb=get,patch", "--resource=serviceaccounts", *where)
    plane.kubectl("create", "rolebinding", "weak", "--role=weak", f"--serviceaccount={real.namespace}:weak", *where)
    may = ("auth", "can-i", "patch", "serviceaccounts", *where, f"--as=system:serviceaccount:{real.namespace}:weak")
    eventually(lambda: plane.kubectl(*may, check=False).returncode == 0, "the right is known")
    async with acting(plane.service_account_kubeconfig(real.namespace, "weak", tmp_path / "weak")) as weak:
        with pytest.raises(Rejected, match=r'serviceaccounts "twin" .* right to create it .* \(.*docs/rbac\.md'):
            await weak.execute(real.namespace, Apply(account(real, content="1")))
        await real.target.execute(real.namespace, Apply(account(real, content="1")))
        seen = await look(real, ("ServiceAccount", NAME))
        there = seen.objects[ObjectRef("ServiceAccount", NAME)]
        await weak.execute(real.namespace, Apply(account(real, content="2"), version(there)))


async def test_an_owner_is_named_without_a_right_to_its_finalizers(
    real: RealWorld, plane: ControlPlane, tmp_path: Path, acting: As
) -> None:
    """Where the API server asks who may hold up an owner's deletion, as OpenShift's does."""
    owner = {
        "apiVersion": "slipway.dev/v1alpha1",
        "kind": "Deployment",
        "name": NAME,
        "uid": "made-up",
        "controller": True,
    }
    manifest = account(real)
    async with acting(operators_kubeconfig(plane, tmp_path / "operator")) as operator:
        manifest["metadata"]["ownerReferences"] = [owner | {"blockOwnerDeletion": True}]
        with pytest.raises(Rejected, match="cannot set blockOwnerDeletion"):
            await operator.execute(real.namespace, Apply(manifest))
        manifest["metadata"]["ownerReferences"] = [owner]
        await operator.execute(real.namespace, Apply(manifest))
