"""The phases that an UpdateEndpoint passes through under its DeploymentConfig. Pure: no state, no clock.

[D] https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html: blue/green builds the whole new
fleet, turns traffic to it in one, two or n steps, bakes after each, waits, and only then takes the old fleet
away. Rolling builds, turns on and bakes one batch after another. Without a DeploymentConfig everything shifts at
once and nothing bakes. What DescribeEndpoint shows of it (VariantStatus) is in the service model [S]; which
status the wait before the old fleet's end has is [M].
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

Deployment = Mapping[str, Any]
Stage = Literal["Creating", "ActivatingTraffic", "Baking", "Deleting"]
NOTHING, ALL = Fraction(0), Fraction(1)


@dataclass(frozen=True)
class Phase:
    status: Stage
    share: Fraction
    """Of the requests: how many the new fleet answers."""
    built: Fraction
    """Of the new fleet: how much of it there is."""
    left: Fraction
    """Of the old fleet: how much of it is still there."""
    seconds: float

    @property
    def watched(self) -> bool:
        """[D] Alarms count from the moment when the new fleet gets traffic."""
        return self.status != "Creating"


@dataclass(frozen=True)
class Pace:
    """How long a phase takes. `time_scale`: seconds here for a second of the DeploymentConfig; None: as `durations`
    says for every wait that is not zero."""

    durations: Mapping[str, float]
    time_scale: float | None

    def wait(self, step: str, asked: int) -> float:
        if self.time_scale is not None:
            return asked * self.time_scale
        return self.durations[step] if asked else 0.0


def phases(deployment: Deployment | None, instances: int, pace: Pace) -> tuple[Phase, ...]:
    """In their order. `instances`: of the new fleet, the count that a size in instances is a part of."""
    build = Phase("Creating", NOTHING, NOTHING, ALL, pace.durations["Updating"])
    if deployment is None:
        return (build,)
    if "RollingUpdatePolicy" in deployment:
        return tuple(_rolling(deployment["RollingUpdatePolicy"], instances, pace))
    return (build, *_blue_green(deployment.get("BlueGreenUpdatePolicy", {}), instances, pace))


def _blue_green(policy: Mapping[str, Any], instances: int, pace: Pace) -> Iterable[Phase]:
    traffic = policy.get("TrafficRoutingConfiguration", {})
    bake = pace.wait("Baking", traffic.get("WaitIntervalInSeconds", 0))
    for share in _shares(traffic, instances):
        yield Phase("ActivatingTraffic", share, ALL, ALL, pace.durations["ActivatingTraffic"])
        yield Phase("Baking", share, ALL, ALL, bake)
    waiting = policy.get("TerminationWaitInSeconds", 0)
    if waiting:
        yield Phase("Deleting", ALL, ALL, ALL, pace.wait("Terminating", waiting))


def _shares(traffic: Mapping[str, Any], instances: int) -> list[Fraction]:
    """Of the traffic, after each step: up to and with all of it."""
    kind = traffic.get("Type", "ALL_AT_ONCE")
    if kind == "CANARY":
        return [share(traffic["CanarySize"], instances), ALL]
    if kind == "LINEAR":
        step = share(traffic["LinearStepSize"], instances)
        return [min(step * number, ALL) for number in range(1, math.ceil(ALL / step) + 1)]
    return [ALL]


def _rolling(policy: Mapping[str, Any], instances: int, pace: Pace) -> Iterable[Phase]:
    batch = batch_size(policy["MaximumBatchSize"], instances)
    bake = pace.wait("Baking", policy.get("WaitIntervalInSeconds", 0))
    done = NOTHING
    for number in range(1, math.ceil(instances / batch) + 1):
        then = Fraction(min(batch * number, instances), instances)
        yield Phase("Creating", done, done, ALL - done, pace.durations["Updating"])
        yield Phase("ActivatingTraffic", then, then, ALL - done, pace.durations["ActivatingTraffic"])
        yield Phase("Baking", then, then, ALL - done, bake)
        done = then


def share(size: Mapping[str, Any], instances: int) -> Fraction:
    """A CapacitySize as a part of the fleet. Percent are taken as they are: [M] the service rounds to instances."""
    if size["Type"] == "CAPACITY_PERCENT":
        return Fraction(size["Value"], 100)
    return min(Fraction(size["Value"], max(instances, 1)), ALL)


def batch_size(size: Mapping[str, Any], instances: int) -> int:
    """A CapacitySize in instances, at least one. [M] percent are rounded up."""
    if size["Type"] == "CAPACITY_PERCENT":
        return max(math.ceil(instances * int(size["Value"]) / 100), 1)
    return max(min(int(size["Value"]), instances), 1)


def extra_instances(fleet: Mapping[str, int], deployment: Deployment | None) -> Counter[str]:
    """By type: what an update needs beside the old fleet, all of the new one or, rolling, one batch."""
    batch = (deployment or {}).get("RollingUpdatePolicy", {}).get("MaximumBatchSize")
    return Counter({kind: batch_size(batch, count) if batch else count for kind, count in fleet.items()})


def alarms(deployment: Deployment | None) -> tuple[str, ...]:
    """The names of AutoRollbackConfiguration."""
    listed = (deployment or {}).get("AutoRollbackConfiguration", {}).get("Alarms") or []
    return tuple(alarm.get("AlarmName", "") for alarm in listed)


def goes_to_the_new_fleet(number: int, part: Fraction) -> bool:
    """Whether the request of this number, from 1, is one of the new fleet's: of n, exactly floor(n * part) are."""
    return math.floor(number * part) > math.floor((number - 1) * part)
