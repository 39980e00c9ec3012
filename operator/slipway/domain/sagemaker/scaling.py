"""The number of instances, changed without a second fleet; what SageMaker could not bring about waits longer each time.

SageMaker accepts the change, and takes it back later where it cannot be had:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpointWeightsAndCapacities.html
"""

from dataclasses import replace
from datetime import datetime, timedelta

from slipway.api.v1alpha1.deployment_status import Scaling
from slipway.domain.conditions import Finding, timestamp
from slipway.domain.sagemaker.failures import CAPACITY, classify_failure
from slipway.domain.sagemaker.observation import Endpoint, EndpointState
from slipway.domain.sagemaker.situation import Plan, Situation
from slipway.domain.sagemaker.steps import SetInstanceCount


def scale(situation: Situation, endpoint: Endpoint) -> Plan | None:
    """Bring the number of instances to the wanted one; None if it is. Without steps: its time has not come."""
    wanted = _missing(situation, endpoint)
    if wanted is None:
        return None
    known = scaling_memory(situation)
    if known and known.retry_at and timestamp(situation.now) < known.retry_at:
        return Plan(
            attempt=situation.attempt,
            reconciling=_waiting(known, endpoint),
            not_before=datetime.fromisoformat(known.retry_at),
        )
    text = f"changing the number of instances from {endpoint.desired_instances} to {wanted}"
    if endpoint.failure:
        text += f". SageMaker's last failure on this endpoint: {endpoint.failure}"
    step = SetInstanceCount(endpoint.name, wanted, situation.desired.config.variant)
    begun = known if known and known.retry_at is None else _begun(situation, endpoint, wanted, known)
    return Plan((step,), situation.attempt, reconciling=Finding("Scaling", text), scaling=begun)


def scale_meanwhile(situation: Situation, endpoint: Endpoint, waiting: Plan) -> Plan:
    """What serves follows spec.replicas, whatever a roll waits for or came to."""
    scaling = scale(situation, endpoint) if endpoint.state is EndpointState.IN_SERVICE else None
    if scaling is None:
        return waiting
    if scaling.steps:
        return replace(
            scaling,
            attempt=waiting.attempt,
            stalled=waiting.stalled,
            drifted=waiting.drifted,
            look_again=waiting.look_again,
        )
    due = [moment for moment in (waiting.not_before, scaling.not_before) if moment]
    return replace(waiting, reconciling=waiting.reconciling or scaling.reconciling, not_before=min(due, default=None))


def scaling_memory(situation: Situation) -> Scaling | None:
    """What is to be remembered of the last try; None if the number is right, or another one is wanted by now.

    A try has failed when the endpoint has moved since and still has another number. Whatever moved it: without a
    reason of the service's the next request would else follow at once, again and again.
    """
    known, endpoint = situation.scaling, situation.seen.endpoint
    if known is None or endpoint is None:
        return None
    now = (situation.desired.instances, endpoint.config, situation.trigger)
    if (known.instances, known.config, known.trigger) != now:
        return None
    if endpoint.state is not EndpointState.IN_SERVICE:
        return known
    if _missing(situation, endpoint) is None:
        return None
    if known.retry_at or known.endpoint_modified == endpoint.last_modified:
        return known
    failures = known.failures + 1
    retry = situation.now + timedelta(seconds=situation.capacity_delay * failures)
    words = endpoint.failure or "SageMaker gives no reason."
    return known.model_copy(update={"failures": failures, "message": words, "retry_at": timestamp(retry)})


def _missing(situation: Situation, endpoint: Endpoint) -> int | None:
    """The number of instances to ask for; None if it is there, left open, or the variant is not the wanted one."""
    wanted, variant = situation.desired.instances, situation.desired.config.variant
    if endpoint.desired_instances in (None, wanted) or variant not in (endpoint.variants or [variant]):
        return None
    return wanted


def _begun(situation: Situation, endpoint: Endpoint, wanted: int, known: Scaling | None) -> Scaling:
    return Scaling(
        instances=wanted,
        config=endpoint.config,
        endpoint_modified=endpoint.last_modified,
        failures=known.failures if known else 0,
        trigger=situation.trigger,
    )


def _waiting(known: Scaling, endpoint: Endpoint) -> Finding:
    words = known.message or ""
    again = (
        f"It stays at {endpoint.desired_instances} instead of {known.instances}. Try {known.failures} failed; the "
        f"next one is at {known.retry_at}, or when spec.replicas or the annotation slipway.dev/reconcile-now gets a "
        "new value"
    )
    if classify_failure(words) == CAPACITY:
        text = f"AWS has no capacity for more instances of this type at the moment: {words} {again}"
        return Finding(CAPACITY, f"{text}. Another spec.target.sageMaker.instanceType may be had sooner")
    return Finding("ScalingFailed", f"SageMaker could not change the number of instances: {words} {again}")
