"""The wanted config is in service: prove it, adjust what is not part of it, tidy up."""

from dataclasses import replace

from slipway.domain.conditions import Finding
from slipway.domain.sagemaker import alarms
from slipway.domain.sagemaker.attempts import impaired, new_attempt
from slipway.domain.sagemaker.observation import Endpoint, EndpointState, Inventory
from slipway.domain.sagemaker.proof import plan_proof
from slipway.domain.sagemaker.scaling import scale, scale_meanwhile
from slipway.domain.sagemaker.situation import Plan, Situation
from slipway.domain.sagemaker.steps import DeleteEndpointConfig, DeleteModel, Step
from slipway.domain.sagemaker.tags import tag_steps


def plan_settling(situation: Situation, endpoint: Endpoint) -> Plan:
    """The next step until nothing is left to do."""
    if endpoint.state is not EndpointState.IN_SERVICE:
        return Plan(attempt=situation.attempt, stalled=impaired(endpoint))
    proof = plan_proof(situation, endpoint)
    if proof:
        return proof if proof.steps or proof.check else scale_meanwhile(situation, endpoint, proof)
    scaling = scale(situation, endpoint)
    if scaling and scaling.steps:
        return scaling
    base = situation.tried or new_attempt(situation, endpoint)
    watching = (*alarms.missing_alarms(situation), *alarms.obsolete_alarms(situation))
    if watching:
        finding = Finding("SettingAlarms", "bringing the CloudWatch alarms to what spec.rollout.alarms asks for")
        return Plan(watching, base, reconciling=finding)
    tagging = _tag(situation, endpoint)
    if tagging:
        return Plan(tagging, base, reconciling=_tagging(tagging))
    steps = _leftovers(situation, situation.seen.inventory) if situation.seen.inventory else ()
    if steps:
        finding = Finding("TidyingUp", "removing models and endpoint configs that nothing uses any more")
        return Plan(steps, base, reconciling=finding)
    done = base.model_copy(
        update={
            "outcome": "Succeeded",
            "reason": None,
            "message": None,
            "failures": 0,
            "retry_at": None,
            "trigger": situation.trigger,
            "rollout": situation.desired.fingerprint,
            "unproven": None,
        }
    )
    rest = Plan(attempt=done, tagged=situation.seen.inventory is not None)
    return replace(rest, reconciling=scaling.reconciling, not_before=scaling.not_before) if scaling else rest


def _tag(situation: Situation, endpoint: Endpoint) -> tuple[Step, ...]:
    """Bring tags to the spec: those of the endpoint, and of everything else that was looked at."""
    inventory = situation.seen.inventory or Inventory()
    things = {endpoint.arn: endpoint.tags, **inventory.tags}
    return tag_steps(situation.remembered, situation.desired.tags, things)


def _tagging(steps: tuple[Step, ...]) -> Finding:
    return Finding("Tagging", f"bringing the tags of {len(steps)} AWS resources to spec.target.sageMaker.tags")


def _leftovers(situation: Situation, inventory: Inventory) -> tuple[Step, ...]:
    """What no longer serves and is not the one generation that is kept for a roll back."""
    previous = situation.revision.previous
    configs = {situation.config} | ({previous.config} if previous else set())
    models = {situation.desired.model.name} | ({previous.model} if previous and previous.model else set())
    gone: list[Step] = [DeleteEndpointConfig(name) for name in inventory.configs if name not in configs]
    gone += [DeleteModel(name) for name in inventory.models if name not in models]
    return tuple(gone)
