"""What an engine refuses: its arguments, or the model.

Sources of the words:
- TGI: https://github.com/huggingface/text-generation-inference/blob/main/launcher/src/main.rs and
  …/backends/v3/src/main.rs (ArgumentValidation), …/server/text_generation_server/models/__init__.py; its command line
  is clap's: https://github.com/clap-rs/clap/blob/master/clap_builder/src/error/format.rs
- vLLM: https://github.com/vllm-project/vllm/blob/main/vllm/config/model.py, …/config/parallel.py,
  …/model_executor/models/registry.py; its command line is argparse's, its configuration pydantic's
"""

from slipway.domain.cluster.diagnosis.reasons import Patience, Reason
from slipway.domain.cluster.diagnosis.signs import sign

_CORRECT = "Correct spec.engine.args or env, or the field of spec.engine that stands for it"
_GPU_COUNT = (
    "Choose spec.target.cluster.gpus such that the model can be split evenly over them: 1, 2, 4 and 8 fit most models"
)
_OTHER_MODEL = "Choose a newer spec.engine.version that knows it, another engine, or another model"

COUNT_OF_GPUS = (
    sign(
        r"must be divisible by (?:`?num_shards?|tensor parallel|tensor_parallel|tp_size|the tensor parallel|world_size)"
        r"|is not divisible by (?:\w+ )?(?:tensor|tp|world|num_shard)|is not compatible with sharding on"
        r"|sharded is not supported for this model|Sharding is currently not supported",
        Reason.BAD_ARGUMENTS,
        "the model cannot be split over that many GPUs",
        _GPU_COUNT,
        Patience.NONE,
    ),
    sign(
        r"World size \(\d+\) is larger than the number of available GPUs|number of required GPUs exceeds",
        Reason.BAD_ARGUMENTS,
        "it is told to use more GPUs than it has",
        "Take --tensor-parallel-size and its like out of spec.engine.args: spec.target.cluster.gpus decides",
        Patience.NONE,
    ),
)

MODEL = (
    sign(
        r"(?:pass the argument|set the option|[Pp]lease (?:set|pass)) `?(?:--)?trust[_-]remote[_-]code"
        r"|contains custom code which must be executed",
        Reason.BAD_ARGUMENTS,
        "the model brings code of its own, which the engine may not run",
        "If you trust that code at this commit, add --trust-remote-code to spec.engine.args",
        Patience.NONE,
    ),
    sign(
        r"Model architectures? .{0,200}(?:are|is) not supported|Unsupported model type|not recognize this architecture"
        r"|Unknown model architecture|has no vLLM implementation|No model architectures are specified",
        Reason.UNSUPPORTED_MODEL,
        "the engine does not know this kind of model",
        _OTHER_MODEL,
        Patience.NONE,
    ),
    sign(
        r"does not match the quantization method specified|Unknown quantization method|annot find the config file for"
        r"|weight .{0,120} does not exist|quantization is not supported|quantization .{0,60}is currently not supported"
        r"|is not quantized|There is no module or parameter named|[Mm]issing .{0,20}quantiz",
        Reason.UNSUPPORTED_MODEL,
        "the weights are not of the kind that the engine was told to expect",
        "Leave spec.engine.quantization out, so that the model's own configuration decides, or choose the one that its "
        "weights were made with",
        Patience.NONE,
    ),
)

COMMAND_LINE = (
    sign(
        r"error: (?:unexpected argument|unrecognized arguments?|invalid value|the argument|the following|a value is "
        r"required|[Ff]ound argument|argument -|ambiguous option|[Ii]nvalid value|The following required|one or more)",
        Reason.BAD_ARGUMENTS,
        "the engine refuses its command line",
        _CORRECT,
        Patience.NONE,
    ),
    sign(
        r"ArgumentValidation\(|Invalid argument: |Argument validation error",
        Reason.BAD_ARGUMENTS,
        "the engine refuses its arguments",
        _CORRECT,
        Patience.NONE,
    ),
    sign(
        r"Value error, |\d validation errors? for \w*(?:Config|Args)\b|User-specified max_model_len",
        Reason.BAD_ARGUMENTS,
        "the engine refuses its configuration",
        _CORRECT,
        Patience.NONE,
    ),
)

SIGNS = (*COUNT_OF_GPUS, *MODEL, *COMMAND_LINE)
