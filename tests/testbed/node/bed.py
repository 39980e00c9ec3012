"""A namespace with nodes, a Hub and a service network, on a control plane that runs already."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from tests.testbed.controlplane import ControlPlane
from tests.testbed.hub import LocalHub
from tests.testbed.node.api import login
from tests.testbed.node.machine import Machine
from tests.testbed.node.models import small_repository
from tests.testbed.node.nodes import Nodes
from tests.testbed.node.runtime import Pace
from tests.testbed.node.service_network import ServiceNetwork
from tests.testbed.waiting import eventually

T = TypeVar("T")
Object = dict[str, Any]
_PLACES = {
    "Pod": "api/v1",
    "Service": "api/v1",
    "Secret": "api/v1",
    "ConfigMap": "api/v1",
    "Event": "api/v1",
    "Endpoints": "api/v1",
    "PersistentVolumeClaim": "api/v1",
    "Deployment": "apis/apps/v1",
    "ReplicaSet": "apis/apps/v1",
    "Job": "apis/batch/v1",
    "HTTPRoute": "apis/gateway.networking.k8s.io/v1",
}


class Things:
    """Objects of one namespace, as a cluster administrator sees them. Deployments here are those of apps/v1."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.namespace = namespace
        server, headers, context = login(kubeconfig)
        self._http = httpx2.Client(base_url=server, headers=headers, verify=context, timeout=30, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def _path(self, kind: str, name: str = "") -> str:
        plural = kind.lower() if kind == "Endpoints" else f"{kind.lower()}s"
        return f"/{_PLACES[kind]}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def get(self, kind: str, name: str) -> Object | None:
        answer = self._http.get(self._path(kind, name))
        return None if answer.status_code == 404 else _json(answer)

    def list(self, kind: str, **labels: str) -> list[Object]:
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        found: list[Object] = _json(self._http.get(self._path(kind), params={"labelSelector": selector}))["items"]
        return found

    def create(self, *manifests: Mapping[str, Any]) -> None:
        for manifest in manifests:
            _json(self._http.post(self._path(manifest["kind"]), json=dict(manifest)))

    def patch(self, kind: str, name: str, change: Object) -> Object:
        """JSON merge patch."""
        headers = {"Content-Type": "application/merge-patch+json"}
        return _json(self._http.patch(self._path(kind, name), content=json.dumps(change).encode(), headers=headers))

    def delete(self, kind: str, name: str, **options: Any) -> None:
        """`options`: of DeleteOptions. Without any, what belongs to it goes after it."""
        body = {"propagationPolicy": "Background", **options}
        answer = self._http.request("DELETE", self._path(kind, name), json=body)
        if answer.status_code != 404:
            _json(answer)

    def scale(self, deployment: str, replicas: int) -> None:
        """By the scale subresource."""
        self.patch("Deployment", f"{deployment}/scale", {"spec": {"replicas": replicas}})

    def namespaces(self, method: str, name: str = "") -> None:
        body = {"metadata": {"name": self.namespace}} if method == "POST" else None
        self._http.request(method, "/api/v1/namespaces" + (f"/{name}" if name else ""), json=body)


@dataclass
class Bed:
    """What a test of pods works with."""

    things: Things
    hub: LocalHub
    nodes: Nodes
    network: ServiceNetwork
    namespace: str

    def publish(self, repo: str = "acme/twin", note: str = "", **behaviour: Any) -> str:
        """A commit of a small model, in a repository that is made for the first one."""
        if self.hub.repository(repo) is None:
            self.hub.create_repo(repo)
        return self.hub.commit(repo, small_repository(note, **behaviour))

    def url(self, service: str, path: str = "") -> str:
        """Where clients within the cluster find a Service."""
        return f"http://{service}.{self.namespace}.svc{path}"

    def client(self, **options: Any) -> httpx2.Client:
        """A client within the cluster."""
        return httpx2.Client(proxy=self.network.url, trust_env=False, timeout=30, **options)

    def ask(self, service: str = "twin", prompt: str = "Are you there?") -> str:
        """What a Service answers to a prompt. Raises httpx2.HTTPStatusError."""
        with self.client() as client:
            body = {"inputs": prompt, "parameters": {"max_new_tokens": 50}}
            answer = client.post(self.url(service, "/generate"), json=body).raise_for_status()
        return str(answer.json()["generated_text"])

    def pods(self, **labels: str) -> list[Object]:
        """Those that are not on their way out."""
        return [pod for pod in self.things.list("Pod", **labels) if not pod["metadata"].get("deletionTimestamp")]

    def ready(self, **labels: str) -> list[Object]:
        return [pod for pod in self.pods(**labels) if condition(pod, "Ready").get("status") == "True"]

    def wait(self, look: Callable[[], T], what: str, timeout: float = 60) -> T:
        """Wait; a failure shows the pods, the events, and what the containers said."""
        try:
            return eventually(look, what, timeout=timeout)
        except TimeoutError as late:
            raise AssertionError(f"{late}\n{self.report()}") from None

    def report(self) -> str:
        pods = self.things.list("Pod")
        shown = [{"name": pod["metadata"]["name"], "status": pod.get("status")} for pod in pods]
        events = [f"{event['reason']}: {event['message']}" for event in self.things.list("Event")]
        logs = "\n".join(self.nodes.logs(pod["metadata"]["name"])[-2000:] for pod in pods)
        return f"{json.dumps(shown, indent=1)}\n" + "\n".join(events) + f"\n{logs}"


def condition(pod: Object, kind: str) -> Object:
    """A condition of an object; empty if it is not there."""
    found = [each for each in (pod.get("status") or {}).get("conditions") or [] if each["type"] == kind]
    return found[0] if found else {}


@contextmanager
def node_bed(
    plane: ControlPlane, folder: Path, *, machines: Sequence[Machine] = (Machine(),), pace: Pace | None = None
) -> Iterator[Bed]:
    """A namespace of its own; nothing of it runs any more when this is left. Raises NoPodNetwork."""
    namespace = f"node-{secrets.token_hex(4)}"
    pace = pace or Pace()
    with ExitStack() as stack:
        hub = stack.enter_context(LocalHub())
        things = Things(plane.admin_kubeconfig, namespace)
        stack.callback(things.close)
        things.namespaces("POST")
        stack.callback(things.namespaces, "DELETE", namespace)
        nodes = Nodes(plane.admin_kubeconfig, folder / "nodes", namespace, machines=machines, pace=pace, hub=hub.url)
        stack.enter_context(nodes)
        network = stack.enter_context(ServiceNetwork(plane.admin_kubeconfig, namespace, speed=pace.speed))
        yield Bed(things, hub, nodes, network, namespace)


def _json(answer: httpx2.Response) -> Object:
    if answer.is_error:
        raise RuntimeError(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
    body: Object = answer.json()
    return body
