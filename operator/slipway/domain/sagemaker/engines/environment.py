"""From a spec and a commit to a container's environment, and back."""

from collections.abc import Mapping

from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.api.v1alpha1.engine import Engine
from slipway.domain.engines import engine_of
from slipway.domain.sagemaker.engines import tgi, vllm
from slipway.domain.sagemaker.engines.rules import Deployed, Rules
from slipway.domain.sagemaker.instance_types import gpu_count
from slipway.domain.served import ServedModel

LONGEST_VALUE = 1024
"""Characters of a variable's value (EnvironmentValue). There may be 100 variables, of which spec.engine.env holds 80:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html"""

RULES: Mapping[str, Rules] = {"TGI": tgi, "vLLM": vllm}
"""By spec.engine.name."""


def rules_of(engine: Engine) -> Rules:
    """What Slipway knows of the engine."""
    return RULES[engine.name]


def environment(spec: DeploymentSpec, served: ServedModel, instance_type: str) -> dict[str, str]:
    """The environment of the container that serves a commit on an instance type.

    It is part of the name of the SageMaker model: what is added here for every spec rolls every endpoint.
    """
    engine = spec.engine
    settings = rules_of(engine).variables(engine, served, gpu_count(instance_type) or 0)
    given = {name: str(value) for name, value in settings.items() if value is not None}
    return given | {variable.name: variable.value for variable in engine.env}


def deployed(variables: Mapping[str, str], image: str) -> Deployed | None:
    """What a container of anybody's serves, as far as its environment says.

    The engine is told by the name of the image, and where that says nothing, by the variables: the revision that one
    engine is pinned by is not read by the other.
    """
    has_own_variables = any(variable.startswith(vllm.PREFIX) for variable in variables)
    name = engine_of(image) or ("vLLM" if has_own_variables else "TGI")
    return RULES[name].deployed(variables)
