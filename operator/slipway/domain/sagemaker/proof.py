"""A new revision takes the traffic: it is asked, and taken out of service again if it does not answer."""

from datetime import datetime, timedelta

from slipway.api.v1alpha1.deployment_status import Attempt
from slipway.domain.conditions import Finding, timestamp
from slipway.domain.prompt_check import CHECK_FAILED
from slipway.domain.sagemaker.attempts import may_repeat, new_attempt, shortened
from slipway.domain.sagemaker.check import unproven
from slipway.domain.sagemaker.failures import CAPACITY, classify_failure
from slipway.domain.sagemaker.observation import Endpoint
from slipway.domain.sagemaker.situation import Plan, Situation
from slipway.domain.sagemaker.steps import UpdateEndpoint


def plan_proof(situation: Situation, endpoint: Endpoint) -> Plan | None:
    """The next step of the proof; None if there is nothing to prove, or it is proved."""
    serving = situation.revision.serving
    if serving and serving.config == situation.config:
        return None
    attempt = situation.tried or new_attempt(situation, endpoint)
    question, question_of = situation.desired.check, situation.desired.rollout.check
    if attempt.outcome == "Failed" and attempt.reason == CHECK_FAILED:
        if not may_repeat(situation, attempt):
            return _go_back(situation, endpoint, attempt)
        again = new_attempt(situation, endpoint)
        if question is None:
            return None
        return Plan(attempt=again, check=question, reconciling=_checking(again))
    if question is None or attempt.config not in unproven(question_of, attempt, situation.checked):
        return None
    checked = situation.checked
    if checked and checked.config == attempt.config and checked.outcome == "Failed":
        words = f"{checked.message} ({checked.tries} tries)"
        failed = {
            "outcome": "Failed",
            "reason": CHECK_FAILED,
            "message": shortened(words),
            "failures": 0,
            "retry_at": None,
            "rollout": situation.desired.fingerprint,
        }
        return _go_back(situation, endpoint, attempt.model_copy(update=failed))
    return Plan(attempt=attempt, check=question, reconciling=_checking(attempt))


def _checking(attempt: Attempt) -> Finding:
    text = f"{attempt.revision} takes the traffic and is asked spec.rollout.check.prompt before it counts as serving"
    return Finding("Checking", text)


def _go_back(situation: Situation, endpoint: Endpoint, attempt: Attempt) -> Plan:
    """Towards what served before. Without capacity for it, that is tried again after a growing pause."""
    why_not = _no_way_back(situation, endpoint, attempt)
    if why_not:
        attempt = attempt.model_copy(update={"replaces": None, "message": shortened(f"{attempt.message}. {why_not}")})
    text = f"{attempt.revision} did not pass its check: {attempt.message}"
    back = attempt.replaces
    if back is None:
        advice = (
            f"{text}. It stays in service, and costs, because there is nothing to go back to. Change the model or the "
            "spec, or give the annotation slipway.dev/reconcile-now a new value to check it again"
        )
        return Plan(attempt=attempt, stalled=Finding(CHECK_FAILED, advice))
    recorded = _is_recorded(attempt, endpoint)
    if attempt.retry_at and not recorded and timestamp(situation.now) < attempt.retry_at:
        finding = Finding("RollingBack", f"{text}. Going back to {back} is tried again at {attempt.retry_at}")
        return Plan(attempt=attempt, reconciling=finding, not_before=datetime.fromisoformat(attempt.retry_at))
    if not recorded:
        failures = attempt.failures + 1
        retry = situation.now + timedelta(seconds=situation.capacity_delay * failures)
        sent = {"failures": failures, "retry_at": timestamp(retry), "endpoint_modified": endpoint.last_modified}
        attempt = attempt.model_copy(update=sent)
    in_batches = (endpoint.desired_instances or 2) >= 2  # somebody may have scaled in meanwhile
    policy = situation.desired.way_back if in_batches else None
    step = UpdateEndpoint(endpoint.name, back, policy, data_capture=situation.touches_data_capture)
    return Plan((step,), attempt, reconciling=Finding("RollingBack", f"{text}. Going back to {back}"))


def _is_recorded(attempt: Attempt, endpoint: Endpoint) -> bool:
    """Whether the way back was stored, and nothing has happened to the endpoint since: it was not sent."""
    return attempt.retry_at is not None and attempt.endpoint_modified == endpoint.last_modified


def _no_way_back(situation: Situation, endpoint: Endpoint, attempt: Attempt) -> str | None:
    if attempt.replaces is None:
        return None
    if situation.seen.fallback_exists is False:
        return f"The endpoint config {attempt.replaces}, which served before, is gone"
    came_to_nothing = attempt.retry_at is not None and not _is_recorded(attempt, endpoint) and endpoint.failure
    if came_to_nothing and classify_failure(endpoint.failure or "") != CAPACITY:
        return f"SageMaker could not bring {attempt.replaces} back, which served before: {endpoint.failure}"
    return None
