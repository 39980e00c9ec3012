"""Specs as the tests of manifests need them, and what comes of them."""

from typing import Any

from slipway.api.v1alpha1.common import SecretKeyRef
from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.api.v1alpha1.deployment_status import AdapterRevision
from slipway.domain.cluster.engines.known import image_of
from slipway.domain.cluster.manifests import build
from slipway.domain.cluster.manifests.wanted import Wanted
from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.settings import ClusterSettings
from slipway.domain.cluster.subject import Subject
from slipway.domain.served import ServedModel
from tests.unit.domain.builders import merged

COMMIT, ADAPTER_COMMIT = "a" * 40, "b" * 40
SUBJECT = Subject("ml", "twin", "uid-1")
SERVED = ServedModel("acme/twin", COMMIT, "twin")
ADAPTER = AdapterRevision(name="acme/legal", repo="acme/legal", revision=ADAPTER_COMMIT)
WITH_ADAPTER = ServedModel("acme/twin", COMMIT, "twin", adapters=(ADAPTER,))
ADAPTERS = [{"name": "acme/legal", "modelRef": {"name": "legal"}}]
TOKEN = SecretKeyRef(name="hub", key="token")
CACHE = {"size": "100Gi"}


def spec(engine: Any = None, cluster: Any = None, **fields: Any) -> DeploymentSpec:
    """A spec for vLLM 0.31.0 on one GPU, with changes."""
    base = {
        "modelRef": {"name": "twin"},
        "engine": merged({"name": "vLLM", "version": "0.31.0"}, engine or {}),
        "target": {"cluster": cluster or {}},
    }
    return DeploymentSpec.model_validate({**base, **fields})


def tgi(engine: Any = None, cluster: Any = None, **fields: Any) -> DeploymentSpec:
    """A spec for TGI 3.0.1 on one GPU, with changes."""
    return spec(merged({"name": "TGI", "version": "3.0.1"}, engine or {}), cluster, **fields)


def wanted(
    of: DeploymentSpec,
    served: ServedModel = SERVED,
    token: SecretKeyRef | None = None,
    settings: ClusterSettings | None = None,
) -> Wanted:
    """What comes of a spec."""
    target = of.target.cluster
    assert target
    image, settings = image_of(of.engine), settings or ClusterSettings()
    return build.wanted(of, target, served, image, SUBJECT, settings, token)


def problem(of: DeploymentSpec, served: ServedModel = SERVED, token: SecretKeyRef | None = None) -> str | None:
    """Why nothing can come of a spec."""
    target = of.target.cluster
    assert target
    return build.problem(of, target, served, image_of(of.engine), SUBJECT, token)


def pod(of: Wanted) -> Any:
    """The spec of the pods."""
    return of.workload["spec"]["template"]["spec"]


def engine(of: Wanted) -> Any:
    """The container that serves."""
    return next(container for container in pod(of)["containers"] if container["name"] == "engine")


def environment(of: Wanted) -> dict[str, str]:
    """Its plain variables."""
    return {entry["name"]: entry["value"] for entry in engine(of)["env"] if "value" in entry}


def beside(of: Wanted, kind: str) -> list[Manifest]:
    """What stands beside the revisions, of a kind."""
    return [manifest for manifest in of.beside if manifest["kind"] == kind]
