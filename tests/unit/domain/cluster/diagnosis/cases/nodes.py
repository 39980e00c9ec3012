"""What is gone."""

from slipway.domain.cluster.diagnosis.reasons import Reason
from tests.unit.domain.cluster.diagnosis.cases.case import KUBERNETES, Case
from tests.unit.domain.cluster.diagnosis.pods import disrupted, gone

CASES = {
    "evicted for disk": Case(
        Reason.EVICTED,
        KUBERNETES + "pkg/kubelet/eviction/helpers.go",
        [
            gone(
                "Evicted",
                "The node was low on resource: ephemeral-storage. Threshold quantity: 8032Mi, available: 7411Mi. "
                "Container engine was using 29Gi, request is 0, has larger consumption of ephemeral-storage. ",
            )
        ],
        ("was put out by its node", "Container engine was using 29Gi", "spec.target.cluster.cache.size"),
    ),
    "evicted for shared memory": Case(
        Reason.EVICTED,
        KUBERNETES + "pkg/kubelet/eviction/helpers.go",
        [gone("Evicted", 'Usage of EmptyDir volume "shared-memory" exceeds the limit "1Gi". ')],
        ("spec.target.cluster.sharedMemory",),
    ),
    "drained": Case(
        Reason.EVICTED,
        "https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions",
        [disrupted("EvictionByEvictionAPI", "Eviction API: evicting")],
        ("mostly because its node is drained",),
    ),
    "preempted": Case(
        Reason.PREEMPTED,
        "https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions",
        [disrupted("PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod")],
        ("a pod of higher priority", "preempting to accommodate"),
    ),
    "refused for a GPU": Case(
        Reason.REFUSED_BY_NODE,
        "https://github.com/kubernetes/kubernetes/issues/130145",
        [
            gone(
                "UnexpectedAdmissionError",
                "Pod was rejected: Allocate failed due to requested number of devices unavailable for nvidia.com/gpu. "
                "Requested: 1, Available: 0, which is unexpected",
            )
        ],
        ("was refused by its node (UnexpectedAdmissionError)", "Requested: 1, Available: 0", "device plugin"),
    ),
    "refused for want": Case(
        Reason.REFUSED_BY_NODE,
        KUBERNETES + "pkg/kubelet/lifecycle/predicate.go",
        [
            gone(
                "OutOfnvidia.com/gpu",
                "Node didn't have enough resource: nvidia.com/gpu, requested: 1, used: 1, capacity: 1",
            )
        ],
        ("OutOfnvidia.com/gpu", "capacity: 1"),
    ),
    "shut down": Case(
        Reason.NODE_LOST,
        "https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/",
        [gone("Terminated", "Pod was terminated in response to imminent node shutdown.")],
        ("was lost with its node", "imminent node shutdown"),
    ),
    "a node that is gone": Case(
        Reason.NODE_LOST,
        "https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions",
        [disrupted("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")],
        ("a taint of its node",),
    ),
}
