"""A pod's status as its kubelet writes it: pure.

https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/kubelet/kubelet_pods.go (convertStatusToAPIStatus, getPhase),
https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/kubelet/status/generate.go
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass
class ContainerState:
    """One container, as far as its status tells."""

    name: str
    image: str
    waiting: tuple[str, str] | None = ("ContainerCreating", "")
    """Reason and message."""
    running_since: str | None = None
    terminated: Object | None = None
    last: Object | None = None
    restarts: int = 0
    started: bool = False
    ready: bool = False
    container_id: str = ""
    finished: bool = False
    """Whether it will not be started again."""

    def status(self) -> Object:
        """An entry of containerStatuses."""
        state: Object
        if self.running_since:
            state = {"running": {"startedAt": self.running_since}}
        elif self.waiting:
            reason, message = self.waiting
            state = {"waiting": {"reason": reason} | ({"message": message} if message else {})}
        else:
            state = {"terminated": self.terminated or {}}
        return {
            "name": self.name,
            "image": self.image,
            "imageID": self.image if self.container_id else "",
            "containerID": self.container_id,
            "restartCount": self.restarts,
            "started": self.started,
            "ready": self.ready,
            "state": state,
            "lastState": {"terminated": self.last} if self.last else {},
        }

    @property
    def exit_code(self) -> int | None:
        return None if self.terminated is None else int(self.terminated["exitCode"])


def phase(pod: Object, init: Sequence[ContainerState], main: Sequence[ContainerState], *, deleting: bool) -> str:
    """Pending until each container has started once; Succeeded or Failed once none will be started again."""
    if any(state.finished and state.exit_code != 0 for state in init):
        return "Failed"
    over = all(state.finished for state in main)
    if over and (deleting or pod["spec"].get("restartPolicy", "Always") != "Always"):
        return "Succeeded" if all(state.exit_code == 0 for state in main) else "Failed"
    has_started = all(state.running_since or state.terminated or state.last for state in main)
    return "Running" if has_started else "Pending"


def status(
    pod: Object,
    init: Sequence[ContainerState],
    main: Sequence[ContainerState],
    *,
    addresses: tuple[str, str],
    start: str,
    now: str,
    deleting: bool,
) -> Object:
    """All of it but PodScheduled, which is the scheduler's. `addresses`: the pod's and the node's."""
    current = phase(pod, init, main, deleting=deleting)
    before = {each["type"]: each for each in (pod.get("status") or {}).get("conditions") or []}
    incomplete = [state.name for state in init if not (state.finished and state.exit_code == 0)]
    unready = [state.name for state in main if not state.ready]
    initialized = _condition("Initialized", not incomplete, "ContainersNotInitialized", "incomplete status", incomplete)
    ready = _condition("Ready", not unready, "ContainersNotReady", "unready status", unready)
    if current in ("Succeeded", "Failed"):
        reason = "PodCompleted" if current == "Succeeded" else "PodFailed"
        ready = {"type": "Ready", "status": "False", "reason": reason}
    conditions = [initialized, ready, ready | {"type": "ContainersReady"}]
    return {
        "phase": current,
        "conditions": [each | _times(each, before, now) for each in conditions],
        "hostIP": addresses[1],
        "podIP": addresses[0],
        "podIPs": [{"ip": addresses[0]}],
        "startTime": start,
        "containerStatuses": [state.status() for state in main],
        **({"initContainerStatuses": [state.status() for state in init]} if init else {}),
    }


def _condition(kind: str, holds: bool, reason: str, what: str, names: Sequence[str]) -> Object:
    if holds:
        return {"type": kind, "status": "True", "reason": None, "message": None}
    message = f"containers with {what}: [{' '.join(names)}]"
    return {"type": kind, "status": "False", "reason": reason, "message": message}


def _times(condition: Object, before: Mapping[str, Object], now: str) -> Object:
    old = before.get(condition["type"])
    same = old is not None and old["status"] == condition["status"]
    return {"lastProbeTime": None, "lastTransitionTime": old["lastTransitionTime"] if same and old else now}
