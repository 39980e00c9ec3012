"""vLLM in the container of Hugging Face or of AWS: both turn SM_VLLM_X_Y into --x-y.

Sources:
- https://aws.github.io/deep-learning-containers/vllm/configuration/: `true` becomes a bare option, `false` none
- https://github.com/aws/deep-learning-containers/tree/main/scripts/docker/vllm and …/huggingface/vllm: the entrypoints.
  Which model: SM_VLLM_MODEL, else what lies in /opt/ml/model, else HF_MODEL_ID. There is no HF_MODEL_REVISION
- https://docs.vllm.ai/en/latest/cli/serve/: the options
"""

from collections.abc import Mapping
from types import MappingProxyType

from slipway.api.v1alpha1.engine import Engine
from slipway.domain.sagemaker.engines.rules import (
    COMMIT_DECIDES,
    HUB_ENDPOINT,
    MODEL_DECIDES,
    NO_API_KEY,
    NO_PLACE_FOR_TOKENS,
    OWN_EVERYWHERE,
    PORT_8080,
    Deployed,
)
from slipway.domain.served import ServedModel

PREFIX = "SM_VLLM_"
MODEL = "SM_VLLM_MODEL"
REVISION = "SM_VLLM_REVISION"
HOST = "SM_VLLM_HOST"
NUMBER_OF_GPUS = "SM_VLLM_TENSOR_PARALLEL_SIZE"
FALLBACK_MODEL = "HF_MODEL_ID"

NO_TELEMETRY = "DO_NOT_TRACK"
"""Known to vLLM (https://docs.vllm.ai/en/latest/usage/usage_stats/) and to huggingface_hub."""

_NO_PINNED_ADAPTERS = (
    "spec.engine.adapters: vLLM downloads the newest commit of an adapter from the Hub and cannot be told another one, "
    "so what it serves would not be pinned. Serve adapters with TGI, merge the adapter into a model of its own, or put "
    "it into spec.engine.image and name its folder in spec.engine.env SM_VLLM_LORA_MODULES"
)
"""`get_adapter_absolute_path` calls snapshot_download without a revision:
https://github.com/vllm-project/vllm/blob/main/vllm/lora/utils.py"""

OWN_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        **OWN_EVERYWHERE,
        MODEL: MODEL_DECIDES,
        FALLBACK_MODEL: MODEL_DECIDES,
        REVISION: COMMIT_DECIDES,
        "SM_VLLM_TOKENIZER_REVISION": COMMIT_DECIDES,
        "SM_VLLM_CODE_REVISION": COMMIT_DECIDES,
        "SM_VLLM_SERVED_MODEL_NAME": "clients call the model by the name of its repository",
        "SM_VLLM_QUANTIZATION": "use spec.engine.quantization",
        "SM_VLLM_DTYPE": "use spec.engine.dtype",
        "SM_VLLM_MAX_MODEL_LEN": "use spec.engine.maxTotalTokens",
        HOST: "SageMaker's health check comes from outside the container, so the engine must listen on 0.0.0.0",
        "SM_VLLM_PORT": PORT_8080,
        "SM_VLLM_API_KEY": NO_API_KEY,
        "VLLM_API_KEY": NO_API_KEY,
        "SM_VLLM_HF_TOKEN": NO_PLACE_FOR_TOKENS,
    }
)
"""Variables that spec.engine.env may not set, and why. SM_VLLM_TENSOR_PARALLEL_SIZE may be: it overrides the table of
instances.
"""


def variables(engine: Engine, served: ServedModel, gpus: int) -> Mapping[str, object | None]:
    """The environment without spec.engine.env.

    - The tokenizer's commit is the model's where none is given, so it is pinned too (`ModelConfig.__post_init__` in
      https://github.com/vllm-project/vllm/blob/main/vllm/config/model.py).
    - In the same place the name that clients must give as `model` becomes the value of --model: the repository.
    """
    return {
        MODEL: served.repo,
        REVISION: served.revision,
        HUB_ENDPOINT: served.hub,
        HOST: "0.0.0.0",  # noqa: S104  # inside SageMaker's container, where only SageMaker calls
        NUMBER_OF_GPUS: gpus or None,
        "SM_VLLM_MAX_MODEL_LEN": engine.max_total_tokens,
        "SM_VLLM_QUANTIZATION": engine.quantization,
        "SM_VLLM_DTYPE": engine.dtype,
        NO_TELEMETRY: "1",
    }


def variable_of(option: str) -> str:
    """The container's variable for an option: `max-num-seqs` is SM_VLLM_MAX_NUM_SEQS."""
    return PREFIX + option.replace("-", "_").upper()


def no_adapters(engine: Engine, image: str | None) -> str | None:
    """Why the adapters of a spec cannot be served: no version of vLLM can be told their commits."""
    return _NO_PINNED_ADAPTERS


def deployed(environment: Mapping[str, str]) -> Deployed | None:
    """What a container with this environment serves; None if that lies in /opt/ml/model, or nowhere."""
    repo = environment.get(MODEL) or environment.get(FALLBACK_MODEL)
    return Deployed(repo, environment.get(REVISION) or None) if repo else None
