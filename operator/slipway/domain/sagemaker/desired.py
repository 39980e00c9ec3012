"""From a Deployment's spec and a commit to the SageMaker resources that are wanted."""

from dataclasses import dataclass

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.deployment import DeploymentSpec, SageMakerTarget
from slipway.domain.names import Owner, content_name
from slipway.domain.sagemaker.engines.environment import environment
from slipway.domain.sagemaker.host import inference_ami_version
from slipway.domain.sagemaker.served import ServedModel
from slipway.domain.sagemaker.steps import ConfigRequest, ModelRequest

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


def desired(spec: DeploymentSpec, target: SageMakerTarget, served: ServedModel, image: str, owner: Owner) -> Desired:
    """The resources for one commit. Names are hashes of the content, so equal content is found again.

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
    }
    config = ConfigRequest(
        name=content_name(owner, config_content),
        model=model.name,
        instance_type=target.instance_type,
        initial_instances=spec.replicas or 1,
        startup_timeout=timeout,
        inference_ami=ami,
    )
    return Desired(served, image, model, config, spec.replicas)
