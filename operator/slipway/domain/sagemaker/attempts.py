"""The memory of the last try to bring a config into service: when it begins, how it failed, when it is repeated."""

from dataclasses import replace
from datetime import datetime, timedelta

from slipway.api.v1alpha1.deployment_status import Attempt
from slipway.domain.conditions import Finding, timestamp
from slipway.domain.prompt_check import CHECK_FAILED
from slipway.domain.sagemaker import check as checking
from slipway.domain.sagemaker.failures import ALARM_RAISED, CAPACITY, advice, classify_failure
from slipway.domain.sagemaker.observation import Endpoint, EndpointState
from slipway.domain.sagemaker.situation import Plan, Situation

_MESSAGE_LIMIT = 2048
_OF_THE_WAY = {CHECK_FAILED, ALARM_RAISED, CAPACITY}
"""What may be different when a revision is rolled out in another way."""


def new_attempt(situation: Situation, endpoint: Endpoint | None) -> Attempt:
    """A try that begins now."""
    desired, tried = situation.desired, situation.tried
    unproven = checking.unproven(desired.rollout.check, situation.attempt, situation.checked) - {situation.config}
    return Attempt(
        config=desired.config.name,
        model=desired.model.name,
        revision=desired.served.revision,
        repo=desired.served.repo,
        hub=desired.served.hub,
        model_version=desired.served.model_version,
        image=desired.image,
        adapters=list(desired.served.adapters) or None,
        started_at=timestamp(situation.now),
        outcome="InProgress",
        failures=tried.failures if tried and tried.reason == CAPACITY else 0,
        endpoint_modified=endpoint.last_modified if endpoint else None,
        trigger=situation.trigger,
        replaces=_replaced(situation, endpoint, unproven),
        unproven=sorted(unproven) or None,
        rollout=desired.fingerprint,
    )


def _replaced(situation: Situation, endpoint: Endpoint | None, unproven: frozenset[str]) -> str | None:
    """What a failed check goes back to: what counts as serving, which has proved itself, or else what is there."""
    serving, tried = situation.revision.serving, situation.tried
    if endpoint is None:
        return None
    if serving and serving.config != situation.config:
        return serving.config
    if endpoint.config != situation.config:
        return None if endpoint.config in unproven else endpoint.config
    return tried.replaces if tried else None


def is_another(attempt: Attempt | None, before: Attempt | None) -> bool:
    """Whether a new try has begun, so that the check of the one before says nothing about it."""

    if attempt is None or attempt.outcome != "InProgress":
        return False

    def identity(one: Attempt) -> tuple[str | None, ...]:
        return one.config, one.started_at, one.trigger, one.rollout

    return before is None or identity(attempt) != identity(before)


def shortened(words: str) -> str:
    """A message within what the status takes."""
    return words if len(words) <= _MESSAGE_LIMIT else words[: _MESSAGE_LIMIT - 1] + "…"


def gives_up(attempt: Attempt | None, before: Attempt | None) -> bool:
    """Whether it has just turned out that there is no way back to what served before."""
    if attempt is None or before is None or is_another(attempt, before):
        return False
    return before.replaces is not None and attempt.replaces is None


def has_failed(tried: Attempt, endpoint: Endpoint) -> bool:
    """Whether an update to this config was accepted and came to nothing.

    The old config serves and there is a FailureReason; but that one outlives its cause, so the endpoint must
    also have moved since the attempt was recorded: otherwise the request was never sent.
    """
    if tried.outcome == "Failed":
        return True
    return endpoint.failure is not None and endpoint.last_modified != tried.endpoint_modified


def failed_attempt(situation: Situation, endpoint: Endpoint) -> Attempt:
    """The attempt, marked as failed with the service's words (unchanged if it is marked already)."""
    tried = situation.tried
    if tried and tried.outcome == "Failed":
        return tried
    base = tried or new_attempt(situation, endpoint)
    words = endpoint.failure or "SageMaker gives no reason."
    reason = classify_failure(words)
    failures = base.failures + 1
    retry = situation.now + timedelta(seconds=situation.capacity_delay * failures)
    return base.model_copy(
        update={
            "outcome": "Failed",
            "reason": reason,
            "message": shortened(words),
            "rollout": situation.desired.fingerprint,
            "failures": failures if reason == CAPACITY else 0,
            "retry_at": timestamp(retry) if reason == CAPACITY else None,
        }
    )


def may_repeat(situation: Situation, attempt: Attempt) -> bool:
    """Whether something that matters has changed since: somebody asks for it, or the way of rolling out is another.

    How a revision is rolled out has nothing to do with a container that does not start.
    """
    other_way = attempt.rollout is not None and attempt.rollout != situation.desired.fingerprint
    return attempt.trigger != situation.trigger or (other_way and attempt.reason in _OF_THE_WAY)


def leave_alone(situation: Situation, attempt: Attempt, failure: Finding) -> Plan | None:
    """The plan while a failed attempt is not repeated; None once it may be, by its time or because it should be."""
    if may_repeat(situation, attempt):
        return None
    if must_wait(situation, attempt):
        return waiting_for_capacity(attempt)
    if attempt.reason == CAPACITY and attempt.retry_at:
        return None
    what_to_do = advice(attempt.reason, situation.endpoint_name, situation.desired.config.startup_timeout)
    when = (
        " It is tried again when the model changes, or a field of the spec that is part of the model or the endpoint "
        "config, or when the annotation slipway.dev/reconcile-now gets a new value"
    )
    return Plan(attempt=attempt, stalled=replace(failure, message=failure.message + what_to_do + when))


def must_wait(situation: Situation, attempt: Attempt) -> bool:
    """Whether the time for another try has not come."""
    if attempt.reason != CAPACITY or attempt.retry_at is None:
        return False
    return timestamp(situation.now) < attempt.retry_at


def waiting_for_capacity(attempt: Attempt) -> Plan:
    """The plan until then."""
    text = (
        f"AWS has no capacity for this instance type at the moment: {attempt.message} Try {attempt.failures} failed; "
        f"the next one is at {attempt.retry_at}. Another spec.target.sageMaker.instanceType may be had sooner"
    )
    retry_at = datetime.fromisoformat(attempt.retry_at) if attempt.retry_at else None
    return Plan(attempt=attempt, reconciling=Finding(CAPACITY, text), not_before=retry_at)


def failure_of(attempt: Attempt, endpoint: Endpoint) -> Finding:
    """Why a roll came to nothing, and what serves now."""
    if endpoint.state is EndpointState.UPDATE_ROLLBACK_FAILED:
        return impaired(endpoint)
    if attempt.reason == CHECK_FAILED:
        text = f"{attempt.revision} did not pass its check and was rolled back: {attempt.message}"
        return Finding(CHECK_FAILED, f"{text}. What served before serves again.")
    text = f"SageMaker could not roll out {attempt.revision}: {attempt.message} What served before still serves."
    return Finding("RolloutFailed", text)


def impaired(endpoint: Endpoint) -> Finding:
    """An endpoint that is neither in service nor on its way."""
    words = f" SageMaker says: {endpoint.failure}" if endpoint.failure else ""
    if endpoint.state is EndpointState.UPDATE_ROLLBACK_FAILED:
        text = (
            f"an update of {endpoint.name} and its roll back both failed; it serves with a mixture of old and new "
            f"instances and is left alone. Change the spec to roll it again, or delete it.{words}"
        )
    else:
        text = f"the endpoint {endpoint.name} takes no requests.{words}"
    return Finding(endpoint.state.value, text)
