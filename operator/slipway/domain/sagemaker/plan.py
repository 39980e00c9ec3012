"""Which steps bring an endpoint to the wanted config: a pure function of what was seen and what was tried.

Only the first step of a plan is executed before everything is looked at again; the rest shows what lies ahead.
`attempt` is the memory that must be stored before that first step.
"""

from dataclasses import replace

from slipway.api.v1alpha1.deployment_status import Attempt
from slipway.domain.conditions import Finding
from slipway.domain.names import TAG_RETAINED, TAG_UID
from slipway.domain.sagemaker import alarms
from slipway.domain.sagemaker.adoption import plan_adoption
from slipway.domain.sagemaker.attempts import (
    failed_attempt,
    failure_of,
    has_failed,
    leave_alone,
    may_repeat,
    must_wait,
    new_attempt,
    waiting_for_capacity,
)
from slipway.domain.sagemaker.drift import drift, drift_beside_a_failure, left_as_it_is
from slipway.domain.sagemaker.failures import CAPACITY
from slipway.domain.sagemaker.observation import Endpoint, EndpointState
from slipway.domain.sagemaker.rollout import ROLLING_NEEDS_TWO
from slipway.domain.sagemaker.scaling import scale, scale_meanwhile, scaling_memory
from slipway.domain.sagemaker.settle import plan_settling
from slipway.domain.sagemaker.situation import Plan, Situation
from slipway.domain.sagemaker.steps import (
    CreateEndpoint,
    CreateEndpointConfig,
    CreateModel,
    DeleteEndpoint,
    DeleteEndpointConfig,
    MarkOwner,
    Step,
    UpdateEndpoint,
)


def plan(situation: Situation) -> Plan:
    """The next steps towards the wanted config."""
    endpoint = situation.seen.endpoint
    if endpoint and not situation.owner.owns(endpoint.tags):
        return plan_adoption(situation, endpoint)
    result = _planned(situation, endpoint)
    return result if result.scaling else replace(result, scaling=scaling_memory(situation))


def _planned(situation: Situation, endpoint: Endpoint | None) -> Plan:
    found = drift(situation)
    if found and situation.drift == "Report" and not _asked(situation) and not _at_work(situation):
        return _report(situation, endpoint, left_as_it_is(found))
    towards = _towards(situation, endpoint)
    return replace(towards, drifted=found or towards.drifted)


def _asked(situation: Situation) -> bool:
    return situation.attempt is not None and situation.attempt.trigger != situation.trigger


def _at_work(situation: Situation) -> bool:
    """Whether a correction that was asked for is under way: it comes to its end."""
    return situation.tried is not None and situation.tried.outcome == "InProgress"


def _report(situation: Situation, endpoint: Endpoint | None, found: Finding) -> Plan:
    if endpoint is None:
        return Plan(attempt=situation.attempt, stalled=found, drifted=found)
    if endpoint.state.is_moving:
        return Plan(attempt=situation.attempt, reconciling=_moving(endpoint), drifted=found, look_again=True)
    return Plan(attempt=situation.attempt, drifted=found)


def _towards(situation: Situation, endpoint: Endpoint | None) -> Plan:
    if endpoint is None:
        return _create(situation)
    if endpoint.tags.get(TAG_UID) != situation.owner.uid or TAG_RETAINED in endpoint.tags:
        finding = Finding("TakingOver", f"taking over the endpoint {endpoint.name} of a former Deployment")
        return Plan((MarkOwner(situation.owner, endpoint.arn),), situation.attempt, reconciling=finding)
    if _has_another_variant(situation, endpoint):
        text = f"the production variant of {endpoint.name} is {endpoint.variants[0]}, which an update must keep"
        finding = Finding("TakingOver", text)
        return Plan(attempt=situation.attempt, reconciling=finding, adopts=endpoint.variants[0])
    if endpoint.state.is_moving:
        return Plan(attempt=situation.attempt, reconciling=_moving(endpoint), look_again=True)
    if endpoint.state is EndpointState.FAILED:
        return _replace_failed(situation, endpoint)
    if endpoint.config == situation.config:
        return plan_settling(situation, endpoint)
    return _roll(situation, endpoint)


def _has_another_variant(situation: Situation, endpoint: Endpoint) -> bool:
    """As one that was adopted has, where the status that knew it was lost or was a predecessor's."""
    one = len(endpoint.variants) == 1 and endpoint.state is not EndpointState.FAILED
    return one and endpoint.variants[0] != situation.desired.config.variant


def _moving(endpoint: Endpoint) -> Finding:
    doing = {
        EndpointState.CREATING: "is creating the endpoint; downloading and loading a model takes minutes",
        EndpointState.UPDATING: "is updating the endpoint; the old revision serves until the new one is in service",
        EndpointState.SYSTEM_UPDATING: "is maintaining the endpoint, which serves meanwhile",
        EndpointState.ROLLING_BACK: "is rolling back the endpoint, whose old revision serves",
        EndpointState.DELETING: "is deleting the endpoint, which will be created anew",
        EndpointState.UNKNOWN: "reports a state that this version of Slipway does not know; it is waited for",
    }
    stage = f"; the new fleet: {endpoint.stage}" if endpoint.stage and endpoint.state is EndpointState.UPDATING else ""
    return Finding(endpoint.state.value, f"SageMaker {doing[endpoint.state]} ({endpoint.name}{stage})")


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


def _create(situation: Situation) -> Plan:
    tried = situation.tried
    if tried and tried.outcome == "Failed" and not may_repeat(situation, tried) and must_wait(situation, tried):
        return waiting_for_capacity(tried)
    if tried and tried.outcome == "Failed" and tried.reason != CAPACITY and not may_repeat(situation, tried):
        back = _create_from_before(situation, tried)
        if back:
            return back
    going_on = tried and tried.outcome == "InProgress" and tried.endpoint_modified is None
    attempt = tried if going_on else new_attempt(situation, None)
    step = CreateEndpoint(situation.owner, situation.endpoint_name, situation.config, situation.desired.tags)
    vanished = tried is not None and tried.outcome == "Succeeded"
    reason = "EndpointMissing" if vanished else "Creating"
    text = (
        f"the endpoint {situation.endpoint_name} is gone; creating it anew"
        if vanished
        else f"creating the endpoint {situation.endpoint_name} for {situation.desired.served.revision}"
    )
    return Plan((*_prepare_anew(situation), step), attempt, reconciling=Finding(reason, text))


def _create_from_before(situation: Situation, failed: Attempt) -> Plan | None:
    """Somebody deleted the endpoint while the wanted revision had failed: what served before serves again."""
    if failed.replaces is None or not situation.seen.fallback_exists:
        return None
    name, back = situation.endpoint_name, failed.replaces
    text = f"the endpoint {name} is gone; creating it anew with {back}, because {failed.revision} has failed"
    step = CreateEndpoint(situation.owner, name, back, situation.desired.tags)
    return Plan((step,), failed, reconciling=Finding("EndpointMissing", text))


def _replace_failed(situation: Situation, endpoint: Endpoint) -> Plan:
    """A failed endpoint can only be deleted; it is kept to be looked at until there is reason to try again."""
    tried = situation.tried
    if tried and tried.outcome == "Failed" and endpoint.config == tried.replaces:
        finding = Finding("Recreating", f"deleting {endpoint.name}: what served before cannot be created either")
        without = tried.model_copy(update={"replaces": None})
        return Plan((DeleteEndpoint(endpoint.name),), without, reconciling=finding)
    if endpoint.config != situation.config:
        finding = Finding("Recreating", f"deleting the failed endpoint {endpoint.name} to create it anew")
        return Plan((*_prepare(situation), DeleteEndpoint(endpoint.name)), situation.attempt, reconciling=finding)
    attempt = failed_attempt(situation, endpoint)
    left_alone = leave_alone(
        situation, attempt, Finding("EndpointFailed", f"SageMaker could not create the endpoint: {attempt.message}")
    )
    if left_alone:
        return left_alone
    finding = Finding("Recreating", f"deleting the failed endpoint {endpoint.name} to try again")
    return Plan((DeleteEndpoint(endpoint.name),), attempt, reconciling=finding)


def _roll(situation: Situation, endpoint: Endpoint) -> Plan:
    tried = situation.tried
    if tried and tried.outcome != "Succeeded" and has_failed(tried, endpoint):
        attempt = failed_attempt(situation, endpoint)
        left_alone = leave_alone(situation, attempt, failure_of(attempt, endpoint))
        if left_alone:
            left_alone = replace(left_alone, drifted=drift_beside_a_failure(attempt, endpoint))
            return scale_meanwhile(situation, endpoint, left_alone)
        tried = None
    in_the_way = alarms.obstacle(situation)
    if in_the_way:
        return scale_meanwhile(situation, endpoint, in_the_way)
    too_few = _too_few_to_roll(situation, endpoint)
    if too_few:
        return too_few
    sent_for = tried.endpoint_modified if tried and tried.outcome == "InProgress" else None
    attempt = tried if tried and sent_for == endpoint.last_modified else new_attempt(situation, endpoint)
    step = UpdateEndpoint(
        endpoint.name, situation.config, situation.desired.policy, data_capture=situation.touches_data_capture
    )
    steps = (*_prepare(situation), *alarms.missing_alarms(situation), step)
    return Plan(steps, attempt, reconciling=_rolling(situation, endpoint))


def _too_few_to_roll(situation: Situation, endpoint: Endpoint) -> Plan | None:
    """A rolling update replaces half of the instances at most, so there must be two before it begins."""
    policy = situation.desired.policy
    if policy is None or policy.shift != "ROLLING" or (endpoint.desired_instances or 2) >= 2:
        return None
    growing = scale(situation, endpoint)
    return growing or Plan(attempt=situation.attempt, stalled=Finding("InvalidSpec", ROLLING_NEEDS_TWO))


def _rolling(situation: Situation, endpoint: Endpoint) -> Finding:
    tried = situation.tried
    if tried and tried.outcome == "Succeeded":
        text = (
            f"somebody else brought the endpoint config {endpoint.config} into service on {endpoint.name}; "
            f"bringing back {situation.config}"
        )
        return Finding("ChangedOutside", text)
    return Finding("RollingOut", f"rolling {endpoint.name} to {situation.desired.served.revision}")
