"""The stages of a roll: how many pods of the new and of the old revision, and whom requests are sent to.

A strategy is nothing but a list of stages. One is entered when the one before it is complete: its pods are there and
ready, the others are gone, requests go where they should, and the time to hold has passed.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import ceil, floor

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.rollout import Rollout
from slipway.domain.names import digest

ALL = Fraction(1)
NONE = Fraction(0)


class Traffic(StrEnum):
    """Which revision's pods the Service selects."""

    OLD = "Old"
    BOTH = "Both"
    NEW = "New"


@dataclass(frozen=True)
class Stage:
    """One stage. The counts are shares of the number of replicas, which may change meanwhile."""

    new: Fraction
    old: Fraction
    traffic: Traffic
    hold: int = 0
    """Seconds that a complete stage is watched before the next one."""
    weight: Fraction = NONE
    """Share of what comes by the HTTPRoute that goes to the new revision, past the Service."""
    one_is_enough: bool = False
    """Whether it is complete as soon as one new pod is ready: nobody else could serve meanwhile."""

    @property
    def tries_new(self) -> bool:
        """Whether any request goes to the new revision."""
        return self.traffic is not Traffic.OLD or self.weight > NONE

    def new_count(self, replicas: int) -> int:
        """Pods of the new revision: rounded up."""
        return ceil(replicas * self.new)

    def old_count(self, replicas: int) -> int:
        """Pods of the old revision: rounded down. Beside a whole new fleet there is room for one at least."""
        count = floor(replicas * self.old)
        return max(1, count) if self.old and replicas and self.new == ALL else count

    def ready_count(self, replicas: int) -> int:
        """Pods of the new revision that must be ready."""
        count = self.new_count(replicas)
        return min(1, count) if self.one_is_enough else count


def stages(
    rollout: Rollout, *, first: bool, drain_wait: int, single: bool = False, by_route: bool = False
) -> tuple[Stage, ...]:
    """The stages of a strategy.

    `first`: nothing serves yet. `drain_wait`: seconds until everybody who routes requests has heard that pods of the
    old revision get none any more. `single`: there is one replica, which no batch is made of: where the spec leaves the
    count open, Rolling then brings the second pod before the first one goes. `by_route`: an HTTPRoute can divide the
    requests by weight; without it, a share of the requests is a share of the pods.
    """
    if first:
        return (
            Stage(ALL, NONE, Traffic.OLD, one_is_enough=True),
            Stage(ALL, NONE, Traffic.NEW, one_is_enough=True),
        )
    if rollout.strategy == "Recreate":
        return (
            Stage(NONE, NONE, Traffic.OLD),
            Stage(ALL, NONE, Traffic.OLD, one_is_enough=True),
            Stage(ALL, NONE, Traffic.NEW, one_is_enough=True),
        )
    if rollout.strategy == "Rolling":
        return _rolling(rollout) if not single else (Stage(ALL, ALL, Traffic.OLD), _watched(rollout, drain_wait))
    return _blue_green(rollout, drain_wait, by_route=by_route)


def _blue_green(rollout: Rollout, drain_wait: int, *, by_route: bool) -> tuple[Stage, ...]:
    settings = rollout.blue_green
    wait = max(drain_wait, seconds(settings.termination_wait) if settings else 0)
    if settings is None or settings.step_percent is None:
        return (Stage(ALL, ALL, Traffic.OLD), Stage(ALL, ALL, Traffic.NEW, wait))
    step, hold = Fraction(settings.step_percent, 100), seconds(settings.step_interval)
    shares = [step] if settings.shift == "Canary" else [step * k for k in range(1, ceil(1 / step))]
    return _by_weight(shares, hold, wait) if by_route else _by_pods(shares, hold, wait)


def _by_weight(shares: list[Fraction], hold: int, wait: int) -> tuple[Stage, ...]:
    """The Service keeps to the old revision until the end: only what comes by the route is divided.

    So many new pods as their share of the requests needs. The old fleet stays whole, and can take everything back.
    """
    return (
        Stage(shares[0], ALL, Traffic.OLD),
        *(Stage(share, ALL, Traffic.OLD, hold, share) for share in shares),
        Stage(ALL, ALL, Traffic.OLD, weight=shares[-1]),
        Stage(ALL, ALL, Traffic.NEW, wait),
    )


def _by_pods(shares: list[Fraction], hold: int, wait: int) -> tuple[Stage, ...]:
    """The Service spreads the requests over the pods of both revisions, so their numbers divide them."""
    parts = [_share(part) for part in shares]
    last_old = parts[-1][1]
    return (
        Stage(*parts[0], Traffic.OLD),
        *(Stage(*part, Traffic.BOTH, hold) for part in parts),
        Stage(ALL, last_old, Traffic.BOTH),
        Stage(ALL, last_old, Traffic.NEW, wait),
    )


def _share(part: Fraction) -> tuple[Fraction, Fraction]:
    """New and old pods of which the new ones are this part, where the Service spreads requests evenly over pods.

    Up to a half the old fleet stays whole: n / (n + 1) = part. Beyond it, the old one shrinks: 1 / (1 + o) = part.
    """
    if part <= Fraction(1, 2):
        return part / (1 - part), ALL
    return ALL, (1 - part) / part


def _rolling(rollout: Rollout) -> tuple[Stage, ...]:
    """In batches, each of which goes before its successor comes: no GPU is needed beyond those in use."""
    settings = rollout.rolling
    batch = Fraction(settings.batch_percent if settings else 50, 100)
    hold = seconds(settings.batch_interval) if settings else 0
    found: list[Stage] = []
    for number in range(1, ceil(1 / batch) + 1):
        done, after = batch * (number - 1), min(ALL, batch * number)
        before = Traffic.OLD if number == 1 else Traffic.BOTH
        found += [Stage(done, 1 - after, before), Stage(after, 1 - after, before)]
        found.append(Stage(after, 1 - after, Traffic.NEW if after == ALL else Traffic.BOTH, hold))
    return tuple(found)


def _watched(rollout: Rollout, drain_wait: int) -> Stage:
    hold = seconds(rollout.rolling.batch_interval) if rollout.rolling else 0
    return Stage(ALL, ALL, Traffic.NEW, max(drain_wait, hold))


def stages_digest(found: tuple[Stage, ...]) -> str:
    """Changes with the stages."""
    return digest([[str(s.new), str(s.old), s.traffic.value, s.hold, *_weight(s)] for s in found], 10)


def _weight(stage: Stage) -> list[str]:
    """Left out where there is none, so that rolls without weights have the digest that they have always had."""
    return [str(stage.weight)] if stage.weight else []


def keeps_old_whole(found: tuple[Stage, ...]) -> bool:
    """Whether the old fleet is never made smaller before the last stage is over, so that an autoscaler may go on."""
    return all(stage.old == ALL for stage in found)
