"""The weights come first: no pod asks for a GPU before its commit lies in the cache."""

from slipway.domain.cluster.observation import ObjectRef
from slipway.domain.cluster.situation import Plan, Situation
from slipway.domain.cluster.steps import Apply
from slipway.domain.conditions import Finding


def plan_loading(situation: Situation) -> Plan | None:
    """What is to be done before the revision may start; None: nothing, its weights are there or need no cache."""
    job = situation.wanted.prefetch
    if job is None:
        return None
    served, name = situation.wanted.served, job["metadata"]["name"]
    there = situation.seen.objects.get(ObjectRef("Job", name))
    loading = Finding("LoadingWeights", f"loading {served.repo} at {served.revision} into the cache (Job {name})")
    if there is None:
        return Plan((Apply(job),), reconciling=loading)
    state = _state(there)
    if state == "Complete":
        return None
    ails = situation.loading
    if state == "Failed":
        reason, why = (ails.reason, ails.message) if ails else ("WeightsNotLoaded", "its pods do not say why")
        text = f"{why}. The Job {name} has given up: delete it to try again when this is mended"
        return Plan(stalled=Finding(reason, text))
    return Plan(reconciling=Finding(ails.reason, ails.message) if ails else loading)


def _state(job: dict[str, object]) -> str | None:
    """Complete, Failed, or None while it runs: https://kubernetes.io/docs/concepts/workloads/controllers/job/"""
    status = job.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    for condition in conditions or []:
        if condition.get("type") in ("Complete", "Failed") and condition.get("status") == "True":
            return str(condition["type"])
    return None
