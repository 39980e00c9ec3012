"""What a Deployment's status says after a pass: pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from slipway.api.v1alpha1.deployment import Deployment, DeploymentSpec
from slipway.api.v1alpha1.deployment_status import (
    Attempt,
    CheckStatus,
    DeploymentStatus,
    EndpointStatus,
    Placement,
    RevisionStatus,
    Scaling,
)
from slipway.domain import expiry, revisions
from slipway.domain.binding import Bound
from slipway.domain.conditions import Finding, Health, conditions, kept, timestamp
from slipway.domain.engines import model_name
from slipway.domain.sagemaker.attempts import is_another
from slipway.domain.sagemaker.client_access import base_url
from slipway.domain.sagemaker.observation import UNPINNED, Endpoint, Observation
from slipway.domain.sagemaker.tags import TagMemory, kept_tags
from slipway.domain.tgi_adapters import ADAPTER_CONFIG_UNPINNED


@dataclass(frozen=True)
class Result:
    """What a pass concluded."""

    seen: Observation | None = None
    """None: the endpoint was not looked at, and the status keeps what it knows."""
    placement: Placement | None = None
    attempt: Attempt | None = None
    scaling: Scaling | None = None
    """What is known of a change of the number of instances. Counts only where a plan was made (`config`)."""
    image: str | None = None
    reconciling: Finding | None = None
    stalled: Finding | None = None
    drifted: Finding | None = None
    revision: RevisionStatus | None = None
    checked: CheckStatus | None = None
    """The last check. None: unchanged, unless a new attempt has begun."""
    alarms: tuple[str, ...] | None = None
    """Names of the alarms that exist or may exist. None: unchanged."""
    settled: str | None = None
    """Digest of what is wanted, if everything is as wanted."""
    unsettled: bool = False
    """Whether something else than what was settled is being brought about: what differs then is our own doing."""
    deleting: bool = False
    tags: TagMemory | None = None
    """None: nothing was found out about tags."""
    config: str | None = None
    """The wanted endpoint config; None: this pass has none. While it serves, the spec says what serves."""
    bound: Bound | None = None
    """What became of the Secret for clients; None: it was not looked after, and the status keeps what it knows."""
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
        endpoint_status = _endpoint_status(deployment, result, revision, endpoint)
        wanted, ready = endpoint.desired_instances, endpoint.current_instances
    health = replace(_health(before, result, revision), warnings=_warnings(deployment.spec, before, result))
    generation = deployment.metadata.generation
    expires = expiry.expires_at(deployment, now)
    return DeploymentStatus(
        observed_generation=generation,
        conditions=conditions(health, before.conditions, generation=generation, now=now),
        placement=result.placement or before.placement,
        endpoint=endpoint_status,
        revision=revision,
        attempt=None if result.removed else result.attempt or before.attempt,
        scaling=result.scaling if result.config or result.removed else before.scaling,
        check=None if result.removed else result.checked or _check_of(result, before),
        alarms=None if result.removed else _alarms_of(result, before),
        binding=result.bound.binding if result.bound else before.binding,
        settled=result.settled or (None if result.unsettled else before.settled),
        expires_at=timestamp(expires) if expires else None,
        history=(
            revisions.expired(before.history, now)
            if result.removed
            else revisions.history(before.history, revision.serving, result.attempt, now)
        ),
        replicas=wanted,
        ready_replicas=ready,
        image=result.image or before.image,
    )


def _check_of(result: Result, before: DeploymentStatus) -> CheckStatus | None:
    """The check of a former attempt says nothing about a new one."""
    return None if result.attempt and is_another(result.attempt, before.attempt) else before.check


def _alarms_of(result: Result, before: DeploymentStatus) -> list[str] | None:
    return before.alarms if result.alarms is None else list(result.alarms) or None


def _endpoint_status(
    deployment: Deployment, result: Result, revision: RevisionStatus, endpoint: Endpoint
) -> EndpointStatus:
    """What clients must know changes when the wanted config has come into service, not when the spec is edited."""
    engine, serving, before = deployment.spec.engine, revision.serving, deployment.status.endpoint
    placement = result.placement or deployment.status.sage_maker
    model, name = (before.model, before.engine) if before else (None, None)
    if serving and serving.config == result.config:
        model, name = model_name(engine, serving.repo), engine.name
    tags = result.tags or kept_tags(before)
    return EndpointStatus(
        name=endpoint.name,
        arn=endpoint.arn,
        last_modified=endpoint.last_modified,
        url=base_url(placement.region, endpoint.name) if placement else None,
        model=model,
        engine=name,
        tags=tags.tags,
        changing_tags=tags.changing,
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
    if serving.revision == UNPINNED:
        text = f"{serving.repo} serves, at no pinned commit: whatever was newest when its container started"
    return Health(True, Finding("Serving", text), reconciling=result.reconciling, stalled=result.stalled)


def _warnings(spec: DeploymentSpec, before: DeploymentStatus, result: Result) -> tuple[tuple[str, Finding], ...]:
    """What the user should know, and need not stop for."""
    unpinned = spec.engine.name == "TGI" and spec.engine.adapters
    unseen = result.seen is None and not result.deleting and not result.expired
    found = (
        ("Drifted", result.drifted or (kept(before.conditions, "Drifted") if unseen else None)),
        ("UnpinnedReference", Finding("UnpinnedReference", ADAPTER_CONFIG_UNPINNED) if unpinned else None),
        ("BindingFailed", result.bound.problem if result.bound else None),
    )
    return tuple((kind, finding) for kind, finding in found if finding)
