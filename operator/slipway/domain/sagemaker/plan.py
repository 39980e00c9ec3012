"""Which steps bring an endpoint to the wanted config: a pure function of what was seen and what was tried.

Only the first step of a plan is executed before everything is looked at again; the rest shows what lies ahead.
`attempt` is the memory that must be stored before that first step.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from slipway.api.v1alpha1.deployment import Attempt, EndpointStatus, RevisionStatus
from slipway.domain.conditions import Finding, timestamp
from slipway.domain.names import TAG_RETAINED, TAG_UID, Owner, describe_owner
from slipway.domain.sagemaker.desired import Desired
from slipway.domain.sagemaker.failures import CAPACITY, advice, classify_failure
from slipway.domain.sagemaker.observation import Endpoint, EndpointState, Inventory, Observation
from slipway.domain.sagemaker.steps import (
    CreateEndpoint,
    CreateEndpointConfig,
    CreateModel,
    DeleteEndpoint,
    DeleteEndpointConfig,
    DeleteModel,
    MarkOwner,
    SetInstanceCount,
    Step,
    UpdateEndpoint,
)
from slipway.domain.sagemaker.tags import tag_steps


@dataclass(frozen=True)
class Plan:
    """What to do, and what to say about it."""

    steps: tuple[Step, ...] = ()
    attempt: Attempt | None = None
    """Must be stored before the first step is executed."""
    reconciling: Finding | None = None
    stalled: Finding | None = None
    look_again: bool = False
    """Whether the service is at work, so that the state will change by itself."""
    not_before: datetime | None = None
    """When a retry is due."""
    tagged: bool = False
    """Whether everything was looked at, and carries the spec's tags."""


@dataclass(frozen=True)
class Situation:
    """Everything that a plan depends on."""

    owner: Owner
    endpoint_name: str
    desired: Desired
    seen: Observation
    attempt: Attempt | None
    revision: RevisionStatus
    now: datetime
    capacity_delay: float = 300.0
    """Seconds; the N-th failure in a row for want of capacity waits N times as long."""
    trigger: str | None = None
    """Value of the reconcile-now annotation: a new one permits another try of what failed."""
    remembered: EndpointStatus | None = None
    """The endpoint as the status has it."""

    @property
    def config(self) -> str:
        """Name of the wanted endpoint config."""
        return self.desired.config.name

    @property
    def tried(self) -> Attempt | None:
        """The last attempt, if it was about the wanted config."""
        return self.attempt if self.attempt and self.attempt.config == self.config else None


def plan(situation: Situation) -> Plan:
    """The next steps towards the wanted config."""
    endpoint = situation.seen.endpoint
    if endpoint is None:
        return _create(situation)
    if not situation.owner.owns(endpoint.tags):
        return Plan(attempt=situation.attempt, stalled=name_conflict(endpoint))
    if endpoint.tags.get(TAG_UID) != situation.owner.uid or TAG_RETAINED in endpoint.tags:
        finding = Finding("TakingOver", f"taking over the endpoint {endpoint.name} of a former Deployment")
        return Plan((MarkOwner(situation.owner, endpoint.arn),), situation.attempt, reconciling=finding)
    if endpoint.state.is_moving:
        return Plan(attempt=situation.attempt, reconciling=_moving(endpoint), look_again=True)
    if endpoint.state is EndpointState.FAILED:
        return _replace_failed(situation, endpoint)
    if endpoint.config == situation.config:
        return _settle(situation, endpoint)
    return _roll(situation, endpoint)


def name_conflict(endpoint: Endpoint) -> Finding:
    """The endpoint's name is taken."""
    return Finding(
        "NameConflict",
        f"the endpoint {endpoint.name} belongs to {describe_owner(endpoint.tags)}. Delete that one, or delete this "
        "Deployment and create it anew with another spec.target.sageMaker.endpointName",
    )


def _moving(endpoint: Endpoint) -> Finding:
    doing = {
        EndpointState.CREATING: "is creating the endpoint; downloading and loading a model takes minutes",
        EndpointState.UPDATING: "is updating the endpoint; the old revision serves until the new one is in service",
        EndpointState.SYSTEM_UPDATING: "is maintaining the endpoint, which serves meanwhile",
        EndpointState.ROLLING_BACK: "is rolling back the endpoint, whose old revision serves",
        EndpointState.DELETING: "is deleting the endpoint, which will be created anew",
        EndpointState.UNKNOWN: "reports a state that this version of Slipway does not know; it is waited for",
    }
    return Finding(endpoint.state.value, f"SageMaker {doing[endpoint.state]} ({endpoint.name})")


def _prepare(situation: Situation) -> tuple[Step, ...]:
    """The model and the config, as far as they are missing."""
    steps: list[Step] = []
    if not situation.seen.model_exists:
        steps.append(CreateModel(situation.owner, situation.desired.model))
    if not situation.seen.config:
        steps.append(CreateEndpointConfig(situation.owner, situation.desired.config))
    return tuple(steps)


def _prepare_anew(situation: Situation) -> tuple[Step, ...]:
    """The same for a new endpoint, which starts with the count of its config: a config with another one is replaced.

    An update keeps the count of the endpoint instead (RetainAllVariantProperties).
    """
    stored, config = situation.seen.config, situation.desired.config
    if stored is None or stored.initial_instances == config.initial_instances:
        return _prepare(situation)
    missing = replace(situation.seen, config=None)
    return (DeleteEndpointConfig(config.name), *_prepare(replace(situation, seen=missing)))


def _new_attempt(situation: Situation, endpoint: Endpoint | None) -> Attempt:
    desired, tried = situation.desired, situation.tried
    return Attempt(
        config=desired.config.name,
        model=desired.model.name,
        revision=desired.served.revision,
        repo=desired.served.repo,
        hub=desired.served.hub,
        model_version=desired.served.model_version,
        image=desired.image,
        started_at=timestamp(situation.now),
        outcome="InProgress",
        failures=tried.failures if tried and tried.reason == CAPACITY else 0,
        endpoint_modified=endpoint.last_modified if endpoint else None,
        trigger=situation.trigger,
    )


def _create(situation: Situation) -> Plan:
    tried = situation.tried
    asked = tried is not None and tried.trigger != situation.trigger
    if tried and tried.outcome == "Failed" and not asked and _must_wait(situation, tried):
        return _waiting_for_capacity(tried)
    going_on = tried and tried.outcome == "InProgress" and tried.endpoint_modified is None
    attempt = tried if going_on else _new_attempt(situation, None)
    step = CreateEndpoint(situation.owner, situation.endpoint_name, situation.config, situation.desired.tags)
    vanished = tried is not None and tried.outcome == "Succeeded"
    reason = "EndpointMissing" if vanished else "Creating"
    text = (
        f"the endpoint {situation.endpoint_name} is gone; creating it anew"
        if vanished
        else f"creating the endpoint {situation.endpoint_name} for {situation.desired.served.revision}"
    )
    return Plan((*_prepare_anew(situation), step), attempt, reconciling=Finding(reason, text))


def _replace_failed(situation: Situation, endpoint: Endpoint) -> Plan:
    """A failed endpoint can only be deleted; it is kept to be looked at until there is reason to try again."""
    if endpoint.config != situation.config:
        finding = Finding("Recreating", f"deleting the failed endpoint {endpoint.name} to create it anew")
        return Plan((*_prepare(situation), DeleteEndpoint(endpoint.name)), situation.attempt, reconciling=finding)
    attempt = _failed_attempt(situation, endpoint)
    left_alone = _leave_alone(
        situation, attempt, Finding("EndpointFailed", f"SageMaker could not create the endpoint: {attempt.message}")
    )
    if left_alone:
        return left_alone
    finding = Finding("Recreating", f"deleting the failed endpoint {endpoint.name} to try again")
    return Plan((DeleteEndpoint(endpoint.name),), attempt, reconciling=finding)


def _settle(situation: Situation, endpoint: Endpoint) -> Plan:
    """The wanted config is in service: adjust the count, tidy up, done."""
    if endpoint.state is not EndpointState.IN_SERVICE:
        return Plan(attempt=situation.attempt, stalled=_impaired(endpoint))
    scaling = _scale(situation, endpoint)
    if scaling:
        return scaling
    base = situation.tried or _new_attempt(situation, endpoint)
    tagging = _tag(situation, endpoint)
    if tagging:
        return replace(tagging, attempt=base)
    steps = _leftovers(situation, situation.seen.inventory) if situation.seen.inventory else ()
    if steps:
        finding = Finding("TidyingUp", "removing models and endpoint configs that nothing uses any more")
        return Plan(steps, base, reconciling=finding)
    done = base.model_copy(
        update={"outcome": "Succeeded", "reason": None, "message": None, "failures": 0, "retry_at": None}
    )
    return Plan(attempt=done, tagged=situation.seen.inventory is not None)


def _tag(situation: Situation, endpoint: Endpoint) -> Plan | None:
    """Bring tags to the spec; None if they are, or were not looked at because nothing is to be changed."""
    if situation.seen.inventory is None:
        return None
    things = {endpoint.arn: endpoint.tags, **situation.seen.inventory.tags}
    steps = tag_steps(situation.remembered, situation.desired.tags, things)
    text = f"bringing the tags of {len(steps)} AWS resources to spec.target.sageMaker.tags"
    return Plan(steps, reconciling=Finding("Tagging", text)) if steps else None


def _scale(situation: Situation, endpoint: Endpoint) -> Plan | None:
    """Bring the number of instances to the wanted one; None if it is."""
    wanted = situation.desired.instances
    if wanted is None or endpoint.desired_instances in (None, wanted):
        return None
    text = f"changing the number of instances from {endpoint.desired_instances} to {wanted}"
    if endpoint.failure:
        text += f". SageMaker's last failure on this endpoint: {endpoint.failure}"
    return Plan((SetInstanceCount(endpoint.name, wanted),), situation.attempt, reconciling=Finding("Scaling", text))


def _impaired(endpoint: Endpoint) -> Finding:
    words = f" SageMaker says: {endpoint.failure}" if endpoint.failure else ""
    if endpoint.state is EndpointState.UPDATE_ROLLBACK_FAILED:
        text = (
            f"an update of {endpoint.name} and its roll back both failed; it serves with a mixture of old and new "
            f"instances and is left alone. Change the spec to roll it again, or delete it.{words}"
        )
    else:
        text = f"the endpoint {endpoint.name} takes no requests.{words}"
    return Finding(endpoint.state.value, text)


def _leftovers(situation: Situation, inventory: Inventory) -> tuple[Step, ...]:
    """What no longer serves and is not the one generation that is kept for a roll back."""
    previous = situation.revision.previous
    configs = {situation.config} | ({previous.config} if previous else set())
    models = {situation.desired.model.name} | ({previous.model} if previous and previous.model else set())
    gone: list[Step] = [DeleteEndpointConfig(name) for name in inventory.configs if name not in configs]
    gone += [DeleteModel(name) for name in inventory.models if name not in models]
    return tuple(gone)


def _roll(situation: Situation, endpoint: Endpoint) -> Plan:
    tried = situation.tried
    if tried and tried.outcome != "Succeeded" and _has_failed(tried, endpoint):
        attempt = _failed_attempt(situation, endpoint)
        text = f"SageMaker could not roll out {attempt.revision}: {attempt.message} What served before still serves."
        left_alone = _leave_alone(situation, attempt, Finding("RolloutFailed", text))
        if left_alone:
            return _scale_meanwhile(situation, endpoint, left_alone)
        tried = None
    sent_for = tried.endpoint_modified if tried and tried.outcome == "InProgress" else None
    attempt = tried if tried and sent_for == endpoint.last_modified else _new_attempt(situation, endpoint)
    captures = endpoint.captures_data or situation.desired.config.data_capture is not None
    step = UpdateEndpoint(endpoint.name, situation.config, data_capture=captures)
    return Plan((*_prepare(situation), step), attempt, reconciling=_rolling(situation, endpoint))


def _scale_meanwhile(situation: Situation, endpoint: Endpoint, left_alone: Plan) -> Plan:
    """What serves follows spec.replicas, whatever came of the roll."""
    scaling = _scale(situation, endpoint) if endpoint.state is EndpointState.IN_SERVICE else None
    return replace(scaling, attempt=left_alone.attempt, stalled=left_alone.stalled) if scaling else left_alone


def _rolling(situation: Situation, endpoint: Endpoint) -> Finding:
    tried = situation.tried
    if tried and tried.outcome == "Succeeded":
        text = (
            f"somebody else brought the endpoint config {endpoint.config} into service on {endpoint.name}; "
            f"bringing back {situation.config}"
        )
        return Finding("ChangedOutside", text)
    return Finding("RollingOut", f"rolling {endpoint.name} to {situation.desired.served.revision}")


def _has_failed(tried: Attempt, endpoint: Endpoint) -> bool:
    """Whether an update to this config was accepted and came to nothing.

    The old config serves and there is a FailureReason; but that one outlives its cause, so the endpoint must
    also have moved since the attempt was recorded: otherwise the request was never sent.
    """
    if tried.outcome == "Failed":
        return True
    return endpoint.failure is not None and endpoint.last_modified != tried.endpoint_modified


def _failed_attempt(situation: Situation, endpoint: Endpoint) -> Attempt:
    """The attempt, marked as failed with the service's words (unchanged if it is marked already)."""
    tried = situation.tried
    if tried and tried.outcome == "Failed":
        return tried
    base = tried or _new_attempt(situation, endpoint)
    words = endpoint.failure or "SageMaker gives no reason."
    reason = classify_failure(words)
    failures = base.failures + 1
    retry = situation.now + timedelta(seconds=situation.capacity_delay * failures)
    return base.model_copy(
        update={
            "outcome": "Failed",
            "reason": reason,
            "message": words,
            "failures": failures if reason == CAPACITY else 0,
            "retry_at": timestamp(retry) if reason == CAPACITY else None,
        }
    )


def _leave_alone(situation: Situation, attempt: Attempt, failure: Finding) -> Plan | None:
    """The plan while a failed attempt is not repeated; None once it may be, by its time or because somebody asks."""
    if attempt.trigger != situation.trigger:
        return None
    if _must_wait(situation, attempt):
        return _waiting_for_capacity(attempt)
    if attempt.retry_at:
        return None
    what_to_do = advice(attempt.reason, situation.endpoint_name, situation.desired.config.startup_timeout)
    when = (
        " It is tried again when the model changes, or the spec (apart from replicas and tags), or when the "
        "annotation slipway.dev/reconcile-now gets a new value"
    )
    return Plan(attempt=attempt, stalled=replace(failure, message=failure.message + what_to_do + when))


def _must_wait(situation: Situation, attempt: Attempt) -> bool:
    return attempt.retry_at is not None and timestamp(situation.now) < attempt.retry_at


def _waiting_for_capacity(attempt: Attempt) -> Plan:
    text = (
        f"AWS has no capacity for this instance type at the moment: {attempt.message} Try {attempt.failures} failed; "
        f"the next one is at {attempt.retry_at}. Another spec.target.sageMaker.instanceType may be had sooner"
    )
    retry_at = datetime.fromisoformat(attempt.retry_at) if attempt.retry_at else None
    return Plan(attempt=attempt, reconciling=Finding(CAPACITY, text), not_before=retry_at)
