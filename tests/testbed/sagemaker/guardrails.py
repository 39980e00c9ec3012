"""What the service refuses of a DeploymentConfig beyond its schema. The texts are [M].

[D] https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html, [S] the documentation of
BlueGreenUpdatePolicy, RollingUpdatePolicy and TrafficRoutingConfig in the service model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.testbed.sagemaker import neighbours, refusals, rollout
from tests.testbed.sagemaker.resources import Variant
from tests.testbed.sagemaker.states import World

Params = Mapping[str, Any]
_TIMEOUT = "MaximumExecutionTimeoutInSeconds"


def check(world: World, deployment: Params | None) -> None:
    """What can be told without the fleets."""
    if not deployment:
        return
    if "BlueGreenUpdatePolicy" in deployment and "RollingUpdatePolicy" in deployment:
        raise refusals.invalid("BlueGreenUpdatePolicy and RollingUpdatePolicy cannot both be set.")
    policy = deployment.get("BlueGreenUpdatePolicy", {})
    traffic = policy.get("TrafficRoutingConfiguration", {})
    needed = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(traffic.get("Type", ""))
    if needed and needed not in traffic:
        raise refusals.invalid(f"{needed} must be set for traffic routing of type {traffic['Type']}.")
    for name in {"CanarySize", "LinearStepSize"} - {needed}:
        if name in traffic:
            raise refusals.invalid(f"{name} cannot be set for traffic routing of type {traffic['Type']}.")
    rolling = deployment.get("RollingUpdatePolicy", {})
    for size, name, smallest in _sizes(deployment):
        _percent(size, name, smallest)
    _percent(rolling.get("RollbackMaximumBatchSize"), "RollbackMaximumBatchSize", 5, 100)
    waits = traffic.get("WaitIntervalInSeconds", 0) + policy.get("TerminationWaitInSeconds", 0)
    if _TIMEOUT in policy and policy[_TIMEOUT] <= waits:
        raise refusals.invalid(f"{_TIMEOUT} must be larger than the total waiting time of {waits} seconds.")
    for alarm in rollout.alarms(deployment):
        if not neighbours.alarm_exists(world.account, world.region, alarm):
            raise refusals.invalid(f"Could not find CloudWatch alarm {alarm}.")


def _sizes(deployment: Params) -> list[tuple[Params | None, str, int]]:
    """The sizes of the steps, their names, and the fewest percent they may have [S]; the most are always 50."""
    traffic = deployment.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    rolling = deployment.get("RollingUpdatePolicy", {})
    return [
        (traffic.get("CanarySize"), "CanarySize", 1),
        (traffic.get("LinearStepSize"), "LinearStepSize", 10),
        (rolling.get("MaximumBatchSize"), "MaximumBatchSize", 5),
    ]


def _percent(size: Params | None, name: str, smallest: int, largest: int = 50) -> None:
    if size and size["Type"] == "CAPACITY_PERCENT" and not smallest <= size["Value"] <= largest:
        raise refusals.invalid(f"{name} must be between {smallest} and {largest} percent, is {size['Value']}.")


def check_fleets(deployment: Params | None, old: Sequence[Variant], new: Sequence[Variant]) -> None:
    """What depends on the variants that are there and those that shall be."""
    if not deployment:
        return
    before, after = {v.name for v in old}, {v.name for v in new}
    if before != after:
        raise refusals.invalid(
            "The endpoint configuration must have the same production variant names as the one in use when a "
            f"DeploymentConfig is given: in use are {sorted(before)}, given are {sorted(after)}."
        )
    rolling = "RollingUpdatePolicy" in deployment
    if rolling and len(new) > 1:
        raise refusals.invalid("Rolling deployments are not supported for endpoints with multiple variants.")
    counts = {v.name: v.desired for v in new}
    for variant in old:
        _instances(deployment, min(counts[variant.name], variant.current) if rolling else counts[variant.name])


def _instances(deployment: Params, count: int) -> None:
    """A step given in instances is measured against the fleet; a rolling batch is never less than one instance."""
    for size, name, smallest in _sizes(deployment):
        if not size:
            continue
        batch = count < 2 and name == "MaximumBatchSize"
        part = size["Value"] * 100 / count if size["Type"] == "INSTANCE_COUNT" else size["Value"]
        if batch or not smallest <= part <= 50:
            shown = f"{size['Value']} instances" if size["Type"] == "INSTANCE_COUNT" else f"{size['Value']} percent"
            raise refusals.invalid(
                f"{name} must be between {smallest} and 50 percent of the variant's total instance count; "
                f"{shown} of {count} is not."
            )
