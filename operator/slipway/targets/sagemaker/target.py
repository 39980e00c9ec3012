"""The port `Target` for Amazon SageMaker."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import singledispatchmethod
from typing import Any

from slipway.api.v1alpha1.deployment import Placement
from slipway.domain.errors import NotFound, Rejected, Transient
from slipway.domain.names import TAG_RETAINED, Owner, describe_owner
from slipway.domain.sagemaker.desired import MODEL_ID, MODEL_REVISION
from slipway.domain.sagemaker.observation import (
    DeployedModel,
    Endpoint,
    EndpointState,
    EndpointSummary,
    Inventory,
    InventoryWish,
    Observation,
    Question,
    StoredConfig,
)
from slipway.domain.sagemaker.steps import (
    VARIANT,
    CreateEndpoint,
    CreateEndpointConfig,
    CreateModel,
    DeleteEndpoint,
    DeleteEndpointConfig,
    DeleteModel,
    MarkOwner,
    MarkRetained,
    SetInstanceCount,
    Step,
    UpdateEndpoint,
)
from slipway.targets.sagemaker.clients import AwsClients
from slipway.targets.sagemaker.errors import AlreadyExists
from slipway.targets.sagemaker.poller import EndpointPoller

_ACCOUNT_KEPT = 300.0
"""Seconds. The identity may change while the process runs: a role is associated anew, credentials are rotated."""


def _tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def instant(moment: datetime) -> str:
    """A time of the service, to be compared for equality only."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


class SageMaker:
    """Looks at and changes endpoints, endpoint configs and models, in any region."""

    def __init__(self, clients: AwsClients, *, poller: Callable[[str], EndpointPoller]) -> None:
        """`poller` makes the shared poller of a region."""
        self._clients = clients
        self._make_poller = poller
        self._pollers: dict[str, EndpointPoller] = {}
        self._accounts: dict[str, tuple[str, float]] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def _poller(self, region: str) -> EndpointPoller:
        if region not in self._pollers:
            self._pollers[region] = self._make_poller(region)
        return self._pollers[region]

    async def close(self) -> None:
        """Stop the pollers."""
        for poller in self._pollers.values():
            await poller.close()

    async def account(self, region: str) -> str:
        """The account of the operator's credentials. Asked every few minutes a region, by one caller for all."""
        async with self._asking[region]:
            account, until = self._accounts.get(region, ("", 0.0))
            if time.monotonic() >= until:
                identity = await self._clients.call("sts", region, "get_caller_identity")
                account = identity["Account"]
                self._accounts[region] = (account, time.monotonic() + _ACCOUNT_KEPT)
        return account

    async def summary(self, placement: Placement) -> EndpointSummary | None:
        """What the poller saw last."""
        return await self._poller(placement.region).summary(placement.endpoint_name)

    async def observe(self, placement: Placement, question: Question) -> Observation:
        """Look at everything that the question asks about. Changes nothing."""
        look = _Look(self._clients, placement, question)
        return await look.observation()

    async def execute(self, placement: Placement, step: Step) -> None:
        """Carry out one step."""
        await _Act(self._clients, placement).do(step)


class _Region:
    """Requests to SageMaker in one region."""

    def __init__(self, clients: AwsClients, placement: Placement) -> None:
        self._clients = clients
        self._placement = placement

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return await self._clients.call("sagemaker", self._placement.region, operation, **parameters)

    async def found(self, operation: str, **parameters: Any) -> dict[str, Any] | None:
        try:
            return await self.call(operation, **parameters)
        except NotFound:
            return None

    async def tags(self, arn: str) -> dict[str, str]:
        """Tags of a resource that is there.

        Raises Transient if it is not: having just been seen, it is on its way in or out. No tags would mean that it
        is somebody else's.
        """
        tags = await self.tags_if_there(arn)
        if tags is None:
            raise Transient("TagsNotVisible", f"ListTags does not know {arn} yet, or any more")
        return tags

    async def tags_if_there(self, arn: str) -> dict[str, str] | None:
        """Tags of a resource; None if it is gone."""
        pages = [page async for page in self.pages("list_tags", ResourceArn=arn)]
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]} if pages else None

    async def pages(self, operation: str, **parameters: Any) -> AsyncIterator[dict[str, Any]]:
        following: dict[str, str] = {}
        while True:
            page = await self.found(operation, **parameters, **following)
            if page is None:
                return
            yield page
            if not page.get("NextToken"):
                return
            following = {"NextToken": page["NextToken"]}


class _Look(_Region):
    """The observation of one pass."""

    def __init__(self, clients: AwsClients, placement: Placement, question: Question) -> None:
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
        inventory = await self._inventory(endpoint) if self._wants_inventory(endpoint) else None
        return Observation(
            endpoint=endpoint,
            config=_stored(config) if config else None,
            model_exists=model is not None,
            inventory=inventory,
            serving_revision=await self._serving_revision(endpoint),
        )

    def _wants_inventory(self, endpoint: Endpoint | None) -> bool:
        if self._question.inventory is InventoryWish.SETTLED:
            settled = endpoint is not None and endpoint.state is EndpointState.IN_SERVICE
            return settled and endpoint is not None and endpoint.config == self._question.config
        return self._question.inventory is InventoryWish.ALWAYS

    async def _endpoint(self, name: str) -> Endpoint | None:
        found = await self.found("describe_endpoint", EndpointName=name)
        if found is None:
            return None
        variant: dict[str, Any] = next(iter(found.get("ProductionVariants") or []), {})
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
                        if TAG_RETAINED not in tags:
                            unmarked.append(item[f"{camel}Arn"])
        if endpoint and owner.owns(endpoint.tags) and TAG_RETAINED not in endpoint.tags:
            unmarked.append(endpoint.arn)
        return Inventory(tuple(configs), tuple(models), tuple(unmarked))

    async def _serving_revision(self, endpoint: Endpoint | None) -> DeployedModel | None:
        """What an endpoint serves whose config the status does not know."""
        if endpoint is None or not endpoint.state.serves or endpoint.config in self._question.known_configs:
            return None
        config = await self.found("describe_endpoint_config", EndpointConfigName=endpoint.config)
        variant: dict[str, Any] = next(iter((config or {}).get("ProductionVariants", [])), {})
        if "ModelName" not in variant:
            return None
        model = await self.found("describe_model", ModelName=variant["ModelName"])
        environment = ((model or {}).get("PrimaryContainer") or {}).get("Environment", {})
        if MODEL_ID not in environment or MODEL_REVISION not in environment:
            return None
        return DeployedModel(environment[MODEL_ID], environment[MODEL_REVISION], variant["ModelName"])


def _stored(config: dict[str, Any]) -> StoredConfig:
    variant: dict[str, Any] = next(iter(config.get("ProductionVariants") or []), {})
    return StoredConfig(variant.get("InitialInstanceCount"))


class _Act(_Region):
    """The steps. Each sends its mutating call once."""

    @singledispatchmethod
    async def do(self, step: Step) -> None:
        raise AssertionError(f"no such step: {step!r}")

    @do.register
    async def _(self, step: CreateModel) -> None:
        model = step.model
        await self._create(
            step.owner,
            "model",
            "create_model",
            ModelName=model.name,
            ExecutionRoleArn=model.execution_role,
            PrimaryContainer={"Image": model.image, "Environment": model.environment},
        )

    @do.register
    async def _(self, step: CreateEndpointConfig) -> None:
        config = step.config
        variant = {
            "VariantName": VARIANT,
            "ModelName": config.model,
            "InstanceType": config.instance_type,
            "InitialInstanceCount": config.initial_instances,
            "ContainerStartupHealthCheckTimeoutInSeconds": config.startup_timeout,
        }
        if config.inference_ami:
            variant["InferenceAmiVersion"] = config.inference_ami
        await self._create(
            step.owner,
            "endpoint-config",
            "create_endpoint_config",
            EndpointConfigName=config.name,
            ProductionVariants=[variant],
        )

    @do.register
    async def _(self, step: CreateEndpoint) -> None:
        with _NotVisibleYet():
            await self._create(
                step.owner,
                "endpoint",
                "create_endpoint",
                EndpointName=step.name,
                EndpointConfigName=step.config,
            )

    @do.register
    async def _(self, step: UpdateEndpoint) -> None:
        with _NotVisibleYet():
            await self.call(
                "update_endpoint",
                EndpointName=step.name,
                EndpointConfigName=step.config,
                RetainAllVariantProperties=True,
            )

    @do.register
    async def _(self, step: SetInstanceCount) -> None:
        await self.call(
            "update_endpoint_weights_and_capacities",
            EndpointName=step.name,
            DesiredWeightsAndCapacities=[{"VariantName": VARIANT, "DesiredInstanceCount": step.instances}],
        )

    @do.register
    async def _(self, step: MarkOwner) -> None:
        await self.call("add_tags", ResourceArn=step.arn, Tags=_tag_list(step.owner.tags()))
        await self.call("delete_tags", ResourceArn=step.arn, TagKeys=[TAG_RETAINED])

    @do.register
    async def _(self, step: MarkRetained) -> None:
        for arn in step.arns:
            await self.call("add_tags", ResourceArn=arn, Tags=_tag_list({TAG_RETAINED: step.endpoint}))

    @do.register
    async def _(self, step: DeleteEndpoint) -> None:
        await self.found("delete_endpoint", EndpointName=step.name)

    @do.register
    async def _(self, step: DeleteEndpointConfig) -> None:
        await self.found("delete_endpoint_config", EndpointConfigName=step.name)

    @do.register
    async def _(self, step: DeleteModel) -> None:
        await self.found("delete_model", ModelName=step.name)

    async def _create(self, owner: Owner, kind: str, operation: str, **parameters: Any) -> None:
        """Create with our tags. Something of this name that is ours already is success.

        Raises Rejected with the reason NameConflict if it is somebody else's.
        """
        try:
            await self.call(operation, **parameters, Tags=_tag_list(owner.tags()))
        except AlreadyExists as exists:
            name = next(iter(parameters.values()))
            tags = await self.tags(self._arn(kind, name))
            if not owner.owns(tags):
                text = f"{exists.message} It belongs to {describe_owner(tags)}. Delete that one"
                raise Rejected("NameConflict", text) from exists

    def _arn(self, kind: str, name: str) -> str:
        """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html"""
        placement = self._placement
        return (
            f"arn:{partition(placement.region)}:sagemaker:{placement.region}:{placement.account}:{kind}/{name.lower()}"
        )


def partition(region: str) -> str:
    """The ARN partition of a region: https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html"""
    prefixes = {
        "cn-": "aws-cn",
        "us-gov-": "aws-us-gov",
        "us-iso-": "aws-iso",
        "us-isob-": "aws-iso-b",
        "us-isof-": "aws-iso-f",
        "eu-isoe-": "aws-iso-e",
        "eusc-": "aws-eusc",
    }
    return next((name for prefix, name in prefixes.items() if region.startswith(prefix)), "aws")


class _NotVisibleYet:
    """A config that was just created may not be visible yet: that passes within seconds."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, NotFound) and error.reason == "EndpointConfigNotFound":
            raise Transient("EndpointConfigNotVisible", error.message) from error
