"""Which steps remove what a Deployment has made, or mark it as left behind: pure, like `plan`."""

from slipway.api.v1alpha1.deployment_status import Attempt
from slipway.domain.conditions import Finding
from slipway.domain.names import TAG_RETAINED, TAG_UID, Owner
from slipway.domain.sagemaker.observation import Endpoint, EndpointState, Inventory, Observation
from slipway.domain.sagemaker.situation import Plan
from slipway.domain.sagemaker.steps import (
    DeleteAlarms,
    DeleteEndpoint,
    DeleteEndpointConfig,
    DeleteModel,
    MarkRetained,
    Step,
)


def plan_deletion(
    owner: Owner,
    endpoint_name: str,
    seen: Observation,
    attempt: Attempt | None,
    *,
    retain: bool,
    startup_timeout: int,
    may_still_appear: bool,
) -> Plan | None:
    """The next steps of a deletion; None when nothing is left to do.

    Order: its alarms, the endpoint, and only when it is gone its configs, then its models. `startup_timeout`
    (seconds) tells how long a refused deletion may take. `may_still_appear`: the deletion is so young that an
    endpoint which was asked for just before it may not be visible yet.
    """
    endpoint = seen.endpoint if seen.endpoint and owner.owns(seen.endpoint.tags) else None
    inventory = seen.inventory or Inventory()
    if endpoint and _left_by_a_predecessor(endpoint, owner):
        return None
    asked_for = attempt is not None and attempt.outcome == "InProgress" and attempt.config in inventory.configs
    if seen.endpoint is None and asked_for and may_still_appear:
        text = f"waiting whether the endpoint {endpoint_name}, which may have been asked for, appears"
        return Plan(reconciling=Finding("WaitingToDelete", text), look_again=True)
    if seen.alarms:
        finding = Finding("Deleting", "removing CloudWatch alarms")
        return Plan((DeleteAlarms(tuple(sorted(seen.alarms))),), reconciling=finding)
    if retain:
        return _retain(endpoint_name, inventory)
    if endpoint:
        return _delete_endpoint(endpoint, startup_timeout)
    kept = _left_for_somebody_else(inventory) if seen.endpoint else set()
    steps: tuple[Step, ...] = (
        *(DeleteEndpointConfig(name) for name in inventory.configs if name not in kept),
        *(DeleteModel(name) for name in inventory.models if name not in kept),
    )
    if not steps:
        return None
    return Plan(steps, reconciling=Finding("Deleting", "removing endpoint configs and models"))


def _left_by_a_predecessor(endpoint: Endpoint, owner: Owner) -> bool:
    """Whether a former Deployment of this name left it behind on purpose, and this one never took it over."""
    return TAG_RETAINED in endpoint.tags and endpoint.tags.get(TAG_UID) != owner.uid


def _left_for_somebody_else(inventory: Inventory) -> set[str]:
    """What a predecessor retained: whoever has adopted its endpoint since may still serve from it."""
    return {arn.rpartition("/")[2] for arn, tags in inventory.tags.items() if TAG_RETAINED in tags}


def _retain(endpoint_name: str, inventory: Inventory) -> Plan | None:
    if not inventory.unmarked:
        return None
    finding = Finding("Retaining", "marking what is left behind, as spec.deletionPolicy Retain asks")
    return Plan((MarkRetained(inventory.unmarked, endpoint_name),), reconciling=finding)


def _delete_endpoint(endpoint: Endpoint, startup_timeout: int) -> Plan:
    if endpoint.state is EndpointState.DELETING:
        finding = Finding("Deleting", f"SageMaker is deleting the endpoint {endpoint.name}")
        return Plan(reconciling=finding, look_again=True)
    if endpoint.state.is_moving:
        minutes = -(-startup_timeout // 60)
        text = (
            f"SageMaker refuses to delete {endpoint.name} while it is {endpoint.state.value}. This ends by itself "
            f"when the endpoint is in service or has failed, usually within {minutes} minutes (startupTimeout)"
        )
        return Plan(reconciling=Finding("WaitingToDelete", text), look_again=True)
    finding = Finding("Deleting", f"deleting the endpoint {endpoint.name}")
    return Plan((DeleteEndpoint(endpoint.name),), reconciling=finding)
