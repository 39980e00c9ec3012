"""Whether there is a model to serve, with its adapters, and whether the target can get it."""

from collections.abc import Iterator
from typing import NamedTuple

from slipway.api.v1alpha1.common import SecretKeyRef
from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.api.v1alpha1.deployment_status import AdapterRevision
from slipway.api.v1alpha1.model_version import ModelVersion
from slipway.domain import model_versions
from slipway.domain.checks.inputs import Inputs, Problem
from slipway.domain.conditions import Finding
from slipway.domain.served import ServedModel


class _Reference(NamedTuple):
    """One place of the spec that names a ModelVersion."""

    field: str
    name: str
    model_version: ModelVersion | None


def _references(inputs: Inputs) -> Iterator[_Reference]:
    """The model, then its adapters in the order of the spec."""
    spec = inputs.deployment.spec
    yield _Reference("spec.modelRef", spec.model_ref.name, inputs.model_version)
    for adapter in spec.engine.adapters:
        name = adapter.model_ref.name
        yield _Reference(f"spec.engine.adapters[{adapter.name}].modelRef", name, inputs.adapters.get(name))


def answer_of(model_version: ModelVersion | None) -> ModelVersion | None:
    """The ModelVersion, if it names a commit for its spec as it stands now."""
    return model_version if model_version and model_versions.answers(model_version) else None


def served_model(inputs: Inputs) -> ServedModel | None:
    """What is to be served; None while a commit is missing, of the model or of an adapter."""
    answered = answer_of(inputs.model_version)
    resolved = answered.status.resolved if answered else None
    adapters = []
    for adapter in inputs.deployment.spec.engine.adapters:
        of_adapter = answer_of(inputs.adapters.get(adapter.model_ref.name))
        commit = of_adapter.status.resolved if of_adapter else None
        if commit is None:
            return None
        adapters.append(AdapterRevision(name=adapter.name, repo=commit.repo, revision=commit.revision))
    if answered is None or resolved is None:
        return None
    source = model_versions.source_of(answered.spec)
    return ServedModel(
        repo=resolved.repo,
        revision=resolved.revision,
        model_version=inputs.deployment.spec.model_ref.name,
        hub=(source.endpoint if source else None) or inputs.hub,
        adapters=tuple(adapters),
        token=_token(answered) if inputs.deployment.spec.target.cluster else None,
    )


def _token(model_version: ModelVersion) -> SecretKeyRef | None:
    source = model_version.spec.source.hugging_face
    return source.token_secret_ref if source else None


def check_model(inputs: Inputs) -> Problem | None:
    """Whether the ModelVersions, the model's and its adapters', name commits."""
    return next((problem for reference in _references(inputs) if (problem := _not_ready(reference))), None)


def _not_ready(reference: _Reference) -> Problem | None:
    name, model_version = reference.name, reference.model_version
    if model_version is None:
        text = f"{reference.field}: there is no ModelVersion {name} in this namespace"
        return Problem(Finding("ModelVersionNotFound", text))
    if model_versions.answers(model_version):
        return None
    where = "" if reference.field == "spec.modelRef" else f"{reference.field}: "
    status = model_version.status
    current = status.observed_generation == model_version.metadata.generation
    stalled = next((c for c in status.conditions if c.type == "Stalled"), None) if current else None
    if stalled:
        text = f"{where}ModelVersion {name} is not ready: {stalled.reason}: {stalled.message}"
        return Problem(Finding("ModelVersionNotReady", text))
    text = f"{where}waiting for ModelVersion {name} to be resolved to a commit"
    return Problem(Finding("ModelVersionNotReady", text), passing=True)


def check_weights(inputs: Inputs) -> Problem | None:
    """Whether SageMaker's container can download the weights, the model's and its adapters'."""
    if _brought_by_image(inputs.deployment.spec):
        return None
    return next((problem for reference in _references(inputs) if (problem := _out_of_reach(reference))), None)


def _out_of_reach(reference: _Reference) -> Problem | None:
    answered = answer_of(reference.model_version)
    resolved = answered.status.resolved if answered else None
    if resolved is None or resolved.access == "Public":
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
