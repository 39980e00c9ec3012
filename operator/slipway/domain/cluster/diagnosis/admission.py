"""Pods that cannot be made: a quota, the Pod Security admission, a webhook, something that they refer to.

The ReplicaSet's controller says so in a condition, which its Deployment repeats (ReplicaFailure, reason FailedCreate):
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#failed-deployment. The words are the API server's:
https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go,
…/staging/src/k8s.io/pod-security-admission/admission/admission.go, …/plugin/pkg/admission/serviceaccount/admission.go
"""

import re
from dataclasses import replace

from slipway.domain.cluster.diagnosis.reasons import Cause, Patience, Reason
from slipway.domain.cluster.diagnosis.seen import conditions, part
from slipway.domain.cluster.diagnosis.signs import first, sign
from slipway.domain.cluster.diagnosis.words import quoted, shortened

_QUOTA = re.compile(
    r"exceeded quota: (?P<quota>[\w.-]+), requested: (?P<requested>.+?), used: .+?, limited: (?P<limited>.+)"
)
_MUST_SPECIFY = re.compile(r"failed quota: [\w.-]+: must specify (.+)", re.IGNORECASE)
_AMOUNT = re.compile(r"([\w./-]+)=(\d+)(?![\w.])")
"""Of a countable resource. What has a unit (4Gi, 500m) is left to the reader."""
_SIGNS = (
    sign(
        r"violates PodSecurity|unable to validate against any (?:pod security policy|security context constraint)",
        Reason.POD_REFUSED,
        "the namespace's policy refuses its pods",
        "Take what it names out of spec.target.cluster.podTemplate: what Slipway writes itself keeps to the restricted "
        "profile",
        Patience.NONE,
    ),
    sign(
        r"failed calling webhook",
        Reason.POD_REFUSED,
        "a webhook that must be asked does not answer",
        "Look at the webhook; it is tried again by itself",
        Patience.ALL,
    ),
    sign(
        r"admission webhook .{0,200} denied|denied by .{0,80}policy|ValidatingAdmissionPolicy",
        Reason.POD_REFUSED,
        "a policy of the cluster refuses its pods",
        "Correct spec.target.cluster.podTemplate, or ask whoever keeps that policy",
        Patience.ALL,
    ),
    sign(
        r"(?i:service ?account) .{0,300}not found",
        Reason.POD_REFUSED,
        "the ServiceAccount of its pods is not there",
        "It is made again by itself; one of your own in spec.target.cluster.podTemplate must exist in this namespace",
        Patience.ALL,
    ),
    sign(
        r"RuntimeClass .{0,200}not found",
        Reason.POD_REFUSED,
        "there is no such RuntimeClass",
        "Correct spec.target.cluster.runtimeClassName, or install the GPU operator, which makes it",
        Patience.ALL,
    ),
    sign(
        r"[Nn]o PriorityClass with name",
        Reason.POD_REFUSED,
        "there is no such PriorityClass",
        "Correct priorityClassName in spec.target.cluster.podTemplate",
        Patience.ALL,
    ),
    sign(
        r"(?:maximum|minimum) [\w./-]+ usage per|max limit to request ratio",
        Reason.POD_REFUSED,
        "a LimitRange of the namespace refuses its pods",
        "Ask for what it allows: spec.target.cluster.memory, cpu, or resources in podTemplate",
        Patience.NONE,
    ),
    sign(
        r"is invalid: |Unsupported value|Invalid value",
        Reason.POD_REFUSED,
        "its pods are not valid",
        "Correct spec.target.cluster.podTemplate",
        Patience.NONE,
    ),
)


def creation_cause(workload: object) -> Cause | None:
    """Why an apps/v1 Deployment has too few pods, as far as it knows."""
    failure = conditions(part(workload, "status")).get("ReplicaFailure")
    if failure is None or failure.status != "True":
        return None
    words = quoted(failure.message)
    quota = _quota_cause(words)
    known = first(_SIGNS, words)
    if quota:
        cause = quota
    elif known:
        cause = Cause(known.reason, known.what, advice=known.advice, patience=known.patience)
    else:
        cause = Cause(Reason.POD_REFUSED, "its pods cannot be made", advice="It is tried again by itself")
    speaker = "the API server says" if words else ""
    return replace(cause, speaker=speaker, words=shortened(words, 500), since=failure.since)


def _quota_cause(words: str) -> Cause | None:
    """A ResourceQuota frees what others give back, but one pod alone must fit into it."""
    unspecified = _MUST_SPECIFY.search(words)
    if unspecified:
        what = "a ResourceQuota of the namespace asks for what its pods do not say"
        advice = "Set what it names in resources of every container, in spec.target.cluster.podTemplate"
        return Cause(Reason.QUOTA_EXCEEDED, what, advice=advice, patience=Patience.NONE)
    found = _QUOTA.search(words)
    if found is None:
        return None
    advice = "Free some of it, ask for less (spec.target.cluster, spec.replicas), or have the quota raised"
    if _exceeds_all(found["requested"], found["limited"]):
        what = "one pod alone asks for more than the ResourceQuota of the namespace allows in all"
        return Cause(Reason.QUOTA_EXCEEDED, what, advice=advice, patience=Patience.NONE)
    return Cause(Reason.QUOTA_EXCEEDED, "a ResourceQuota of the namespace is used up", advice=advice)


def _exceeds_all(requested: str, limited: str) -> bool:
    limits = {name: int(amount) for name, amount in _AMOUNT.findall(limited) if len(amount) <= 12}
    wanted = [(name, int(amount)) for name, amount in _AMOUNT.findall(requested) if len(amount) <= 12]
    return any(amount > limits.get(name, amount) for name, amount in wanted)
