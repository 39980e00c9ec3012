"""From a Deployment's spec and a commit to the SageMaker resources that are wanted."""

from dataclasses import dataclass

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.deployment import DeploymentSpec, Rollout, SageMakerTarget
from slipway.domain.names import Owner, content_name
from slipway.domain.sagemaker import check as checking
from slipway.domain.sagemaker import rollout as rolling
from slipway.domain.sagemaker.engines.environment import environment
from slipway.domain.sagemaker.host import inference_ami_version
from slipway.domain.sagemaker.served import ServedModel
from slipway.domain.sagemaker.steps import VARIANT, ConfigRequest, ModelRequest

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

    @property
    def fingerprint(self) -> str:
        """Changes when the way of rolling out does."""
        return rolling.fingerprint(self.rollout)


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
    model_content = {"image": image, "environment": variables, "role": target.execution_role_arn}
    model = ModelRequest(content_name(owner, model_content), image, variables, target.execution_role_arn)
    ami = target.inference_ami_version or inference_ami_version(image)
    timeout = seconds(spec.rollout.startup_timeout)
    config_content = {
        "model": model.name,
        "instanceType": target.instance_type,
        "startupTimeout": timeout,
        "inferenceAmi": ami,
        **({"variant": variant} if variant not in (None, VARIANT) else {}),
    }
    config = ConfigRequest(
        name=content_name(owner, config_content),
        model=model.name,
        instance_type=target.instance_type,
        initial_instances=spec.replicas or 1,
        startup_timeout=timeout,
        inference_ami=ami,
        variant=variant or VARIANT,
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
    )
