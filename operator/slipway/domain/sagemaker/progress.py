"""What serves, and what served before: derived from what was seen."""

from datetime import datetime

from slipway.api.v1alpha1.deployment_status import (
    Attempt,
    DeploymentStatus,
    RevisionStatus,
    ServedRevision,
)
from slipway.domain.conditions import timestamp
from slipway.domain.names import Owner
from slipway.domain.prompt_check import CHECK_FAILED
from slipway.domain.sagemaker.desired import Desired
from slipway.domain.sagemaker.observation import UNPINNED, EndpointState, Observation


def revised(
    status: DeploymentStatus,
    seen: Observation,
    desired: Desired | None,
    owner: Owner,
    now: datetime,
    unproven: frozenset[str] = frozenset(),
) -> RevisionStatus:
    """The revisions after an observation. `unproven`: configs that do not count as serving until they are checked."""
    before = status.revision
    endpoint = seen.endpoint
    if endpoint and endpoint.state.serves and endpoint.config in unproven:
        # With a way back it is about to be taken; without one, nothing that has proved itself serves.
        way_back = status.attempt and status.attempt.replaces and not _failed_by_itself(status.attempt)
        mixed = endpoint.state is EndpointState.UPDATE_ROLLBACK_FAILED
        serving = before.serving if way_back and not mixed else None
    else:
        serving = _serving(status, seen, desired, now)
    wanted = desired.served.revision if desired else before.desired
    if serving is None or before.serving is None or before.serving.config != serving.config:
        previous = _last_of_ours(before, owner)
    else:
        previous = before.previous
    if previous and serving and previous.config == serving.config:
        previous = None
    return RevisionStatus(desired=wanted, serving=serving, previous=previous)


def _failed_by_itself(attempt: Attempt) -> bool:
    """Whether SageMaker has gone back by itself, to what was in service then: nobody goes further back."""
    return attempt.outcome == "Failed" and attempt.reason != CHECK_FAILED


def _last_of_ours(before: RevisionStatus, owner: Owner) -> ServedRevision | None:
    """What to keep for a roll back: never a config that somebody else brought into service."""
    if before.serving and before.serving.config.startswith(owner.prefix):
        return before.serving
    return before.previous


def _serving(
    status: DeploymentStatus, seen: Observation, desired: Desired | None, now: datetime
) -> ServedRevision | None:
    endpoint = seen.endpoint
    if endpoint is None or not endpoint.state.serves:
        return None
    known = status.revision
    for candidate in (known.serving, known.previous):
        if candidate and candidate.config == endpoint.config:
            kept = candidate is known.serving
            return candidate if kept else candidate.model_copy(update={"since": timestamp(now)})
    if status.attempt and status.attempt.config == endpoint.config:
        return _from_attempt(status.attempt, now)
    if desired and desired.config.name == endpoint.config:
        return _from_desired(desired, now)
    if seen.serving_revision:
        found = seen.serving_revision
        return ServedRevision(
            revision=found.revision or UNPINNED,
            repo=found.repo,
            model_version="",
            config=endpoint.config,
            model=found.model,
            since=timestamp(now),
        )
    return None


def _from_attempt(attempt: Attempt, now: datetime) -> ServedRevision:
    return ServedRevision(
        revision=attempt.revision,
        model_version=attempt.model_version,
        repo=attempt.repo,
        hub=attempt.hub,
        config=attempt.config,
        model=attempt.model,
        image=attempt.image,
        adapters=attempt.adapters,
        since=timestamp(now),
    )


def _from_desired(desired: Desired, now: datetime) -> ServedRevision:
    return ServedRevision(
        revision=desired.served.revision,
        model_version=desired.served.model_version,
        repo=desired.served.repo,
        hub=desired.served.hub,
        config=desired.config.name,
        model=desired.model.name,
        image=desired.image,
        adapters=list(desired.served.adapters) or None,
        since=timestamp(now),
    )
