"""What the checks look at, and what they find."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.model_version import ModelVersion
from slipway.domain.conditions import Finding
from slipway.domain.permissions import PlacementRule
from slipway.domain.sagemaker.catalogue import Catalogue


@dataclass(frozen=True)
class Problem:
    """Why the spec cannot be acted on as it stands."""

    finding: Finding
    passing: bool = False
    """Whether it is expected to pass without anybody changing the Deployment."""


@dataclass(frozen=True)
class Inputs:
    """What the checks look at."""

    deployment: Deployment
    model_version: ModelVersion | None
    account: str | None
    """AWS account of the identity in use. None: not known yet, so nothing may be placed."""
    rules: tuple[PlacementRule, ...]
    default_rule: PlacementRule
    catalogue: Catalogue
    hub: str | None = None
    """Hub that containers must be told of where the ModelVersion names none."""
    adapters: Mapping[str, ModelVersion] = field(default_factory=dict)
    """The ModelVersions that adapters refer to and that exist, by name."""


Check = Callable[[Inputs], Problem | None]


def invalid(text: str) -> Problem:
    """The spec is wrong: the text names the field and says what to do."""
    return Problem(Finding("InvalidSpec", text))
