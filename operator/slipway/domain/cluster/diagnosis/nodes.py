"""Pods that a node has refused, put out or taken with it. What makes pods makes new ones: none of it is hopeless.

- https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/eviction/helpers.go and …/eviction_manager.go
- https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/lifecycle/predicate.go (OutOf…, NodeAffinity, …)
- https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions (DisruptionTarget)
"""

from datetime import datetime, timedelta

from slipway.domain.cluster.diagnosis import resources
from slipway.domain.cluster.diagnosis.reasons import Cause, Reason
from slipway.domain.cluster.diagnosis.seen import EPOCH, Pod
from slipway.domain.cluster.diagnosis.words import quoted, shortened

RECENT = timedelta(hours=1)
"""How long it is told of a pod that is gone. Its remains may stay for weeks, until there are 12500 of them:
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection"""

_REFUSED = frozenset(
    {
        "UnexpectedAdmissionError",
        "NodeAffinity",
        "NodePorts",
        "TopologyAffinityError",
        "SMTAlignmentError",
        "AppArmor",
        "InvalidNodeInfo",
        "UnknownReason",
        "UnexpectedPredicateFailureType",
        "PodOSNotSupported",
        "PodOSSelectorNodeLabelDoesNotMatch",
        "PodFeatureUnsupported",
        "SupplementalGroupsPolicyNotSupported",
        "InitContainerRestartPolicyForbidden",
    }
)
_LOST = frozenset({"NodeLost", "NodeShutdown", "Terminated", "Shutdown"})
"""Reasons of pods whose node is gone or going: https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/"""
_DISRUPTIONS = {
    "PreemptionByScheduler": (Reason.PREEMPTED, "is put out for a pod of higher priority"),
    "DeletionByTaintManager": (Reason.NODE_LOST, "is put out by a taint of its node, mostly because it is not ready"),
    "EvictionByEvictionAPI": (Reason.EVICTED, "is put out by request, mostly because its node is drained"),
    "DeletionByPodGC": (Reason.NODE_LOST, "was on a node that is gone"),
    "TerminationByKubelet": (Reason.EVICTED, "is put out by its node"),
}
_ELSEWHERE = "A new pod takes its place; nothing needs to be done if there is room for it"


def node_cause(pod: Pod, now: datetime) -> Cause | None:
    """Why a pod is gone or going, if that is its node's doing and not long ago."""
    since = _since(pod)
    if since is not None and now - since > RECENT:
        return None
    words = shortened(quoted(pod.message), 400)
    if pod.phase == "Failed" and (pod.reason in _REFUSED or pod.reason.startswith("OutOf")):
        return Cause(
            Reason.REFUSED_BY_NODE,
            f"was refused by its node ({quoted(pod.reason)})",
            "the kubelet says" if words else "",
            words,
            "A new pod takes its place; if that goes on, look at the device plugin and the GPUs of the node",
            since=since,
        )
    if pod.reason == "Evicted":
        return _evicted(words, since)
    if pod.reason == "Preempting":
        what = "was put out by its node for a pod that the node cannot do without"
        return Cause(Reason.PREEMPTED, what, "the kubelet says" if words else "", words, _ELSEWHERE, since=since)
    if pod.reason in _LOST or pod.phase == "Unknown":
        speaker = "the kubelet says" if words else ""
        return Cause(Reason.NODE_LOST, "was lost with its node", speaker, words, _ELSEWHERE, since=since)
    return _disrupted(pod, since)


def _evicted(words: str, since: datetime | None) -> Cause:
    if "EmptyDir" in words:
        own = "shared-memory" in words
        advice = f"Raise {'spec.target.cluster.sharedMemory' if own else 'its sizeLimit in podTemplate'}"
    elif "ephemeral" in words:
        advice = resources.RAISE_DISK
    elif "memory" in words:
        advice = "Raise spec.target.cluster.memory, so that the pod goes where there is as much as it uses"
    else:
        advice = _ELSEWHERE
    return Cause(
        Reason.EVICTED, "was put out by its node", "the kubelet says" if words else "", words, advice, since=since
    )


def _disrupted(pod: Pod, since: datetime | None) -> Cause | None:
    condition = pod.conditions.get("DisruptionTarget")
    if condition is None or condition.status != "True":
        return None
    reason, what = _DISRUPTIONS.get(condition.reason, (Reason.EVICTED, "is put out"))
    words = shortened(quoted(condition.message), 400)
    return Cause(reason, what, "Kubernetes says" if words else "", words, _ELSEWHERE, since=since)


def _since(pod: Pod) -> datetime | None:
    """When it ended, as far as that can be told; a pod that was refused ended when it began."""
    target = pod.conditions.get("DisruptionTarget")
    ended = [container.ended.finished for container in pod.containers if container.ended and container.ended.finished]
    known = [target.since] if target and target.since else ended
    return max(known, default=pod.created if pod.created != EPOCH else None)
