"""The weights come first: no pod asks for a GPU before its commit lies in the cache."""

from slipway.api.v1alpha1 import RECONCILE_NOW
from slipway.domain.cluster.cache import claim_name
from slipway.domain.cluster.cache.progress import State
from slipway.domain.cluster.cache.progress import loading as progress_of
from slipway.domain.cluster.looks.observation import ObjectRef
from slipway.domain.cluster.looks.views import Child
from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.rolls.situation import Plan, Situation
from slipway.domain.cluster.rolls.steps import Apply, Delete
from slipway.domain.conditions import Finding

_GOING = 5.0
"""Seconds between two looks at a Job that is being deleted."""


def plan_loading(situation: Situation) -> Plan | None:
    """What is to be done before the revision may start; None: nothing, its weights are there or need no cache."""
    job = situation.wanted.prefetch
    if job is None:
        return None
    served, name = situation.wanted.served, job["metadata"]["name"]
    there = situation.seen.objects.get(ObjectRef("Job", name))
    loading = Finding("LoadingWeights", f"loading {served.repo} at {served.revision} into the cache (Job {name})")
    state = progress_of(there)
    if there is None or state is None:
        return Plan((Apply(_asked_for(job, situation.trigger)),), reconciling=loading)
    if there["metadata"].get("deletionTimestamp"):
        return Plan(reconciling=loading, look_again=_GOING)
    if _is_outdated(situation, there) or (state.state is State.FAILED and _trigger(there) != situation.trigger):
        return Plan((Delete("Job", name, there["metadata"]["uid"]),), reconciling=loading, look_again=0.0)
    if state.state is State.COMPLETE:
        return None
    ails = situation.loading
    if state.state is State.FAILED:
        reason, why = (ails.reason, ails.message) if ails else ("WeightsNotLoaded", "its pods do not say why")
        text = (
            f"{why}. The Job {name} has given up: when this is mended, delete it or set the annotation "
            f"{RECONCILE_NOW} to try again"
        )
        return Plan(stalled=Finding(reason, text))
    return Plan(reconciling=Finding(ails.reason, ails.message) if ails else loading)


def plan_reloading(situation: Situation, child: Child) -> Plan | None:
    """The same for a revision that serves, where somebody has replaced the volume that its weights lay on.

    Its pods go on with what they have loaded; the next one would find nothing.
    """
    claim = _claim(situation)
    if claim is None or _created(claim) <= child.created:
        return None
    return plan_loading(situation)


def _asked_for(job: Manifest, trigger: str | None) -> Manifest:
    """The Job, with what it was asked for by: another word permits another try."""
    if trigger is None:
        return job
    metadata = job["metadata"]
    return job | {"metadata": metadata | {"annotations": {**metadata.get("annotations", {}), RECONCILE_NOW: trigger}}}


def _trigger(job: Manifest) -> str | None:
    return (job["metadata"].get("annotations") or {}).get(RECONCILE_NOW)


def _is_outdated(situation: Situation, job: Manifest) -> bool:
    """Whether it has loaded, or loads, onto a volume that is there no more."""
    claim = _claim(situation)
    return claim is not None and _created(claim) > _created(job)


def _claim(situation: Situation) -> Manifest | None:
    return situation.seen.objects.get(ObjectRef("PersistentVolumeClaim", claim_name(situation.subject.name)))


def _created(manifest: Manifest) -> str:
    """RFC 3339 in UTC and whole seconds, so that the texts compare as the times do."""
    return manifest["metadata"].get("creationTimestamp") or ""
