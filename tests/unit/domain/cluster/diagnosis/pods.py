"""Pods as a kubelet and a scheduler leave them, for the tests of diagnosis."""

from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.domain.conditions import timestamp

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CREATED = NOW - timedelta(minutes=4)
IMAGE = "ghcr.io/huggingface/text-generation-inference:3.3.6"
STARTUP_SECONDS = 1800
Manifest = dict[str, Any]


def ago(**amount: float) -> str:
    """A time of the API."""
    return timestamp(NOW - timedelta(**amount))


def last_of_log(log: str) -> str:
    """What the kubelet keeps of a log: of the last 80 lines, the last 2048 bytes."""
    lines = log.splitlines(keepends=True)[-80:]
    return "".join(lines).encode()[-2048:].decode(errors="replace")


def waiting(reason: str, message: str = "") -> Manifest:
    return {"state": {"waiting": {"reason": reason, **({"message": message} if message else {})}}, "ready": False}


def terminated(
    message: str = "", *, code: int = 1, reason: str = "Error", ran: timedelta = timedelta(seconds=40), signal: int = 0
) -> Manifest:
    """A state.terminated."""
    finished = NOW - timedelta(seconds=30)
    return {
        "exitCode": code,
        "reason": reason,
        "startedAt": timestamp(finished - ran),
        "finishedAt": timestamp(finished),
        "containerID": "containerd://8d1f",
        **({"message": message} if message else {}),
        **({"signal": signal} if signal else {}),
    }


def crashed(message: str = "", *, restarts: int = 0, **how: Any) -> Manifest:
    """A container that has ended and waits for its next start."""
    back_off = {
        "reason": "CrashLoopBackOff",
        "message": "back-off 10s restarting failed container=engine pod=twin-5d9c-x_ml(8f)",
    }
    return {
        "state": {"waiting": back_off},
        "lastState": {"terminated": terminated(message, **how)},
        "ready": False,
        "started": False,
        "restartCount": restarts,
    }


def again(message: str = "", *, restarts: int = 1, **how: Any) -> Manifest:
    """A container that has ended and is starting again."""
    return {
        "state": {"running": {"startedAt": ago(seconds=5)}},
        "lastState": {"terminated": terminated(message, **how)},
        "ready": False,
        "started": False,
        "restartCount": restarts,
    }


SERVING: Manifest = {"state": {"running": {"startedAt": ago(minutes=3)}}, "ready": True, "started": True}
STARTING: Manifest = {"state": {"running": {"startedAt": ago(minutes=1)}}, "ready": False, "started": False}
CREATING: Manifest = waiting("ContainerCreating")


def pod(
    status: Manifest | None = None,
    *,
    name: str = "twin-5d9c-x",
    created: datetime = CREATED,
    container: str = "engine",
    conditions: list[Manifest] | None = None,
    deleted: bool = False,
    labels: Manifest | None = None,
    **of_status: Any,
) -> Manifest:
    """A pod whose container has a status."""
    found = {"name": container, "image": IMAGE, "restartCount": 0, **(status or {})}
    ready = "True" if found.get("ready") else "False"
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": timestamp(created)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "ml",
            "creationTimestamp": timestamp(created),
            "labels": labels or {},
            **({"deletionTimestamp": ago(seconds=3)} if deleted else {}),
        },
        "spec": {
            "nodeName": "gpu-1",
            "terminationGracePeriodSeconds": 120,
            "containers": [
                {
                    "name": container,
                    "image": IMAGE,
                    "resources": {"limits": {"memory": "16Gi", "nvidia.com/gpu": "1"}},
                    "startupProbe": {"periodSeconds": 10, "failureThreshold": STARTUP_SECONDS // 10},
                }
            ],
            "volumes": [{"name": "cache", "persistentVolumeClaim": {"claimName": "twin-cache"}}],
        },
        "status": {
            "phase": "Running",
            "conditions": [
                scheduled,
                {"type": "Ready", "status": ready, "lastTransitionTime": timestamp(created)},
                *(conditions or []),
            ],
            "containerStatuses": [found] if status is not None else [],
            **of_status,
        },
    }


def unscheduled(message: str, *, reason: str = "Unschedulable", **more: Any) -> Manifest:
    """A pod that has no node."""
    found = pod(None, phase="Pending", **more)
    del found["spec"]["nodeName"]
    found["status"]["conditions"] = [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": reason,
            "message": message,
            "lastTransitionTime": ago(minutes=3),
        }
    ]
    return found


def gone(reason: str, message: str = "", *, minutes: float = 5, **more: Any) -> Manifest:
    """A pod that has failed as a whole."""
    found = pod(None, created=NOW - timedelta(minutes=minutes), phase="Failed", reason=reason, message=message, **more)
    found["status"]["containerStatuses"] = []
    return found


def disrupted(reason: str, message: str = "", *, minutes: float = 1, **more: Any) -> Manifest:
    """A pod that is on its way out for somebody else's reasons."""
    target = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": ago(minutes=minutes),
    }
    return pod(STARTING, conditions=[target], deleted=True, **more)


def workload(message: str = "", *, reason: str = "FailedCreate") -> Manifest:
    """An apps/v1 Deployment; with a message, one whose ReplicaSet cannot make pods."""
    available = {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable"}
    failure = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": ago(minutes=2),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "twin-5d9c"},
        "spec": {"replicas": 1},
        "status": {"conditions": [available, failure] if message else [available]},
    }


def claim(phase: str, *, name: str = "twin-cache", storage_class: str | None = "shared") -> Manifest:
    """A PersistentVolumeClaim."""
    spec = {"storageClassName": storage_class} if storage_class else {}
    return {"metadata": {"name": name, "creationTimestamp": ago(hours=1)}, "spec": spec, "status": {"phase": phase}}
