"""The most telling of everything that is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from slipway.domain.cluster.diagnosis.admission import creation_cause
from slipway.domain.cluster.diagnosis.containers import container_cause, is_silent
from slipway.domain.cluster.diagnosis.message import message, name
from slipway.domain.cluster.diagnosis.nodes import node_cause
from slipway.domain.cluster.diagnosis.reasons import PRECEDENCE, Cause, Patience
from slipway.domain.cluster.diagnosis.restarts import TRIES
from slipway.domain.cluster.diagnosis.scheduling import scheduling_cause
from slipway.domain.cluster.diagnosis.seen import EPOCH, Pod, part, text
from slipway.domain.cluster.diagnosis.seen import pod as seen_pod
from slipway.domain.cluster.diagnosis.volumes import about_claims, creating_cause, lost_claim_cause
from slipway.domain.cluster.looks.observation import Diagnosis
from slipway.domain.cluster.marks import SERVER_CONTAINER, Manifest

_GONE = ("Failed", "Succeeded")


class Found(NamedTuple):
    """A cause, and whose it is."""

    cause: Cause
    subject: str
    created: datetime
    name: str


def diagnose(
    pods: Sequence[Manifest],
    workload: Manifest | None,
    *,
    now: datetime,
    claims: Sequence[Manifest] = (),
    logs: Mapping[str, str] | None = None,
) -> Diagnosis | None:
    """Why the pods of one revision do not serve; None: nothing is wrong as far as one can see, they may still start.

    `workload`: its apps/v1 Deployment. `claims`: PersistentVolumeClaims that the pods may use. `logs`: last lines of
    logs by the pod's name, for those that `unexplained` names; without them the diagnosis has to do with the status.
    The same pods give the same diagnosis, in whatever order they come. Nothing is hopeless while a pod of the revision
    is ready: what works in one pod can work in another.
    """
    seen = sorted((seen_pod(manifest) for manifest in pods), key=lambda pod: (pod.created, pod.name))
    alive = [pod for pod in seen if not pod.leaving and pod.phase not in _GONE]
    found = [found for pod in alive for found in _of_pod(pod, now, claims, (logs or {}).get(pod.name, ""))]
    refused = creation_cause(workload)
    if refused:
        found.append(Found(refused, _workload(workload), EPOCH, ""))
    serves = any(pod.ready for pod in alive)
    if not serves:
        found += [
            Found(cause, f"pod {name(pod.name)}", pod.created, pod.name)
            for pod in seen
            if (cause := node_cause(pod, now))
        ]
    return most_telling(found, serves=serves)


def unexplained(pods: Sequence[Manifest]) -> tuple[str, ...]:
    """Names of the pods whose engine has ended and whose status does not say why: their log may.

    vLLM's last lines are a traceback of its API server which says that something else has failed; what that was stands
    before it, and the kubelet keeps no more than 2048 bytes.
    """
    return tuple(sorted(pod.name for pod in map(seen_pod, pods) if _is_unexplained(pod)))


def most_telling(found: Sequence[Found], *, serves: bool) -> Diagnosis | None:
    """Of several causes the one that tells most; of equals that of the oldest pod."""
    if not found:
        return None
    best = min(found, key=lambda one: (not is_hopeless(one.cause), PRECEDENCE[one.cause.reason], one.created, one.name))
    alike = len({one.name for one in found if one.cause.reason is best.cause.reason}) - 1
    subject = f"{best.subject} (like {alike} more)" if alike else best.subject
    return Diagnosis(
        reason=best.cause.reason.value,
        message=message(subject, best.cause),
        hopeless=is_hopeless(best.cause) and not serves,
        since=best.cause.since,
    )


def is_hopeless(cause: Cause) -> bool:
    """Whether waiting longer will not help."""
    return cause.patience is Patience.NONE or (cause.patience is Patience.SOME and cause.restarts >= TRIES)


def _of_pod(pod: Pod, now: datetime, claims: Sequence[Manifest], log: str) -> Iterator[Found]:
    """Everything that is wrong with a pod that should run."""
    subject = f"pod {name(pod.name)}"
    for container in pod.containers:
        cause = container_cause(pod, container, now, log if container.is_engine else "")
        if cause:
            whose = subject if container.is_engine else f"container {name(container.name)} of {subject}"
            yield Found(replace(cause, restarts=container.restarts), whose, pod.created, pod.name)
    for cause in (
        scheduling_cause(pod, about_claims(pod, claims)),
        lost_claim_cause(pod, claims),
        creating_cause(pod, now),
    ):
        if cause:
            yield Found(cause, subject, pod.created, pod.name)


def _workload(workload: Any) -> str:
    return f"apps/v1 Deployment {name(text(part(workload, 'metadata').get('name')))} gets no pods:"


def _is_unexplained(pod: Pod) -> bool:
    if pod.leaving:
        return False
    engines = (container for container in pod.containers if container.name == SERVER_CONTAINER)
    return any(is_silent(container) for container in engines)
