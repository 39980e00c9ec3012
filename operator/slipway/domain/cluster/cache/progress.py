"""How far a Job that loads weights is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from slipway.domain.cluster.marks import Manifest, labels_of

_JOB_NAME = "job-name"
"""Label that the Job controller puts on pods, in every version:
https://kubernetes.io/docs/reference/labels-annotations-taints/#job-name"""


class State(StrEnum):
    """Of a Job that is there."""

    RUNNING = "Running"
    COMPLETE = "Complete"
    FAILED = "Failed"


@dataclass(frozen=True)
class Loading:
    """What a Job says of itself."""

    state: State
    message: str = ""
    """Why it has failed, in the Job controller's words. Its pods say more."""


def loading(job: Manifest | None) -> Loading | None:
    """How far a live Job is; None: there is none.

    https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions
    """
    if job is None:
        return None
    for condition in (job.get("status") or {}).get("conditions") or []:
        if condition.get("type") in (State.COMPLETE, State.FAILED) and condition.get("status") == "True":
            words = [condition.get("reason"), condition.get("message")]
            return Loading(State(condition["type"]), ": ".join(word for word in words if word))
    return Loading(State.RUNNING)


def last_words(pods: Iterable[Manifest], job: str) -> str | None:
    """What the Job's youngest pod that has failed said last; None: none has.

    The script's own words begin with one of GatedWeights, WeightsNotFound, OutOfDisk, UnsupportedModel and
    WeightsNotLoaded, and a colon.
    """
    own = [pod for pod in pods if labels_of(pod).get(_JOB_NAME) == job]
    own.sort(key=lambda pod: pod["metadata"].get("creationTimestamp") or "", reverse=True)
    return next((said for said in map(_said, own) if said), None)


def _said(pod: Mapping[str, Any]) -> str | None:
    for container in (pod.get("status") or {}).get("containerStatuses") or []:
        ended = (container.get("state") or {}).get("terminated") or {}
        if ended.get("exitCode"):
            return (ended.get("message") or ended.get("reason") or "").strip() or None
    return None
