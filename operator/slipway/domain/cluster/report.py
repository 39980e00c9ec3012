"""What a Deployment's status says after a pass over the cluster: pure."""

from dataclasses import dataclass, field
from datetime import datetime

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
from slipway.domain.cluster.looks.memory import Served
from slipway.domain.cluster.looks.views import Child
from slipway.domain.cluster.marks import DEPLOYMENT_LABEL, REVISION_LABEL
from slipway.domain.cluster.rolls.situation import Plan, Situation
from slipway.domain.conditions import Finding, Health, conditions, timestamp


@dataclass(frozen=True)
class Report:
    """What a pass concluded."""

    situation: Situation | None = None
    """None: nothing was looked at, and the status keeps what it knows."""
    plan: Plan = field(default_factory=Plan)
    reconciling: Finding | None = None
    """Instead of the plan's: what the outside world refused, or a check of the spec has found."""
    stalled: Finding | None = None
    checked: CheckStatus | None = None
    bound: Bound | None = None
    warnings: tuple[tuple[str, Finding], ...] = ()
    expired: Finding | None = None
    removed: bool = False
    """Nothing is left of what was made."""


def next_status(deployment: Deployment, report: Report, now: datetime) -> DeploymentStatus:
    """The status after a pass."""
    before, situation = deployment.status, report.situation
    revision = _revision(before, report, now)
    attempt = None if report.removed else _attempt(before, situation, report.plan, now)
    serving = situation.serving if situation else None
    expires = expiry.expires_at(deployment, now)
    generation = deployment.metadata.generation
    return DeploymentStatus(
        observed_generation=generation,
        conditions=conditions(_health(before, report, revision), before.conditions, generation=generation, now=now),
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
        replicas=_replicas(before, report),
        ready_replicas=_ready(before, report),
        selector=_selector(situation) or before.selector,
        image=(situation.wanted.image if situation else None) or before.image,
    )


def _revision(before: DeploymentStatus, report: Report, now: datetime) -> RevisionStatus:
    situation = report.situation
    if report.removed:
        return RevisionStatus(desired=before.revision.desired)
    if situation is None:
        return before.revision
    serving = _served(before, situation.serving, now)
    known = before.revision
    changed = serving is None or known.serving is None or known.serving.config != serving.config
    previous = (known.serving or known.previous) if changed else known.previous
    if previous and serving and previous.config == serving.config:
        previous = None
    if previous and previous.config not in {child.name for child in situation.children.values()}:
        previous = None
    return RevisionStatus(desired=situation.wanted.served.revision, serving=serving, previous=previous)


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


def _replicas(before: DeploymentStatus, report: Report) -> int | None:
    situation = report.situation
    if report.removed:
        return 0
    if situation is None:
        return before.replicas
    child = situation.serving or situation.coming
    return child.replicas if child else 0


def _ready(before: DeploymentStatus, report: Report) -> int | None:
    situation = report.situation
    if report.removed:
        return 0
    if situation is None:
        return before.ready_replicas
    child = situation.serving or situation.coming
    return len(situation.ready_of(child.revision)) if child else 0


def _selector(situation: Situation | None) -> str | None:
    """https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource"""
    child = (situation.serving or situation.coming) if situation else None
    if situation is None or child is None:
        return None
    return f"{DEPLOYMENT_LABEL}={situation.subject.name},{REVISION_LABEL}={child.revision}"


def _health(before: DeploymentStatus, report: Report, revision: RevisionStatus) -> Health:
    plan, situation = report.plan, report.situation
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
    text = f"{serving.repo} at {serving.revision} serves"
    finding = Finding("Serving", text)
    if situation and situation.serving:
        ready = len(situation.ready_of(situation.serving.revision))
        if plan.asleep or situation.serving.replicas == 0:
            finding = plan.asleep or Finding("ScaledToZero", f"{text} when the autoscaler asks for pods; none runs now")
        elif ready == 0:
            why = stalled or reconciling
            text = f"{text} no more: none of its pods is ready" + (f" ({why.reason}: {why.message})" if why else "")
            return Health(False, Finding("NoPodReady", text), reconciling, stalled, warnings)
    return Health(True, finding, reconciling=reconciling, stalled=stalled, warnings=warnings)


def _warnings(before: DeploymentStatus, report: Report) -> tuple[tuple[str, Finding], ...]:
    drifted = report.plan.drifted
    if drifted is None and report.situation is None and not report.expired:
        drifted = next((Finding(c.reason, c.message) for c in before.conditions if c.type == "Drifted"), None)
    found = (
        ("Drifted", drifted),
        ("BindingFailed", report.bound.problem if report.bound else None),
        *report.warnings,
    )
    return tuple((kind, finding) for kind, finding in found if finding)
