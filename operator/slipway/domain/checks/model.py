"""Whether there is a model to serve, and whether the target can get it."""

from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.domain import model_versions
from slipway.domain.checks.inputs import Inputs, Problem
from slipway.domain.conditions import Finding


def check_model(inputs: Inputs) -> Problem | None:
    """Whether the ModelVersion names a commit."""
    name = inputs.deployment.spec.model_ref.name
    model_version = inputs.model_version
    if model_version is None:
        text = f"spec.modelRef: there is no ModelVersion {name} in this namespace"
        return Problem(Finding("ModelVersionNotFound", text))
    if model_versions.answers(model_version):
        return None
    status = model_version.status
    current = status.observed_generation == model_version.metadata.generation
    stalled = next((c for c in status.conditions if c.type == "Stalled"), None) if current else None
    if stalled:
        text = f"ModelVersion {name} is not ready: {stalled.reason}: {stalled.message}"
        return Problem(Finding("ModelVersionNotReady", text))
    text = f"waiting for ModelVersion {name} to be resolved to a commit"
    return Problem(Finding("ModelVersionNotReady", text), passing=True)


def check_weights(inputs: Inputs) -> Problem | None:
    """Whether SageMaker's container can download the weights."""
    model_version = inputs.model_version
    resolved = model_version.status.resolved if model_version and model_versions.answers(model_version) else None
    if resolved is None or resolved.access == "Public" or _brought_by_image(inputs.deployment.spec):
        return None
    text = (
        f"{resolved.repo} is {resolved.access.lower()}: SageMaker's container would need the token in its plain "
        "environment, which Slipway does not do. Serve a public copy, or wait until weights can be staged through S3"
    )
    return Problem(Finding("WeightsNotReachable", text))


def _brought_by_image(spec: DeploymentSpec) -> bool:
    """Whether the image must have the weights in it, because nothing can be downloaded: then no token is needed."""
    target = spec.target.sage_maker
    return target is not None and target.network_isolation and spec.engine.image is not None
