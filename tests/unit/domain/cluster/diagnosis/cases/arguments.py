"""What an engine refuses."""

from slipway.domain.cluster.diagnosis.reasons import Reason
from tests.unit.domain.cluster.diagnosis import logs
from tests.unit.domain.cluster.diagnosis.cases.case import TGI, TRANSFORMERS, VLLM, Case, config, ended

CASES = {
    "an argument of TGI": Case(
        Reason.BAD_ARGUMENTS,
        "https://github.com/clap-rs/clap/blob/master/clap_builder/src/error/format.rs",
        ended(logs.TGI_CLAP, code=2),
        ("error: unexpected argument '--max-length' found", "a similar argument exists", "spec.engine.args"),
        hopeless=True,
    ),
    "arguments of TGI together": Case(
        Reason.BAD_ARGUMENTS,
        TGI + "blob/main/launcher/src/main.rs",
        ended(logs.TGI_ARGUMENTS),
        ("`max_input_tokens must be < `max_total_tokens`",),
        hopeless=True,
    ),
    "an argument of vLLM": Case(
        Reason.BAD_ARGUMENTS,
        "https://github.com/defilantech/LLMKube/issues/1030",
        ended(logs.VLLM_USAGE, code=2),
        ("It says: “vllm: error: unrecognized arguments: --enable-metrics”",),
        hopeless=True,
    ),
    "a choice of vLLM": Case(
        Reason.BAD_ARGUMENTS,
        "https://docs.python.org/3/library/argparse.html#choices",
        ended("vllm serve: error: argument --dtype: invalid choice: 'int3' (choose from auto, half)\n", code=2),
        ("argument --dtype: invalid choice",),
        hopeless=True,
    ),
    "a configuration of vLLM": Case(
        Reason.BAD_ARGUMENTS,
        VLLM + "pull/19660",
        config(
            "ModelConfig",
            "User-specified max_model_len (513) is greater than the derived max_model_len (max_position_embeddings=512 "
            "or model_max_length=None in model's config.json).",
        ),
        ("refuses its configuration", "User-specified max_model_len (513)"),
        hopeless=True,
    ),
    "heads of vLLM": Case(
        Reason.BAD_ARGUMENTS,
        VLLM + "issues/2652",
        config("VllmConfig", "Total number of attention heads (52) must be divisible by tensor parallel size (8)."),
        ("cannot be split over that many GPUs", "attention heads (52)", "spec.target.cluster.gpus"),
        hopeless=True,
    ),
    "heads of TGI": Case(
        Reason.BAD_ARGUMENTS,
        TGI + "issues/1354",
        ended(logs.TGI_HEADS),
        ("`num_heads` must be divisible by `num_shards`", "spec.target.cluster.gpus"),
        hopeless=True,
    ),
    "a model that TGI does not split": Case(
        Reason.BAD_ARGUMENTS,
        TGI + "issues/574",
        ended(logs.TGI_NOT_SHARDED),
        ("sharded is not supported for this model",),
        hopeless=True,
    ),
    "more GPUs than there are": Case(
        Reason.BAD_ARGUMENTS,
        VLLM + "blob/main/vllm/config/parallel.py",
        config("ParallelConfig", "World size (2) is larger than the number of available GPUs (1) in this node."),
        ("World size (2)", "spec.target.cluster.gpus decides"),
        hopeless=True,
    ),
    "code of the model": Case(
        Reason.BAD_ARGUMENTS,
        TRANSFORMERS + "dynamic_module_utils.py",
        config(
            "ModelConfig",
            "The repository acme/x contains custom code which must be executed to correctly load the model. Please "
            "pass the argument `trust_remote_code=True` to allow custom code to be run.",
        ),
        ("--trust-remote-code to spec.engine.args",),
        hopeless=True,
    ),
    "a model that vLLM does not know": Case(
        Reason.UNSUPPORTED_MODEL,
        VLLM + "blob/main/vllm/model_executor/models/registry.py",
        config(
            "ModelConfig",
            "Model architectures ['DeepseekOCRForCausalLM'] are not supported for now. Supported architectures: "
            "dict_keys(['ApertusForCausalLM', 'AquilaModel'])",
        ),
        ("does not know this kind of model", "DeepseekOCRForCausalLM", "spec.engine.version"),
        hopeless=True,
    ),
    "a model that TGI does not know": Case(
        Reason.UNSUPPORTED_MODEL,
        TGI + "issues/599",
        ended(logs.TGI_TRUST_REMOTE_CODE_IGNORED),
        ("Unsupported model type falcon",),
        hopeless=True,
    ),
    "another quantization": Case(
        Reason.UNSUPPORTED_MODEL,
        VLLM + "issues/19050",
        config(
            "ModelConfig",
            "Quantization method specified in the model config (fp8) does not match the quantization method specified "
            "in the `quantization` argument (gguf).",
        ),
        ("not of the kind", "spec.engine.quantization"),
        hopeless=True,
    ),
    "weights that are missing": Case(
        Reason.UNSUPPORTED_MODEL,
        TGI + "blob/main/server/text_generation_server/utils/weights.py",
        ended(
            "RuntimeError: weight model.layers.0.self_attn.q_proj.qweight does not exist\n rank=0\n"
            "Error: ShardCannotStart\n"
        ),
        ("q_proj.qweight does not exist", "spec.engine.quantization"),
        hopeless=True,
    ),
}
