"""What a ModelVersion needs next, and what its status says: pure decisions."""

from dataclasses import dataclass
from datetime import datetime

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.model_version import (
    ONE_SOURCE,
    ArchitectureStatus,
    Candidate,
    ModelVersion,
    ModelVersionSpec,
    ModelVersionStatus,
    ParametersStatus,
    Resolved,
)
from slipway.domain.conditions import Finding, Health, conditions, timestamp
from slipway.domain.errors import OutsideError, RateLimited, Transient
from slipway.domain.installation import Installation
from slipway.domain.models import ModelFacts, ModelSource
from slipway.domain.names import digest


def source_of(spec: ModelVersionSpec) -> ModelSource | None:
    """The registry source, or None if the spec names none."""
    hub = spec.source.hugging_face
    return None if hub is None else ModelSource(hub.repo, hub.revision, hub.endpoint)


def source_hash(source: ModelSource) -> str:
    """What `status.resolved.for` holds: tells whether an answer belongs to the present source."""
    return digest([source.endpoint, source.repo, source.revision], 16)


def answers(model_version: ModelVersion) -> bool:
    """Whether `status.resolved` answers the spec as it stands now."""
    source = source_of(model_version.spec)
    resolved = model_version.status.resolved
    return (
        source is not None
        and resolved is not None
        and resolved.for_ == source_hash(source)
        and model_version.status.observed_generation == model_version.metadata.generation
        and _policy_allows(model_version.spec, resolved.revision)
    )


def _policy_allows(spec: ModelVersionSpec, commit: str) -> bool:
    return spec.updates.policy != "Approve" or spec.updates.approved == commit


def needs_head(model_version: ModelVersion) -> bool:
    """Whether the reference must be looked up: always, except for a Pin that was answered already."""
    source = source_of(model_version.spec)
    resolved = model_version.status.resolved
    if source is None:
        return False
    answered = resolved is not None and resolved.for_ == source_hash(source)
    settled = answered and resolved is not None and _policy_allows(model_version.spec, resolved.revision)
    return not (settled and (model_version.spec.updates.policy == "Pin" or source.is_pinned))


def wanted_commit(spec: ModelVersionSpec, head: str) -> str | None:
    """The commit that should count, given where the reference points. None: nothing is approved."""
    return spec.updates.approved if spec.updates.policy == "Approve" else head


def must_describe(model_version: ModelVersion, commit: str) -> bool:
    """Whether the facts about `commit` are not in the status yet."""
    resolved = model_version.status.resolved
    source = source_of(model_version.spec)
    return resolved is None or source is None or resolved.revision != commit or resolved.for_ != source_hash(source)


def resolved_from(source: ModelSource, commit: str, facts: ModelFacts, now: datetime) -> Resolved:
    """The status entry for a commit."""
    parameters = facts.parameters
    shape = facts.architecture
    return Resolved(
        revision=commit,
        uri=f"hf://{source.repo}@{commit}",
        repo=source.repo,
        ref=source.revision,
        for_=source_hash(source),
        resolved_at=timestamp(now),
        committed_at=timestamp(facts.committed_at) if facts.committed_at else None,
        access=facts.access.value,
        task=facts.task,
        license=facts.license,
        library=facts.library,
        size_bytes=facts.size_bytes,
        parameters=ParametersStatus(total=parameters.total, by_dtype=parameters.by_dtype) if parameters else None,
        architecture=ArchitectureStatus(
            name=shape.name,
            layers=shape.layers,
            heads=shape.heads,
            kv_heads=shape.kv_heads,
            head_dim=shape.head_dim,
            max_positions=shape.max_positions,
        )
        if shape
        else None,
    )


@dataclass(frozen=True)
class Outcome:
    """What a pass found: a new answer, or an error, or neither (the old answer stands)."""

    resolved: Resolved | None = None
    head: str | None = None
    error: OutsideError | None = None
    invalid: Finding | None = None


def next_status(model_version: ModelVersion, outcome: Outcome, now: datetime) -> ModelVersionStatus:
    """The status after a pass."""
    before = model_version.status
    resolved = outcome.resolved or before.resolved
    candidate = _candidate(model_version, resolved, outcome, now)
    updated = ModelVersion(
        metadata=model_version.metadata,
        spec=model_version.spec,
        status=ModelVersionStatus(
            observed_generation=model_version.metadata.generation, resolved=resolved, candidate=candidate
        ),
    )
    health = _health(updated, outcome)
    return ModelVersionStatus(
        observed_generation=model_version.metadata.generation,
        conditions=conditions(health, before.conditions, generation=model_version.metadata.generation, now=now),
        resolved=resolved,
        candidate=candidate,
    )


def _candidate(
    model_version: ModelVersion, resolved: Resolved | None, outcome: Outcome, now: datetime
) -> Candidate | None:
    if model_version.spec.updates.policy != "Approve":
        return None
    source, before = source_of(model_version.spec), model_version.status.candidate
    if model_version.status.observed_generation != model_version.metadata.generation:
        before = None  # it may be a commit of another source
    head = outcome.head or (before.revision if before else None)
    if source is None or head is None or (resolved and resolved.revision == head):
        return None
    unchanged = before is not None and (before.revision, before.ref) == (head, source.revision)
    return Candidate(
        revision=head,
        ref=source.revision,
        seen_at=before.seen_at if before and unchanged else timestamp(now),
        waiting_for=f"approval: set spec.updates.approved to {head}",
    )


def _health(updated: ModelVersion, outcome: Outcome) -> Health:
    ready = answers(updated)
    resolved = updated.status.resolved
    warnings = _unpinned(updated)
    if outcome.invalid:
        return Health(False, outcome.invalid, stalled=outcome.invalid, warnings=warnings)
    if outcome.error:
        return _failed(ready, resolved, outcome.error, warnings)
    if ready and resolved:
        found = Finding("Resolved", f"{resolved.ref} of {resolved.repo} is served as {resolved.revision}")
        return Health(True, found, warnings=warnings)
    waiting = updated.status.candidate
    hint = f" The reference names {waiting.revision} now." if waiting else ""
    finding = Finding("AwaitingApproval", f"no commit is approved in spec.updates.approved.{hint}")
    return Health(False, finding, stalled=finding, warnings=warnings)


def _failed(
    ready: bool, resolved: Resolved | None, error: OutsideError, warnings: tuple[tuple[str, Finding], ...]
) -> Health:
    problem = Finding(error.reason, error.message)
    passing = isinstance(error, Transient | RateLimited)
    if ready and resolved:
        kept = Finding("Resolved", f"{resolved.ref} of {resolved.repo} is served as {resolved.revision}")
    else:
        kept = problem
    return Health(
        ready,
        kept,
        reconciling=problem if passing else None,
        stalled=None if passing else problem,
        warnings=warnings,
    )


def _unpinned(model_version: ModelVersion) -> tuple[tuple[str, Finding], ...]:
    source = source_of(model_version.spec)
    if source is None or source.is_pinned or model_version.spec.updates.policy != "Pin":
        return ()
    text = (
        f"updates.policy is Pin, but revision {source.revision!r} may move: a restore without status would "
        "resolve it anew. Set spec.source.huggingFace.revision to the full commit"
    )
    resolved = model_version.status.resolved
    if resolved and resolved.for_ == source_hash(source):
        text += f" {resolved.revision}"
    return (("UnpinnedReference", Finding("UnpinnedReference", text)),)


def invalid_spec(spec: ModelVersionSpec) -> Finding | None:
    """What the CEL rules say, for API servers that do not know CEL."""
    return Finding("InvalidSpec", ONE_SOURCE) if spec.source.hugging_face is None else None


def hub_not_allowed(spec: ModelVersionSpec, installation: Installation) -> Finding | None:
    """Whether the spec names a Hub that this installation does not know.

    The operator asks there, with a token from a Secret that the author of the spec may not be allowed to read.
    """
    source = source_of(spec)
    if source is None or source.endpoint is None or installation.may_ask(source.endpoint):
        return None
    text = (
        f"spec.source.huggingFace.endpoint: {source.endpoint} is no Hub of this installation. Whoever runs Slipway can "
        "add it to SLIPWAY_HUB_ENDPOINTS"
    )
    return Finding("HubNotAllowed", text)


def next_look(model_version: ModelVersion, shortest_interval: float) -> float | None:
    """Seconds until the reference should be looked up again; None if it need not be."""
    source = source_of(model_version.spec)
    if source is None or source.is_pinned or model_version.spec.updates.policy == "Pin":
        return None
    return max(float(seconds(model_version.spec.updates.interval)), shortest_interval)
