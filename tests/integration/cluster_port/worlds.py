"""The cluster target over a real API server, and the fake in its place; each with the hands that change what is there.

What a test asks of one of them, it asks of both: so the fake cannot lie.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from slipway.domain.cluster.apis import BY_KIND
from slipway.domain.cluster.looks.observation import ObjectRef, Observation
from slipway.domain.cluster.marks import MANAGED_BY, Manifest, labels
from slipway.domain.errors import NotFound
from slipway.kube import Kube, load_configuration
from slipway.targets.cluster.port import ClusterTarget
from slipway.targets.cluster.target import Cluster
from tests.testbed.controlplane import ControlPlane
from tests.testbed.fakes.cluster import FakeCluster
from tests.testbed.fakes.kube_objects import Place

T = TypeVar("T")
NAME = "twin"
REVISION = "abc1234567"
CHILD = f"{NAME}-{REVISION}"
KINDS = ("Deployment", "ServiceAccount", "NetworkPolicy", "PersistentVolumeClaim", "Job")


class World(Protocol):
    """A cluster, and an administrator of it."""

    minor: int
    """20 for Kubernetes 1.20."""

    @property
    def namespace(self) -> str: ...
    @property
    def target(self) -> ClusterTarget: ...

    async def turn(self) -> None:
        """Let the controllers do their work: at once, or while one waits."""
        ...

    async def get(self, kind: str, name: str) -> Manifest | None: ...
    async def create(self, manifest: Manifest) -> None: ...
    async def change(self, kind: str, name: str, patch: Manifest) -> None: ...
    async def remove(self, kind: str, name: str) -> None: ...
    async def schedule(self, pod: str) -> None: ...
    async def ready(self, pod: str) -> None: ...
    async def crash(self, pod: str) -> None: ...
    async def end(self, pod: str) -> None: ...


class FakeWorld:
    """The fake."""

    namespace = "ml"
    minor = 20

    def __init__(self) -> None:
        self.target = FakeCluster(lacks={"PodMonitor"})

    async def turn(self) -> None:
        self.target.nodes.run()

    async def get(self, kind: str, name: str) -> Manifest | None:
        return self.target.objects.get(Place(self.namespace, kind, name))

    async def create(self, manifest: Manifest) -> None:
        self.target.objects.create(manifest)

    async def change(self, kind: str, name: str, patch: Manifest) -> None:
        self.target.objects.merge(Place(self.namespace, kind, name), patch)

    async def remove(self, kind: str, name: str) -> None:
        self.target.objects.delete(Place(self.namespace, kind, name))

    async def schedule(self, pod: str) -> None:
        self.target.nodes.schedule(self.namespace, pod)

    async def ready(self, pod: str) -> None:
        self.target.nodes.ready(self.namespace, pod)

    async def crash(self, pod: str) -> None:
        self.target.nodes.crash(self.namespace, pod)

    async def end(self, pod: str) -> None:
        self.target.nodes.end(self.namespace, pod)


class CountingKube(Kube):
    """Kube that knows what was sent."""

    def __init__(self, *args: Any, **parameters: Any) -> None:
        super().__init__(*args, **parameters)
        self.sent: Counter[str] = Counter()
        """By method and last part of the path."""

    async def _request(self, method: str, path: str, **parameters: Any) -> Any:
        self.sent[f"{method} {path.rpartition('/')[2]}"] += 1
        return await super()._request(method, path, **parameters)


class AdministratorsKube(CountingKube):
    """Kube with what no operator may do."""

    async def post(self, path: str, body: Any) -> None:
        await self._request("post", path, body=body)

    async def patch(self, path: str, body: Any, kind: str = "merge") -> None:
        content_type = f"application/{kind}-patch+json"
        await self._request("patch", path, body=body, content_type=content_type, field_manager="somebody")

    async def drop(self, path: str, **body: Any) -> None:
        with contextlib.suppress(NotFound):
            await self._request("delete", path, body=body)


class RealWorld:
    """A real API server with a real kube-controller-manager, and no kubelet but the test."""

    def __init__(self, namespace: str, kube: CountingKube, admin: AdministratorsKube, minor: int) -> None:
        self.namespace = namespace
        self.kube = kube
        self.admin = admin
        self.target = Cluster(kube)
        self.minor = minor
        self._addresses = 0

    async def turn(self) -> None:
        await asyncio.sleep(0.1)

    async def get(self, kind: str, name: str) -> Manifest | None:
        return await self.admin.find(BY_KIND[kind], self.namespace, name)

    async def create(self, manifest: Manifest) -> None:
        await self.admin.post(self.path(manifest["kind"]), manifest)

    async def change(self, kind: str, name: str, patch: Manifest) -> None:
        await self.admin.patch(self.path(kind, name), patch)

    async def remove(self, kind: str, name: str) -> None:
        await self.admin.drop(self.path(kind, name), propagationPolicy="Background")

    async def schedule(self, pod: str) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": "node-1"}
        await self.admin.post(f"{self.path('Pod', pod)}/binding", {"metadata": {"name": pod}, "target": target})

    async def ready(self, pod: str) -> None:
        found = await self.get("Pod", pod)
        if found and "nodeName" not in found["spec"]:
            await self.schedule(pod)  # no endpoint is made of a pod without a node
        self._addresses += 1
        conditions = [{"type": kind, "status": "True"} for kind in ("PodScheduled", "Ready")]
        status = {"phase": "Running", "podIP": f"10.244.0.{self._addresses}", "conditions": conditions}
        await self._status(pod, status)

    async def crash(self, pod: str) -> None:
        await self._status(pod, {"conditions": [{"type": "Ready", "status": "False"}]})

    async def _status(self, pod: str, status: Manifest) -> None:
        await self.admin.patch(f"{self.path('Pod', pod)}/status", {"status": status}, "strategic-merge")

    async def end(self, pod: str) -> None:
        await self.admin.drop(self.path("Pod", pod), gracePeriodSeconds=0)

    def path(self, kind: str, name: str | None = None) -> str:
        api = BY_KIND[kind]
        group = f"/apis/{api.group}" if api.group else "/api"
        collection = f"{group}/{api.version}/namespaces/{self.namespace}/{api.plural}"
        return f"{collection}/{name}" if name else collection


@contextlib.asynccontextmanager
async def connected(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AdministratorsKube]:
    """A connection for whoever a kubeconfig is."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    kube = AdministratorsKube(await load_configuration(20), timeout=20)
    try:
        yield kube
    finally:
        await kube.close()


@contextlib.asynccontextmanager
async def real_world(plane: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RealWorld]:
    """A world in a namespace of its own."""
    async with connected(plane.admin_kubeconfig, monkeypatch) as admin:
        await admin.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
        world = RealWorld(namespace, admin, admin, plane.server_minor)
        try:
            yield world
        finally:
            await world.target.close()
            await admin.drop(f"/api/v1/namespaces/{namespace}")


async def look(
    world: World, *names: tuple[str, str], kinds: Collection[str] = KINDS, deployment: str = NAME
) -> Observation:
    """One look, at whatever carries the label."""
    return await world.target.observe(world.namespace, deployment, [ObjectRef(*name) for name in names], kinds)


async def eventually(world: World, condition: Callable[[], Awaitable[T | None]], what: str) -> T:
    """Let the controllers work until it is so. Raises TimeoutError."""
    answer: T | None = None
    for _ in range(300):
        await world.turn()
        answer = await condition()
        if answer:
            return answer
    raise TimeoutError(f"{what}: not so; last: {answer!r}")


async def there(world: World, kind: str, name: str) -> Manifest:
    """An object as a look shows it."""
    found = (await look(world, (kind, name))).objects.get(ObjectRef(kind, name))
    assert found, f"no {kind} {name}"
    return found


async def settled(world: World, name: str = CHILD) -> Manifest:
    """An apps/v1 Deployment, once its controller has nothing more to write: else a step may meet its writes."""
    before: list[Manifest] = []

    async def so() -> Manifest | None:
        found = await there(world, "Deployment", name)
        before.append(found)
        of_now = found["status"].get("observedGeneration") == found["metadata"]["generation"]
        return found if of_now and before[-5:] == [found] * 5 else None

    return await eventually(world, so, "the controller has nothing more to write")


def version(manifest: Manifest) -> str:
    """Its resourceVersion."""
    return str(manifest["metadata"]["resourceVersion"])


def metadata(world: World, name: str, revision: str | None = None, **annotations: str) -> Manifest:
    """Metadata of an object of ours."""
    assert labels(NAME)["app.kubernetes.io/managed-by"] == MANAGED_BY
    own = {"name": name, "namespace": world.namespace, "labels": labels(NAME, revision)}
    return own | ({"annotations": {f"slipway.dev/{key}": it for key, it in annotations.items()}} if annotations else {})


def workload(
    world: World, *, replicas: int | None = None, cpu: str = "500m", memory: str = "1Gi", **annotations: str
) -> Manifest:
    """A revision's apps/v1 Deployment.

    Its quantities are as the API server writes them: else an apply without a change writes the time of the apply into
    managedFields before Kubernetes 1.21.
    """
    own = labels(NAME, REVISION)
    container = {
        "name": "engine",
        "image": "ghcr.io/acme/engine:1.0",
        "env": [{"name": "REVISION", "value": "a" * 40}],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "resources": {"limits": {"cpu": cpu, "memory": memory}},
        "startupProbe": {"httpGet": {"path": "/health", "port": "http"}, "failureThreshold": 180},
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
    }
    spec = {
        "containers": [container],
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": memory}}],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000},
        "enableServiceLinks": False,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(world, CHILD, REVISION, **annotations),
        "spec": {
            "selector": {"matchLabels": own},
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": own}, "spec": spec},
        }
        | ({} if replicas is None else {"replicas": replicas}),
    }


def service(world: World, revision: str | None = REVISION, **annotations: str) -> Manifest:
    """The Service, whose selector decides who gets requests."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(world, NAME, **annotations),
        "spec": {
            "selector": {"slipway.dev/deployment": NAME} | ({"slipway.dev/revision": revision} if revision else {}),
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
        },
    }


def account(world: World, **annotations: str) -> Manifest:
    """A ServiceAccount."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(world, NAME, **annotations)}


def job(world: World) -> Manifest:
    """A Job that loads weights."""
    container = {"name": "prefetch", "image": "ghcr.io/acme/engine:1.0"}
    template = {
        "metadata": {"labels": labels(NAME) | {"slipway.dev/role": "prefetch"}},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(world, f"{NAME}-prefetch"),
        "spec": {"template": template},
    }
