"""Settings of an installation, from environment variables that begin with SLIPWAY_, or a YAML file.

Lists and structures are JSON in a variable (`SLIPWAY_NAMESPACES='["ml"]'`), plain YAML in the file that
SLIPWAY_CONFIG names. Variables win. Credentials are not settings: AWS's come from the default chain (IRSA, Pod
Identity, profile), Hub tokens from Secrets beside the objects that use them.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

from slipway.domain.cluster.settings import ANY_PROMETHEUS, ClusterSettings
from slipway.domain.installation import PUBLIC_HUB, Installation, Timing
from slipway.domain.permissions import PlacementRule

Seconds = Annotated[float, Field(gt=0)]
Number = Annotated[int, Field(ge=1)]
Patterns = Annotated[list[str], Field(min_length=1)]


class PlacementSetting(BaseModel):
    """Which namespaces may use which accounts, regions and roles (shell-style patterns)."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    namespaces: Patterns
    accounts: Patterns
    regions: Patterns
    execution_roles: Patterns
    assume_roles: list[str] = []
    """Roles that may be assumed for these namespaces. Empty: none, only the operator's own identity."""
    adopt: list[str] = []
    """Names of endpoints that these namespaces may adopt. Empty: none."""


class TimingSetting(BaseModel):
    """Seconds; see `slipway.domain.installation.Timing`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    poll_moving: Seconds = Timing.poll_moving
    shortest_track: Seconds = Timing.shortest_track
    secret_recheck: Seconds = Timing.secret_recheck
    retry_first: Seconds = Timing.retry_first
    retry_longest: Seconds = Timing.retry_longest
    rejected_first: Seconds = Timing.rejected_first
    rejected_longest: Seconds = Timing.rejected_longest
    capacity_delay: Seconds = Timing.capacity_delay
    endpoint_visible: Annotated[float, Field(ge=0)] = Timing.endpoint_visible
    binding_recheck: Seconds = Timing.binding_recheck
    drain_wait: Annotated[float, Field(ge=0)] = Timing.drain_wait


class ClusterSetting(BaseModel):
    """What pods in this cluster depend on; see `slipway.domain.cluster.settings.ClusterSettings`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    domain: Annotated[str, Field(min_length=1, max_length=253)] = ClusterSettings.cluster_domain
    """Domain of the cluster's Services."""
    operator_namespace: str | None = None
    """Where the operator runs. Without it, NetworkPolicies let its pods in from any namespace."""
    prometheus: list[dict[str, Any]] | None = None
    """Who may read metrics, as NetworkPolicyPeers. Without it: every pod that is called prometheus."""
    dns: list[dict[str, Any]] = []
    """Who answers for names, as NetworkPolicyPeers. Empty: any address, on port 53."""
    evicts_unhealthy: bool = False
    """Kubernetes 1.27 or later: pods that are not ready do not hold up the drain of a node."""


class Settings(BaseSettings):
    """Everything that can be set about an installation."""

    model_config = SettingsConfigDict(
        env_prefix="SLIPWAY_", env_nested_delimiter="__", extra="ignore", use_attribute_docstrings=True
    )

    release: str = "slipway"
    """Name of this installation, if there are several in one cluster."""
    installation: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_ .:/=+\-@]+$")] | None = None
    """Marks everything that this installation makes; a value that AWS takes for a tag. Default: uid of the namespace
    kube-system, and the release."""
    namespaces: list[str] = []
    """Namespaces to watch. Empty: all."""
    workers: Annotated[int, Field(ge=1, le=200)] = 20
    """Objects that are worked on at the same time."""
    pass_timeout: Seconds = 120.0
    """Seconds after which one pass over one object is cancelled."""
    sweep_interval: Seconds = 180.0
    """Seconds between two comparisons of what is known with a fresh list."""
    request_timeout: Seconds = 30.0
    """Seconds for one request to the API server."""
    http_host: str = "0.0.0.0"  # noqa: S104  # probes and Prometheus reach the pod by its own address
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of /healthz and /metrics; 0: any free one, which the log names."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"

    hub_endpoint: str = PUBLIC_HUB
    """Hub for ModelVersions that name no endpoint, and for the containers that serve them."""
    hub_endpoints: list[str] = []
    """Other Hubs that ModelVersions may name (base URLs). Tokens of their namespaces are sent there."""
    hub_ca_bundle: Path | None = None
    """PEM file with further certificate authorities for the Hub."""
    hub_timeout: Seconds = 15.0
    """Seconds for one request to a Hub."""
    hub_concurrency: Number = 8

    aws_regions: list[str] = []
    """Regions that a namespace without an entry in `placements` may use."""
    aws_execution_roles: list[str] = []
    """Execution roles that a namespace without an entry in `placements` may use."""
    placements: list[PlacementSetting] = []
    """Which namespaces may use which accounts, regions and roles. A namespace that one or more entries name may use
    what any of them allows in all respects. Empty: no namespace may use any."""
    aws_timeout: Seconds = 20.0
    """Seconds for one request to AWS."""
    aws_concurrency: Number = 8
    """Requests to one account and region at the same time."""
    aws_requests_per_second: Annotated[float, Field(gt=0)] = 8.0
    """Requests to one account and region, on average. AWS publishes no limits; throttling slows down further."""
    endpoint_poll: Seconds = 10.0
    """Seconds between two questions which endpoints have changed."""
    endpoint_sweep: Seconds = 240.0
    """Seconds over which a full list of endpoints is spread, which also shows what was deleted."""
    orphans: Literal["Report", "Delete"] = "Report"
    """What becomes of things in AWS that have no Deployment any more."""
    orphan_sweep: Seconds = 3600.0
    """Seconds between two searches for orphans."""
    orphan_grace: Annotated[float, Field(ge=0)] = 3600.0
    """Seconds that something must have been an orphan before it is deleted."""
    cluster: ClusterSetting = ClusterSetting()
    timing: TimingSetting = TimingSetting()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then variables, then the YAML file."""
        file = os.environ.get("SLIPWAY_CONFIG")
        yaml = (YamlConfigSettingsSource(settings_cls, yaml_file=Path(file)),) if file else ()
        return (init_settings, env_settings, *yaml)

    def installation_of(self, identifier: str) -> Installation:
        """The part that decisions depend on."""
        return Installation(
            identifier=identifier,
            placement_rules=tuple(
                PlacementRule(
                    tuple(rule.namespaces),
                    tuple(rule.accounts),
                    tuple(rule.regions),
                    tuple(rule.execution_roles),
                    tuple(rule.assume_roles),
                    tuple(rule.adopt),
                )
                for rule in self.placements
            ),
            default_regions=tuple(self.aws_regions),
            default_execution_roles=tuple(self.aws_execution_roles),
            hub=self.hub_endpoint,
            further_hubs=tuple(self.hub_endpoints),
            cluster=self._cluster(),
            timing=Timing(**self.timing.model_dump()),
        )

    def _cluster(self) -> ClusterSettings:
        asked = self.cluster
        return ClusterSettings(
            cluster_domain=asked.domain,
            operator_namespace=asked.operator_namespace,
            prometheus=(ANY_PROMETHEUS,) if asked.prometheus is None else tuple(asked.prometheus),
            dns=tuple(asked.dns),
            evicts_unhealthy=asked.evicts_unhealthy,
        )


class InvalidSettings(Exception):  # what is wrong, not an error of the program
    """The settings cannot be read; the message names the variable, the field or the file."""


def load() -> Settings:
    """The settings of this process. Raises InvalidSettings."""
    file = os.environ.get("SLIPWAY_CONFIG")
    if file and not Path(file).is_file():
        # Going on without it would give the installation another identifier, and make every endpoint a stranger's.
        raise InvalidSettings(f"there is no file {file}, which SLIPWAY_CONFIG names")
    try:
        return Settings()
    except ValidationError as invalid:
        raise InvalidSettings(str(invalid)) from invalid
    except SettingsError as unreadable:
        cause = unreadable.__cause__
        raise InvalidSettings(f"{unreadable}: {cause}" if cause else str(unreadable)) from unreadable
    except (yaml.YAMLError, ValueError, TypeError) as unreadable:
        raise InvalidSettings(f"{file} is not a YAML mapping of settings: {unreadable}") from unreadable
