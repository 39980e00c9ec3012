"""Volumes that are not there, and containers that nobody has made yet.

That a volume cannot be attached or mounted (FailedAttachVolume, FailedMount), and that an image is being pulled, is
only said in events: the status shows ContainerCreating all the while. Since Kubernetes 1.29 a condition tells the two
apart: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-has-network
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from slipway.domain.cluster.diagnosis.reasons import Cause, Patience, Reason
from slipway.domain.cluster.diagnosis.seen import Pod, moment, part, text
from slipway.domain.cluster.diagnosis.words import quoted

MOUNTED_AFTER = timedelta(minutes=3)
"""How long volumes and network may take before something is said. The kubelet itself complains after 2 minutes and 3
seconds: https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/volumemanager/volume_manager.go"""
CREATED_AFTER = timedelta(minutes=15)
"""How long an image may be pulled before something is said: those of engines have several GB."""
_EVENTS = "Only events say why: kubectl describe pod"


def creating_cause(pod: Pod, now: datetime) -> Cause | None:
    """Why the containers of a pod that has a node are not made."""
    waiting = [
        container for container in pod.containers if container.waiting in ("ContainerCreating", "PodInitializing")
    ]
    scheduled = pod.conditions.get("PodScheduled")
    since = scheduled.since if scheduled else None
    began = any(container.running or container.ended for container in pod.containers)
    if not waiting or began or since is None or not pod.scheduled:
        return None
    sandbox = pod.conditions.get("PodReadyToStartContainers")
    if sandbox is not None and sandbox.status == "False" and now - since >= MOUNTED_AFTER:
        names = ", ".join(quoted(name) for name in pod.claims)
        what = f"waits on its node for its volumes{f' ({names})' if names else ''}, or for the network"
        return Cause(Reason.VOLUME_NOT_READY, what, advice=_EVENTS, since=since)
    if now - since >= CREATED_AFTER:
        what = "waits on its node for its containers: the image is still being pulled, or a volume cannot be mounted"
        return Cause(Reason.CONTAINER_CREATING, what, advice=_EVENTS, since=since)
    return None


def about_claims(pod: Pod, claims: Sequence[Mapping[str, Any]]) -> str:
    """What is known of a pod's claims that are not bound, to go on a sentence."""
    found = []
    for claim in claims:
        name = text(part(claim, "metadata").get("name"))
        if name in pod.claims and text(part(claim, "status").get("phase")) == "Pending":
            storage_class = text(part(claim, "spec").get("storageClassName"))
            found.append(f"with StorageClass {quoted(storage_class)}" if storage_class else "without a StorageClass")
    return f", which is not bound ({', '.join(found)})" if found else ""


def lost_claim_cause(pod: Pod, claims: Sequence[Mapping[str, Any]]) -> Cause | None:
    """A claim whose volume is gone: https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1/"""
    for claim in claims:
        name = text(part(claim, "metadata").get("name"))
        if name in pod.claims and text(part(claim, "status").get("phase")) == "Lost":
            return Cause(
                Reason.VOLUME_NOT_READY,
                f"waits for a volume that is gone, and with it what was on it (claim {quoted(name)})",
                advice="Delete the claim: it is made anew, and the weights are loaded again",
                patience=Patience.NONE,
                since=moment(part(claim, "metadata").get("creationTimestamp")),
            )
    return None
