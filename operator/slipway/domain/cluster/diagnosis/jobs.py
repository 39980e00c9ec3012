"""The Job that loads the weights: https://kubernetes.io/docs/concepts/workloads/controllers/job/"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from slipway.domain.cluster.diagnosis.containers import container_cause
from slipway.domain.cluster.diagnosis.message import name
from slipway.domain.cluster.diagnosis.nodes import node_cause
from slipway.domain.cluster.diagnosis.reasons import Cause, Patience, Reason
from slipway.domain.cluster.diagnosis.restarts import TRIES
from slipway.domain.cluster.diagnosis.scheduling import scheduling_cause
from slipway.domain.cluster.diagnosis.seen import Condition, Pod, conditions, moment, number, part, text
from slipway.domain.cluster.diagnosis.seen import pod as seen_pod
from slipway.domain.cluster.diagnosis.verdict import Found, most_telling
from slipway.domain.cluster.diagnosis.volumes import about_claims, creating_cause, lost_claim_cause
from slipway.domain.cluster.diagnosis.words import quoted, shortened
from slipway.domain.cluster.looks.observation import Diagnosis
from slipway.domain.cluster.marks import Manifest

NO_POD_AFTER = timedelta(minutes=2)
"""How long a Job may be without a pod before something is said. Its controller waits 10, 20, 40 … seconds between
tries: https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy"""
_OWN_WORDS = re.compile(r"(?P<reason>[A-Z][A-Za-z]+): (?P<words>.+)")


def diagnose_job(
    job: Manifest | None,
    pods: Sequence[Manifest],
    *,
    now: datetime,
    claims: Sequence[Manifest] = (),
) -> Diagnosis | None:
    """Why the weights are not loaded; None: they are, or nothing is wrong as far as one can see.

    `pods`: the Job's own. The newest counts, because the Job makes a new one for each try. Hopeless: a new Job would
    fail in the same way. A Job that has given up for a cause that passes, such as a Hub that did not answer, is not.
    """
    status = part(job, "status")
    known = conditions(status)
    if job is None or _holds(known, "Complete", "SuccessCriteriaMet"):
        return None
    seen = sorted((seen_pod(pod) for pod in pods), key=lambda pod: (pod.created, pod.name), reverse=True)
    given_up = _holds(known, "Failed", "FailureTarget")
    tries = TRIES if given_up else number(status.get("failed"))
    found: list[Found] = []
    for pod in seen if given_up else seen[:1]:
        found = found or [
            Found(_of_loading(cause), subject, pod.created, pod.name)
            for cause, subject in _of_pod(pod, now, claims, tries)
        ]
    whole = _of_job(job, known, given_up, seen, now)
    if not found and whole:
        subject = f"Job {name(text(part(job, 'metadata').get('name')))}"
        found = [Found(whole, subject, now, "")]
    return most_telling(found, serves=False)


def _of_pod(pod: Pod, now: datetime, claims: Sequence[Manifest], tries: int) -> Iterator[tuple[Cause, str]]:
    subject = f"pod {name(pod.name)}"
    for container in pod.containers:
        counted = replace(container, restarts=max(container.restarts, tries))
        cause = container_cause(pod, counted, now)
        if cause:
            yield replace(cause, restarts=counted.restarts), subject
    for cause in (
        None if pod.leaving else scheduling_cause(pod, about_claims(pod, claims)),
        lost_claim_cause(pod, claims),
        None if pod.leaving else creating_cause(pod, now),
        node_cause(pod, now),
    ):
        if cause:
            yield cause, subject


def _of_loading(cause: Cause) -> Cause:
    """In a Job, what ends again and again has not loaded the weights. Where the Job's script says why, its last words
    are a word of ours and a sentence, and nothing needs to be added: slipway.in_pod.prefetch."""
    if cause.reason is not Reason.CRASH_LOOP:
        return cause
    said = _OWN_WORDS.fullmatch(cause.words)
    if said is None or said["reason"] not in set(Reason):
        return replace(cause, reason=Reason.WEIGHTS_NOT_LOADED)
    return replace(
        cause, reason=Reason(said["reason"]), what="has ended", speaker="it says", words=said["words"], advice=""
    )


def _of_job(
    job: Mapping[str, Any],
    known: Mapping[str, Condition],
    given_up: Condition | None,
    pods: Sequence[Pod],
    now: datetime,
) -> Cause | None:
    if given_up:
        words = shortened(quoted(given_up.message), 300)
        too_long = given_up.reason == "DeadlineExceeded"
        return Cause(
            Reason.WEIGHTS_NOT_LOADED,
            "has given up: it took too long" if too_long else "has given up",
            "Kubernetes says" if words else "",
            words,
            "Look at the log of its pods, if there are any left: kubectl logs job/…",
            Patience.NONE,
            given_up.since,
        )
    suspended = _holds(known, "Suspended")
    if suspended:
        advice = "Look at who has suspended it: mostly Kueue, when its queue has no room"
        return Cause(Reason.UNSCHEDULABLE, "is suspended", advice=advice, since=suspended.since)
    since = moment(part(job, "status").get("startTime")) or moment(part(job, "metadata").get("creationTimestamp"))
    if not pods and since is not None and now - since >= NO_POD_AFTER:
        advice = "Only its events say why: a quota or a policy of the namespace, mostly. kubectl describe job"
        return Cause(Reason.POD_REFUSED, "gets no pod", advice=advice, since=since)
    return None


def _holds(known: Mapping[str, Condition], *kinds: str) -> Condition | None:
    return next((known[kind] for kind in kinds if kind in known and known[kind].status == "True"), None)
