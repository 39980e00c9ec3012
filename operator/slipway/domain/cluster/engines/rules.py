"""What Slipway must know of an engine in the cluster: the contract that one module an engine fulfils."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from slipway.api.v1alpha1.engine import Engine
from slipway.domain.served import ServedModel

HUB_ENDPOINT = "HF_ENDPOINT"
"""Base URL of the Hub."""
TOKEN = "HF_TOKEN"  # noqa: S105  # the variable's name
"""https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables"""

HOST = "0.0.0.0"  # noqa: S104  # in a pod, behind a NetworkPolicy: probes and clients come from outside
"""What the engine listens on. spec.engine.env or args may say `::` where there is IPv6 alone."""

MODEL_DECIDES = "spec.modelRef decides which model is served"
COMMIT_DECIDES = "the ModelVersion decides which commit is served"
CACHE_DECIDES = "spec.target.cluster.cache decides where the weights lie"
PORT_DECIDES = "the Service and the probes expect port 8080"
GPUS_DECIDE = "use spec.target.cluster.gpus"
QUANTIZATION_DECIDES = "use spec.engine.quantization"
DTYPE_DECIDES = "use spec.engine.dtype"
TOTAL_TOKENS_DECIDE = "use spec.engine.maxTotalTokens"
NO_API_KEY = "the check of a new revision and the clients of the binding Secret have none. Let a gateway ask for it"
TOKEN_FROM_SECRET = "use spec.source.huggingFace.tokenSecretRef of the ModelVersion, which names a Secret"  # noqa: S105

OWN_EVERYWHERE: Mapping[str, str] = MappingProxyType(
    {
        HUB_ENDPOINT: "use spec.source.huggingFace.endpoint of the ModelVersion",
        TOKEN: TOKEN_FROM_SECRET,
        "HUGGING_FACE_HUB_TOKEN": TOKEN_FROM_SECRET,
        "HF_HUB_CACHE": CACHE_DECIDES,
        "HUGGINGFACE_HUB_CACHE": CACHE_DECIDES,
        "HF_HUB_OFFLINE": CACHE_DECIDES,
    }
)
"""Variables that nobody else may set whatever the engine, and why."""


@dataclass(frozen=True)
class Task:
    """What a container is to serve, and with what."""

    served: ServedModel
    gpus: int
    """0: none."""
    cached: bool
    """Whether the weights lie in the cache volume: then the engine must ask the Hub for nothing."""
    version: str | None
    """The engine's version x.y.z, as far as the image tells it."""


class Rules(Protocol):
    """What each engine's module has. Everything is pure."""

    @property
    def REPOSITORY(self) -> str:  # noqa: N802
        """The engine's own image, without tag."""
        ...

    @property
    def DEFAULT_VERSION(self) -> str:  # noqa: N802
        """What is served where spec.engine.version is left open and nothing serves yet."""
        ...

    @property
    def OWN_VARIABLES(self) -> Mapping[str, str]:  # noqa: N802
        """Variables that spec.engine.env and podTemplate may not set, and why."""
        ...

    @property
    def OWN_OPTIONS(self) -> Mapping[str, str]:  # noqa: N802
        """Options, without dashes, that spec.engine.args may not hold, and why."""
        ...

    @property
    def WORKS_IN_HOME(self) -> bool:  # noqa: N802
        """Whether it writes into its working directory, which must then be a writable one."""
        ...

    @property
    def NEEDS_SAFETENSORS(self) -> bool:  # noqa: N802
        """Whether it must write beside weights in any other format, which a shared cache does not let it."""
        ...

    def image(self, version: str) -> str:
        """The engine's own image."""
        ...

    def command(self) -> tuple[str, ...]:
        """What replaces the image's entrypoint; empty: nothing does."""
        ...

    def arguments(self, engine: Engine, task: Task) -> tuple[str, ...]:
        """The arguments, those of spec.engine.args last."""
        ...

    def variables(self, engine: Engine, task: Task) -> Mapping[str, object | None]:
        """The environment without spec.engine.env; what is None is left out."""
        ...

    def drains(self, version: str | None) -> bool:
        """Whether it answers what it has begun before it ends on SIGTERM."""
        ...

    def no_adapters(self, version: str | None, cached: bool) -> str | None:
        """Why no adapters can be served, or None. `cached`: from folders of the cache volume."""
        ...

    def needs_root(self, image: str) -> str | None:
        """Why this image runs as root only, or None."""
        ...
