"""Deployment: where a ModelVersion is served, and how."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.common import ApiModel, Conditions, Duration, ObjectMeta, Timestamp, rules

ONE_TARGET = "set exactly one target below spec.target: sageMaker"
REGION_FIXED = "region cannot change: delete this Deployment and create another one"
ENDPOINT_NAME_FIXED = "endpointName cannot change: delete this Deployment and create another one"
INPUT_BELOW_TOTAL = "maxInputTokens must be below maxTotalTokens"
DTYPE_OR_QUANTIZATION = "set dtype or quantization, not both"
INPUT_TOKENS_TGI_ONLY = "maxInputTokens is a setting of TGI: vLLM has maxTotalTokens only"
TGI_IS_HUGGING_FACE = "container AWS is for vLLM: TGI comes in Hugging Face's container only"
ALARM_NAME_OR_METRIC = "give an alarm either the name of one that exists, or metric and threshold"
SHIFT_NEEDS_STEP = "shift Canary takes a stepPercent of 1 to 50, Linear one of 10 to 50, AllAtOnce none"
STRATEGY_SETTINGS = "blueGreen is for strategy BlueGreen, rolling is for strategy Rolling"
ASSUME_ROLE_FIXED = "assumeRole.arn cannot change: delete this Deployment and create another one"
RESERVED_TAGS = "tags must not begin with slipway.dev/ or aws:, which are reserved"
NAME_SHAPE = "metadata.name must be a DNS label of at most 48 characters that starts with a letter (a-z, 0-9, '-')"
NAME_PATTERN = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
NAME_MAX_LENGTH = 48

RoleArn = Annotated[str, Field(min_length=20, max_length=2048, pattern=r"^arn:aws[a-z\-]*:iam::[0-9]{12}:role/[!-~]+$")]
KmsKeyId = Annotated[str, Field(min_length=1, max_length=2048, pattern=r"^[a-zA-Z0-9:/_-]+$")]
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


class Adapter(ApiModel):
    """A LoRA adapter beside the model."""

    name: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._/\-]*[A-Za-z0-9])?$")]
    """What requests call it. TGI knows an adapter by its repository, such as acme/sql-lora."""
    model_ref: ModelRef
    """The ModelVersion that pins it."""


class Engine(ApiModel):
    """The inference server, its version and its settings."""

    model_config = {
        "json_schema_extra": rules(
            (
                "!has(self.maxInputTokens) || !has(self.maxTotalTokens) || self.maxInputTokens < self.maxTotalTokens",
                INPUT_BELOW_TOTAL,
            ),
            ("!has(self.dtype) || !has(self.quantization)", DTYPE_OR_QUANTIZATION),
            ("self.name == 'TGI' || !has(self.maxInputTokens)", INPUT_TOKENS_TGI_ONLY),
            ("self.name != 'TGI' || self.container == 'HuggingFace'", TGI_IS_HUGGING_FACE),
        )
    }

    name: Literal["TGI", "vLLM"]
    """TGI: text-generation-inference, which its authors only maintain. vLLM: its successor."""
    container: Literal["HuggingFace", "AWS"] = "HuggingFace"
    """Whose container: Hugging Face's (TGI, vLLM) or AWS's own (vLLM)."""
    version: Annotated[str, Field(max_length=32, pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")] | None = None
    """Full version, such as 3.3.6. Without it: the version that serves, at first the newest known one."""
    image: Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[!-~]+$")] | None = None
    """Container image that replaces the one of the catalogue."""
    max_input_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Longest prompt, in tokens. TGI only."""
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
    args: Annotated[list[Annotated[str, Field(min_length=1, max_length=1024)]], Field(max_length=64)] = Field(
        default_factory=list
    )
    """Arguments of the engine's command line. SageMaker's containers take none: use env there."""
    adapters: Annotated[
        list[Adapter],
        Field(
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = Field(default_factory=list)
    """LoRA adapters that requests may choose, each pinned by a ModelVersion of its own."""


class AssumeRole(ApiModel):
    """A role that the operator assumes, for another account or narrower rights."""

    arn: RoleArn
    """The role. Its trust policy must name the operator's own."""
    external_id: Annotated[str, Field(min_length=2, max_length=1224, pattern=r"^[A-Za-z0-9_+=,.@:/\-]+$")] | None = None
    """External id that the role's trust policy asks for."""


class Vpc(ApiModel):
    """The network that containers live in. Without a way to the Hub they cannot download a model."""

    security_group_ids: Annotated[
        list[Annotated[str, Field(max_length=32, pattern=r"^[-0-9a-zA-Z]+$")]], Field(min_length=1, max_length=5)
    ]
    """One to five security groups."""
    subnets: Annotated[
        list[Annotated[str, Field(max_length=32, pattern=r"^[-0-9a-zA-Z]+$")]], Field(min_length=1, max_length=16)
    ]
    """One to sixteen subnets."""


class DataCapture(ApiModel):
    """Requests and answers, kept in S3."""

    sampling_percent: Annotated[int, Field(ge=0, le=100)]
    """How many of a hundred requests are kept."""
    destination_s3_uri: Annotated[str, Field(min_length=6, max_length=512, pattern=r"^s3://[!-~]+$")]
    """Where to: s3://bucket/prefix."""
    capture: Literal["Input", "Output", "InputAndOutput"] = "InputAndOutput"
    """What of a request is kept."""
    kms_key_id: KmsKeyId | None = None
    """Key that what is kept is encrypted with."""


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
            (
                (
                    "has(self.assumeRole) == has(oldSelf.assumeRole)"
                    " && (!has(self.assumeRole) || self.assumeRole.arn == oldSelf.assumeRole.arn)"
                ),
                ASSUME_ROLE_FIXED,
            ),
            (
                "!has(self.tags) || self.tags.all(key, !key.startsWith('slipway.dev/') && !key.startsWith('aws:'))",
                RESERVED_TAGS,
            ),
        )
    }

    region: Annotated[str, Field(min_length=5, max_length=32, pattern=r"^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$")]
    """AWS region, such as eu-central-1. Cannot change."""
    execution_role_arn: RoleArn
    """IAM role that SageMaker assumes for the container. The operator must be allowed to pass it."""
    instance_type: Annotated[str, Field(min_length=4, max_length=64, pattern=r"^ml\.[a-z0-9.\-]+$")]
    """Instance type, such as ml.g5.2xlarge."""
    endpoint_name: EndpointName | None = None
    """Name of the endpoint. Without it: <namespace>-<name>. Cannot change."""
    adopt: bool = False
    """Take over an endpoint of that name which nobody's Deployment owns. What it serves goes on until it is rolled."""
    assume_role: AssumeRole | None = None
    """Role that the operator assumes for this Deployment. Without it: the operator's own identity. Cannot change."""
    inference_ami_version: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9\-]+$")] | None = None
    """Host image, which brings the GPU driver. Without it: what the container image needs."""
    vpc: Vpc | None = None
    """Network of the containers."""
    kms_key_id: KmsKeyId | None = None
    """Key for the instances' storage volume. Instance types with local storage, such as g5, take none."""
    network_isolation: bool = False
    """Cut the containers off from every network. They cannot download a model then: it must be in engine.image."""
    data_capture: DataCapture | None = None
    """Keep requests and answers in S3."""
    model_download_timeout: Duration | None = None
    """How long the download of a model from S3 may take (1m to 1h). Downloads from a Hub count into startupTimeout."""
    tags: Annotated[
        dict[str, Annotated[str, Field(max_length=256, pattern=r"^[A-Za-z0-9_ .:/=+\-@]*$")]], Field(max_length=40)
    ] = Field(default_factory=dict)
    """Further AWS tags of the model, the endpoint config and the endpoint; of its alarms as they are made."""


class Target(ApiModel):
    """Where to serve: exactly one target. The kind of target cannot change."""

    model_config = {"json_schema_extra": rules(("has(self.sageMaker)", ONE_TARGET))}

    sage_maker: SageMakerTarget | None = None
    """Amazon SageMaker."""


class BlueGreen(ApiModel):
    """A second fleet takes the traffic over; the first is kept until it has proved itself."""

    model_config = {
        "json_schema_extra": rules(
            (
                (
                    "self.shift == 'AllAtOnce' ? !has(self.stepPercent) : has(self.stepPercent)"
                    " && self.stepPercent >= (self.shift == 'Linear' ? 10 : 1)"
                ),
                SHIFT_NEEDS_STEP,
            )
        )
    }

    shift: Literal["AllAtOnce", "Canary", "Linear"] = "AllAtOnce"
    """AllAtOnce; Canary: a part of the traffic first, then the rest; Linear: in equal steps."""
    step_percent: Annotated[int, Field(ge=1, le=50)] | None = None
    """Canary: 1 to 50 percent of the fleet. Linear: 10 to 50 percent a step."""
    step_interval: Duration = "5m"
    """How long alarms are watched after each step (up to 1h)."""
    termination_wait: Duration = "5m"
    """How long the old fleet is kept after the last step (up to 1h)."""


class Rolling(ApiModel):
    """Instances are replaced in batches: needs less capacity than a second fleet, and two instances at least."""

    batch_percent: Annotated[int, Field(ge=5, le=50)] = 50
    """Instances replaced at a time, in percent of the fleet."""
    batch_interval: Duration = "5m"
    """How long alarms are watched after each batch (up to 1h)."""


class Alarm(ApiModel):
    """A CloudWatch alarm that rolls a roll back: one that exists, or a threshold of which one is made."""

    model_config = {
        "json_schema_extra": rules(
            (
                "has(self.name) ? !has(self.metric) && !has(self.threshold) : has(self.metric) && has(self.threshold)",
                ALARM_NAME_OR_METRIC,
            )
        )
    }

    name: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]([ -~]*[!-~])?$")] | None = None
    """Name of an alarm that exists in the endpoint's account and region."""
    metric: (
        Literal[
            "ModelLatency",
            "OverheadLatency",
            "Invocation4XXErrors",
            "Invocation5XXErrors",
            "InvocationModelErrors",
        ]
        | None
    ) = None
    """Metric of the endpoint in CloudWatch's namespace AWS/SageMaker."""
    threshold: Annotated[float, Field(ge=0, le=1e12)] | None = None
    """Above it the alarm is raised. In the metric's own unit: latencies are in microseconds."""
    statistic: Literal["Average", "Sum", "Maximum", "p50", "p90", "p95", "p99"] = "Average"
    """How the values of a period become one."""
    period: Duration = "1m"
    """Length of a period: a multiple of 1m, up to 1h."""
    periods: Annotated[int, Field(ge=1, le=60)] = 1
    """Periods in a row above the threshold that raise the alarm."""


class RolloutCheck(ApiModel):
    """A real prompt, sent to the endpoint before a new revision counts as serving."""

    prompt: Annotated[str, Field(min_length=1, max_length=4096)]
    """What to ask. Any answer with text passes."""
    max_tokens: Annotated[int, Field(ge=1, le=1024)] = 16
    """Longest answer, in tokens."""
    timeout: Duration = "60s"
    """How long an answer may take (1s to 60s, which is what SageMaker allows)."""


class Rollout(ApiModel):
    """How a new revision comes into service."""

    model_config = {
        "json_schema_extra": rules(
            (
                (
                    "(!has(self.blueGreen) || self.strategy == 'BlueGreen')"
                    " && (!has(self.rolling) || self.strategy == 'Rolling')"
                ),
                STRATEGY_SETTINGS,
            )
        )
    }

    strategy: Literal["BlueGreen", "Rolling"] = "BlueGreen"
    """BlueGreen: a second fleet, for which quota and capacity must suffice. Rolling: batch by batch."""
    blue_green: BlueGreen | None = None
    """How the traffic moves to the second fleet. Without it: all at once, and the old fleet goes at once."""
    rolling: Rolling | None = None
    """How the instances are replaced."""
    alarms: Annotated[list[Alarm], Field(max_length=10)] = Field(default_factory=list)
    """Alarms of which each, once raised, makes SageMaker roll back."""
    check: RolloutCheck | None = None
    """Proof that the new revision answers. One that does not is rolled back."""
    timeout: Duration | None = None
    """How long a roll may take in all (10m to 8h). SageMaker rolls back one that takes longer."""
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
    drift: Literal["Correct", "Report"] = "Correct"
    """What happens when somebody else changes the endpoint: it is changed back, or only reported."""
    expire_after: Duration | None = None
    """After this time since its creation the Deployment stops serving and its endpoint is removed."""


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


class EndpointStatus(ApiModel):
    """The endpoint as it was last seen."""

    name: str
    """Name of the endpoint."""
    arn: str
    """Amazon resource name of the endpoint."""
    last_modified: Timestamp
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
    config: str
    """Endpoint config that serves it."""
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
    """Endpoint config that was checked."""
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
    """Endpoint config."""
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
    placement: Placement | None = None
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
