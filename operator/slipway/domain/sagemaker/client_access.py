"""What a client needs to call an endpoint through OpenAI's API: a base URL and a model's name.

https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html
"""

from slipway.api.v1alpha1.engine import Engine
from slipway.domain.sagemaker.partitions import partition_of

TGI_MODEL = "tgi"


def base_url(region: str, endpoint_name: str) -> str:
    """The base URL that an OpenAI client is given; it appends `/chat/completions`, the one path that is routed.

    `endpoint_name` as the service reports it: its case matters here, though not in CreateEndpoint
    (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html). Its characters are letters,
    digits and hyphens, so nothing has to be quoted.
    """
    return f"https://runtime.sagemaker.{region}.{partition_of(region).dns_suffix}/endpoints/{endpoint_name}/openai/v1"


def model_name(engine: Engine, repo: str) -> str:
    """What a client gives as `model`, which SageMaker passes on to the container.

    vLLM answers 404 to anything but its served name, which is what it was told to load: the repository
    (https://docs.vllm.ai/en/latest/cli/serve/, --served-model-name). TGI takes a name for that of a LoRA adapter, and
    `tgi` for the model itself (https://huggingface.co/docs/text-generation-inference/messages_api).
    """
    return TGI_MODEL if engine.name == "TGI" else repo
