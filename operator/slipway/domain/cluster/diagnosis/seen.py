"""Pods as the diagnosis reads them. Whatever a manifest lacks, or has in another shape, reads as nothing.

A manifest comes from the API server, which has checked it; but also from tests, from other versions of the API, and
from whoever may patch the status of a pod. A diagnosis that fails on one of them would stop the pass.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from slipway.domain.cluster.marks import SERVER_CONTAINER

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def part(value: object, *path: str) -> Mapping[str, Any]:
    """The object below a path; empty if there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def parts(value: object) -> Iterator[Mapping[str, Any]]:
    """The objects of a list."""
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        yield from (item for item in value if isinstance(item, Mapping))


def text(value: object) -> str:
    """A string; empty if it is none."""
    return value if isinstance(value, str) else ""


def number(value: object, default: int = 0) -> int:
    """A whole number; the default if it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def moment(value: object) -> datetime | None:
    """A time of the API (RFC 3339), with its zone."""
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:  # within a day of the first or the last year that there is
        return None


@dataclass(frozen=True)
class Condition:
    """A condition of a pod or a workload."""

    status: str
    reason: str
    message: str
    since: datetime | None


@dataclass(frozen=True)
class Ended:
    """How a container has ended."""

    reason: str
    """Error, OOMKilled, Completed, StartError, …"""
    exit_code: int
    signal: int
    message: str
    """Its last lines, where terminationMessagePolicy is FallbackToLogsOnError: at most 80 of them, and 2048 bytes.
    https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/container/helpers.go"""
    started: datetime | None
    finished: datetime | None

    @property
    def seconds(self) -> float | None:
        """How long it ran."""
        return (self.finished - self.started).total_seconds() if self.started and self.finished else None


@dataclass(frozen=True)
class Container:
    """A container of a pod."""

    name: str
    ready: bool
    started: bool
    """Its startup probe has passed, or it has none and runs."""
    running: bool
    restarts: int
    waiting: str
    """Why it waits: ImagePullBackOff, CrashLoopBackOff, ContainerCreating, …; empty if it does not."""
    waiting_message: str
    ended: Ended | None
    """How it has ended; of one that runs or waits, how it ended last."""
    is_over: bool
    """It has ended and will not be started again by this pod."""
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_engine(self) -> bool:
        """Whether it is the one that serves."""
        return self.name == SERVER_CONTAINER


@dataclass(frozen=True)
class Pod:
    """A pod."""

    name: str
    created: datetime
    phase: str
    reason: str
    message: str
    leaving: bool
    """Deleted, but still there."""
    conditions: Mapping[str, Condition]
    containers: tuple[Container, ...]
    """Those before the start first."""
    spec: Mapping[str, Any]

    @property
    def ready(self) -> bool:
        """Whether it can answer."""
        return not self.leaving and self.is_true("Ready") and self.phase not in ("Failed", "Succeeded")

    @property
    def scheduled(self) -> bool:
        """Whether it has a node."""
        return bool(text(self.spec.get("nodeName"))) or self.is_true("PodScheduled")

    def is_true(self, kind: str) -> bool:
        """Whether a condition is True."""
        return kind in self.conditions and self.conditions[kind].status == "True"

    @property
    def claims(self) -> list[str]:
        """Names of its PersistentVolumeClaims."""
        sources = (part(volume, "persistentVolumeClaim") for volume in parts(self.spec.get("volumes")))
        return [name for source in sources if (name := text(source.get("claimName")))]


def conditions(status: Mapping[str, Any]) -> dict[str, Condition]:
    """The conditions of a status by type."""
    return {
        text(found.get("type")): Condition(
            text(found.get("status")),
            text(found.get("reason")),
            text(found.get("message")),
            moment(found.get("lastTransitionTime")),
        )
        for found in parts(status.get("conditions"))
    }


def pod(manifest: object) -> Pod:
    """A pod as it was seen."""
    metadata, spec, status = part(manifest, "metadata"), part(manifest, "spec"), part(manifest, "status")
    return Pod(
        name=text(metadata.get("name")) or "without a name",
        created=moment(metadata.get("creationTimestamp")) or EPOCH,
        phase=text(status.get("phase")),
        reason=text(status.get("reason")),
        message=text(status.get("message")),
        leaving=bool(metadata.get("deletionTimestamp")),
        conditions=conditions(status),
        containers=(*_containers(spec, status, "init"), *_containers(spec, status, "")),
        spec=spec,
    )


def _containers(spec: Mapping[str, Any], status: Mapping[str, Any], kind: str) -> Iterator[Container]:
    wanted, seen = ("initContainers", "initContainerStatuses") if kind else ("containers", "containerStatuses")
    specs = {text(container.get("name")): container for container in parts(spec.get(wanted))}
    for found in parts(status.get(seen)):
        name = text(found.get("name"))
        state, before = part(found, "state"), part(found, "lastState")
        over, running, waiting = part(state, "terminated"), part(state, "running"), part(state, "waiting")
        ended = over or part(before, "terminated")
        runs = "running" in state and not over and not waiting
        yield Container(
            name=name,
            ready=found.get("ready") is True,
            started=found.get("started") is True,
            running=runs or bool(running),
            restarts=number(found.get("restartCount")),
            waiting=text(waiting.get("reason")),
            waiting_message=text(waiting.get("message")),
            ended=_ended(ended) if ended else None,
            is_over=bool(over),
            spec=specs.get(name, {}),
        )


def _ended(found: Mapping[str, Any]) -> Ended:
    return Ended(
        reason=text(found.get("reason")),
        exit_code=number(found.get("exitCode")),
        signal=number(found.get("signal")),
        message=text(found.get("message")),
        started=moment(found.get("startedAt")),
        finished=moment(found.get("finishedAt")),
    )
