"""The pods of a revision: what serves, with the user's wishes, on nodes with the right GPUs.

They fulfil the restricted Pod Security Standard, unless the user's podTemplate says otherwise:
https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from typing import Any

from slipway.api.v1alpha1.cluster_target import ClusterTarget
from slipway.api.v1alpha1.common import SecretKeyRef
from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.domain.cluster import marks
from slipway.domain.cluster.engines.known import METRICS
from slipway.domain.cluster.manifests.engine_container import container, volumes
from slipway.domain.cluster.manifests.placement import placed, spread
from slipway.domain.cluster.manifests.service_account import account_name
from slipway.domain.cluster.manifests.stopping import GRACE_PERIOD
from slipway.domain.cluster.manifests.strategic_merge import merged
from slipway.domain.cluster.marks import NAME_LABEL, PORT, REVISION_LABEL, ROLE_LABEL, SERVER, Manifest
from slipway.domain.names import digest
from slipway.domain.served import ServedModel

USER = 2000
"""User, group and group of the volumes. vLLM's image has this user:
https://docs.vllm.ai/en/latest/deployment/docker/#run-as-a-non-root-user

Where each namespace has users of its own (OpenShift), podTemplate takes it away:
`securityContext: {runAsUser: null, runAsGroup: null, fsGroup: null}`.
"""
_REVISION_DIGITS = 10


def own_labels(deployment: str) -> dict[str, str]:
    """The labels by which Slipway finds its pods, without the revision's."""
    return {**marks.labels(deployment), ROLE_LABEL: SERVER}


def before_wishes(
    deployment: str,
    spec: DeploymentSpec,
    target: ClusterTarget,
    served: ServedModel,
    image: str,
    token: SecretKeyRef | None,
) -> Manifest:
    """The PodTemplateSpec that the user's podTemplate is merged with.

    Service links are off: with a Service that is called vllm, Kubernetes would set VLLM_PORT, which vLLM reads
    (https://docs.vllm.ai/en/latest/configuration/env_vars/).
    """
    pod: dict[str, Any] = {
        "serviceAccountName": account_name(deployment),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_PERIOD,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            # Of a cache with many files, the owner is not set again for each pod.
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **({"runtimeClassName": target.runtime_class_name} if target.runtime_class_name else {}),
        **spread(deployment),
        "volumes": volumes(deployment, target),
        "containers": [container(spec, target, served, image, token)],
    }
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": str(PORT), "prometheus.io/path": METRICS}
    labels = {NAME_LABEL: spec.engine.name.lower(), **own_labels(deployment)}
    return {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod}


def with_wishes(base: Manifest, deployment: str, target: ClusterTarget) -> Manifest:
    """The template with the user's podTemplate merged into it.

    Raises PatchProblem where that cannot be merged. What it may not change is `overrides.problem`'s business.
    """
    result = merged(base, target.pod_template or {})
    metadata = result.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), **own_labels(deployment)}
    return result | {"metadata": metadata | {"labels": labels}, "spec": placed(result.get("spec") or {}, target)}


def revision_of(template: Manifest) -> str:
    """Digest of the pods' template: what differs in it is another revision."""
    return digest(template, _REVISION_DIGITS)


def of_revision(template: Manifest, revision: str) -> Manifest:
    """The template with the revision's label, which is not part of the digest."""
    metadata = template["metadata"]
    return template | {"metadata": metadata | {"labels": metadata["labels"] | {REVISION_LABEL: revision}}}
