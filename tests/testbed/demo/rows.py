"""From the two objects, as the API server shows them, to what a person wants to see. Pure."""

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
NOTHING = "-"
SHOWN_DIGITS = 12


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


def condition(found: Object, kind: str) -> Object:
    """One condition of an object; empty if it is not there."""
    conditions = (found.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == kind), {})


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
    placement = (found.get("status") or {}).get("placement") or {}
    return _row("Deployment", found, short(serving(found)), placement.get("endpointName") or NOTHING)


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


def is_settled(found: Object) -> bool:
    """Whether the object answers its present spec, is ready, and nothing is under way or wrong."""
    status = found.get("status") or {}
    current = status.get("observedGeneration") == found["metadata"]["generation"]
    kinds = {one["type"]: one["status"] for one in status.get("conditions") or []}
    return current and kinds == {"Ready": "True"}


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
