"""What a Deployment's status says after a pass over the cluster: pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import (
    Attempt,
    CheckStatus,
    ClusterPlacement,
    DeploymentStatus,
    EndpointStatus,
    RevisionStatus,
    ServedRevision,
)
from slipway.domain import expiry, revisions
from slipway.domain.binding import Bound
from slipway.domain.cluster.looks.fleet import Fleet
from slipway.domain.cluster.looks.memory import Served
from slipway.domain.cluster.looks.views import Child
from slipway.domain.cluster.marks import DEPLOYMENT_LABEL, REVISION_LABEL
from slipway.domain.cluster.optional.refusals import CONDITION
from slipway.domain.cluster.readiness import last_known, readiness
from slipway.domain.cluster.rolls.situation import Plan, Situation
from slipway.domain.conditions import Finding, Health, conditions, kept, timestamp

_PLANNED = ("Drifted", "OptionalApiMissing", CONDITION, "Limited")
"""Warnings that take a plan to be known."""


@dataclass(frozen=True)
class Report:
    """What a pass concluded."""

    situation: Situation | None = None
    """What was planned from. None: nothing could be, and the status keeps what it knows of what is wanted."""
    plan: Plan = field(default_factory=Plan)
    reconciling: Finding | None = None
    """Instead of the plan's: what the outside world refused, or a check of the spec has found."""
    stalled: Finding | None = None
    checked: CheckStatus | None = None
    bound: Bound | None = None
    warnings: tuple[tuple[str, Finding], ...] = ()
    """Further conditions by type. They count where something was planned."""
    expired: Finding | None = None
    removed: bool = False
    """Nothing is left of what was made."""
    looked: Fleet | None = None
    """What was seen where nothing could be planned."""

    @property
    def fleet(self) -> Fleet | None:
        """What was seen. None: nothing was looked at, and the status keeps what it knows of what runs."""
        return self.situation or self.looked


def next_status(deployment: Deployment, report: Report, now: datetime) -> DeploymentStatus:
    """The status after a pass."""
    before, situation = deployment.status, report.situation
    revision = _revision(before, report, now)
    attempt = None if report.removed else _attempt(before, situation, report.plan, now)
    serving = situation.serving if situation else None
    counts = _counts(before, report)
    expires = expiry.expires_at(deployment, now)
    generation = deployment.metadata.generation
    return DeploymentStatus(
        observed_generation=generation,
        conditions=conditions(_health(deployment, report, revision), before.conditions, generation=generation, now=now),
        placement=before.placement or (ClusterPlacement() if situation else None),
        endpoint=_endpoint(before, report, serving),
        revision=revision,
        attempt=attempt,
        check=None if report.removed else report.checked or _check_of(before, attempt),
        binding=report.bound.binding if report.bound else before.binding,
        expires_at=timestamp(expires) if expires else None,
        history=(
            revisions.expired(before.history, now)
            if report.removed
            else revisions.history(before.history, revision.serving, attempt, now)
        ),
        replicas=counts.replicas,
        ready_replicas=counts.ready,
        selector=counts.selector,
        image=(situation.wanted.image if situation else None) or before.image,
    )


def _revision(before: DeploymentStatus, report: Report, now: datetime) -> RevisionStatus:
    fleet, situation, known = report.fleet, report.situation, before.revision
    if report.removed:
        return RevisionStatus(desired=known.desired)
    if fleet is None:
        return known
    serving = _served(before, fleet.serving, now)
    if serving is None and situation is None:
        return known  # what is gone cannot be made again just now, and must not be forgotten until then
    changed = serving is None or known.serving is None or known.serving.config != serving.config
    previous = (known.serving or known.previous) if changed else known.previous
    if previous and serving and previous.config == serving.config:
        previous = None
    if previous and previous.config not in {child.name for child in fleet.children.values()}:
        previous = None
    desired = situation.wanted.served.revision if situation else known.desired
    return RevisionStatus(desired=desired, serving=serving, previous=previous)


def _served(before: DeploymentStatus, child: Child | None, now: datetime) -> ServedRevision | None:
    if child is None or child.served is None:
        return None
    known = before.revision.serving
    found = child.served
    return ServedRevision(
        revision=found.revision,
        model_version=found.model_version,
        repo=found.repo,
        hub=found.hub,
        token_secret_ref=found.token_secret_ref,
        config=child.name,
        verified="Engine" if child.verified == "Engine" else "Arguments" if child.verified else None,
        image=found.image,
        adapters=found.adapters or None,
        since=known.since if known and known.config == child.name else timestamp(now),
    )


def _attempt(before: DeploymentStatus, situation: Situation | None, plan: Plan, now: datetime) -> Attempt | None:
    """The last try to bring a revision into service, as the objects remember it."""
    known = before.attempt
    if situation is None:
        return known
    name = situation.wanted.workload["metadata"]["name"]
    same = known if known and known.config == name else None
    progress = situation.routing.progress if situation.routing else None
    serving, served = situation.serving, situation.wanted.served
    failure = plan.failure
    arrived = serving is not None and serving.revision == situation.wanted.revision and progress is None
    if arrived and same is None:
        return known  # it has served before the status knew of any try
    started = progress.began if progress and progress.to == situation.wanted.revision else None
    if same and same.outcome == "InProgress":
        started = same.started_at
    return Attempt(
        config=name,
        revision=served.revision,
        repo=served.repo,
        hub=served.hub,
        token_secret_ref=served.token,
        model_version=served.model_version,
        image=situation.wanted.image,
        adapters=list(served.adapters) or None,
        started_at=started or (same.started_at if same and (arrived or failure) else timestamp(now)),
        outcome="Failed" if failure else "Succeeded" if arrived else "InProgress",
        reason=failure.reason if failure else None,
        message=failure.message if failure else None,
        trigger=situation.trigger,
        replaces=serving.name if serving and not arrived else same.replaces if same else None,
        rollout=situation.rollout_digest,
    )


def _check_of(before: DeploymentStatus, attempt: Attempt | None) -> CheckStatus | None:
    """The check of a former revision says nothing about a new one."""
    return before.check if before.check and attempt and before.check.config == attempt.config else None


def _endpoint(before: DeploymentStatus, report: Report, serving: Child | None) -> EndpointStatus | None:
    """What clients must know changes when a revision has come into service."""
    situation = report.situation
    if report.removed:
        return None
    if situation is None:
        return before.endpoint
    found: Served | None = serving.served if serving else None
    return EndpointStatus(
        name=situation.subject.name,
        url=situation.wanted.url,
        model=found.model if found else None,
        engine=found.engine if found else None,
    )


class _Counts(NamedTuple):
    replicas: int | None
    ready: int | None
    selector: str | None
    """https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource"""


def _counts(before: DeploymentStatus, report: Report) -> _Counts:
    """Pods, and how the scale subresource finds them."""
    fleet = report.fleet
    if report.removed:
        return _Counts(0, 0, before.selector)
    if fleet is None:
        return _Counts(before.replicas, before.ready_replicas, before.selector)
    child = fleet.counted
    if child is None:
        return _Counts(0, 0, before.selector)
    selector = f"{DEPLOYMENT_LABEL}={fleet.subject.name},{REVISION_LABEL}={child.revision}"
    return _Counts(child.replicas, len(fleet.ready_of(child.revision)), selector)


def _health(deployment: Deployment, report: Report, revision: RevisionStatus) -> Health:
    before, plan, fleet = deployment.status, report.plan, report.fleet
    refused = report.stalled or report.reconciling
    stalled = report.stalled or (None if refused else plan.stalled)
    reconciling = report.reconciling or (None if refused else plan.reconciling)
    warnings = _warnings(before, report)
    if report.expired:
        return Health(False, report.expired, reconciling=reconciling, stalled=stalled, warnings=warnings)
    serving = revision.serving
    if serving is None:
        if plan.asleep:
            stalled = stalled or plan.asleep
        nothing = stalled or reconciling or Finding("Starting", "nothing serves yet")
        return Health(False, nothing, reconciling=reconciling, stalled=stalled, warnings=warnings)
    if fleet is None:
        found = last_known(before.conditions, serving)
    else:
        why = (stalled or reconciling) if report.situation else None  # a spec that is refused is not what ails the pods
        found = readiness(deployment.spec, serving, fleet, asleep=plan.asleep, why=why)
    return Health(found.ready, found.finding, reconciling=reconciling, stalled=stalled, warnings=warnings)


def _warnings(before: DeploymentStatus, report: Report) -> tuple[tuple[str, Finding], ...]:
    planned: tuple[tuple[str, Finding | None], ...] = (("Drifted", report.plan.drifted), *report.warnings)
    if report.situation is None and not report.expired:  # nothing new is known of any of this
        planned = tuple((kind, kept(before.conditions, kind)) for kind in _PLANNED)
    found = (*planned, ("BindingFailed", report.bound.problem if report.bound else None))
    return tuple((kind, finding) for kind, finding in found if finding)
