"""Models, endpoint configs and endpoints of one account in one region, and how endpoints move.

Nothing ticks: what is due is carried out when somebody looks. `World.advance` is called under the lock before
every read and write, so a status, its LastModifiedTime and the lists always agree.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.testbed.sagemaker import neighbours, refusals
from tests.testbed.sagemaker.container import CheckWeights, Started

IN_MOTION = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed"})
Tags = dict[str, str]
Kind = Literal["create", "update", "scale", "delete", "rollback"]


@dataclass
class Model:
    name: str
    arn: str
    params: Mapping[str, Any]
    created: float
    tags: Tags


@dataclass
class Config:
    name: str
    arn: str
    params: Mapping[str, Any]
    created: float
    tags: Tags
    hidden_for: int = 0

    @property
    def variants(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self.params["ProductionVariants"]
        return found


@dataclass
class Variant:
    """One production variant as deployed: it keeps what it was started with, whatever is deleted later."""

    name: str
    config: Mapping[str, Any]
    fleet: list[tuple[str, Started]]  # by priority: instance pools, or the one instance type
    desired: int
    desired_weight: float
    current: int = 0
    current_weight: float = 0.0
    chosen: int = 0
    resolved_at: float = 0.0

    @property
    def instance_type(self) -> str:
        return self.fleet[self.chosen][0]

    @property
    def started(self) -> Started:
        return self.fleet[self.chosen][1]

    def settle(self) -> None:
        self.current, self.current_weight = self.desired, self.desired_weight


@dataclass
class Change:
    """What an endpoint in motion moves to."""

    kind: Kind
    started: float
    config: Config | None = None
    variants: list[Variant] = field(default_factory=list)
    health: Mapping[tuple[str, str], Future[str | None]] = field(default_factory=dict)
    deployment: Mapping[str, Any] | None = None
    reason: str | None = None


@dataclass
class Endpoint:
    name: str
    arn: str
    config_name: str
    status: str
    created: float
    modified: float
    tags: Tags
    variants: list[Variant] = field(default_factory=list)
    failure: str | None = None
    change: Change | None = None
    deployment: Mapping[str, Any] | None = None
    ticket: int = 0


@dataclass(frozen=True)
class Scripted:
    """An asynchronous failure that waits for its endpoint's next create, update or change of counts."""

    reason: str
    rollback_fails: bool = False


def default_durations() -> dict[str, float]:
    return {"Creating": 0.3, "Updating": 0.3, "Scaling": 0.3, "RollingBack": 0.3, "Deleting": 0.3}


@dataclass
class Rules:
    """What tests set; shared by all accounts and regions of one LocalSageMaker."""

    durations: dict[str, float] = field(default_factory=default_durations)
    clock: Callable[[], float] = time.time
    check_weights: CheckWeights | None = None
    failure_reason_sticks: bool = True
    same_config_allowed: bool = False
    hidden_calls: int = 0
    roles: set[str] = field(default_factory=set)
    assumable: dict[str, str | None] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    denied_images: list[str] = field(default_factory=list)
    quotas: dict[str, int] = field(default_factory=dict)
    shortages: Counter[str] = field(default_factory=Counter)
    failures: dict[str, deque[Scripted]] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    hold_all: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4, "container"))

    def holds(self, endpoint: str) -> bool:
        return self.hold_all or endpoint.lower() in self.held


class World:
    """One account in one region. Every method is called with `rules.lock` held."""

    def __init__(self, account: str, region: str, rules: Rules) -> None:
        self.account, self.region, self.rules = account, region, rules
        self.models: dict[str, Model] = {}
        self.configs: dict[str, Config] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self._due: list[tuple[float, int, str]] = []
        self._parked: set[str] = set()
        self._tickets = itertools.count(1)
        self._last = 0.0

    def arn(self, kind: str, name: str) -> str:
        partition = {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(self.region.rsplit("-", 2)[0], "aws")
        # [M] the real service puts names into its ARNs in lower case.
        return f"arn:{partition}:sagemaker:{self.region}:{self.account}:{kind}/{name.lower()}"

    def now(self) -> float:
        """Never the same twice, so that what was made first is also listed first."""
        self._last = max(self.rules.clock(), self._last + 1e-6)
        return self._last

    # -- motion -------------------------------------------------------------------------------------

    def begin(self, endpoint: Endpoint, status: str, change: Change, step: str) -> None:
        endpoint.status, endpoint.change = status, change
        self.touch(endpoint)
        self._schedule(endpoint, self.rules.durations[step])

    def touch(self, endpoint: Endpoint, at: float | None = None) -> None:
        """LastModifiedTime moves by what the wire can show, a millisecond, at the least."""
        endpoint.modified = max(at or self.now(), endpoint.modified + 0.001)

    def rest(self, endpoint: Endpoint, status: str, at: float | None = None) -> None:
        """The endpoint stands still from now on; whatever was due for it no longer is."""
        endpoint.status, endpoint.change = status, None
        self.touch(endpoint, at)
        endpoint.ticket = next(self._tickets)
        self._parked.discard(endpoint.name.lower())

    def _schedule(self, endpoint: Endpoint, seconds: float) -> None:
        endpoint.ticket = next(self._tickets)
        self._parked.discard(endpoint.name.lower())
        heapq.heappush(self._due, (self.rules.clock() + seconds, endpoint.ticket, endpoint.name.lower()))

    def advance(self) -> None:
        now = self.rules.clock()
        while self._due and self._due[0][0] <= now:
            due, ticket, name = heapq.heappop(self._due)
            endpoint = self.endpoints.get(name)
            if endpoint is None or endpoint.ticket != ticket:
                continue
            if self.rules.holds(name):
                self._parked.add(name)
            else:
                self._finish(endpoint, due)

    def release(self, name: str) -> bool:
        """Finishes the transition in progress now, held or not; False if there is none."""
        endpoint = self.endpoints.get(name.lower())
        if endpoint is None or endpoint.change is None:
            return False
        self._finish(endpoint, self.now())
        return True

    def release_parked(self) -> None:
        for name in [name for name in self._parked if not self.rules.holds(name)]:
            self.release(name)

    def _finish(self, endpoint: Endpoint, at: float) -> None:
        change = endpoint.change
        if change is None:
            return
        finish: Mapping[Kind, Callable[[Endpoint, Change, float], None]] = {
            "create": self._created,
            "update": self._updated,
            "scale": self._scaled,
            "rollback": self._rolled_back,
            "delete": self._deleted,
        }
        finish[change.kind](endpoint, change, at)

    def _created(self, endpoint: Endpoint, change: Change, at: float) -> None:
        scripted = self._outcome(endpoint, change)
        endpoint.variants = change.variants
        if scripted is None:
            self._settle(change.variants, at)
            self.rest(endpoint, "InService", at)
        else:
            endpoint.failure = scripted.reason[:1024]
            self.rest(endpoint, "Failed", at)

    def _updated(self, endpoint: Endpoint, change: Change, at: float) -> None:
        scripted = self._outcome(endpoint, change)
        if scripted is None and change.config is not None:
            self._settle(change.variants, at)
            endpoint.variants, endpoint.config_name = change.variants, change.config.name
            endpoint.failure, endpoint.deployment = None, change.deployment
            self.rest(endpoint, "InService", at)
        elif scripted is not None:
            endpoint.failure = scripted.reason[:1024]
            self.rest(endpoint, "UpdateRollbackFailed" if scripted.rollback_fails else "InService", at)

    def _scaled(self, endpoint: Endpoint, change: Change, at: float) -> None:
        scripted = self._outcome(endpoint, change)
        if scripted is None:
            for variant in endpoint.variants:
                variant.settle()
            self.rest(endpoint, "InService", at)
            return
        # [D] a failed change of counts or weights passes through RollingBack.
        change.kind, change.reason = "rollback", scripted.reason[:1024]
        endpoint.status = "RollingBack"
        self.touch(endpoint, at)
        self._schedule(endpoint, self.rules.durations["RollingBack"])

    def _rolled_back(self, endpoint: Endpoint, change: Change, at: float) -> None:
        for variant in endpoint.variants:
            variant.desired, variant.desired_weight = variant.current, variant.current_weight
        endpoint.failure = change.reason
        self.rest(endpoint, "InService", at)

    def _deleted(self, endpoint: Endpoint, _change: Change, _at: float) -> None:
        self.forget(endpoint)

    def forget(self, endpoint: Endpoint) -> None:
        del self.endpoints[endpoint.name.lower()]
        self._parked.discard(endpoint.name.lower())
        neighbours.forget_targets(self.account, self.region, endpoint.name)

    def _settle(self, variants: list[Variant], at: float) -> None:
        for variant in variants:
            variant.settle()
            variant.resolved_at = at

    def _outcome(self, endpoint: Endpoint, change: Change) -> Scripted | None:
        waiting = self.rules.failures.get(endpoint.name.lower())
        if waiting:
            return waiting.popleft()
        for variant in change.variants:
            grows = change.kind != "scale" or variant.desired > variant.current
            if grows and not self._provision(variant, only_chosen=change.kind == "scale"):
                return Scripted(refusals.CAPACITY_REASON)
            check = change.health.get((variant.name, variant.instance_type))
            if check is not None and check.result(timeout=60):
                return Scripted(refusals.PING_REASON.format(variant=variant.name))
        return None

    def _provision(self, variant: Variant, *, only_chosen: bool) -> bool:
        """Takes the first pool with capacity; each refused attempt uses up one scripted shortage."""
        for index, (instance_type, _) in enumerate(variant.fleet):
            if only_chosen and index != variant.chosen:
                continue
            if self.rules.shortages[instance_type] > 0:
                self.rules.shortages[instance_type] -= 1
                continue
            variant.chosen = index
            return True
        return False

    # -- building and counting ----------------------------------------------------------------------

    def deploy(
        self,
        config: Config,
        counts: Mapping[str, int] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> list[Variant]:
        """The variants of a config, with the models as they are now; counts and weights: those retained."""
        return [
            Variant(
                name=spec["VariantName"],
                config=spec,
                fleet=self._fleet(spec),
                desired=(counts or {}).get(spec["VariantName"], spec["InitialInstanceCount"]),
                desired_weight=(weights or {}).get(spec["VariantName"], spec["InitialVariantWeight"]),
            )
            for spec in config.variants
        ]

    def _fleet(self, spec: Mapping[str, Any]) -> list[tuple[str, Started]]:
        pools = sorted(spec.get("InstancePools", []), key=lambda pool: int(pool["Priority"]))
        if not pools:
            return [(spec["InstanceType"], self._started(spec["ModelName"], spec["InstanceType"]))]
        fleet = []
        for pool in pools:
            model = pool.get("ModelNameOverride", spec["ModelName"])
            fleet.append((pool["InstanceType"], self._started(model, pool["InstanceType"])))
        return fleet

    def _started(self, model_name: str, instance_type: str) -> Started:
        model = self.models.get(model_name.lower())
        if model is None:
            raise refusals.not_found("model", self.arn("model", model_name))
        container = model.params["PrimaryContainer"]
        return Started(
            image=container["Image"],
            environment=dict(container.get("Environment", {})),
            instance_type=instance_type,
            has_model_data=bool(container.get("ModelDataUrl") or container.get("ModelDataSource")),
            isolated=bool(model.params.get("EnableNetworkIsolation")),
        )

    def health(self, variants: list[Variant]) -> dict[tuple[str, str], Future[str | None]]:
        """Starts every container now; the answers are read when the transition is due."""
        checks: dict[tuple[str, str], Future[str | None]] = {}
        for variant in variants:
            for instance_type, started in variant.fleet:
                checks[variant.name, instance_type] = self._start(started)
        return checks

    def _start(self, started: Started) -> Future[str | None]:
        if self.rules.check_weights is not None:
            return self.rules.pool.submit(started.why_not, self.rules.check_weights)
        done: Future[str | None] = Future()
        done.set_result(started.why_not(None))
        return done

    def check_quota(self, wanted: Counter[str]) -> None:
        for instance_type, delta in wanted.items():
            limit = self.rules.quotas.get(instance_type)
            if limit is None or delta <= 0:
                continue
            used = sum(self._used(endpoint, instance_type) for endpoint in self.endpoints.values())
            if used + delta > limit:
                raise refusals.quota(instance_type, limit, used, delta)

    def _used(self, endpoint: Endpoint, instance_type: str) -> int:
        if endpoint.status == "Failed":
            return 0
        held = sum(max(v.current, v.desired) for v in endpoint.variants if v.instance_type == instance_type)
        if endpoint.change is not None and endpoint.change.kind in {"create", "update"}:
            held += sum(v.desired for v in endpoint.change.variants if v.instance_type == instance_type)
        return held

    def tagged(self, arn: str) -> Model | Config | Endpoint | None:
        """The resource behind an ARN of this account and region, without a scan."""
        kind, _, name = arn.rpartition(":")[2].partition("/")
        found: Mapping[str, Mapping[str, Model | Config | Endpoint]] = {
            "model": self.models,
            "endpoint-config": self.configs,
            "endpoint": self.endpoints,
        }
        return found.get(kind, {}).get(name.lower())

    def everything(self) -> Iterator[tuple[str, Model | Config | Endpoint]]:
        yield from (("model", one) for one in list(self.models.values()))
        yield from (("endpoint-config", one) for one in list(self.configs.values()))
        yield from (("endpoint", one) for one in list(self.endpoints.values()))


def shown(time: float) -> float:
    """A time as the service answers it: to the millisecond."""
    return round(time, 3)


def digest(image: str) -> str:
    """A stable digest for a tag: what DescribeEndpoint shows as ResolvedImage."""
    if "@sha256:" in image:
        return image
    repository = image.rsplit(":", 1)[0]
    return f"{repository}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"
