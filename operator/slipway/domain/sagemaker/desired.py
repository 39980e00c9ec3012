"""From a Deployment's spec and a commit to the SageMaker resources that are wanted."""

from dataclasses import dataclass, field

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.api.v1alpha1.rollout import Rollout
from slipway.api.v1alpha1.sagemaker_target import SageMakerTarget
from slipway.domain.names import Owner, content_name, digest
from slipway.domain.revisions import rollout_digest
from slipway.domain.sagemaker import check as checking
from slipway.domain.sagemaker import rollout as rolling
from slipway.domain.sagemaker.engines.environment import environment
from slipway.domain.sagemaker.host import inference_ami_version
from slipway.domain.sagemaker.settings import (
    config_content,
    data_capture_settings,
    download_timeout,
    model_content,
    vpc_settings,
)
from slipway.domain.sagemaker.steps import VARIANT, ConfigRequest, ModelRequest
from slipway.domain.served import ServedModel

STARTUP_TIMEOUT_RANGE = (60, 3600)
"""Seconds that ContainerStartupHealthCheckTimeoutInSeconds allows:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html"""


@dataclass(frozen=True)
class Desired:
    """The immutable resources that are wanted, and how many instances."""

    served: ServedModel
    image: str
    model: ModelRequest
    config: ConfigRequest
    instances: int | None
    """Wanted number of instances; None: not ours to decide."""
    rollout: Rollout
    """How it comes into service. Not part of any name: a change of it alone rolls nothing."""
    policy: rolling.RolloutPolicy | None = None
    way_back: rolling.RolloutPolicy | None = None
    alarms: tuple[rolling.AlarmRequest, ...] = ()
    """Alarms to make."""
    watched: tuple[str, ...] = ()
    """Names of all alarms that are watched."""
    check: checking.CheckRequest | None = None
    tags: dict[str, str] = field(default_factory=dict, hash=False)
    """The spec's tags, which everything carries besides the owner's."""

    @property
    def content(self) -> str:
        """Changes with everything that is brought about: the config, the count, the tags and the alarms."""
        alarms = sorted(alarm.name for alarm in self.alarms)
        return digest([self.config.name, self.instances, self.tags, alarms], 16)

    @property
    def fingerprint(self) -> str:
        """Changes when the way of rolling out does."""
        return rollout_digest(self.rollout)


def desired(
    spec: DeploymentSpec,
    target: SageMakerTarget,
    served: ServedModel,
    image: str,
    owner: Owner,
    *,
    endpoint_name: str = "",
    variant: str | None = None,
) -> Desired:
    """The resources for one commit. Names are hashes of the content, so equal content is found again.

    `variant` names the production variant of an endpoint that was adopted.

    The number of instances is not part of the content: a count alone must not start a second fleet. Nor are
    tags. A change of this function's output for an unchanged spec would roll every endpoint on an upgrade of
    the operator: tests/unit/domain/test_golden_names.py guards it.
    """
    variables = environment(spec, served, target.instance_type)
    container = {"image": image, "environment": variables, "role": target.execution_role_arn}
    model = ModelRequest(
        name=content_name(owner, container | model_content(target)),
        image=image,
        environment=variables,
        execution_role=target.execution_role_arn,
        vpc=vpc_settings(target),
        network_isolation=target.network_isolation,
        tags=target.tags,
    )
    ami = target.inference_ami_version or inference_ami_version(image)
    timeout = seconds(spec.rollout.startup_timeout)
    content = {
        "model": model.name,
        "instanceType": target.instance_type,
        "startupTimeout": timeout,
        "inferenceAmi": ami,
        **({"variant": variant} if variant not in (None, VARIANT) else {}),
    }
    config = ConfigRequest(
        name=content_name(owner, content | config_content(target)),
        model=model.name,
        instance_type=target.instance_type,
        initial_instances=spec.replicas or 1,
        startup_timeout=timeout,
        inference_ami=ami,
        variant=variant or VARIANT,
        kms_key=target.kms_key_id,
        data_capture=data_capture_settings(target),
        download_timeout=download_timeout(target),
        tags=target.tags,
    )
    rollout = spec.rollout
    watched = rolling.alarm_names(rollout, owner, endpoint_name, config.variant)
    question = rollout.check
    return Desired(
        served,
        image,
        model,
        config,
        spec.replicas,
        rollout,
        policy=rolling.policy(rollout, watched),
        way_back=rolling.way_back(rollout),
        alarms=rolling.alarm_requests(rollout, owner, endpoint_name, config.variant),
        watched=watched,
        check=checking.request(question, spec.engine, endpoint_name, config.name) if question else None,
        tags=target.tags,
    )
