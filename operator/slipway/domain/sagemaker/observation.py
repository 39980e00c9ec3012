"""What was seen in SageMaker in one pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from slipway.domain.names import Owner


class EndpointState(StrEnum):
    """EndpointStatus: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html"""

    OUT_OF_SERVICE = "OutOfService"
    CREATING = "Creating"
    UPDATING = "Updating"
    SYSTEM_UPDATING = "SystemUpdating"
    ROLLING_BACK = "RollingBack"
    IN_SERVICE = "InService"
    DELETING = "Deleting"
    FAILED = "Failed"
    UPDATE_ROLLBACK_FAILED = "UpdateRollbackFailed"
    UNKNOWN = "UnknownState"
    """A state that AWS has added since."""

    @classmethod
    def _missing_(cls, value: object) -> "EndpointState":
        return cls.UNKNOWN

    @property
    def is_moving(self) -> bool:
        """Whether the service works on it and refuses every update and deletion until it is done."""
        return self in _MOVING

    @property
    def serves(self) -> bool:
        """Whether requests are answered. An update keeps the old fleet in service until the new one is."""
        return self in _SERVING


_MOVING = {
    EndpointState.CREATING,
    EndpointState.UPDATING,
    EndpointState.SYSTEM_UPDATING,
    EndpointState.ROLLING_BACK,
    EndpointState.DELETING,
    EndpointState.UNKNOWN,
}
_SERVING = {
    EndpointState.IN_SERVICE,
    EndpointState.UPDATING,
    EndpointState.SYSTEM_UPDATING,
    EndpointState.ROLLING_BACK,
    EndpointState.UPDATE_ROLLBACK_FAILED,
}


@dataclass(frozen=True)
class EndpointSummary:
    """One row of ListEndpoints."""

    name: str
    state: EndpointState
    last_modified: str
    arn: str = field(default="", compare=False)
    created: str = field(default="", compare=False)
    """CreationTime in ISO 8601 with microseconds."""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as DescribeEndpoint and ListTags show it."""

    name: str
    arn: str
    state: EndpointState
    config: str
    """Endpoint config in service; during an update, the one before."""
    last_modified: str
    """LastModifiedTime in ISO 8601 with microseconds; only ever compared for equality."""
    tags: dict[str, str]
    failure: str | None = None
    """FailureReason. It outlives its cause, and does not say which config it is about."""
    desired_instances: int | None = None
    current_instances: int | None = None
    variants: tuple[str, ...] = ()
    """Names of its production variants."""
    stage: str | None = None
    """How far an update has come, as the service puts it."""
    captures_data: bool = False
    """Whether requests are captured, whatever the config in service says."""


@dataclass(frozen=True)
class Inventory:
    """Every model and endpoint config of this owner, found by the prefix of the name and verified by tag."""

    configs: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    unmarked: tuple[str, ...] = ()
    """ARNs of those, and of the endpoint, that lack the mark of a retained resource."""
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict, hash=False)
    """The tags of those configs and models, by ARN."""


UNPINNED = "unpinned"
"""What the status calls the revision of a container that was told none: what was newest when it started."""


@dataclass(frozen=True)
class DeployedModel:
    """What a SageMaker model serves, read from its environment. The revision may be any reference, not ours to pin."""

    repo: str
    revision: str | None
    """None: the container was told none."""
    model: str
    """Name of the SageMaker model."""


@dataclass(frozen=True)
class StoredConfig:
    """An endpoint config of ours that exists."""

    initial_instances: int | None
    """InitialInstanceCount: what a new endpoint starts with. It is not part of the config's name."""


@dataclass(frozen=True)
class Observation:
    """What a plan is made from. The config and the model are looked for while the config is not in service."""

    endpoint: Endpoint | None
    config: StoredConfig | None = None
    """The wanted endpoint config; None if there is none."""
    model_exists: bool = False
    """Whether the wanted model exists."""
    inventory: Inventory | None = None
    serving_revision: DeployedModel | None = None
    """What the endpoint's config serves. Asked only where the status does not know."""
    hosts_components: bool = False
    """Whether the endpoint's config has no model of its own. Asked only where the status does not know the config."""
    alarms: Mapping[str, str] | None = None
    """State of those alarms that exist, by name. None: not looked at."""
    fallback_exists: bool | None = None
    """Whether the config that a failed check goes back to exists. None: not looked for."""

    def without_others(self, owner: Owner) -> "Observation":
        """The same without an endpoint that is somebody else's: nothing of it may be reported as ours."""
        if self.endpoint is None or owner.owns(self.endpoint.tags):
            return self
        return replace(self, endpoint=None, serving_revision=None)


class InventoryWish(StrEnum):
    """When to list every model and config of the owner, which takes several requests."""

    NEVER = "never"
    SETTLED = "settled"
    """Only if the wanted config is in service, so that what is left over can go."""
    ALWAYS = "always"


@dataclass(frozen=True)
class Question:
    """What to look at."""

    owner: Owner
    endpoint_name: str
    config: str | None = None
    """The wanted endpoint config; None: do not look."""
    model: str | None = None
    known_configs: frozenset[str] = frozenset()
    """Configs of which the status knows what they serve."""
    inventory: InventoryWish = InventoryWish.NEVER
    alarms: tuple[str, ...] = ()
    """Names of CloudWatch alarms. Looked at unless the endpoint is in transition."""
    fallback: str | None = None
    """An endpoint config to go back to; None: do not look for it."""
