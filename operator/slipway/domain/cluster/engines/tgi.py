"""text-generation-inference in its own container.

Sources:
- https://huggingface.co/docs/text-generation-inference/reference/launcher: every option is a variable, too
- https://github.com/huggingface/text-generation-inference/blob/main/launcher/src/main.rs and …/router/src/server.rs

Where the weights lie in the cache it is told the folder of the commit: `slipway.domain.cluster.cache.layout` says why.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from slipway.api.v1alpha1.engine import Engine
from slipway.domain.cluster.cache.layout import snapshot_folder
from slipway.domain.cluster.engines.rules import (
    COMMIT_DECIDES,
    DTYPE_DECIDES,
    GPUS_DECIDE,
    HOST,
    HUB_ENDPOINT,
    MODEL_DECIDES,
    NO_API_KEY,
    OWN_EVERYWHERE,
    PORT_DECIDES,
    QUANTIZATION_DECIDES,
    TOTAL_TOKENS_DECIDE,
    Task,
)
from slipway.domain.cluster.manifests.stopping import DRAIN
from slipway.domain.cluster.marks import PORT
from slipway.domain.engines import version_key
from slipway.domain.tgi_adapters import unpinned

REPOSITORY = "ghcr.io/huggingface/text-generation-inference"
DEFAULT_VERSION = "3.0.1"
"""The newest one whose own image runs without root: see `needs_root`."""
WORKS_IN_HOME = True
"""`py_resolve_tokenizer` in router/src/server.rs saves the tokenizer below `out`, and panics where it cannot."""
NEEDS_SAFETENSORS = True
"""`download_weights` in server/text_generation_server/cli.py converts other formats, and writes them there."""

LORA_ADAPTERS = "LORA_ADAPTERS"
_INPUT_TOKENS_DECIDE = "use spec.engine.maxInputTokens"
_ADAPTERS_DECIDE = "use spec.engine.adapters"

OWN_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        **OWN_EVERYWHERE,
        "MODEL_ID": MODEL_DECIDES,
        "REVISION": COMMIT_DECIDES,
        "WEIGHTS_CACHE_OVERRIDE": MODEL_DECIDES,
        "NUM_SHARD": GPUS_DECIDE,
        "SHARDED": GPUS_DECIDE,
        "QUANTIZE": QUANTIZATION_DECIDES,
        "DTYPE": DTYPE_DECIDES,
        "MAX_INPUT_TOKENS": _INPUT_TOKENS_DECIDE,
        "MAX_INPUT_LENGTH": _INPUT_TOKENS_DECIDE,
        "MAX_TOTAL_TOKENS": TOTAL_TOKENS_DECIDE,
        LORA_ADAPTERS: _ADAPTERS_DECIDE,
        "PORT": PORT_DECIDES,
        "API_KEY": NO_API_KEY,
        "HF_API_TOKEN": OWN_EVERYWHERE["HF_TOKEN"],
    }
)
"""The launcher copies HF_API_TOKEN over HF_TOKEN."""

OWN_OPTIONS: Mapping[str, str] = MappingProxyType(
    {name.lower().replace("_", "-"): reason for name, reason in OWN_VARIABLES.items()}
)

_IN_ROOTS_HOME = ("3.1.0", "3.3.7")
"""First and last known version whose Python lies below /root, which only root may enter:
https://github.com/huggingface/text-generation-inference/issues/3082 (open), Dockerfile: `uv python install`"""
_OWN_TAG = re.compile(re.escape(REPOSITORY) + r":(\d+\.\d+\.\d+)(?:@.*)?")
"""The tags of CUDA's image; -rocm, -intel-cpu and others are made in other ways."""


def image(version: str) -> str:
    """The engine's own image."""
    return f"{REPOSITORY}:{version}"


def command() -> tuple[str, ...]:
    """The image's own entrypoint: a script that ends in `exec text-generation-launcher $@`, so it gets SIGTERM."""
    return ()


def arguments(engine: Engine, task: Task) -> tuple[str, ...]:
    """Those of spec.engine.args alone: everything else is a variable."""
    return tuple(engine.args)


def variables(engine: Engine, task: Task) -> Mapping[str, object | None]:
    """The environment without spec.engine.env.

    HOSTNAME: Kubernetes sets it to the pod's name, which the router tries to listen on.
    """
    served = task.served
    return {
        "MODEL_ID": snapshot_folder(served.repo, served.revision) if task.cached else served.repo,
        "REVISION": None if task.cached else served.revision,
        HUB_ENDPOINT: None if task.cached else served.hub,
        "NUM_SHARD": max(task.gpus, 1),
        "QUANTIZE": engine.quantization,
        "DTYPE": engine.dtype,
        "MAX_INPUT_TOKENS": engine.max_input_tokens,
        "MAX_TOTAL_TOKENS": engine.max_total_tokens,
        LORA_ADAPTERS: _adapters(task) or None,
        "HOSTNAME": HOST,
        "PORT": PORT,
        "GRACEFUL_TERMINATION_TIMEOUT": DRAIN,
        "USAGE_STATS": "off",
        "HF_HUB_DISABLE_TELEMETRY": 1,
    }


def _adapters(task: Task) -> str:
    """`name=folder`, or `repository@commit`, which is also the adapter's name then."""
    if task.cached:
        folders = ((adapter.name, snapshot_folder(adapter.repo, adapter.revision)) for adapter in task.served.adapters)
        return ",".join(f"{name}={folder}" for name, folder in folders)
    return ",".join(f"{adapter.repo}@{adapter.revision}" for adapter in task.served.adapters)


MIRROR_NEEDS_CACHE = (
    "the ModelVersion names a mirror of the Hub, but TGI reads config.json and the chat template from huggingface.co "
    "all the same, and goes without them where it cannot: then /v1/chat/completions answers `template not found`. Set "
    "spec.target.cluster.cache: its Job loads everything from the mirror"
)
"""`ApiBuilder::new()` in router/src/server.rs and launcher/src/main.rs knows huggingface.co only:
https://github.com/huggingface/hf-hub/issues/102"""


def drains(version: str | None) -> bool:
    """Always: the launcher waits for its web server, for 90 s before there was GRACEFUL_TERMINATION_TIMEOUT.

    https://github.com/huggingface/text-generation-inference/pull/3126
    """
    return True


def no_adapters(version: str | None, cached: bool) -> str | None:
    """Why no adapters can be served, or None. An image of which no version is known is taken at its word."""
    return unpinned(version)


def needs_root(image: str) -> str | None:
    """Why this image runs as root only, or None."""
    found = _OWN_TAG.fullmatch(image)
    first, last = (version_key(version) for version in _IN_ROOTS_HOME)
    if found is None or not first <= version_key(found[1]) <= last:
        return None
    return (
        f"{image} keeps its Python below /root, so that it runs as root only "
        "(https://github.com/huggingface/text-generation-inference/issues/3082). Either set spec.engine.version to "
        f"{DEFAULT_VERSION}; or build an image of two lines, `FROM {image}` and `RUN chmod a+rx /root`, and name it in "
        "spec.engine.image; or, where the namespace allows root, set spec.target.cluster.podTemplate.spec."
        "securityContext to {runAsUser: 0, runAsNonRoot: false}"
    )
