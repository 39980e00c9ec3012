"""What tests set; shared by all accounts and regions of one LocalSageMaker."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.testbed.sagemaker.container import CheckWeights
from tests.testbed.sagemaker.rollout import Pace


@dataclass(frozen=True)
class Scripted:
    """An asynchronous failure that waits for its endpoint's next create, update or change of counts."""

    reason: str
    rollback_fails: bool = False


def default_durations() -> dict[str, float]:
    """In seconds. ActivatingTraffic, Baking and Terminating: of an update with a DeploymentConfig, a step each."""
    return {
        "Creating": 0.3,
        "Updating": 0.3,
        "ActivatingTraffic": 0.01,
        "Baking": 0.05,
        "Terminating": 0.05,
        "Scaling": 0.3,
        "RollingBack": 0.3,
        "Deleting": 0.3,
    }


@dataclass
class Rules:
    """What tests set; shared by all accounts and regions of one LocalSageMaker."""

    durations: dict[str, float] = field(default_factory=default_durations)
    time_scale: float | None = None
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
    held: dict[str, str | None] = field(default_factory=dict)
    """By endpoint: at which status of its motion it stays; None: at each."""
    hold_all: bool = False
    hold_all_at: str | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4, "container"))

    def holds(self, endpoint: str, step: str) -> bool:
        if self.hold_all and self.hold_all_at in {None, step}:
            return True
        return endpoint.lower() in self.held and self.held[endpoint.lower()] in {None, step}

    def pace(self) -> Pace:
        return Pace(self.durations, self.time_scale)
