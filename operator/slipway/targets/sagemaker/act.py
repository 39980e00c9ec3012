"""Carrying out steps. Each sends its mutating call once."""

import contextlib
import re
from functools import singledispatchmethod
from typing import Any

from slipway.domain.errors import NotFound, Rejected, Transient
from slipway.domain.names import TAG_RETAINED, Owner, describe_owner
from slipway.domain.sagemaker.partitions import partition_of
from slipway.domain.sagemaker.steps import (
    CreateEndpoint,
    CreateEndpointConfig,
    CreateModel,
    DeleteAlarms,
    DeleteEndpoint,
    DeleteEndpointConfig,
    DeleteModel,
    MarkOwner,
    MarkRetained,
    PutAlarm,
    SetInstanceCount,
    SetTags,
    Step,
    UpdateEndpoint,
)
from slipway.targets.sagemaker.errors import CONFIG_IN_SERVICE_GONE, AlreadyExists
from slipway.targets.sagemaker.region import Region
from slipway.targets.sagemaker.requests import DATA_CAPTURE_PROPERTY, config_settings, model_settings
from slipway.targets.sagemaker.rollout import deployment_config, metric_alarm

Tags = dict[str, str]


def _tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


class Act(Region):
    """The steps. Each sends its mutating call once."""

    @singledispatchmethod
    async def do(self, step: Step) -> None:
        raise AssertionError(f"no such step: {step!r}")

    @do.register
    async def _(self, step: CreateModel) -> None:
        model = step.model
        await self._create(
            step.owner,
            model.tags,
            "model",
            "create_model",
            ModelName=model.name,
            ExecutionRoleArn=model.execution_role,
            PrimaryContainer={"Image": model.image, "Environment": model.environment},
            **model_settings(model),
        )

    @do.register
    async def _(self, step: CreateEndpointConfig) -> None:
        config = step.config
        variant = {
            "VariantName": config.variant,
            "ModelName": config.model,
            "InstanceType": config.instance_type,
            "InitialInstanceCount": config.initial_instances,
            "ContainerStartupHealthCheckTimeoutInSeconds": config.startup_timeout,
        }
        if config.inference_ami:
            variant["InferenceAmiVersion"] = config.inference_ami
        if config.download_timeout is not None:
            variant["ModelDataDownloadTimeoutInSeconds"] = config.download_timeout
        await self._create(
            step.owner,
            config.tags,
            "endpoint-config",
            "create_endpoint_config",
            EndpointConfigName=config.name,
            ProductionVariants=[variant],
            **config_settings(config),
        )

    @do.register
    async def _(self, step: CreateEndpoint) -> None:
        with _NotVisibleYet(step.config):
            await self._create(
                step.owner,
                step.tags,
                "endpoint",
                "create_endpoint",
                EndpointName=step.name,
                EndpointConfigName=step.config,
            )

    @do.register
    async def _(self, step: UpdateEndpoint) -> None:
        policy = {"DeploymentConfig": deployment_config(step.policy)} if step.policy else {}
        with _NotVisibleYet(step.config):
            await self.call(
                "update_endpoint",
                EndpointName=step.name,
                EndpointConfigName=step.config,
                RetainAllVariantProperties=True,
                **policy,
                **({"ExcludeRetainedVariantProperties": [DATA_CAPTURE_PROPERTY]} if step.data_capture else {}),
            )

    @do.register
    async def _(self, step: SetInstanceCount) -> None:
        await self.call(
            "update_endpoint_weights_and_capacities",
            EndpointName=step.name,
            DesiredWeightsAndCapacities=[{"VariantName": step.variant, "DesiredInstanceCount": step.instances}],
        )

    @do.register
    async def _(self, step: PutAlarm) -> None:
        tags = _tag_list({**step.tags, **step.owner.tags()})
        await self.cloudwatch("put_metric_alarm", **metric_alarm(step.alarm), Tags=tags)

    @do.register
    async def _(self, step: DeleteAlarms) -> None:
        for name in step.names:  # one by one: an alarm that is gone already would keep the others
            with contextlib.suppress(NotFound):
                await self.cloudwatch("delete_alarms", AlarmNames=[name])

    @do.register
    async def _(self, step: MarkOwner) -> None:
        await self.call("add_tags", ResourceArn=step.arn, Tags=_tag_list(step.owner.tags()))
        await self.call("delete_tags", ResourceArn=step.arn, TagKeys=[TAG_RETAINED])

    @do.register
    async def _(self, step: SetTags) -> None:
        if step.remove:  # first, because there may be no more than 50 at any time
            await self.call("delete_tags", ResourceArn=step.arn, TagKeys=list(step.remove))
        if step.add:
            await self.call("add_tags", ResourceArn=step.arn, Tags=_tag_list(step.add))

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

    async def _create(self, owner: Owner, further: Tags, kind: str, operation: str, **parameters: Any) -> None:
        """Create with our tags, which win over `further` ones. Something of this name that is ours already is success.

        Raises Rejected with the reason NameConflict if it is somebody else's.
        """
        try:
            await self.call(operation, **parameters, Tags=_tag_list({**further, **owner.tags()}))
        except AlreadyExists as exists:
            name = next(iter(parameters.values()))
            tags = await self.tags(self._arn(kind, name))
            if not owner.owns(tags):
                text = f"{exists.message} It belongs to {describe_owner(tags)}. Delete that one"
                raise Rejected("NameConflict", text) from exists

    def _arn(self, kind: str, name: str) -> str:
        """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html"""
        region, account = self._placement.region, self._placement.account
        return f"arn:{partition_of(region).name}:sagemaker:{region}:{account}:{kind}/{name.lower()}"


class _NotVisibleYet:
    """A config that was just created may not be visible yet: that passes within seconds.

    An update reads the config in service, too. If that one is gone, nothing passes by itself
    (https://github.com/hashicorp/terraform-provider-aws/issues/40048).
    """

    def __init__(self, config: str) -> None:
        self._config = config

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, NotFound) or error.reason != "EndpointConfigNotFound":
            return
        named = _CONFIG_ARN.search(error.message)
        if named is None or named["name"].lower() == self._config.lower():
            raise Transient("EndpointConfigNotVisible", error.message) from error
        raise Rejected("ConfigInServiceGone", error.message.rstrip(".") + CONFIG_IN_SERVICE_GONE) from error


_CONFIG_ARN = re.compile(r":endpoint-config/(?P<name>[a-zA-Z0-9-]+)")
