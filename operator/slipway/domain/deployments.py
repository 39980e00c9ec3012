"""What a Deployment needs before anything is asked of its target, and what its status says: pure decisions."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.deployment import (
    DTYPE_OR_QUANTIZATION,
    ENDPOINT_NAME_FIXED,
    INPUT_BELOW_TOTAL,
    NAME_MAX_LENGTH,
    NAME_PATTERN,
    NAME_SHAPE,
    ONE_TARGET,
    REGION_FIXED,
    Attempt,
    Deployment,
    DeploymentStatus,
    EndpointStatus,
    Placement,
    RevisionStatus,
)
from slipway.api.v1alpha1.model_version import ModelVersion
from slipway.domain import model_versions
from slipway.domain.conditions import Finding, Health, conditions
from slipway.domain.names import default_endpoint_name
from slipway.domain.permissions import PlacementRequest, PlacementRule, refusal
from slipway.domain.sagemaker import progress
from slipway.domain.sagemaker.catalogue import Catalogue, NotInCatalogue
from slipway.domain.sagemaker.desired import OWN_VARIABLES, STARTUP_TIMEOUT_RANGE, ServedModel
from slipway.domain.sagemaker.observation import Observation

_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{20,}|\b(AKIA|ASIA)[A-Z0-9]{16}\b")
"""What an access token of Hugging Face or an access key of AWS looks like:
https://huggingface.co/docs/hub/security-tokens and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids"""


@dataclass(frozen=True)
class Problem:
    """Why the spec cannot be acted on as it stands."""

    finding: Finding
    passing: bool = False
    """Whether it is expected to pass without anybody changing the Deployment."""


@dataclass(frozen=True)
class Inputs:
    """What the checks look at."""

    deployment: Deployment
    model_version: ModelVersion | None
    account: str | None
    """AWS account of the identity in use. None: not known yet, so nothing may be placed."""
    rules: tuple[PlacementRule, ...]
    default_rule: PlacementRule
    catalogue: Catalogue
    hub: str | None = None
    """Hub that containers must be told of where the ModelVersion names none."""


Check = Callable[[Inputs], Problem | None]


def _invalid(text: str) -> Problem:
    return Problem(Finding("InvalidSpec", text))


def check_spec(inputs: Inputs) -> Problem | None:
    """The CEL rules once more, for API servers that do not know CEL, and what CEL cannot say."""
    metadata, spec = inputs.deployment.metadata, inputs.deployment.spec
    engine = spec.engine
    if not re.fullmatch(NAME_PATTERN, metadata.name) or len(metadata.name) > NAME_MAX_LENGTH:
        return _invalid(NAME_SHAPE)
    if spec.target.sage_maker is None:
        return _invalid(ONE_TARGET)
    if (engine.max_input_tokens or 0) >= (engine.max_total_tokens or float("inf")):
        return _invalid(INPUT_BELOW_TOTAL)
    if engine.dtype and engine.quantization:
        return _invalid(DTYPE_OR_QUANTIZATION)
    shortest, longest = STARTUP_TIMEOUT_RANGE
    if not shortest <= seconds(spec.rollout.startup_timeout) <= longest:
        return _invalid("spec.rollout.startupTimeout must be between 1m and 1h, which is what SageMaker allows")
    return _check_environment(inputs)


def _check_environment(inputs: Inputs) -> Problem | None:
    for variable in inputs.deployment.spec.engine.env:
        if variable.name in OWN_VARIABLES:
            return _invalid(f"spec.engine.env may not set {variable.name}: {OWN_VARIABLES[variable.name]}")
        if _TOKEN.search(variable.value):
            return _invalid(
                f"spec.engine.env sets {variable.name} to something that looks like an access token: the "
                "environment of a SageMaker model is readable by everyone who may describe it"
            )
    return None


def check_placement_fixed(inputs: Inputs) -> Problem | None:
    """Where a Deployment lives cannot change."""
    placement, target = inputs.deployment.status.placement, inputs.deployment.spec.target.sage_maker
    if placement is None or target is None:
        return None
    if placement.region != target.region:
        return Problem(Finding("PlacementChanged", f"{REGION_FIXED} (it lives in {placement.region})"))
    metadata = inputs.deployment.metadata
    if (target.endpoint_name or default_endpoint_name(metadata.namespace, metadata.name)) != (placement.endpoint_name):
        text = f"{ENDPOINT_NAME_FIXED} (its endpoint is {placement.endpoint_name})"
        return Problem(Finding("PlacementChanged", text))
    if inputs.account not in (None, placement.account):
        return Problem(Finding("PlacementChanged", other_account(placement, inputs.account or "")))
    return None


def other_account(placement: Placement, account: str) -> str:
    """The operator's credentials are for another account than the endpoint's."""
    return (
        f"the operator's credentials are for AWS account {account} now, but this Deployment lives in "
        f"{placement.account}. Give the operator credentials for that account again"
    )


def check_placement_allowed(inputs: Inputs) -> Problem | None:
    """Whether this namespace may use this account, region and role. Region and role are judged before AWS is asked."""
    target = inputs.deployment.spec.target.sage_maker
    if target is None:
        return None
    request = PlacementRequest(
        inputs.deployment.metadata.namespace, inputs.account, target.region, target.execution_role_arn
    )
    text = refusal(request, inputs.rules, inputs.default_rule)
    return Problem(Finding("PlacementNotAllowed", text)) if text else None


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
    if resolved is None or resolved.access == "Public":
        return None
    text = (
        f"{resolved.repo} is {resolved.access.lower()}: SageMaker's container would need the token in its plain "
        "environment, which Slipway does not do. Serve a public copy, or wait until weights can be staged through S3"
    )
    return Problem(Finding("WeightsNotReachable", text))


def check_image(inputs: Inputs) -> Problem | None:
    """Whether the image is known."""
    try:
        image_of(inputs.deployment, inputs.catalogue)
    except NotInCatalogue as unknown:
        return _invalid(f"{unknown} Or set spec.engine.image")
    return None


CHECKS: tuple[Check, ...] = (
    check_spec,
    check_placement_fixed,
    check_model,
    check_weights,
    check_image,
    check_placement_allowed,
)
"""In this order: the first that fails gives reason and message."""

_TOLERATED = {check_model}
"""With these failing, what served before can go on being kept in service."""


@dataclass(frozen=True)
class Checked:
    """What came of the checks."""

    served: ServedModel | None
    """The commit to serve; None if nothing may be acted on."""
    problem: Problem | None = None


def checked(inputs: Inputs) -> Checked:
    """Run the checks. A ModelVersion that is gone or not ready does not stop what serves from being kept."""
    problem: Problem | None = None
    for check in CHECKS:
        found = check(inputs)
        if found and check not in _TOLERATED:
            return Checked(None, found)
        problem = problem or found
    if problem:
        return Checked(progress.last_served(inputs.deployment.status), problem)
    resolved = inputs.model_version.status.resolved if inputs.model_version else None
    source = model_versions.source_of(inputs.model_version.spec) if inputs.model_version else None
    if resolved is None:
        raise AssertionError("check_model passes only with a resolved commit")
    return Checked(
        ServedModel(
            repo=resolved.repo,
            revision=resolved.revision,
            model_version=inputs.deployment.spec.model_ref.name,
            hub=(source.endpoint if source else None) or inputs.hub,
        )
    )


def image_of(deployment: Deployment, catalogue: Catalogue) -> str:
    """The container image: the spec's, or its version's, or the one that serves, or the newest one.

    Raises NotInCatalogue, whose message lists what is known.
    """
    engine, target = deployment.spec.engine, deployment.spec.target.sage_maker
    if engine.image:
        return engine.image
    if target is None:
        raise AssertionError("check_spec comes first")
    kept = image_in_use(deployment.status)
    if engine.version is None and kept:
        return kept
    version = engine.version or catalogue.latest(engine.name)
    return catalogue.image(engine.name, version, target.region).uri


def image_in_use(status: DeploymentStatus) -> str | None:
    """The image that serves, or is about to: a roll under way comes to its end. One that has failed is not kept."""
    serving, attempt = status.revision.serving, status.attempt
    if attempt and attempt.image and attempt.outcome == "InProgress":
        return attempt.image
    if serving and serving.image:
        return serving.image
    return attempt.image if attempt and attempt.outcome != "Failed" else None


def placement_of(deployment: Deployment, account: str) -> Placement | None:
    """Where the Deployment lives: as stored, or as the spec says. None if the spec does not say."""
    if deployment.status.placement:
        return deployment.status.placement
    target = deployment.spec.target.sage_maker
    if target is None:
        return None
    metadata = deployment.metadata
    return Placement(
        target="SageMaker",
        account=account,
        region=target.region,
        endpoint_name=target.endpoint_name or default_endpoint_name(metadata.namespace, metadata.name),
    )


@dataclass(frozen=True)
class Result:
    """What a pass concluded."""

    seen: Observation | None = None
    """None: the endpoint was not looked at, and the status keeps what it knows."""
    placement: Placement | None = None
    attempt: Attempt | None = None
    image: str | None = None
    reconciling: Finding | None = None
    stalled: Finding | None = None
    revision: RevisionStatus | None = None
    deleting: bool = False


def next_status(deployment: Deployment, result: Result, now: datetime) -> DeploymentStatus:
    """The status after a pass."""
    before = deployment.status
    revision = result.revision or before.revision
    endpoint = result.seen.endpoint if result.seen else None
    if result.seen is None:
        endpoint_status, wanted, ready = before.endpoint, before.replicas, before.ready_replicas
    elif endpoint is None:
        endpoint_status, wanted, ready = None, 0, 0
    else:
        endpoint_status = EndpointStatus(name=endpoint.name, arn=endpoint.arn, last_modified=endpoint.last_modified)
        wanted, ready = endpoint.desired_instances, endpoint.current_instances
    health = _health(before, result, revision)
    generation = deployment.metadata.generation
    return DeploymentStatus(
        observed_generation=generation,
        conditions=conditions(health, before.conditions, generation=generation, now=now),
        placement=result.placement or before.placement,
        endpoint=endpoint_status,
        revision=revision,
        attempt=result.attempt or before.attempt,
        history=progress.history(before.history, revision.serving, result.attempt, now),
        replicas=wanted,
        ready_replicas=ready,
        image=result.image or before.image,
    )


def _health(before: DeploymentStatus, result: Result, revision: RevisionStatus) -> Health:
    if result.deleting:
        why = result.stalled or result.reconciling or Finding("Deleting", "deletion is under way")
        reconciling = None if result.stalled else why
        return Health(False, why, reconciling=reconciling, stalled=result.stalled)
    why_not = result.stalled or result.reconciling
    serving = revision.serving
    if serving is None:
        nothing = why_not or Finding("Starting", "nothing serves yet")
        return Health(False, nothing, reconciling=result.reconciling, stalled=result.stalled)
    text = f"{serving.repo} at {serving.revision} serves"
    return Health(True, Finding("Serving", text), reconciling=result.reconciling, stalled=result.stalled)
