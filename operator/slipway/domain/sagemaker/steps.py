"""The steps that a plan consists of. Each is small and may be repeated; all but the marks are one call."""

from dataclasses import dataclass, field

from slipway.domain.names import Owner
from slipway.domain.sagemaker.rollout import AlarmRequest, RolloutPolicy
from slipway.domain.sagemaker.settings import DataCaptureSettings, VpcSettings

VARIANT = "AllTraffic"
"""The one production variant, but on endpoints that were adopted. Its name never changes: a blue/green update
requires the same name (https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html)."""


@dataclass(frozen=True)
class ModelRequest:
    """What CreateModel needs."""

    name: str
    image: str
    environment: dict[str, str] = field(hash=False, repr=False)
    """Not shown in logs: what users put there is theirs."""
    execution_role: str
    vpc: VpcSettings | None = None
    network_isolation: bool = False
    tags: dict[str, str] = field(default_factory=dict, hash=False)
    """The spec's, besides the owner's."""


@dataclass(frozen=True)
class ConfigRequest:
    """What CreateEndpointConfig needs."""

    name: str
    model: str
    instance_type: str
    initial_instances: int
    startup_timeout: int
    """Seconds."""
    inference_ami: str | None
    variant: str = VARIANT
    """Name of the one production variant."""
    kms_key: str | None = None
    """Of the instances' storage volume."""
    data_capture: DataCaptureSettings | None = None
    download_timeout: int | None = None
    """Seconds, for a model from S3."""
    tags: dict[str, str] = field(default_factory=dict, hash=False)
    """The spec's, besides the owner's."""


@dataclass(frozen=True)
class CreateModel:
    """Create the model, or find that it is there and ours."""

    owner: Owner
    model: ModelRequest


@dataclass(frozen=True)
class CreateEndpointConfig:
    """Create the endpoint config, or find that it is there and ours."""

    owner: Owner
    config: ConfigRequest


@dataclass(frozen=True)
class CreateEndpoint:
    """Create the endpoint, or find that it is there and ours."""

    owner: Owner
    name: str
    config: str
    tags: dict[str, str] = field(default_factory=dict, hash=False)
    """The spec's, besides the owner's."""


@dataclass(frozen=True)
class UpdateEndpoint:
    """Bring another config into service, with as many instances as there are now.

    Without RetainAllVariantProperties an update sets the count back to the config's initial one
    (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpoint.html), which undoes every
    change of the count and every autoscaling since.
    """

    name: str
    config: str
    policy: RolloutPolicy | None = None
    """None: all at once."""
    data_capture: bool = False
    """Whether requests are captured, or are to be. Then what the new config says about it counts, and is no variant
    property to be retained (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_VariantProperty.html)."""


@dataclass(frozen=True)
class SetInstanceCount:
    """Change the number of instances without a second fleet."""

    name: str
    instances: int
    variant: str = VARIANT


@dataclass(frozen=True)
class PutAlarm:
    """Make an alarm, or make it what it should be."""

    owner: Owner
    alarm: AlarmRequest
    tags: dict[str, str] = field(default_factory=dict, hash=False)
    """The spec's, besides the owner's. CloudWatch takes them when the alarm is made."""


@dataclass(frozen=True)
class DeleteAlarms:
    """Remove alarms of ours; those that are gone already are no error."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class MarkOwner:
    """Put this owner's tags on what its predecessor of the same name left."""

    owner: Owner
    arn: str


@dataclass(frozen=True)
class SetTags:
    """Put tags of the spec on something of ours, and take those away that the spec names no more."""

    arn: str
    add: dict[str, str] = field(hash=False)
    remove: tuple[str, ...] = ()
    """Keys."""


@dataclass(frozen=True)
class MarkRetained:
    """Mark what is left behind on purpose, with the endpoint that it belongs to.

    A later object of the same name that takes that endpoint over owns it again; one with another endpoint leaves
    it alone.
    """

    arns: tuple[str, ...]
    endpoint: str


@dataclass(frozen=True)
class DeleteEndpoint:
    """Begin the deletion of the endpoint."""

    name: str


@dataclass(frozen=True)
class DeleteEndpointConfig:
    """Delete an endpoint config that nothing uses."""

    name: str


@dataclass(frozen=True)
class DeleteModel:
    """Delete a model that no kept config uses."""

    name: str


Step = (
    CreateModel
    | CreateEndpointConfig
    | CreateEndpoint
    | UpdateEndpoint
    | SetInstanceCount
    | PutAlarm
    | DeleteAlarms
    | MarkOwner
    | SetTags
    | MarkRetained
    | DeleteEndpoint
    | DeleteEndpointConfig
    | DeleteModel
)
