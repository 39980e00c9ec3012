"""What cannot be made."""

from slipway.domain.cluster.diagnosis.reasons import Reason
from tests.unit.domain.cluster.diagnosis.cases.case import KUBERNETES, Case
from tests.unit.domain.cluster.diagnosis.pods import workload

POD_SECURITY = (
    'pods "twin-5d9c-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
    '(container "runtime" must set securityContext.allowPrivilegeEscalation=false)'
)
GPU_QUOTA = (
    'pods "twin-5d9c-x" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu={requested}, used: '
    "requests.nvidia.com/gpu={used}, limited: requests.nvidia.com/gpu=4"
)

CASES = {
    "quota used up": Case(
        Reason.QUOTA_EXCEEDED,
        "https://github.com/ministryofjustice/cloud-platform/issues/590",
        [],
        ("apps/v1 Deployment twin-5d9c gets no pods: a ResourceQuota", "exceeded quota: gpus", "spec.replicas"),
        workload=workload(GPU_QUOTA.format(requested=2, used=4)),
    ),
    "quota too small": Case(
        Reason.QUOTA_EXCEEDED,
        "https://github.com/ministryofjustice/cloud-platform/issues/590",
        [],
        ("one pod alone asks for more", "limited: requests.nvidia.com/gpu=4"),
        hopeless=True,
        workload=workload(GPU_QUOTA.format(requested=8, used=0)),
    ),
    "quota that is just enough": Case(
        Reason.QUOTA_EXCEEDED,
        "https://github.com/ministryofjustice/cloud-platform/issues/590",
        [],
        ("a ResourceQuota of the namespace is used up",),
        workload=workload(GPU_QUOTA.format(requested=4, used=1)),
    ),
    "quota without a request": Case(
        Reason.QUOTA_EXCEEDED,
        "https://github.com/kubernetes/kubernetes/issues/96634",
        [],
        ("must specify limits.cpu", "spec.target.cluster.podTemplate"),
        hopeless=True,
        workload=workload('pods "x" is forbidden: failed quota: rq-demo: must specify limits.cpu for: proxy'),
    ),
    "Pod Security": Case(
        Reason.POD_REFUSED,
        "https://github.com/redhat-developer/odo/issues/6847",
        [],
        ("the namespace's policy refuses its pods", "violates PodSecurity", "spec.target.cluster.podTemplate"),
        hopeless=True,
        workload=workload(POD_SECURITY),
    ),
    "webhook denies": Case(
        Reason.POD_REFUSED,
        "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/",
        [],
        ("a policy of the cluster refuses its pods", "images must come from our registry"),
        workload=workload(
            'admission webhook "validation.gatekeeper.sh" denied the request: [repos] images must come from '
            "our registry"
        ),
    ),
    "webhook gone": Case(
        Reason.POD_REFUSED,
        "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/",
        [],
        ("a webhook that must be asked does not answer", "connection refused"),
        workload=workload(
            'Internal error occurred: failed calling webhook "inject.example.com": failed to call webhook: Post '
            '"https://injector.mesh.svc:443/inject?timeout=10s": dial tcp 10.0.0.7:443: connect: connection refused'
        ),
    ),
    "no ServiceAccount": Case(
        Reason.POD_REFUSED,
        KUBERNETES + "plugin/pkg/admission/serviceaccount/admission.go",
        [],
        ("the ServiceAccount of its pods is not there", 'serviceaccount "twin" not found'),
        workload=workload(
            'pods "x" is forbidden: error looking up service account ml/twin: serviceaccount "twin" not found'
        ),
    ),
    "no RuntimeClass": Case(
        Reason.POD_REFUSED,
        KUBERNETES + "plugin/pkg/admission/runtimeclass/admission.go",
        [],
        ("there is no such RuntimeClass", "spec.target.cluster.runtimeClassName"),
        workload=workload('pods "x" is forbidden: pod rejected: RuntimeClass "nvidia" not found'),
    ),
    "limit range": Case(
        Reason.POD_REFUSED,
        KUBERNETES + "plugin/pkg/admission/limitranger/admission.go",
        [],
        ("a LimitRange", "maximum memory usage per Container is 8Gi", "spec.target.cluster.memory"),
        hopeless=True,
        workload=workload('pods "x" is forbidden: maximum memory usage per Container is 8Gi, but limit is 16Gi'),
    ),
}
