"""Looking at endpoints, endpoint configs and models. Changes nothing."""

from datetime import UTC, datetime
from typing import Any

from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain.errors import Rejected
from slipway.domain.names import TAG_RETAINED, Owner, describe_owner
from slipway.domain.sagemaker.engines.environment import deployed
from slipway.domain.sagemaker.observation import (
    DeployedModel,
    Endpoint,
    EndpointState,
    Inventory,
    InventoryWish,
    Observation,
    Question,
    StoredConfig,
)
from slipway.targets.sagemaker.clients import AwsSession
from slipway.targets.sagemaker.region import Region


def instant(moment: datetime) -> str:
    """A time of the service, to be compared for equality only."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


class Look(Region):
    """The observation of one pass."""

    def __init__(self, clients: AwsSession, placement: Placement, question: Question) -> None:
        super().__init__(clients, placement)
        self._question = question

    async def observation(self) -> Observation:
        question = self._question
        endpoint = await self._endpoint(question.endpoint_name)
        config = model = None
        in_service = endpoint is not None and endpoint.config == question.config
        if question.config and question.model and not in_service:
            config = await self._ours("endpoint_config", question.config)
            model = await self._ours("model", question.model)
        deployed, components = await self._serving_revision(endpoint)
        inventory = await self._inventory(endpoint) if self._wants_inventory(endpoint) else None
        return Observation(
            endpoint=endpoint,
            config=StoredConfig(_variant(config).get("InitialInstanceCount")) if config else None,
            model_exists=model is not None,
            inventory=inventory,
            serving_revision=deployed,
            hosts_components=components,
            alarms=await self._alarms(endpoint),
            fallback_exists=await self._fallback_exists(endpoint),
        )

    async def _alarms(self, endpoint: Endpoint | None) -> dict[str, str] | None:
        """State by name, of those that exist."""
        names = self._question.alarms
        waits = endpoint is not None and endpoint.state.is_moving
        if not names or (waits and self._question.inventory is not InventoryWish.ALWAYS):
            return None
        found = await self.cloudwatch(
            "describe_alarms", AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        alarms = [*found.get("MetricAlarms", []), *found.get("CompositeAlarms", [])]
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}

    async def _fallback_exists(self, endpoint: Endpoint | None) -> bool | None:
        """Asked only where it may be needed: while the wanted config is in service, or nothing is there."""
        name = self._question.fallback
        if name is None or (endpoint is not None and endpoint.config != self._question.config):
            return None
        return await self.found("describe_endpoint_config", EndpointConfigName=name) is not None

    def _wants_inventory(self, endpoint: Endpoint | None) -> bool:
        if self._question.inventory is not InventoryWish.SETTLED:
            return self._question.inventory is InventoryWish.ALWAYS
        if endpoint is None:
            return False
        return endpoint.state is EndpointState.IN_SERVICE and endpoint.config == self._question.config

    async def _endpoint(self, name: str) -> Endpoint | None:
        found = await self.found("describe_endpoint", EndpointName=name)
        if found is None:
            return None
        variant = _variant(found)
        return Endpoint(
            name=found["EndpointName"],
            arn=found["EndpointArn"],
            state=EndpointState(found["EndpointStatus"]),
            config=found.get("EndpointConfigName", ""),
            last_modified=instant(found["LastModifiedTime"]),
            tags=await self.tags(found["EndpointArn"]),
            failure=found.get("FailureReason"),
            desired_instances=variant.get("DesiredInstanceCount"),
            current_instances=variant.get("CurrentInstanceCount"),
            variants=tuple(one["VariantName"] for one in found.get("ProductionVariants") or []),
            stage=_stage(found),
            captures_data=bool((found.get("DataCaptureConfig") or {}).get("EnableCapture")),
        )

    async def _ours(self, kind: str, name: str) -> dict[str, Any] | None:
        """The description of a model or config; None if there is none of this name.

        Raises Rejected with the reason NameConflict if it is somebody else's.
        """
        camel = {"endpoint_config": "EndpointConfig", "model": "Model"}[kind]
        found = await self.found(f"describe_{kind}", **{f"{camel}Name": name})
        if found:
            await self._must_be_ours(self._question.owner, found[f"{camel}Arn"], name)
        return found

    async def _must_be_ours(self, owner: Owner, arn: str, name: str) -> None:
        tags = await self.tags(arn)
        if not owner.owns(tags):
            raise Rejected("NameConflict", f"{name} belongs to {describe_owner(tags)}: delete it")

    async def _inventory(self, endpoint: Endpoint | None) -> Inventory:
        owner, prefix = self._question.owner, self._question.owner.prefix
        configs: list[str] = []
        models: list[str] = []
        unmarked: list[str] = []
        tagged: dict[str, dict[str, str]] = {}
        listings = (
            ("list_endpoint_configs", "EndpointConfigs", "EndpointConfig", configs),
            ("list_models", "Models", "Model", models),
        )
        for operation, items, camel, names in listings:
            async for page in self.pages(operation, NameContains=prefix):
                for item in page[items]:
                    tags = await self.tags_if_there(item[f"{camel}Arn"]) or {}
                    elsewhere = tags.get(TAG_RETAINED, self._question.endpoint_name) != self._question.endpoint_name
                    if item[f"{camel}Name"].startswith(prefix) and owner.owns(tags) and not elsewhere:
                        names.append(item[f"{camel}Name"])
                        tagged[item[f"{camel}Arn"]] = tags
                        if TAG_RETAINED not in tags:
                            unmarked.append(item[f"{camel}Arn"])
        if endpoint and owner.owns(endpoint.tags) and TAG_RETAINED not in endpoint.tags:
            unmarked.append(endpoint.arn)
        return Inventory(tuple(configs), tuple(models), tuple(unmarked), tagged)

    async def _serving_revision(self, endpoint: Endpoint | None) -> tuple[DeployedModel | None, bool]:
        """What an endpoint serves whose config the status does not know; whether it hosts inference components."""
        if endpoint is None or not endpoint.state.serves or endpoint.config in self._question.known_configs:
            return None, False
        config = await self.found("describe_endpoint_config", EndpointConfigName=endpoint.config)
        variant = _variant(config or {})
        if "ModelName" not in variant:
            return None, config is not None
        model = await self.found("describe_model", ModelName=variant["ModelName"])
        container = (model or {}).get("PrimaryContainer") or {}
        told = deployed(container.get("Environment", {}), container.get("Image", ""))
        return DeployedModel(told.repo, told.revision, variant["ModelName"]) if told else None, False


def _stage(described: dict[str, Any]) -> str | None:
    """How far an update has come: the last word on the fleet that is brought into service."""
    pending = _variant(described.get("PendingDeploymentSummary") or {})
    latest: dict[str, str] = next(iter(pending.get("VariantStatus") or []), {})
    words = (latest.get("Status"), latest.get("StatusMessage"))
    return ": ".join(word for word in words if word) or None


def _variant(described: dict[str, Any]) -> dict[str, Any]:
    """The one production variant of an endpoint or a config; empty if it has none."""
    return next(iter(described.get("ProductionVariants") or []), {})
