"""From a Deployment's spec and a commit to the SageMaker resources that are wanted."""

from dataclasses import dataclass, field

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.deployment import DeploymentSpec, SageMakerTarget
from slipway.domain.names import Owner, content_name
from slipway.domain.sagemaker.host import inference_ami_version
from slipway.domain.sagemaker.instance_types import gpu_count
from slipway.domain.sagemaker.settings import (
    config_content,
    data_capture_settings,
    download_timeout,
    model_content,
    vpc_settings,
)
from slipway.domain.sagemaker.steps import ConfigRequest, ModelRequest

STARTUP_TIMEOUT_RANGE = (60, 3600)
"""Seconds that ContainerStartupHealthCheckTimeoutInSeconds allows:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html"""

MODEL_ID = "HF_MODEL_ID"
MODEL_REVISION = "HF_MODEL_REVISION"
NUMBER_OF_GPUS = "SM_NUM_GPUS"
HUB_ENDPOINT = "HF_ENDPOINT"

OWN_VARIABLES = {
    MODEL_ID: "spec.modelRef decides which model is served",
    MODEL_REVISION: "the ModelVersion decides which commit is served",
    HUB_ENDPOINT: "use spec.source.huggingFace.endpoint of the ModelVersion",
    "HF_MODEL_QUANTIZE": "use spec.engine.quantization",
    "QUANTIZE": "use spec.engine.quantization",
    "DTYPE": "use spec.engine.dtype",
    "MAX_INPUT_TOKENS": "use spec.engine.maxInputTokens",
    "MAX_INPUT_LENGTH": "use spec.engine.maxInputTokens",
    "MAX_TOTAL_TOKENS": "use spec.engine.maxTotalTokens",
    "MODEL_ID": "spec.modelRef decides which model is served",
    "REVISION": "the ModelVersion decides which commit is served",
    "PORT": "SageMaker expects port 8080",
    "API_KEY": "SageMaker's health check would be refused",
    "AWS_ACCESS_KEY_ID": "the container has the execution role",
    "AWS_SECRET_ACCESS_KEY": "the container has the execution role, and the environment is no place for a secret",
    "AWS_SESSION_TOKEN": "the container has the execution role, and the environment is no place for a secret",
    "HF_TOKEN": "a token in the environment is readable by everyone who may describe the model",
    "HUGGING_FACE_HUB_TOKEN": "a token in the environment is readable by everyone who may describe the model",
}
"""Variables that spec.engine.env may not set, and why. SM_NUM_GPUS may be: it overrides the table of instances."""


@dataclass(frozen=True)
class ServedModel:
    """The commit that is to be served."""

    repo: str
    revision: str
    model_version: str
    hub: str | None = None
    """Base URL of the Hub, where the container must be told; None: the public one."""


@dataclass(frozen=True)
class Desired:
    """The immutable resources that are wanted, and how many instances."""

    served: ServedModel
    image: str
    model: ModelRequest
    config: ConfigRequest
    instances: int | None
    """Wanted number of instances; None: not ours to decide."""
    tags: dict[str, str] = field(default_factory=dict, hash=False)
    """The spec's tags, which everything carries besides the owner's."""


def environment(spec: DeploymentSpec, served: ServedModel, instance_type: str) -> dict[str, str]:
    """The environment of the Hugging Face LLM container (text-generation-inference).

    https://github.com/huggingface/text-generation-inference/blob/main/sagemaker-entrypoint.sh and
    https://huggingface.co/docs/text-generation-inference/reference/launcher
    """
    engine = spec.engine
    variables: dict[str, object | None] = {
        MODEL_ID: served.repo,
        MODEL_REVISION: served.revision,
        HUB_ENDPOINT: served.hub,
        NUMBER_OF_GPUS: gpu_count(instance_type) or None,
        "MAX_INPUT_TOKENS": engine.max_input_tokens,
        "MAX_TOTAL_TOKENS": engine.max_total_tokens,
        "HF_MODEL_QUANTIZE": engine.quantization,
        "DTYPE": engine.dtype,
    }
    result = {name: str(value) for name, value in variables.items() if value is not None}
    return result | {variable.name: variable.value for variable in engine.env}


def desired(spec: DeploymentSpec, target: SageMakerTarget, served: ServedModel, image: str, owner: Owner) -> Desired:
    """The resources for one commit. Names are hashes of the content, so equal content is found again.

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
    ami = inference_ami_version(image)
    timeout = seconds(spec.rollout.startup_timeout)
    variant = {
        "model": model.name,
        "instanceType": target.instance_type,
        "startupTimeout": timeout,
        "inferenceAmi": ami,
    }
    config = ConfigRequest(
        name=content_name(owner, variant | config_content(target)),
        model=model.name,
        instance_type=target.instance_type,
        initial_instances=spec.replicas or 1,
        startup_timeout=timeout,
        inference_ami=ami,
        kms_key=target.kms_key_id,
        data_capture=data_capture_settings(target),
        download_timeout=download_timeout(target),
        tags=target.tags,
    )
    return Desired(served, image, model, config, spec.replicas, target.tags)
