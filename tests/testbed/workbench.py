"""Everything that a test, the demo or a benchmark of the whole operator needs, put together."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.testbed import chart
from tests.testbed.cluster import Cluster, Object
from tests.testbed.controlplane import ControlPlane
from tests.testbed.hub import LocalHub
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.sagemaker import ACCOUNT, ROLE, LocalSageMaker
from tests.testbed.waiting import eventually

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
OPERATOR_NAMESPACE = "slipway"
OPERATOR_USER = "system:serviceaccount:slipway:slipway"
REGION = "eu-central-1"
INSTALLATION = "testbed"
PING = "The primary container for production variant AllTraffic did not pass the ping health check."

FAST = {
    "poll_moving": 0.3,
    "shortest_track": 0.5,
    "secret_recheck": 0.3,
    "retry_first": 0.1,
    "retry_longest": 1.0,
    "rejected_first": 0.3,
    "rejected_longest": 1.0,
    "capacity_delay": 1.0,
    "endpoint_visible": 1.0,
    "drain_wait": 1.0,
}
"""Seconds between looks and tries, for tests."""


def install(plane: ControlPlane) -> None:
    """What a platform team does once: CRDs, ServiceAccount, RBAC."""
    plane.install_crds(ROOT / "crds")
    plane.apply(chart.rights())


def operators_kubeconfig(plane: ControlPlane, path: Path) -> Path:
    """Write a kubeconfig for the operator's ServiceAccount."""
    return plane.service_account_kubeconfig(OPERATOR_NAMESPACE, "slipway", path)


@dataclass
class Workbench:
    """A control plane with the CRDs and RBAC installed, a local Hub, a local SageMaker, and the operator."""

    plane: ControlPlane
    cluster: Cluster
    hub: LocalHub
    sagemaker: LocalSageMaker
    kubeconfig: Path
    """The operator's own, made for its ServiceAccount."""
    folder: Path
    namespace: str
    settings: dict[str, Any] = field(default_factory=dict)
    interval: float = 0.05
    """Seconds between two looks of a wait."""

    def merged_settings(self, **settings: Any) -> dict[str, Any]:
        """The operator's settings for this workbench: fields of slipway.settings.Settings."""
        return {
            "installation": INSTALLATION,
            "namespaces": [self.namespace],
            "hub_endpoint": self.hub.url,
            "http_host": "127.0.0.1",
            "http_port": 0,
            "aws_regions": [REGION],
            "aws_execution_roles": [ROLE],
            "aws_requests_per_second": 200,
            "endpoint_poll": 0.3,
            "endpoint_sweep": 1.0,
            **self.settings,
            **settings,
            "timing": {**FAST, **settings.get("timing", {})},
        }

    def credentials(self) -> dict[str, str]:
        """Variables with which the operator logs in to the API server and to AWS."""
        return {
            "KUBECONFIG": str(self.kubeconfig),
            "AWS_ENDPOINT_URL": self.sagemaker.url,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def environment(self, **settings: Any) -> dict[str, str]:
        """The operator's environment variables."""
        variables = {
            f"SLIPWAY_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in self.merged_settings(**settings).items()
        }
        return {**self.credentials(), **variables}

    def operator(self, **settings: Any) -> OperatorProcess:
        """The operator, not started yet."""
        return OperatorProcess(self.environment(**settings), self.folder / f"operator-{self.namespace}.log")

    def allow_adoption(self) -> None:
        """The installation lets the namespace adopt its endpoint. Before the operator is started."""
        entry = {"accounts": [ACCOUNT], "regions": [REGION], "execution_roles": [ROLE], "adopt": [self.endpoint]}
        self.settings["placements"] = [{"namespaces": [self.namespace], **entry}]

    # What people apply

    def model_version(self, name: str = "twin", **source: Any) -> Object:
        """Create a ModelVersion. `updates` aside, keywords go into spec.source.huggingFace."""
        updates = source.pop("updates", {"policy": "Track", "interval": "1s"})
        manifest = {
            "apiVersion": "slipway.dev/v1alpha1",
            "kind": "ModelVersion",
            "metadata": {"name": name},
            "spec": {"source": {"huggingFace": {"repo": "acme/twin", **source}}, "updates": updates},
        }
        return self.cluster.create(self.namespace, manifest)

    def deployment(self, name: str = "twin", model: str = "twin", **spec: Any) -> Object:
        """Create a Deployment. Keywords go into the spec; those of `target` into spec.target.sageMaker.

        With `cluster`, the target is spec.target.cluster with these fields, and the engine one that is known there.
        """
        target = spec.pop("target", {})
        cluster = spec.pop("cluster", None)
        if cluster is not None:
            return self._in_cluster(name, model, cluster, spec)
        engine = {"name": "TGI", "version": "3.3.6", **spec.pop("engine", {})}
        manifest = {
            "apiVersion": "slipway.dev/v1alpha1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "modelRef": {"name": model},
                "engine": engine,
                "target": {
                    "sageMaker": {
                        "region": REGION,
                        "executionRoleArn": ROLE,
                        "instanceType": "ml.g5.2xlarge",
                        **target,
                    }
                },
                **spec,
            },
        }
        return self.cluster.create(self.namespace, manifest)

    def _in_cluster(self, name: str, model: str, cluster: Object, spec: Object) -> Object:
        manifest = {
            "apiVersion": "slipway.dev/v1alpha1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {"modelRef": {"name": model}, "engine": {"name": "TGI"}, "target": {"cluster": cluster}, **spec},
        }
        return self.cluster.create(self.namespace, manifest)

    def secret(self, name: str, **values: str) -> None:
        """Create a Secret, or replace its values."""
        if self.cluster.get("Secret", self.namespace, name):
            self.cluster.patch("Secret", self.namespace, name, {"stringData": values})
        else:
            manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}
            self.cluster.create(self.namespace, manifest)

    def approve(self, commit: str, name: str = "twin") -> None:
        """What a person does to let a commit be served."""
        self.cluster.patch("ModelVersion", self.namespace, name, {"spec": {"updates": {"approved": commit}}})

    # What people look at

    @property
    def endpoint(self) -> str:
        """Name of the endpoint of a Deployment `twin` that names none."""
        return f"{self.namespace}-twin"

    def get(self, kind: str, name: str = "twin") -> Object | None:
        return self.cluster.get(kind, self.namespace, name)

    def status(self, kind: str, name: str = "twin") -> Object:
        return (self.get(kind, name) or {}).get("status") or {}

    def condition(self, kind: str, name: str, condition: str) -> Object:
        """One condition of an object; empty if it is not there."""
        found = [c for c in self.status(kind, name).get("conditions", []) if c["type"] == condition]
        return found[0] if found else {}

    def serving(self, name: str = "twin") -> str | None:
        """The commit that a Deployment reports as serving, while it is Ready."""
        status = self.status("Deployment", name)
        ready = self.condition("Deployment", name, "Ready").get("status") == "True"
        return ((status.get("revision") or {}).get("serving") or {}).get("revision") if ready else None

    def wait_serving(self, revision: str, name: str = "twin", timeout: float = 30) -> None:
        """Until the revision serves and nothing is under way or stalled."""

        def look() -> bool:
            status = self.status("Deployment", name)
            conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
            serving = (status.get("revision") or {}).get("serving") or {}
            return conditions == {"Ready": "True"} and serving.get("revision") == revision

        self.wait(look, f"{name} serves {revision}", timeout)

    def wait_reason(self, kind: str, name: str, condition: str, reason: str, timeout: float = 30) -> Object:
        """Until a condition is True (Ready: is there) with this reason. Returns the condition."""

        def look() -> Object:
            found = self.condition(kind, name, condition)
            return found if found.get("reason") == reason else {}

        return self.wait(look, f"{kind}/{name} {condition} {reason}", timeout)

    def wait_gone(self, kind: str, name: str = "twin", timeout: float = 30) -> None:
        self.wait(lambda: self.get(kind, name) is None, f"{kind}/{name} is gone", timeout)

    def wait(self, look: Callable[[], T], what: str, timeout: float = 30) -> T:
        """Wait; a failure shows the objects as they are, and the end of the operator's log."""
        try:
            return eventually(look, what, timeout=timeout, interval=self.interval)
        except TimeoutError as late:
            raise AssertionError(f"{late}\n{self.report()}") from None

    def metric(self, operator: OperatorProcess, name: str, **labels: str) -> float:
        """A figure of the operator's own /metrics; 0 where it is not there (yet)."""
        address = operator.http_address
        if address is None:
            return 0.0
        text = httpx2.get(f"{address}/metrics", timeout=10, trust_env=False).text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return float(sample.value)
        return 0.0

    def wait_first_pass(self, operator: OperatorProcess, kind: str, objects: int, timeout: float = 30) -> None:
        """Until so many passes over objects of a kind are done."""
        self.wait(
            lambda: self.metric(operator, "slipway_reconcile_total", kind=kind, result="done") >= objects,
            f"{objects} passes over {kind}",
            timeout,
        )

    def everything_written(self) -> str:
        """All that can be read about the namespace: objects with their status, and events."""
        kinds = ("ModelVersion", "Deployment", "Event")
        return json.dumps([self.cluster.list(kind, self.namespace) for kind in kinds])

    def report(self) -> str:
        """The state of everything, for a failed test."""
        objects = [*self.cluster.list("ModelVersion", self.namespace), *self.cluster.list("Deployment", self.namespace)]
        shown = "\n".join(
            json.dumps({"name": o["metadata"]["name"], "kind": o.get("kind"), "status": o.get("status")}, indent=1)
            for o in objects
        )
        log = self.folder / f"operator-{self.namespace}.log"
        tail = "\n".join(log.read_text().splitlines()[-40:]) if log.exists() else "(none)"
        resources = [(resource.kind, resource.name) for resource in self.sagemaker.resources()]
        return f"objects:\n{shown}\nSageMaker: {resources}\noperator's log:\n{tail}"


@contextmanager
def workbench(
    plane: ControlPlane, folder: Path, namespace: str, *, kubeconfig: Path | None = None, **settings: Any
) -> Iterator[Workbench]:
    """A workbench in a namespace of its own, on a plane where `install` was run. The operator is not started.

    `kubeconfig`: the operator's own, where there is one already; else it is made.
    """
    with ExitStack() as stack:
        cluster = Cluster(plane.admin_kubeconfig)
        stack.callback(cluster.close)
        hub = stack.enter_context(LocalHub())
        sagemaker = stack.enter_context(LocalSageMaker())
        sagemaker.add_role(ROLE)
        cluster.create_namespace(namespace)
        if kubeconfig is None:
            kubeconfig = operators_kubeconfig(plane, folder / f"{namespace}.kubeconfig")
        yield Workbench(plane, cluster, hub, sagemaker, kubeconfig, folder, namespace, settings)
