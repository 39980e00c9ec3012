"""vLLM in its own container.

Sources:
- https://docs.vllm.ai/en/latest/cli/serve/: the options
- https://docs.vllm.ai/en/latest/configuration/env_vars/ and …/usage/usage_stats/: the variables
- https://docs.vllm.ai/en/latest/deployment/k8s/

Where the weights lie in the cache it is told the folder of the commit: `slipway.domain.cluster.cache.layout` says why.
Clients would have to call the model by that folder, but for --served-model-name.
"""

from collections.abc import Mapping
from types import MappingProxyType

from slipway.api.v1alpha1.engine import Engine
from slipway.domain.cluster.cache.layout import snapshot_folder
from slipway.domain.cluster.engines.options import names
from slipway.domain.cluster.engines.rules import (
    COMMIT_DECIDES,
    DTYPE_DECIDES,
    HOST,
    HUB_ENDPOINT,
    MODEL_DECIDES,
    NO_API_KEY,
    OWN_EVERYWHERE,
    PORT_DECIDES,
    QUANTIZATION_DECIDES,
    TOKEN_FROM_SECRET,
    TOTAL_TOKENS_DECIDE,
    Task,
)
from slipway.domain.cluster.manifests.stopping import DRAIN
from slipway.domain.cluster.marks import PORT
from slipway.domain.engines import version_key

REPOSITORY = "vllm/vllm-openai"
DEFAULT_VERSION = "0.31.0"
WORKS_IN_HOME = False
"""The image's own one is kept: chat templates are named from there."""
NEEDS_SAFETENSORS = False

FIRST_WITH_DRAIN = "0.18.0"
"""First with --shutdown-timeout; before it SIGTERM aborts what was begun: https://github.com/vllm-project/vllm/pull/36666"""

_NO_PINNED_ADAPTERS = (
    "spec.engine.adapters: vLLM downloads the newest commit of an adapter from the Hub and cannot be told another one, "
    "so what it serves would not be pinned. Set spec.target.cluster.cache, from which it takes an adapter's folder, "
    "serve adapters with TGI, or merge the adapter into a model of its own"
)
"""`get_adapter_absolute_path` calls snapshot_download without a revision:
https://github.com/vllm-project/vllm/blob/main/vllm/lora/utils.py"""
_TOKENIZER_IS_THE_MODELS = "the tokenizer is the model's, at its commit: put another one into the model's repository"

OWN_VARIABLES: Mapping[str, str] = MappingProxyType(
    {**OWN_EVERYWHERE, "VLLM_API_KEY": NO_API_KEY, "VLLM_USE_MODELSCOPE": MODEL_DECIDES}
)

OWN_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "model": MODEL_DECIDES,
        "revision": COMMIT_DECIDES,
        "code-revision": COMMIT_DECIDES,
        "tokenizer": _TOKENIZER_IS_THE_MODELS,
        "tokenizer-revision": _TOKENIZER_IS_THE_MODELS,
        "served-model-name": "clients call the model by the name of its repository",
        "quantization": QUANTIZATION_DECIDES,
        "dtype": DTYPE_DECIDES,
        "max-model-len": TOTAL_TOKENS_DECIDE,
        "port": PORT_DECIDES,
        "api-key": NO_API_KEY,
        "hf-token": TOKEN_FROM_SECRET,
        "download-dir": OWN_EVERYWHERE["HF_HUB_CACHE"],
    }
)
"""--tensor-parallel-size is not among them: several GPUs may be used in other ways, such as --data-parallel-size."""

_TENSOR_PARALLEL = {"tensor-parallel-size", "tp"}


def image(version: str) -> str:
    """The engine's own image."""
    return f"{REPOSITORY}:v{version}"


def command() -> tuple[str, ...]:
    """Named, because the image's entrypoint has not always been this one."""
    return ("vllm", "serve")


def arguments(engine: Engine, task: Task) -> tuple[str, ...]:
    """The arguments, those of spec.engine.args last."""
    served = task.served
    given: dict[str, object | None] = {
        "revision": served.revision,
        "tokenizer-revision": served.revision,
        "served-model-name": served.repo,
        "host": HOST,
        "port": PORT,
        "tensor-parallel-size": None if names(engine.args) & _TENSOR_PARALLEL else max(task.gpus, 1),
        "max-model-len": engine.max_total_tokens,
        "quantization": engine.quantization,
        "dtype": engine.dtype,
        "shutdown-timeout": DRAIN if drains(task.version) else None,
    }
    options = [f"--{name}={value}" for name, value in given.items() if value is not None]
    model = snapshot_folder(served.repo, served.revision) if task.cached else served.repo
    return (model, *_adapters(task), *options, *engine.args)


def _adapters(task: Task) -> list[str]:
    """https://docs.vllm.ai/en/latest/features/lora/"""
    folders = [f"{adapter.name}={snapshot_folder(adapter.repo, adapter.revision)}" for adapter in task.served.adapters]
    return ["--enable-lora", "--lora-modules", *folders] if folders else []


def variables(engine: Engine, task: Task) -> Mapping[str, object | None]:
    """The environment without spec.engine.env."""
    return {
        HUB_ENDPOINT: None if task.cached else task.served.hub,
        "VLLM_NO_USAGE_STATS": 1,
        "DO_NOT_TRACK": 1,
        "HF_HUB_DISABLE_TELEMETRY": 1,
    }


def drains(version: str | None) -> bool:
    """Whether it knows --shutdown-timeout. Of an unknown image nobody can say, and a wrong option ends it at once."""
    return version is not None and version_key(version) >= version_key(FIRST_WITH_DRAIN)


def no_adapters(version: str | None, cached: bool) -> str | None:
    """Why no adapters can be served: no version of vLLM can be told their commits, only their folders."""
    return None if cached else _NO_PINNED_ADAPTERS


def needs_root(image: str) -> str | None:
    """Never: it runs as the user 2000 that its image has (https://docs.vllm.ai/en/latest/deployment/docker/)."""
    return None
