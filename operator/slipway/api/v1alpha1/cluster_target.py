"""spec.target.cluster: pods with GPUs, in the namespace of the Deployment."""

from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.api.v1alpha1.common import ApiModel, rules

CACHE_FIXED = "cache.storageClass and cache.accessMode cannot change: a volume keeps them for its life"
PRODUCTS_NEED_GPUS = "gpuProducts and minGpuMemory choose among GPUs: set gpus to 1 or more"
Quantity = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]
"""https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/"""
Label = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.\-]*[A-Za-z0-9])?$")]
DnsName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([a-z0-9.\-]*[a-z0-9])?$")]
OBJECT: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
"""A part of another API, which that API's own server checks when it is applied."""
Verbatim = Annotated[dict[str, Any], Field(json_schema_extra=OBJECT)]


class Cache(ApiModel):
    """A volume that keeps the weights: a new replica, and a roll back, load nothing from the Hub."""

    model_config = {
        "json_schema_extra": rules(
            (
                (
                    "self.accessMode == oldSelf.accessMode"
                    " && has(self.storageClass) == has(oldSelf.storageClass)"
                    " && (!has(self.storageClass) || self.storageClass == oldSelf.storageClass)"
                ),
                CACHE_FIXED,
            )
        )
    }

    size: Quantity
    """Size of the volume, such as 100Gi: room for keepCommits commits. It may grow where the StorageClass allows it."""
    storage_class: DnsName | None = None
    """StorageClass of the volume. Without it: the cluster's default."""
    access_mode: Literal["ReadWriteMany", "ReadWriteOnce"] = "ReadWriteMany"
    """ReadWriteOnce: all pods, the old revision's and the new one's, must then fit on one node."""
    keep_commits: Annotated[int, Field(ge=1, le=100)] = 3
    """How many commits stay on the volume, the one that serves and the one before it among them. Of the others, those
    go first that were not asked for the longest."""


class HttpRoute(ApiModel):
    """A route of the Gateway API to the endpoint: https://gateway-api.sigs.k8s.io/api-types/httproute/"""

    parent_refs: Annotated[list[Verbatim], Field(min_length=1, max_length=8)]
    """The Gateways that take it, as in HTTPRoute's spec.parentRefs."""
    hostnames: Annotated[list[DnsName], Field(max_length=16)] = Field(default_factory=list)
    """Host names that it answers to. The first of them becomes the base URL for clients; without any it stays the
    Service's."""
    scheme: Literal["http", "https"] = "https"
    """What the Gateway's listener speaks: the scheme of that URL."""


class InferencePool(ApiModel):
    """A pool of the Gateway API Inference Extension. vLLM only: https://gateway-api-inference-extension.sigs.k8s.io/"""

    endpoint_picker: DnsName
    """Service of the endpoint picker, in this namespace. You run it."""
    port: Annotated[int, Field(ge=1, le=65535)] = 9002
    """Its port."""
    failure_mode: Literal["FailClose", "FailOpen"] = "FailClose"
    """What happens to requests while the picker does not answer: FailClose refuses them, FailOpen sends them to any pod
    of the pool."""


class Expose(ApiModel):
    """Ways to the endpoint beside its Service. What the cluster does not have is left out, and said."""

    http_route: HttpRoute | None = None
    """A route of the Gateway API. With it, the shares of a Canary or Linear roll are of the requests that come by it;
    without, of pods."""
    inference_pool: InferencePool | None = None
    """A pool that a gateway picks replicas from by their queues."""


class NetworkAccess(ApiModel):
    """Who may talk to the pods, and to whom they may talk. Everything else is denied by a NetworkPolicy."""

    ingress_from: Annotated[list[Verbatim], Field(max_length=16)] | None = None
    """Who may ask, as in NetworkPolicy's ingress.from. Without it: every pod of this namespace. It takes the place of
    that default: a gateway of another namespace has to be named here. The operator and Prometheus are let in anyway."""
    egress_to: Annotated[list[Verbatim], Field(max_length=16)] | None = None
    """Where the weights may be loaded from, as in NetworkPolicy's egress.to. Without it: any address, by HTTPS. With a
    cache this is about the Job that fills it; the pods reach nothing but DNS."""


class Monitoring(ApiModel):
    """Scraping by the Prometheus operator."""

    kind: Literal["PodMonitor", "ServiceMonitor"] = "PodMonitor"
    """Which of its resources is made."""
    labels: Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=16)] = Field(
        default_factory=dict
    )
    """Labels by which your Prometheus chooses it."""
    interval: Annotated[str, Field(max_length=16, pattern=r"^[0-9]+(s|m)$")] = "30s"
    """How often."""


class ClusterTarget(ApiModel):
    """Pods with GPUs, in this namespace."""

    model_config = {
        "json_schema_extra": rules(
            (
                "self.gpus > 0 || (!has(self.gpuProducts) && !has(self.minGpuMemory))",
                PRODUCTS_NEED_GPUS,
            ),
        )
    }

    gpus: Annotated[int, Field(ge=0, le=16)] = 1
    """GPUs of each replica, over which the model is split. 0: none, for images that need none."""
    gpu_resource: Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9.\-]+/[A-Za-z0-9_.\-]+$")] = "nvidia.com/gpu"
    """What the device plugin calls a GPU, such as nvidia.com/gpu or nvidia.com/mig-1g.10gb."""
    gpu_products: Annotated[list[Label], Field(min_length=1, max_length=16)] | None = None
    """Kinds of GPU that will do: values of GPU feature discovery's label nvidia.com/gpu.product."""
    min_gpu_memory: Quantity | None = None
    """Memory that each GPU must have, such as 40Gi: by GPU feature discovery's label nvidia.com/gpu.memory. A card that
    is sold as 24 GB has a little less than 24Gi."""
    runtime_class_name: DnsName | None = None
    """RuntimeClass of the pods, such as nvidia where that is not the nodes' default."""
    cpu: Quantity = "2"
    """CPU that each replica asks for."""
    memory: Quantity = "16Gi"
    """Memory that each replica asks for. There is no limit unless podTemplate sets one."""
    shared_memory: Quantity = "1Gi"
    """Size of /dev/shm, which several GPUs talk through. It counts as memory of the pod."""
    pod_template: Verbatim | None = None
    """Your wishes about the pods: a PodTemplateSpec, merged as by `kubectl patch --type strategic`. The engine's
    container is named engine. What another field decides, such as its image, cannot be set here."""
    cache: Cache | None = None
    """A volume that keeps the weights. Without it each pod downloads them whenever it starts."""
    network: NetworkAccess = NetworkAccess()
    """Who may talk to the pods, and to whom they may talk."""
    expose: Expose = Expose()
    """Ways to the endpoint beside its Service `<name>`, port 80."""
    monitoring: Monitoring | None = None
    """Scraping by the Prometheus operator. Without it: annotations of the pods only."""
