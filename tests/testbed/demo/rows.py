"""From the two objects, as the API server shows them, to what a person wants to see. Pure."""

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
NOTHING = "-"
SHOWN_DIGITS = 12
_NOTES = {"OptionalApiMissing", "Limited"}
"""Types of conditions that stay."""


@dataclass(frozen=True)
class Row:
    """One resource: the columns of `kubectl get mv,sdep`, and what is under way in words."""

    kind: str
    name: str
    ready: str
    reason: str
    revision: str
    under_way: str
    endpoint: str
    message: str = ""


def short(revision: str | None) -> str:
    """The first digits of a commit."""
    return revision[:SHOWN_DIGITS] if revision else NOTHING


def conditions(found: Object) -> list[Object]:
    """All conditions of an object."""
    return (found.get("status") or {}).get("conditions") or []


def condition(found: Object, kind: str) -> Object:
    """One condition of an object; empty if it is not there."""
    return next((one for one in conditions(found) if one["type"] == kind), {})


def resolved(model_version: Object) -> str | None:
    """The commit that a ModelVersion names."""
    revision: str | None = ((model_version.get("status") or {}).get("resolved") or {}).get("revision")
    return revision


def serving(deployment: Object) -> str | None:
    """The commit that a Deployment serves."""
    revision = ((deployment.get("status") or {}).get("revision") or {}).get("serving") or {}
    served: str | None = revision.get("revision")
    return served


def model_version_row(found: Object) -> Row:
    """The row of a ModelVersion."""
    return _row("ModelVersion", found, short(resolved(found)), NOTHING)


def deployment_row(found: Object) -> Row:
    """The row of a Deployment."""
    status = found.get("status") or {}
    named = (status.get("placement") or {}).get("endpointName") or (status.get("endpoint") or {}).get("name")
    return _row("Deployment", found, short(serving(found)), named or NOTHING)


def pod_row(pod: Object) -> Row:
    """The row of a Pod: READY and STATUS as `kubectl get pods` has them, and the commit that it was told to serve."""
    status = pod.get("status") or {}
    waiting = [
        one["state"]["waiting"].get("reason", "Waiting")
        for one in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
        if "waiting" in (one.get("state") or {})
    ]
    leaving = "Terminating" if pod["metadata"].get("deletionTimestamp") else None
    return Row(
        kind="Pod",
        name=pod["metadata"]["name"],
        ready=condition(pod, "Ready").get("status", "False"),
        reason=leaving or next(iter(waiting), None) or status.get("phase", "Pending"),
        revision=short(_told(pod)),
        under_way=NOTHING,
        endpoint=NOTHING,
    )


def _row(kind: str, found: Object, revision: str, endpoint: str) -> Row:
    ready = condition(found, "Ready")
    busy = condition(found, "Stalled") or condition(found, "Reconciling")
    return Row(
        kind=kind,
        name=found["metadata"]["name"],
        ready=ready.get("status", NOTHING),
        reason=ready.get("reason", NOTHING),
        revision=revision,
        under_way=busy.get("reason", NOTHING),
        endpoint=endpoint,
        message=busy.get("message", ""),
    )


def _told(pod: Object) -> str | None:
    """The commit in a container's arguments or environment."""
    for container in pod["spec"]["containers"]:
        words = [*(container.get("args") or []), *(one.get("value", "") for one in container.get("env") or [])]
        for word in words:
            if _is_commit(word.rpartition("=")[2]):
                return str(word.rpartition("=")[2])
    return None


def is_settled(found: Object) -> bool:
    """Whether the object answers its present spec, is ready, and nothing is under way or wrong."""
    status = found.get("status") or {}
    current = status.get("observedGeneration") == found["metadata"]["generation"]
    kinds = {one["type"]: one["status"] for one in conditions(found) if one["type"] not in _NOTES}
    return current and kinds == {"Ready": "True"}


def notes(found: Object) -> list[str]:
    """Types of conditions that say what the cluster or the Hub lacks: it serves all the same."""
    return [one["type"] for one in conditions(found) if one["type"] in _NOTES]


def why_stalled(found: Object) -> str | None:
    """What is wrong, if nothing will happen by itself any more."""
    stalled = condition(found, "Stalled")
    if not stalled or stalled["observedGeneration"] < found["metadata"]["generation"]:
        return None
    return f"{found['kind']}/{found['metadata']['name']} is stalled, {stalled['reason']}: {stalled['message']}"


def brief_event(event: Object) -> tuple[str, str, str]:
    """An event as (object, reason, message), with the digits of commits cut short."""
    about = event["involvedObject"]
    words = [short(word) if _is_commit(word) else word for word in event["message"].split(" ")]
    return f"{about['kind']}/{about['name']}", event["reason"], " ".join(words)


def _is_commit(word: str) -> bool:
    return len(word) == 40 and set(word) <= set("0123456789abcdef")
