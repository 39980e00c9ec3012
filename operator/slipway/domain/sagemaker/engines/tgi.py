"""text-generation-inference in Hugging Face's LLM container.

Sources:
- https://github.com/huggingface/text-generation-inference/blob/main/sagemaker-entrypoint.sh: which variables of
  SageMaker become which of the launcher
- https://huggingface.co/docs/text-generation-inference/reference/launcher: the launcher's own, which pass through
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from slipway.api.v1alpha1.engine import Engine
from slipway.domain.sagemaker.engines.rules import (
    COMMIT_DECIDES,
    HUB_ENDPOINT,
    MODEL_DECIDES,
    NO_API_KEY,
    OWN_EVERYWHERE,
    PORT_8080,
    Deployed,
)
from slipway.domain.served import ServedModel
from slipway.domain.tgi_adapters import unpinned

MODEL_ID = "HF_MODEL_ID"
MODEL_REVISION = "HF_MODEL_REVISION"
NUMBER_OF_GPUS = "SM_NUM_GPUS"
LORA_ADAPTERS = "LORA_ADAPTERS"

_QUANTIZATION = "use spec.engine.quantization"
_INPUT_TOKENS = "use spec.engine.maxInputTokens"

OWN_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        **OWN_EVERYWHERE,
        MODEL_ID: MODEL_DECIDES,
        MODEL_REVISION: COMMIT_DECIDES,
        "MODEL_ID": MODEL_DECIDES,
        "REVISION": COMMIT_DECIDES,
        "HF_MODEL_QUANTIZE": _QUANTIZATION,
        "QUANTIZE": _QUANTIZATION,
        "DTYPE": "use spec.engine.dtype",
        "MAX_INPUT_TOKENS": _INPUT_TOKENS,
        "MAX_INPUT_LENGTH": _INPUT_TOKENS,
        "MAX_TOTAL_TOKENS": "use spec.engine.maxTotalTokens",
        "PORT": PORT_8080,
        "API_KEY": NO_API_KEY,
    }
)
"""Variables that spec.engine.env may not set, and why. SM_NUM_GPUS may be: it overrides the table of instances.

LORA_ADAPTERS is not among them: it could be set before there was spec.engine.adapters. Only both are refused.
"""

_VERSION = re.compile(r"-tgi(\d+\.\d+\.\d+)-")


def variables(engine: Engine, served: ServedModel, gpus: int) -> Mapping[str, object | None]:
    """The environment without spec.engine.env."""
    return {
        MODEL_ID: served.repo,
        MODEL_REVISION: served.revision,
        HUB_ENDPOINT: served.hub,
        NUMBER_OF_GPUS: gpus or None,
        "MAX_INPUT_TOKENS": engine.max_input_tokens,
        "MAX_TOTAL_TOKENS": engine.max_total_tokens,
        "HF_MODEL_QUANTIZE": engine.quantization,
        "DTYPE": engine.dtype,
        LORA_ADAPTERS: ",".join(f"{adapter.repo}@{adapter.revision}" for adapter in served.adapters) or None,
    }


def variable_of(option: str) -> str:
    """The launcher's variable for an option: `max-batch-size` is MAX_BATCH_SIZE."""
    return option.replace("-", "_").upper()


def no_adapters(engine: Engine, image: str | None) -> str | None:
    """Why the adapters of a spec cannot be served, or None. An image of another maker is taken at its word."""
    if any(variable.name == LORA_ADAPTERS for variable in engine.env):
        return f"spec.engine.env may not set {LORA_ADAPTERS} beside spec.engine.adapters, which does the same"
    found = _VERSION.search(image.rpartition(":")[2]) if image else None
    return unpinned(found[1] if found else engine.version)


def deployed(environment: Mapping[str, str]) -> Deployed | None:
    """What a container with this environment serves; None if it says nothing of a model."""
    repo = environment.get(MODEL_ID) or environment.get("MODEL_ID")
    revision = environment.get(MODEL_REVISION) or environment.get("REVISION")
    return Deployed(repo, revision or None) if repo else None
