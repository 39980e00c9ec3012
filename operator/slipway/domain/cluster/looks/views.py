"""What a look has found, as the planning reads it: revisions, pods, and where the Service sends requests."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.domain.cluster.looks import memory
from slipway.domain.cluster.looks.memory import Failure, Progress, Served
from slipway.domain.cluster.looks.observation import Observation
from slipway.domain.cluster.marks import (
    DEPLOYMENT_LABEL,
    FAILED,
    NOBODY,
    REVISION_LABEL,
    ROLE_LABEL,
    ROLLOUT,
    SERVED,
    SERVER,
    SERVING,
    VERIFIED,
    Manifest,
    labels_of,
)
from slipway.domain.ownership import is_owned


@dataclass(frozen=True)
class Child:
    """One revision's apps/v1 Deployment."""

    manifest: Manifest
    name: str
    revision: str
    """Digest."""
    replicas: int
    """As asked for."""
    served: Served | None
    failure: Failure | None
    verified: str | None
    created: str

    @property
    def resource_version(self) -> str:
        """As it was seen."""
        return str(self.manifest["metadata"]["resourceVersion"])


@dataclass(frozen=True)
class Pod:
    """One pod of a revision."""

    manifest: Manifest
    name: str
    revision: str
    ip: str | None
    ready: bool
    """Ready, and not on its way out."""
    leaving: bool
    """Deleted, but still there: it holds its GPUs."""
    scheduled: str | None = None
    """Since when it has a node."""
    created: str = ""


@dataclass(frozen=True)
class Routing:
    """The Service: who gets requests, and how far a roll is."""

    manifest: Manifest
    serving: str | None
    """Digest of the revision that has proved itself."""
    selected: str | None
    """Digest of the revision that gets requests; NOBODY; None: all revisions share them."""
    progress: Progress | None


def children(seen: Observation, uid: str) -> dict[str, Child]:
    """The revisions by digest. Those that are being deleted count as gone."""
    found = {}
    for name, manifest in seen.of_kind("Deployment").items():
        revision = labels_of(manifest).get(REVISION_LABEL)
        if revision is None or not is_owned(manifest, uid) or manifest["metadata"].get("deletionTimestamp"):
            continue
        annotations = manifest["metadata"].get("annotations") or {}
        found[revision] = Child(
            manifest=manifest,
            name=name,
            revision=revision,
            replicas=manifest["spec"].get("replicas", 1),
            served=memory.read(Served, annotations.get(SERVED)),
            failure=memory.read(Failure, annotations.get(FAILED)),
            verified=annotations.get(VERIFIED),
            created=manifest["metadata"].get("creationTimestamp") or "",
        )
    return found


def pods(seen: Observation) -> tuple[Pod, ...]:
    """The pods that serve or are about to, by name. Those that have ended hold no GPU and are left out."""
    found = []
    for manifest in seen.pods:
        labels, status = labels_of(manifest), manifest.get("status") or {}
        if labels.get(ROLE_LABEL, SERVER) != SERVER or REVISION_LABEL not in labels:
            continue
        if status.get("phase") in ("Succeeded", "Failed"):
            continue
        leaving = manifest["metadata"].get("deletionTimestamp") is not None
        found.append(
            Pod(
                manifest=manifest,
                name=manifest["metadata"]["name"],
                revision=labels[REVISION_LABEL],
                ip=status.get("podIP"),
                ready=not leaving and _condition(status, "Ready"),
                leaving=leaving,
                scheduled=_since(status, "PodScheduled"),
                created=manifest["metadata"].get("creationTimestamp") or "",
            )
        )
    return tuple(sorted(found, key=lambda pod: pod.name))


def selector(deployment: str, selected: str | None) -> dict[str, str]:
    """The Service's selector for one revision's pods, or (None) for all of them.

    The role keeps out the pods that load weights, which carry the Deployment's label, too.
    """
    everybody = {DEPLOYMENT_LABEL: deployment, ROLE_LABEL: SERVER}
    return everybody if selected is None else {**everybody, REVISION_LABEL: selected}


def routing(seen: Observation, name: str, uid: str) -> Routing | None:
    """The Service, if there is one of ours."""
    manifest = seen.of_kind("Service").get(name)
    if manifest is None or not is_owned(manifest, uid):
        return None
    annotations = manifest["metadata"].get("annotations") or {}
    there = manifest["spec"].get("selector") or {}
    # A key more, whoever has added it, is a key that no pod may have: nobody gets requests.
    ours = there == selector(name, there.get(REVISION_LABEL))
    return Routing(
        manifest=manifest,
        serving=annotations.get(SERVING) or None,
        selected=there.get(REVISION_LABEL) if ours else NOBODY,
        progress=memory.read(Progress, annotations.get(ROLLOUT)),
    )


def moment(text: str) -> datetime:
    """An RFC 3339 time of the API."""
    return datetime.fromisoformat(text)


def _since(status: dict[str, Any], kind: str) -> str | None:
    """When a condition became true."""
    found = (c for c in status.get("conditions") or [] if c.get("type") == kind and c.get("status") == "True")
    return next((c.get("lastTransitionTime") for c in found), None)


def _condition(status: dict[str, Any], kind: str) -> bool:
    return any(c.get("type") == kind and c.get("status") == "True" for c in status.get("conditions") or [])
