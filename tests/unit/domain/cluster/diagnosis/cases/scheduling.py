"""What no node takes."""

from datetime import timedelta

from slipway.domain.cluster.diagnosis.reasons import Reason
from tests.unit.domain.cluster.diagnosis.cases.case import KUBERNETES, Case
from tests.unit.domain.cluster.diagnosis.pods import CREATING, NOW, ago, claim, pod, unscheduled

UNBOUND = (
    "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/3 nodes are available: 3 "
    "Preemption is not helpful for scheduling."
)

CASES = {
    "no free GPU": Case(
        Reason.UNSCHEDULABLE,
        KUBERNETES + "pkg/scheduler/framework/types.go",
        [
            unscheduled(
                "0/5 nodes are available: 2 node(s) had untolerated taint {nvidia.com/gpu: true}, 3 Insufficient "
                "nvidia.com/gpu. preemption: 0/5 nodes are available: 2 Preemption is not helpful for scheduling, 3 No "
                "preemption victims found for incoming pod."
            )
        ],
        (
            "3 of 5 nodes have too little nvidia.com/gpu free",
            "2 have a taint {nvidia.com/gpu: true} that it does not tolerate",
            "The scheduler says: “0/5 nodes are available: 2 node(s) had untolerated taint",
            "spec.target.cluster.gpus",
            "tolerations to spec.target.cluster.podTemplate",
        ),
    ),
    "scheduling gates": Case(
        Reason.UNSCHEDULABLE,
        "https://kubernetes.io/docs/concepts/scheduling-eviction/pod-scheduling-readiness/",
        [unscheduled("Scheduling is blocked due to non-empty scheduling gates", reason="SchedulingGated")],
        ("waits for its scheduling gates", "Kueue"),
    ),
    "no volume": Case(
        Reason.VOLUME_NOT_READY,
        KUBERNETES + "pkg/scheduler/framework/plugins/volumebinding/volume_binding.go",
        [unscheduled(UNBOUND)],
        (
            "its volume (twin-cache), which is not bound (with StorageClass shared)",
            "unbound immediate",
            "cache.accessMode",
        ),
        claims=(claim("Pending"),),
    ),
    "a claim that is missing": Case(
        Reason.VOLUME_NOT_READY,
        KUBERNETES + "pkg/scheduler/framework/plugins/volumebinding/volume_binding.go",
        [unscheduled('0/3 nodes are available: persistentvolumeclaim "twin-cache" not found.')],
        ("twin-cache", "spec.target.cluster.cache.storageClass"),
    ),
    "a volume that is gone": Case(
        Reason.VOLUME_NOT_READY,
        "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#phase",
        [pod(CREATING, phase="Pending")],
        ("a volume that is gone", "claim twin-cache", "Delete the claim"),
        hopeless=True,
        claims=(claim("Lost"),),
    ),
    "a volume that cannot be mounted": Case(
        Reason.VOLUME_NOT_READY,
        "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-has-network",
        [
            pod(
                CREATING,
                phase="Pending",
                conditions=[
                    {"type": "PodReadyToStartContainers", "status": "False", "lastTransitionTime": ago(minutes=4)}
                ],
            )
        ],
        ("its volumes (twin-cache), or for the network", "kubectl describe pod"),
    ),
    "a container that is not made": Case(
        Reason.CONTAINER_CREATING,
        "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-states",
        [pod(CREATING, phase="Pending", created=NOW - timedelta(minutes=16))],
        ("the image is still being pulled, or a volume cannot be mounted", "kubectl describe pod"),
    ),
}
