"""What served last, the history, and what a failure was about: the same for every kind of target."""

from datetime import datetime

from slipway.api.v1alpha1.deployment_status import Attempt, DeploymentStatus, HistoryEntry, ServedRevision
from slipway.api.v1alpha1.rollout import Rollout
from slipway.domain.conditions import timestamp
from slipway.domain.names import digest
from slipway.domain.served import ServedModel

HISTORY_LENGTH = 10


def last_served(status: DeploymentStatus) -> ServedModel | None:
    """What to go on serving when the ModelVersion is gone or not ready: never what somebody else has brought in."""
    serving, attempt = status.revision.serving, status.attempt
    ours = [entry for entry in (serving, status.revision.previous) if entry and entry.model_version]
    if attempt and (attempt.outcome == "InProgress" or (attempt.outcome == "Succeeded" and serving not in ours)):
        # A roll that is under way comes to its end; turning back halfway would go on for ever.
        return _remembered(attempt)
    if attempt and attempt.outcome == "Failed" and attempt.replaces and not ours:
        # It took the place of what somebody else had brought in, and the way back to that may not be over.
        return _remembered(attempt)
    return _remembered(ours[0]) if ours else None


def _remembered(entry: Attempt | ServedRevision) -> ServedModel:
    adapters = tuple(entry.adapters or ())
    return ServedModel(entry.repo, entry.revision, entry.model_version, entry.hub, adapters, entry.token_secret_ref)


def history(
    entries: list[HistoryEntry], serving: ServedRevision | None, attempt: Attempt | None, now: datetime
) -> list[HistoryEntry]:
    """The last ten revisions, newest first: what serves, what was replaced, what failed."""
    result = list(entries)
    if serving and not any(entry.config == serving.config and entry.outcome == "Serving" for entry in result):
        closing = {"until": timestamp(now), "outcome": "Replaced"}
        result = [e.model_copy(update=closing) if e.outcome == "Serving" else e for e in result]
        new = HistoryEntry(revision=serving.revision, config=serving.config, since=serving.since, outcome="Serving")
        result = [new, *result][:HISTORY_LENGTH]
    if attempt and attempt.outcome == "Failed" and not _has_failure(result, attempt):
        # One line for a config, however often it fails: what served must not be pushed out.
        result = [e for e in result if (e.config, e.outcome) != (attempt.config, "Failed")]
        failed = HistoryEntry(
            revision=attempt.revision,
            config=attempt.config,
            since=attempt.started_at,
            until=timestamp(now),
            outcome="Failed",
        )
        result.insert(0, failed)
    return result[:HISTORY_LENGTH]


def expired(entries: list[HistoryEntry], now: datetime) -> list[HistoryEntry]:
    """The history of a Deployment whose endpoint was removed because it has expired."""
    closing = {"until": timestamp(now), "outcome": "Expired"}
    return [entry.model_copy(update=closing) if entry.outcome == "Serving" else entry for entry in entries]


def _has_failure(entries: list[HistoryEntry], attempt: Attempt) -> bool:
    return any(
        (entry.config, entry.since, entry.outcome) == (attempt.config, attempt.started_at, "Failed")
        for entry in entries
    )


def rollout_digest(rollout: Rollout) -> str:
    """Changes when the way of rolling out does: what failed may then be tried again.

    Fields at their default do not count: one that a later version of the operator adds must not repeat anything.
    """
    return digest(rollout.model_dump(exclude_defaults=True, mode="json"), 16)
