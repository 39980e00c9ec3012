"""Whether the spec is sound in itself."""

import re

from slipway.api.v1alpha1.autoscaling import REPLICAS_OR_AUTOSCALING
from slipway.api.v1alpha1.deployment import NAME_MAX_LENGTH, NAME_PATTERN, NAME_SHAPE, ONE_TARGET, DeploymentSpec
from slipway.api.v1alpha1.engine import (
    DTYPE_OR_QUANTIZATION,
    INPUT_BELOW_TOTAL,
    INPUT_TOKENS_TGI_ONLY,
    TGI_IS_HUGGING_FACE,
    Engine,
)
from slipway.api.v1alpha1.sagemaker_target import RESERVED_TAGS, SageMakerTarget
from slipway.domain.checks.inputs import Inputs, Problem, invalid
from slipway.domain.checks.rollout import rollout_problem, shape_problem
from slipway.domain.sagemaker.engines.arguments import as_variables
from slipway.domain.sagemaker.engines.environment import rules_of
from slipway.domain.secrets import looks_like_token


def check_spec(inputs: Inputs) -> Problem | None:
    """The CEL rules once more, for API servers that do not know CEL, and what CEL cannot say."""
    metadata, spec = inputs.deployment.metadata, inputs.deployment.spec
    if not re.fullmatch(NAME_PATTERN, metadata.name) or len(metadata.name) > NAME_MAX_LENGTH:
        return invalid(NAME_SHAPE)
    if (spec.target.sage_maker is None) == (spec.target.cluster is None):
        return invalid(ONE_TARGET)
    if spec.replicas is not None and spec.autoscaling is not None:
        return invalid(REPLICAS_OR_AUTOSCALING)
    text = _engine(spec.engine) or shape_problem(spec.rollout)
    if text is None and spec.target.sage_maker:
        text = _sagemaker(spec, spec.target.sage_maker)
    return invalid(text) if text else None


def _sagemaker(spec: DeploymentSpec, target: SageMakerTarget) -> str | None:
    """What SageMaker does not have, or does in its own way."""
    problems = (
        _count(spec),
        rollout_problem(spec.rollout, spec.replicas),
        _tags(target),
        _environment(spec.engine),
        _arguments(spec.engine),
        rules_of(spec.engine).no_adapters(spec.engine, None) if spec.engine.adapters else None,
    )
    return next((problem for problem in problems if problem), None)


def _count(spec: DeploymentSpec) -> str | None:
    if spec.autoscaling:
        return "spec.autoscaling is for target cluster. On SageMaker, leave spec.replicas out and scale the variant"
    if spec.replicas == 0:
        return "spec.replicas must be 1 or more: an endpoint of SageMaker has at least one instance"
    return None


def _engine(engine: Engine) -> str | None:
    if (engine.max_input_tokens or 0) >= (engine.max_total_tokens or float("inf")):
        return INPUT_BELOW_TOTAL
    if engine.dtype and engine.quantization:
        return DTYPE_OR_QUANTIZATION
    if engine.name != "TGI" and engine.max_input_tokens is not None:
        return INPUT_TOKENS_TGI_ONLY
    if engine.name == "TGI" and engine.container != "HuggingFace":
        return TGI_IS_HUGGING_FACE
    return None


def _tags(target: SageMakerTarget) -> str | None:
    if any(key.startswith(("slipway.dev/", "aws:")) for key in target.tags):
        return RESERVED_TAGS
    return None


def _environment(engine: Engine) -> str | None:
    own_variables = rules_of(engine).OWN_VARIABLES
    for variable in engine.env:
        if variable.name in own_variables:
            return f"spec.engine.env may not set {variable.name}: {own_variables[variable.name]}"
        if looks_like_token(variable.value):
            return (
                f"spec.engine.env sets {variable.name} to something that looks like an access token: the "
                "environment of a SageMaker model is readable by everyone who may describe it"
            )
    return None


def _arguments(engine: Engine) -> str | None:
    if not engine.args:
        return None
    same = as_variables(engine.args, rules_of(engine))
    return "spec.engine.args: SageMaker's containers take no arguments, only variables in spec.engine.env" + (
        f". There it is: {same}" if same else ""
    )
