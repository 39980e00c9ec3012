"""The kinds of objects that the cluster target reads or writes, each in the one version that is used of it.

Where a cluster lacks that version, the kind counts as missing: an older one is never used in its place.
"""

from collections.abc import Mapping

from slipway.domain.cluster.looks.observation import Api
from slipway.domain.cluster.marks import Manifest

DEPLOYMENT = Api("apps", "v1", "Deployment", "deployments")
SERVICE = Api("", "v1", "Service", "services")
SERVICE_ACCOUNT = Api("", "v1", "ServiceAccount", "serviceaccounts")
VOLUME_CLAIM = Api("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
POD = Api("", "v1", "Pod", "pods")
ENDPOINTS = Api("", "v1", "Endpoints", "endpoints")
"""In place of EndpointSlices before Kubernetes 1.21, whose own v1 was not there yet."""
JOB = Api("batch", "v1", "Job", "jobs")
NETWORK_POLICY = Api("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
DISRUPTION_BUDGET = Api("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
"""Since Kubernetes 1.21."""
ENDPOINT_SLICE = Api("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
"""Since Kubernetes 1.21."""
AUTOSCALER = Api("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
"""Since Kubernetes 1.23."""
SCALED_OBJECT = Api("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects")
HTTP_ROUTE = Api("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
INFERENCE_POOL = Api("inference.networking.k8s.io", "v1", "InferencePool", "inferencepools")
POD_MONITOR = Api("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors")
SERVICE_MONITOR = Api("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors")

BY_KIND: Mapping[str, Api] = {
    api.kind: api
    for api in (
        DEPLOYMENT,
        SERVICE,
        SERVICE_ACCOUNT,
        VOLUME_CLAIM,
        POD,
        ENDPOINTS,
        JOB,
        NETWORK_POLICY,
        DISRUPTION_BUDGET,
        ENDPOINT_SLICE,
        AUTOSCALER,
        SCALED_OBJECT,
        HTTP_ROUTE,
        INFERENCE_POOL,
        POD_MONITOR,
        SERVICE_MONITOR,
    )
}
"""Every kind that may appear in an observation or a step."""

WATCHED = (DEPLOYMENT, SERVICE, POD, JOB)
"""The kinds whose changes matter at once: `slipway.targets.cluster.children`."""


def api_of(manifest: Manifest) -> Api:
    """The API of a manifest. Raises ValueError if it is none of those above, or another version."""
    found = BY_KIND.get(manifest["kind"])
    if found is None or manifest["apiVersion"] != found.api_version:
        raise ValueError(f"{manifest['apiVersion']} {manifest['kind']} is no API of the cluster target")
    return found
