"""The controllers of a cluster: of Deployments, Jobs, garbage and Endpoints. Each turn is asked for."""

import copy
import itertools
from collections.abc import Iterator
from typing import Any

from slipway.domain.cluster.marks import Manifest
from tests.testbed.fakes.kube_objects import KubeObjects, Place, labelled


class Controllers:
    """What kube-controller-manager does."""

    def __init__(self, objects: KubeObjects) -> None:
        self._objects = objects
        self._numbers = itertools.count(1)

    def run(self) -> None:
        """One turn: pods as Deployments and Jobs ask, orphans go, statuses and Endpoints follow the pods."""
        self._collect_garbage()
        for deployment in self._objects.each("Deployment"):
            self._reconcile(deployment)
        for job in self._objects.each("Job"):
            self._start_job(job)
        for service in self._objects.each("Service"):
            self._route(service)

    def _reconcile(self, deployment: Manifest) -> None:
        metadata = deployment["metadata"]
        namespace = metadata["namespace"]
        pods = [pod for pod in self._pods_of(deployment) if "deletionTimestamp" not in pod["metadata"]]
        wanted = deployment["spec"]["replicas"]
        for _ in range(wanted - len(pods)):
            self._make_pod(deployment, "ReplicaSet", f"{metadata['name']}-5d7f9c6b8d", deployment["spec"]["template"])
        # The ReplicaSet controller takes those that are not ready first, then the youngest.
        surplus = sorted(pods, key=lambda pod: (is_ready(pod), _age_order(pod)))[: max(0, len(pods) - wanted)]
        for pod in surplus:
            self._objects.delete(Place(namespace, "Pod", pod["metadata"]["name"]))
        ready = sum(is_ready(pod) for pod in self._pods_of(deployment) if "deletionTimestamp" not in pod["metadata"])
        available = ("True", "MinimumReplicasAvailable") if ready >= wanted else ("False", "MinimumReplicasUnavailable")
        status = {
            "observedGeneration": metadata["generation"],
            "replicas": wanted or None,
            "updatedReplicas": wanted or None,
            "readyReplicas": ready or None,
            "availableReplicas": ready or None,
            "unavailableReplicas": wanted - ready or None,
            "conditions": [{"type": "Available", "status": available[0], "reason": available[1]}],
        }
        self._objects.merge(Place(namespace, "Deployment", metadata["name"]), {"status": status})

    def _start_job(self, job: Manifest) -> None:
        if job["status"].get("conditions") or any(True for _ in self._pods_of(job)):
            return
        self._make_pod(job, "Job", job["metadata"]["name"], job["spec"]["template"])
        name = job["metadata"]["name"]
        started = {"active": 1, "startTime": self._objects.timestamp()}
        self._objects.merge(Place(job["metadata"]["namespace"], "Job", name), {"status": started})

    def _make_pod(self, owner: Manifest, kind: str, owner_name: str, template: dict[str, Any]) -> None:
        metadata = owner["metadata"]
        number = next(self._numbers)
        uid = metadata["uid"] if kind == "Job" else f"{metadata['uid']}-rs"
        pod_metadata = {
            "name": f"{owner_name}-{number:05}",
            "namespace": metadata["namespace"],
            "labels": dict(template["metadata"].get("labels") or {}),
            "annotations": dict(template["metadata"].get("annotations") or {}),
            "ownerReferences": [{"kind": kind, "name": owner_name, "uid": uid, "controller": True}],
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": pod_metadata,
            "spec": copy.deepcopy(template["spec"]),
            "status": {"phase": "Pending", "qosClass": "Burstable"},
        }
        self._objects.create(pod)

    def _pods_of(self, owner: Manifest) -> Iterator[Manifest]:
        uid = owner["metadata"]["uid"]
        for pod in self._objects.each("Pod", owner["metadata"]["namespace"]):
            if _owner_uid(pod) in (uid, f"{uid}-rs"):
                yield pod

    def _collect_garbage(self) -> None:
        """Deletes pods whose Deployment or Job is gone. Of our own kinds, `FakeCluster.remove_owner` tells."""
        uids = {item["metadata"]["uid"] for kind in ("Deployment", "Job") for item in self._objects.each(kind)}
        for pod in self._objects.each("Pod"):
            owner = (_owner_uid(pod) or "").removesuffix("-rs")
            if owner and owner not in uids and "deletionTimestamp" not in pod["metadata"]:
                self._objects.delete(Place(pod["metadata"]["namespace"], "Pod", pod["metadata"]["name"]))

    def _route(self, service: Manifest) -> None:
        """Endpoints as the endpoint controller makes them: only of pods that are ready and stay."""
        metadata = service["metadata"]
        selector = service["spec"].get("selector")
        pods = [
            pod
            for pod in self._objects.each("Pod", metadata["namespace"])
            if selector and labelled(pod, selector) and is_ready(pod) and "deletionTimestamp" not in pod["metadata"]
        ]
        addresses = [
            {"ip": pod["status"]["podIP"], "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"]}}
            for pod in pods
        ]
        place = Place(metadata["namespace"], "Endpoints", metadata["name"])
        subsets = [{"addresses": addresses, "ports": service["spec"]["ports"]}] if addresses else []
        if self._objects.get(place) is None:
            found = {"name": metadata["name"], "namespace": metadata["namespace"], "labels": metadata.get("labels", {})}
            self._objects.create({"apiVersion": "v1", "kind": "Endpoints", "metadata": found, "subsets": subsets})
        else:
            self._objects.merge(place, {"subsets": subsets})


def is_ready(pod: Manifest) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


def _age_order(pod: Manifest) -> int:
    return -int(pod["metadata"]["name"].rpartition("-")[2])


def owner_of(pod: Manifest, kind: str) -> str | None:
    for owner in pod["metadata"].get("ownerReferences", []):
        if owner["kind"] == kind:
            return str(owner["name"])
    return None


def _owner_uid(pod: Manifest) -> str | None:
    for owner in pod["metadata"].get("ownerReferences", []):
        return str(owner["uid"])
    return None
