"""spec.engine: the inference server, its settings and its adapters."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.common import ApiModel, ModelRef, rules

INPUT_BELOW_TOTAL = "maxInputTokens must be below maxTotalTokens"
DTYPE_OR_QUANTIZATION = "set dtype or quantization, not both"
INPUT_TOKENS_TGI_ONLY = "maxInputTokens is a setting of TGI: vLLM has maxTotalTokens only"
TGI_IS_HUGGING_FACE = "container AWS is for vLLM: TGI comes in Hugging Face's container only"


class EnvVar(ApiModel):
    """One variable of the engine's environment. Never put a secret here: it is readable in SageMaker."""

    name: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    """Name of the variable."""
    value: Annotated[str, Field(max_length=1024)]
    """Value of the variable."""


class Adapter(ApiModel):
    """A LoRA adapter beside the model."""

    name: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._/\-]*[A-Za-z0-9])?$")]
    """What requests call it. TGI knows an adapter by its repository, such as acme/sql-lora."""
    model_ref: ModelRef
    """The ModelVersion that pins it."""


class Engine(ApiModel):
    """The inference server, its version and its settings."""

    model_config = {
        "json_schema_extra": rules(
            (
                "!has(self.maxInputTokens) || !has(self.maxTotalTokens) || self.maxInputTokens < self.maxTotalTokens",
                INPUT_BELOW_TOTAL,
            ),
            ("!has(self.dtype) || !has(self.quantization)", DTYPE_OR_QUANTIZATION),
            ("self.name == 'TGI' || !has(self.maxInputTokens)", INPUT_TOKENS_TGI_ONLY),
            ("self.name != 'TGI' || self.container == 'HuggingFace'", TGI_IS_HUGGING_FACE),
        )
    }

    name: Literal["TGI", "vLLM"]
    """TGI: text-generation-inference, which its authors only maintain. vLLM: its successor."""
    container: Literal["HuggingFace", "AWS"] = "HuggingFace"
    """Whose container on SageMaker: Hugging Face's (TGI, vLLM) or AWS's own (vLLM). Target cluster: leave it out."""
    version: Annotated[str, Field(max_length=32, pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")] | None = None
    """Full version, such as 3.3.6. Without it: the version that serves, at first the newest known one; of TGI in the
    cluster the newest that runs without root."""
    image: Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[!-~]+$")] | None = None
    """Container image that replaces the one of the catalogue, or in the cluster the engine's own."""
    max_input_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Longest prompt, in tokens. TGI only."""
    max_total_tokens: Annotated[int, Field(ge=2, le=10_000_000)] | None = None
    """Longest prompt and answer together, in tokens."""
    quantization: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9.\-]+$")] | None = None
    """Quantization that the engine applies or expects, such as awq, gptq, fp8 or bitsandbytes-nf4."""
    dtype: Literal["float16", "bfloat16"] | None = None
    """Type of the weights in memory. Not together with quantization."""
    env: Annotated[
        list[EnvVar],
        Field(
            max_length=80,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = Field(default_factory=list)
    """Further settings of the engine, passed as they are."""
    args: Annotated[list[Annotated[str, Field(min_length=1, max_length=1024)]], Field(max_length=64)] = Field(
        default_factory=list
    )
    """Arguments of the engine's command line. SageMaker's containers take none: use env there."""
    adapters: Annotated[
        list[Adapter],
        Field(
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = Field(default_factory=list)
    """LoRA adapters that requests may choose, each pinned by a ModelVersion of its own."""
