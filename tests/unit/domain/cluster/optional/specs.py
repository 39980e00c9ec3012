"""Specs with a cluster target, as small as can be."""

from collections.abc import Mapping
from typing import Any

from slipway.api.v1alpha1.cluster_target import ClusterTarget
from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.domain.cluster.subject import Subject
from tests.unit.domain.builders import merged

SUBJECT = Subject("ml", "twin", "00000000-0000-0000-0000-000000000001")
CHILD = "twin-0123456789"


def spec(changes: Mapping[str, Any] | None = None, *, engine: str = "vLLM") -> DeploymentSpec:
    base = {"modelRef": {"name": "twin"}, "engine": {"name": engine}, "target": {"cluster": {}}}
    return DeploymentSpec.model_validate(merged(base, changes or {}))


def target_of(found: DeploymentSpec) -> ClusterTarget:
    assert found.target.cluster is not None
    return found.target.cluster


def with_target(**fields: Any) -> DeploymentSpec:
    return spec({"target": {"cluster": fields}})
