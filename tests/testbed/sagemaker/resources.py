"""Models, endpoint configs and endpoints, and what an endpoint in motion moves to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.testbed.sagemaker.container import Started
from tests.testbed.sagemaker.rollout import Phase

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
    capture: Mapping[str, Any] | None = None
    extra: Mapping[str, int] = field(default_factory=dict)
    """By instance type: what an update holds beside the old fleet."""
    phases: tuple[Phase, ...] = ()
    position: int = 0
    phase_started: float = 0.0
    routed: int = 0
    """Requests that arrived in this phase."""
    reason: str | None = None

    @property
    def phase(self) -> Phase:
        """Of an update: where it is."""
        return self.phases[self.position]


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
    capture: Mapping[str, Any] | None = None
    """The DataCaptureConfig in force: not always the config's."""
    ticket: int = 0


def shown(time: float) -> float:
    """A time as the service answers it: to the millisecond."""
    return round(time, 3)


def digest(image: str) -> str:
    """A stable digest for a tag: what DescribeEndpoint shows as ResolvedImage."""
    if "@sha256:" in image:
        return image
    repository = image.rsplit(":", 1)[0]
    return f"{repository}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"
