"""status of a Deployment: what serves, since when, and what is under way."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.common import ApiModel, Conditions, SecretKeyRef, Timestamp


class Placement(ApiModel):
    """Where this Deployment lives. Stored before the first resource is created, then fixed."""

    target: Literal["SageMaker"]
    """Kind of target."""
    account: str
    """AWS account."""
    region: str
    """AWS region."""
    endpoint_name: str
    """Name of the endpoint."""
    role_arn: str | None = None
    """Role that the operator assumes for it, where it assumes one."""
    variant: str | None = None
    """Production variant of an endpoint that was adopted; its name cannot change."""


class ClusterPlacement(ApiModel):
    """In this cluster, in the namespace of the Deployment."""

    target: Literal["Cluster"] = "Cluster"
    """Kind of target."""


class EndpointStatus(ApiModel):
    """The endpoint as it was last seen."""

    name: str
    """Name of the endpoint, or of the Service."""
    arn: str | None = None
    """Amazon resource name of the endpoint."""
    last_modified: Timestamp | None = None
    """The service's own mark of the last change that the operator has looked at."""
    url: str | None = None
    """Base URL for clients that speak OpenAI's API."""
    model: str | None = None
    """What such clients give as `model`."""
    engine: str | None = None
    """Engine that serves. TGI answers its own schema on /invocations as well."""
    tags: dict[str, str] | None = None
    """The spec's tags, as they were put on the endpoint."""
    changing_tags: Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=1000)] | None = None
    """Keys of tags that are being put on or taken away, of this spec and earlier ones. Stored before that begins."""


class AdapterRevision(ApiModel):
    """A commit of an adapter."""

    name: str
    """What requests call it."""
    repo: str
    """Repository of the adapter."""
    revision: str
    """Commit of the adapter."""


class ServedRevision(ApiModel):
    """A revision that serves or has served."""

    revision: str
    """Commit of the model; of a config that somebody else has made, whatever its container was told, or unpinned."""
    model_version: str
    """Name of the ModelVersion that it came from."""
    repo: str
    """Repository of the model."""
    hub: str | None = None
    """Base URL of the Hub, where the ModelVersion names one."""
    token_secret_ref: SecretKeyRef | None = None
    """Where pods find the token for the Hub. In the cluster only."""
    config: str
    """Endpoint config or apps/v1 Deployment that serves it."""
    verified: Literal["Engine", "Arguments"] | None = None
    """How the commit was verified: the engine said it, or its container was started with it. In the cluster only."""
    model: str | None = None
    """SageMaker model that the config uses."""
    image: str | None = None
    """Container image that serves it."""
    adapters: list[AdapterRevision] | None = None
    """Adapters beside the model."""
    since: Timestamp
    """When it began to serve."""


class RevisionStatus(ApiModel):
    """Which commit is wanted, which one serves, and which one served before."""

    desired: str | None = None
    """Commit that should serve."""
    serving: ServedRevision | None = None
    """What serves now."""
    previous: ServedRevision | None = None
    """What served before. Its config and model are kept for a roll back."""


class Attempt(ApiModel):
    """The last try to bring a config into service. Stored before the request is sent."""

    config: str
    """Endpoint config or apps/v1 Deployment that is tried."""
    model: str | None = None
    """SageMaker model that the config uses."""
    revision: str
    """Commit that it serves."""
    repo: str
    """Repository of the model."""
    hub: str | None = None
    """Base URL of the Hub, where the ModelVersion names one."""
    token_secret_ref: SecretKeyRef | None = None
    """Where pods find the token for the Hub. In the cluster only."""
    model_version: str
    """ModelVersion that it came from."""
    image: str
    """Container image."""
    adapters: list[AdapterRevision] | None = None
    """Adapters beside the model."""
    started_at: Timestamp
    """When this try was decided."""
    outcome: Literal["InProgress", "Succeeded", "Failed"]
    """How it went. A config that failed is not tried again until something that matters changed."""
    reason: str | None = None
    """Why it failed: a word."""
    message: Annotated[str, Field(max_length=2048)] | None = None
    """Why it failed: the service's own words."""
    failures: int = 0
    """How often this config has failed for want of capacity."""
    retry_at: Timestamp | None = None
    """When a failure for want of capacity is tried again."""
    endpoint_modified: str | None = None
    """The endpoint's last change before the request. Tells a request never sent from one that failed."""
    trigger: str | None = None
    """Value of the reconcile-now annotation at the time."""
    replaces: str | None = None
    """Endpoint config that was in service when it began: what a failed check goes back to."""
    rollout: str | None = None
    """Digest of spec.rollout at the time: what failed may be tried again in another way."""
    unproven: Annotated[list[str], Field(max_length=100)] | None = None
    """Endpoint configs that took the traffic before it without having passed their check."""


class Scaling(ApiModel):
    """A change of the number of instances that is under way, or came to nothing. Stored before the request is sent."""

    instances: int
    """Number of instances that was asked for."""
    config: str
    """Endpoint config in service: another one may have another instance type."""
    endpoint_modified: str
    """The endpoint's last change before the request. Tells a request never sent from one that failed."""
    failures: int = 0
    """How often in a row it has failed."""
    message: Annotated[str, Field(max_length=2048)] | None = None
    """Why it failed: the service's own words."""
    retry_at: Timestamp | None = None
    """When it is tried again."""
    trigger: str | None = None
    """Value of the reconcile-now annotation at the time."""


class CheckStatus(ApiModel):
    """The last check of a new revision."""

    config: str
    """Endpoint config or apps/v1 Deployment that was checked."""
    at: Timestamp
    """When it was checked last."""
    outcome: Literal["Passed", "Retrying", "Failed"]
    """How it went."""
    latency_ms: Annotated[int, Field(ge=0)] | None = None
    """How long the answer took, in milliseconds."""
    message: Annotated[str, Field(max_length=1024)] | None = None
    """Why it failed: the container's own words."""
    tries: Annotated[int, Field(ge=0)] = 1
    """How often it was asked."""


class Binding(ApiModel):
    """A Secret for the clients (https://servicebinding.io/spec/core/1.1.0/)."""

    name: str
    """Name of the Secret, in this namespace."""


class HistoryEntry(ApiModel):
    """A revision that was tried or has served."""

    revision: Annotated[str, Field(max_length=1024)]
    """Commit of the model; of a config that somebody else has made, whatever its container was told."""
    config: str
    """Endpoint config or apps/v1 Deployment."""
    since: Timestamp
    """When it began."""
    until: Timestamp | None = None
    """When it ended."""
    outcome: Literal["Serving", "Replaced", "Failed", "Expired"]
    """What became of it."""


class DeploymentStatus(ApiModel):
    """What serves, since when, and what is under way."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation that this status answers."""
    conditions: Conditions = Field(default_factory=list)
    """Ready, and while they are true: Reconciling, Stalled."""
    placement: Placement | ClusterPlacement | None = None
    """Where this Deployment lives."""
    endpoint: EndpointStatus | None = None
    """The endpoint."""
    revision: RevisionStatus = RevisionStatus()
    """Commits wanted, serving, and before."""
    attempt: Attempt | None = None
    """The last try to bring a config into service."""
    scaling: Scaling | None = None
    """The last change of the number of instances, until it is through."""
    check: CheckStatus | None = None
    """The last check of a new revision."""
    alarms: Annotated[list[str], Field(max_length=100)] | None = None
    """CloudWatch alarms that were made for this Deployment."""
    binding: Binding | None = None
    """The Secret that clients read."""
    settled: str | None = None
    """Digest of what was wanted when everything was as wanted: what differs from it, somebody else has changed."""
    expires_at: Timestamp | None = None
    """When it stops serving, if spec.expireAfter says so."""
    history: Annotated[list[HistoryEntry], Field(max_length=10)] = Field(default_factory=list)
    """The last ten revisions, newest first."""
    replicas: int | None = None
    """Instances or pods wanted."""
    ready_replicas: int | None = None
    """Instances or pods in service."""
    selector: str | None = None
    """Label selector of the pods, as the scale subresource needs it. In the cluster only."""
    image: str | None = None
    """Container image that serves, or is about to."""

    @property
    def sage_maker(self) -> Placement | None:
        """Where this Deployment lives in SageMaker; None if it lives elsewhere, or nowhere yet."""
        return self.placement if isinstance(self.placement, Placement) else None
