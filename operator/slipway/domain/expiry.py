"""When a Deployment stops serving because spec.expireAfter has passed: pure.

Expiry is about the bill. So it wins over everything but a deletion: over a ModelVersion that is missing, a spec that
is refused, and deletionPolicy, which only says what a deletion does.
"""

from datetime import UTC, datetime, timedelta

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import DeploymentStatus
from slipway.domain.conditions import Finding, timestamp

EXPIRED = "Expired"


def due_at(deployment: Deployment) -> datetime | None:
    """metadata.creationTimestamp + spec.expireAfter; None if it never expires."""
    created, after = deployment.metadata.creation_timestamp, deployment.spec.expire_after
    if created is None or after is None:
        return None
    return datetime.fromisoformat(created).astimezone(UTC) + timedelta(seconds=seconds(after))


def has_expired(deployment: Deployment, now: datetime) -> bool:
    """Whether it must not serve any more."""
    due = due_at(deployment)
    return due is not None and due <= now


def expires_at(deployment: Deployment, now: datetime) -> datetime | None:
    """What status.expiresAt shows: when it stops serving, or when it stopped. None if it never expires.

    That is when it is due, with one exception. A spec.expireAfter that is set or shortened to what has already passed
    ends the service now, not in the past. Whoever reads the time learns how long things have really been gone; so does
    the removal, which waits for an endpoint that was asked for just before.
    """
    due, shown = due_at(deployment), deployment.status.expires_at
    if due is None or due > now:
        return due
    stopped = datetime.fromisoformat(shown) if shown else None
    if stopped is None or stopped > now:
        return now.replace(microsecond=0)  # as the status stores it
    return max(due, stopped)


def seconds_left(deployment: Deployment, now: datetime) -> float | None:
    """Seconds until it is due, at least 0; None if it never expires."""
    due = due_at(deployment)
    return None if due is None else max(0.0, (due - now).total_seconds())


def finding(deployment: Deployment, now: datetime, *, removed: bool) -> Finding:
    """What is said about a Deployment that has expired. `removed`: nothing is left of what it had."""
    since = expires_at(deployment, now) or now
    gone = "is removed" if removed else "is being removed"
    text = (
        f"spec.expireAfter ({deployment.spec.expire_after}) has passed: it has not served since {timestamp(since)}, "
        f"and its endpoint {gone}. To serve again, raise or remove spec.expireAfter; else delete this Deployment"
    )
    return Finding(EXPIRED, text)


def is_removed(status: DeploymentStatus) -> bool:
    """Whether a former pass has seen that nothing is left: only then the status says Stalled because of the expiry."""
    return any((one.type, one.status, one.reason) == ("Stalled", "True", EXPIRED) for one in status.conditions)
