"""Deployment: where a ModelVersion is served, and how."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.common import ApiModel, Conditions, Duration, ObjectMeta, Timestamp, rules

ONE_TARGET = "set exactly one target below spec.target: sageMaker"
REGION_FIXED = "region cannot change: delete this Deployment and create another one"
ENDPOINT_NAME_FIXED = "endpointName cannot change: delete this Deployment and create another one"
INPUT_BELOW_TOTAL = "maxInputTokens must be below maxTotalTokens"
DTYPE_OR_QUANTIZATION = "set dtype or quantization, not both"
NAME_SHAPE = "metadata.name must be a DNS label of at most 48 characters that starts with a letter (a-z, 0-9, '-')"
NAME_PATTERN = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
NAME_MAX_LENGTH = 48

EndpointName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]


class ModelRef(ApiModel):
    """A ModelVersion in the same namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the ModelVersion."""


class EnvVar(ApiModel):
    """One variable of the engine's environment. Never put a secret here: it is readable in SageMaker."""

    name: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    """Name of the variable."""
    value: Annotated[str, Field(max_length=1024)]
    """Value of the variable."""


class Engine(ApiModel):
    """The inference server, its version and its settings."""

    model_config = {
        "json_schema_extra": rules(
            (
                "!has(self.maxInputTokens) || !has(self.maxTotalTokens) || self.maxInputTokens < self.maxTotalTokens",
                INPUT_BELOW_TOTAL,
            ),
            ("!has(self.dtype) || !has(self.quantization)", DTYPE_OR_QUANTIZATION),
        )
    }

    name: Literal["TGI"]
    """TGI: text-generation-inference, in the Hugging Face LLM container."""
    version: Annotated[str, Field(max_length=32, pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")] | None = None
    """Full version, such as 3.3.6. Without it: the version that serves, at first the newest known one."""
    image: Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[!-~]+$")] | None = None
    """Container image that replaces the one of the catalogue."""
    max_input_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Longest prompt, in tokens."""
    max_total_tokens: Annotated[int, Field(ge=2, le=10_000_000)] | None = None
    """Longest prompt and answer together, in tokens."""
    quantization: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9.\-]+$")] | None = None
    """Quantization that the engine applies or expects, such as awq, gptq, fp8 or bitsandbytes-nf4."""
    dtype: Literal["float16", "bfloat16"] | None = None
    """Type of the weights in memory. Not together with quantization."""
    env: Annotated[
        list[EnvVar],
        Field(
            max_length=80,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = Field(default_factory=list)
    """Further settings of the engine, passed as they are."""


class SageMakerTarget(ApiModel):
    """A real-time endpoint of Amazon SageMaker."""

    model_config = {
        "json_schema_extra": rules(
            ("self.region == oldSelf.region", REGION_FIXED),
            (
                (
                    "has(self.endpointName) == has(oldSelf.endpointName)"
                    " && (!has(self.endpointName) || self.endpointName == oldSelf.endpointName)"
                ),
                ENDPOINT_NAME_FIXED,
            ),
        )
    }

    region: Annotated[str, Field(min_length=5, max_length=32, pattern=r"^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$")]
    """AWS region, such as eu-central-1. Cannot change."""
    execution_role_arn: Annotated[
        str, Field(min_length=20, max_length=2048, pattern=r"^arn:aws[a-z\-]*:iam::[0-9]{12}:role/[!-~]+$")
    ]
    """IAM role that SageMaker assumes for the container. The operator must be allowed to pass it."""
    instance_type: Annotated[str, Field(min_length=4, max_length=64, pattern=r"^ml\.[a-z0-9.\-]+$")]
    """Instance type, such as ml.g5.2xlarge."""
    endpoint_name: EndpointName | None = None
    """Name of the endpoint. Without it: <namespace>-<name>. Cannot change."""


class Target(ApiModel):
    """Where to serve: exactly one target. The kind of target cannot change."""

    model_config = {"json_schema_extra": rules(("has(self.sageMaker)", ONE_TARGET))}

    sage_maker: SageMakerTarget | None = None
    """Amazon SageMaker."""


class Rollout(ApiModel):
    """How a new revision comes into service."""

    startup_timeout: Duration = "30m"
    """How long a container may take to download the model and answer its health check (1m to 1h)."""


class DeploymentSpec(ApiModel):
    """What to serve, where and how."""

    model_ref: ModelRef
    """The ModelVersion to serve."""
    engine: Engine
    """The inference server."""
    target: Target
    """Where to serve."""
    replicas: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Number of instances. Without it the operator starts with one and leaves the count alone."""
    rollout: Rollout = Rollout()
    """How a new revision comes into service."""
    deletion_policy: Literal["Delete", "Retain"] = "Delete"
    """What happens to the endpoint when this object is deleted. May be edited while deletion waits."""


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


class EndpointStatus(ApiModel):
    """The endpoint as it was last seen."""

    name: str
    """Name of the endpoint."""
    arn: str
    """Amazon resource name of the endpoint."""
    last_modified: Timestamp
    """The service's own mark of the last change that the operator has looked at."""


class ServedRevision(ApiModel):
    """A revision that serves or has served."""

    revision: str
    """Commit of the model."""
    model_version: str
    """Name of the ModelVersion that it came from."""
    repo: str
    """Repository of the model."""
    hub: str | None = None
    """Base URL of the Hub, where the ModelVersion names one."""
    config: str
    """Endpoint config that serves it."""
    model: str | None = None
    """SageMaker model that the config uses."""
    image: str | None = None
    """Container image that serves it."""
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
    """Endpoint config that is tried."""
    model: str
    """SageMaker model that the config uses."""
    revision: str
    """Commit that it serves."""
    repo: str
    """Repository of the model."""
    hub: str | None = None
    """Base URL of the Hub, where the ModelVersion names one."""
    model_version: str
    """ModelVersion that it came from."""
    image: str
    """Container image."""
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


class HistoryEntry(ApiModel):
    """A revision that was tried or has served."""

    revision: Annotated[str, Field(max_length=1024)]
    """Commit of the model; of a config that somebody else has made, whatever its container was told."""
    config: str
    """Endpoint config."""
    since: Timestamp
    """When it began."""
    until: Timestamp | None = None
    """When it ended."""
    outcome: Literal["Serving", "Replaced", "Failed"]
    """What became of it."""


class DeploymentStatus(ApiModel):
    """What serves, since when, and what is under way."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation that this status answers."""
    conditions: Conditions = Field(default_factory=list)
    """Ready, and while they are true: Reconciling, Stalled."""
    placement: Placement | None = None
    """Where this Deployment lives."""
    endpoint: EndpointStatus | None = None
    """The endpoint."""
    revision: RevisionStatus = RevisionStatus()
    """Commits wanted, serving, and before."""
    attempt: Attempt | None = None
    """The last try to bring a config into service."""
    history: Annotated[list[HistoryEntry], Field(max_length=10)] = Field(default_factory=list)
    """The last ten revisions, newest first."""
    replicas: int | None = None
    """Instances wanted by the endpoint."""
    ready_replicas: int | None = None
    """Instances in service."""
    image: str | None = None
    """Container image that serves, or is about to."""


class Deployment(ApiModel):
    """A model that is served: on Amazon SageMaker. Short name sdep, because apps/v1 has a deployment too."""

    model_config = {
        "json_schema_extra": rules(
            (
                f"self.metadata.name.size() <= {NAME_MAX_LENGTH} && self.metadata.name.matches('{NAME_PATTERN}')",
                NAME_SHAPE,
            )
        )
    }

    metadata: ObjectMeta
    spec: DeploymentSpec
    status: DeploymentStatus = DeploymentStatus()
