"""What a Deployment's status says after a pass: pure."""

from dataclasses import dataclass
from datetime import datetime

from slipway.api.v1alpha1.deployment import (
    Attempt,
    Deployment,
    DeploymentStatus,
    EndpointStatus,
    Placement,
    RevisionStatus,
)
from slipway.domain import expiry
from slipway.domain.conditions import Finding, Health, conditions, timestamp
from slipway.domain.sagemaker import progress
from slipway.domain.sagemaker.observation import Observation


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
    expired: Finding | None = None
    """It must not serve any more."""
    removed: bool = False
    """Nothing is left of what was made, and nothing of it is remembered but the history."""


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
    expires = expiry.expires_at(deployment, now)
    return DeploymentStatus(
        observed_generation=generation,
        conditions=conditions(health, before.conditions, generation=generation, now=now),
        placement=result.placement or before.placement,
        endpoint=endpoint_status,
        revision=revision,
        attempt=None if result.removed else result.attempt or before.attempt,
        expires_at=timestamp(expires) if expires else None,
        history=(
            progress.expired(before.history, now)
            if result.removed
            else progress.history(before.history, revision.serving, result.attempt, now)
        ),
        replicas=wanted,
        ready_replicas=ready,
        image=result.image or before.image,
    )


def _health(before: DeploymentStatus, result: Result, revision: RevisionStatus) -> Health:
    if result.deleting:
        why = result.stalled or result.reconciling or Finding("Deleting", "deletion is under way")
        reconciling = None if result.stalled else why
        return Health(False, why, reconciling=reconciling, stalled=result.stalled)
    if result.expired:
        return Health(False, result.expired, reconciling=result.reconciling, stalled=result.stalled)
    why_not = result.stalled or result.reconciling
    serving = revision.serving
    if serving is None:
        nothing = why_not or Finding("Starting", "nothing serves yet")
        return Health(False, nothing, reconciling=result.reconciling, stalled=result.stalled)
    text = f"{serving.repo} at {serving.revision} serves"
    return Health(True, Finding("Serving", text), reconciling=result.reconciling, stalled=result.stalled)
