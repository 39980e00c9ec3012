"""What ails a revision's pods, or the Job that loads its weights, in one look."""

from collections.abc import Mapping
from datetime import datetime

from slipway.domain.cluster.diagnosis import diagnose, diagnose_job
from slipway.domain.cluster.looks.observation import Diagnosis, ObjectRef, Observation
from slipway.domain.cluster.manifests.wanted import Wanted
from slipway.domain.cluster.marks import PREFETCH, REVISION_LABEL, ROLE_LABEL, Manifest, labels_of


def server_pods(seen: Observation, revision: str) -> list[Manifest]:
    """Every pod of a revision, also those that have ended or are on their way out."""
    return [
        pod
        for pod in seen.pods
        if labels_of(pod).get(REVISION_LABEL) == revision and labels_of(pod).get(ROLE_LABEL) != PREFETCH
    ]


def of_servers(seen: Observation, wanted: Wanted, now: datetime, logs: Mapping[str, str]) -> Diagnosis | None:
    """What ails the wanted revision's pods. `logs`: by pod, where the status does not say why one has ended."""
    workload = seen.objects.get(ObjectRef("Deployment", wanted.workload["metadata"]["name"]))
    claims = list(seen.of_kind("PersistentVolumeClaim").values())
    return diagnose(server_pods(seen, wanted.revision), workload, now=now, claims=claims, logs=logs)


def of_loading(seen: Observation, wanted: Wanted, now: datetime) -> Diagnosis | None:
    """What ails the Job that loads the weights."""
    if wanted.prefetch is None:
        return None
    name = wanted.prefetch["metadata"]["name"]
    job = seen.objects.get(ObjectRef("Job", name))
    pods = [pod for pod in seen.pods if labels_of(pod).get(ROLE_LABEL) == PREFETCH and _is_owned_by(pod, name)]
    claims = list(seen.of_kind("PersistentVolumeClaim").values())
    return diagnose_job(job, pods, now=now, claims=claims) if job else None


def _is_owned_by(pod: Manifest, job: str) -> bool:
    return any(owner.get("name") == job for owner in pod["metadata"].get("ownerReferences") or [])
