"""What Slipway must know of an engine: the contract that one module an engine fulfils, and what holds for all."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from slipway.api.v1alpha1.engine import Engine
from slipway.domain.served import ServedModel

HUB_ENDPOINT = "HF_ENDPOINT"
"""Base URL of the Hub, which huggingface_hub reads in every engine:
https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables"""

MODEL_DECIDES = "spec.modelRef decides which model is served"
COMMIT_DECIDES = "the ModelVersion decides which commit is served"
PORT_8080 = "SageMaker expects port 8080"
"""https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html"""
NO_API_KEY = "SageMaker's health check would be refused"
NO_PLACE_FOR_TOKENS = "a token in the environment is readable by everyone who may describe the model"
_ROLE = "the container has the execution role"
_ROLE_AND_SECRET = f"{_ROLE}, and the environment is no place for a secret"

OWN_EVERYWHERE: Mapping[str, str] = MappingProxyType(
    {
        HUB_ENDPOINT: "use spec.source.huggingFace.endpoint of the ModelVersion",
        "AWS_ACCESS_KEY_ID": _ROLE,
        "AWS_SECRET_ACCESS_KEY": _ROLE_AND_SECRET,
        "AWS_SESSION_TOKEN": _ROLE_AND_SECRET,
        "HF_TOKEN": NO_PLACE_FOR_TOKENS,
        "HUGGING_FACE_HUB_TOKEN": NO_PLACE_FOR_TOKENS,
    }
)
"""Variables that spec.engine.env may not set whatever the engine, and why."""


class Deployed(NamedTuple):
    """What a container was told to serve."""

    repo: str
    """A repository of the Hub, or a folder in the container."""
    revision: str | None
    """Any reference; None: it was told none, so it serves what was newest when it started."""


class Rules(Protocol):
    """What each engine's module has. Everything is pure."""

    @property
    def OWN_VARIABLES(self) -> Mapping[str, str]:  # noqa: N802
        """Variables that spec.engine.env may not set, and why."""
        ...

    def variables(self, engine: Engine, served: ServedModel, gpus: int) -> Mapping[str, object | None]:
        """The environment without spec.engine.env; what is None is left out. 0 GPUs: none, or not known."""
        ...

    def variable_of(self, option: str) -> str:
        """The variable that stands for an option of the command line, given without its dashes."""
        ...

    def no_adapters(self, engine: Engine, image: str | None) -> str | None:
        """Why the adapters of a spec cannot be served, or None. The image is the container's, once it is known."""
        ...

    def deployed(self, environment: Mapping[str, str]) -> Deployed | None:
        """What a container with this environment serves; None if it says nothing of a model."""
        ...
