"""A look-alike of vLLM in the containers of Hugging Face and of AWS.

Both turn SM_VLLM_X_Y into --x-y [S]:
https://github.com/aws/deep-learning-containers/blob/main/scripts/docker/vllm/sagemaker_args.py,
https://github.com/aws/deep-learning-containers/blob/main/scripts/docker/huggingface/vllm/sagemaker_entrypoint.sh.
/invocations and the wording of errors: https://github.com/vllm-project/vllm/tree/main/vllm/entrypoints [M].
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from tests.testbed.sagemaker.container import vllm_flags as flags
from tests.testbed.sagemaker.container.started import ContainerError, Started, gpus, words

PREFIX = "SM_VLLM_"
MODEL_FOLDER = "/opt/ml/model"
HUGGING_FACE = "huggingface-vllm"
# [S] FlexibleArgumentParser's human-readable integers: 4k is 4000, 4K is 4096, -1 and auto fit the memory.
_LENGTH = re.compile(r"auto|-1|(?P<digits>[0-9]+)(?P<unit>[kKmM]?)")
_UNITS = {"": 1, "k": 10**3, "K": 2**10, "m": 10**6, "M": 2**20}


def repo(started: Started) -> str:
    """[S] SM_VLLM_MODEL, else what lies in /opt/ml/model, else HF_MODEL_ID."""
    given = started.environment.get(f"{PREFIX}MODEL")
    if given:
        return given
    return MODEL_FOLDER if started.has_model_data else started.environment.get("HF_MODEL_ID", "")


def revision(started: Started) -> str:
    """SM_VLLM_REVISION alone pins: HF_MODEL_REVISION means nothing here."""
    return started.environment.get(f"{PREFIX}REVISION", "") or "main"


def why_not(started: Started) -> str | None:
    """What the log would say if vLLM exits or does not listen where SageMaker pings; None: /ping answers 200."""
    options = _options(started.environment)
    checks = (
        _unknown(options) or _values(options) or _places(started, options),
        _model(started) or _length_problem(options) or _adapters_problem(started, options) or _gpus(started, options),
    )
    return checks[0] or checks[1]


def _options(environment: Mapping[str, str]) -> dict[str, str]:
    """By name without dashes. A value of false leaves the option out; one of true is a bare option."""
    found = {}
    for key, value in environment.items():
        if key.startswith(PREFIX) and value.strip().lower() != "false":
            found[key[len(PREFIX) :].lower().replace("_", "-")] = value
    return found


def _unknown(options: Mapping[str, str]) -> str | None:
    known = flags.BOOLEAN | flags.WHOLE | flags.DECIMAL | flags.TEXT
    wrong = sorted(name for name in options if name not in known)
    return f"api_server.py: error: unrecognized arguments: --{' --'.join(wrong)}" if wrong else None


def _values(options: Mapping[str, str]) -> str | None:
    for name, value in options.items():
        bare = value == "" or value.strip().lower() == "true"
        if name in flags.BOOLEAN:
            if not bare:
                return f"api_server.py: error: unrecognized arguments: {value}"
        elif bare:
            return f"api_server.py: error: argument --{name}: expected one argument"
        elif name in flags.WHOLE and not re.fullmatch(r"-?[0-9]+", value):
            return f"api_server.py: error: argument --{name}: invalid int value: '{value}'"
        elif name in flags.DECIMAL and not re.fullmatch(r"[0-9]*\.?[0-9]+", value):
            return f"api_server.py: error: argument --{name}: invalid float value: '{value}'"
        elif name in flags.CHOICES and value not in flags.CHOICES[name]:
            return f"api_server.py: error: argument --{name}: invalid choice: '{value}'"
    if not 0 < float(options.get("gpu-memory-utilization", "0.9")) <= 1:
        return "GPU memory utilization must be less than 1.0."
    return None


def _places(started: Started, options: Mapping[str, str]) -> str | None:
    """Where vLLM listens. HF's notebooks set the host: without it the ping does not pass in HF's container."""
    host = options.get("host", "" if started.repository == HUGGING_FACE else "0.0.0.0")
    if host != "0.0.0.0":
        return f"vLLM listens on {host or 'localhost'}, where SageMaker does not ping"
    if options.get("port", "8080") != "8080":
        return f"vLLM listens on port {options['port']}, where SageMaker does not ping"
    return None


def _model(started: Started) -> str | None:
    model = repo(started)
    if not model:  # vLLM would serve its own default model, which nobody can want
        return "WARNING: No model specified. Set SM_VLLM_MODEL, HF_MODEL_ID, or mount a model to /opt/ml/model."
    if model.startswith("/"):
        inside = model.rstrip("/") == MODEL_FOLDER or model.startswith(f"{MODEL_FOLDER}/")
        return None if inside and started.has_model_data else f"Invalid repository ID or local directory: '{model}'"
    if started.isolated:
        return "network isolation: the Hub cannot be reached"
    return None


def _length_problem(options: Mapping[str, str]) -> str | None:
    given = options.get("max-model-len", "auto")
    if not _LENGTH.fullmatch(given):
        return f"api_server.py: error: argument --max-model-len: invalid human-readable integer value: '{given}'"
    longest, batched = _longest(options), options.get("max-num-batched-tokens")
    chunked = "no-enable-chunked-prefill" not in options
    if longest and batched and int(batched) < longest and not chunked:
        return f"max_num_batched_tokens ({batched}) is smaller than max_model_len ({longest})."
    return None


def _longest(options: Mapping[str, str]) -> int | None:
    found = _LENGTH.fullmatch(options.get("max-model-len", "auto"))
    if found is None or found["digits"] is None:
        return None
    return int(found["digits"]) * _UNITS[found["unit"]]


def _gpus(started: Started, options: Mapping[str, str]) -> str | None:
    sizes = [int(options.get(f"{kind}-parallel-size", "1")) for kind in ("tensor", "pipeline", "data")]
    wanted, there = sizes[0] * sizes[1] * sizes[2], gpus(started.instance_type)
    if min(sizes) < 1 or wanted > there:
        return f"World size ({wanted}) is larger than the number of available GPUs ({there}) in this node."
    return None


def _adapters_problem(started: Started, options: Mapping[str, str]) -> str | None:
    given = options.get("lora-modules")
    if given is None:
        return None
    if "enable-lora" not in options:
        return "Call to add_lora method failed: LoRA is not enabled. Use --enable-lora to enable LoRA."
    # [S] HF's entrypoint passes a JSON array as one token, which vLLM does not take; AWS's makes one token of each.
    whole = started.repository == HUGGING_FACE and given.lstrip().startswith("[")
    return f"--lora-modules: invalid value: {given}" if whole or _adapters(options) is None else None


def _adapters(options: Mapping[str, str]) -> list[str] | None:
    """The names that requests can ask for; None if the value makes no sense to vLLM."""
    given = options.get("lora-modules", "").strip()
    if not given:
        return []
    if not given.startswith(("{", "[")):
        name, equals, path = given.partition("=")
        return [name] if equals and path and " " not in given else None
    try:
        read = json.loads(given)
    except ValueError:
        return None
    listed = read if isinstance(read, list) else [read]
    named = [one["name"] for one in listed if isinstance(one, dict) and {"name", "path"} <= one.keys()]
    return named if len(named) == len(listed) else None


def served_names(started: Started) -> list[str]:
    """What `model` of a request may be: the first is what answers say. By default, the value of --model."""
    options = _options(started.environment)
    given = options.get("served-model-name", "")
    try:
        names = json.loads(given) if given.startswith("[") else [given or repo(started)]
    except ValueError:
        names = [given]
    return [*names, *(_adapters(options) or [])]


# -- answering --------------------------------------------------------------------------------------


def _refused(status: int, message: str, kind: str = "BadRequestError") -> ContainerError:
    body = {"error": {"message": message, "type": kind, "param": None, "code": status}}
    return ContainerError(status, json.dumps(body))


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as problem:
        raise _refused(400, f"JSON decode error: {problem}") from None


def invoke(started: Started, body: bytes) -> bytes:
    """POST /invocations: the first of vLLM's schemas that fits. This look-alike has the two that generate [S]:
    https://github.com/vllm-project/vllm/blob/main/vllm/entrypoints/sagemaker/api_router.py
    """
    request = _read(body)
    if isinstance(request, dict) and isinstance(request.get("messages"), list):
        return _chat(started, request)
    if isinstance(request, dict) and isinstance(request.get("prompt"), str):
        return _complete(started, request)
    known = ["ChatCompletionRequest", "CompletionRequest"]
    raise _refused(400, f"Cannot find suitable handler for request. Expected one of: {known}")


def chat(started: Started, body: bytes) -> bytes:
    """POST /v1/chat/completions."""
    request = _read(body)
    if not isinstance(request, dict) or not isinstance(request.get("messages"), list):
        raise _refused(400, "[{'type': 'missing', 'loc': ('body', 'messages'), 'msg': 'Field required'}]")
    return _chat(started, request)


def _chat(started: Started, request: Mapping[str, Any]) -> bytes:
    prompt = " ".join(str(message.get("content", "")) for message in request["messages"])
    limit = request.get("max_completion_tokens", request.get("max_tokens"))
    text, reason, more = _generate(started, request, prompt, limit)
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return _answer("chat.completion", f"chatcmpl-{uuid.uuid4().hex}", choice, more)


def _complete(started: Started, request: Mapping[str, Any]) -> bytes:
    """[S] CompletionRequest: 16 tokens where the request names no limit."""
    text, reason, more = _generate(started, request, request["prompt"], request.get("max_tokens", 16))
    return _answer("text_completion", f"cmpl-{uuid.uuid4().hex}", {"text": text, "finish_reason": reason}, more)


def _generate(
    started: Started, request: Mapping[str, Any], prompt: str, limit: Any
) -> tuple[str, str, Mapping[str, Any]]:
    """The text, why it ended, and what every answer says besides."""
    names = served_names(started)
    if request.get("model") and request["model"] not in names:
        raise _refused(404, f"The model `{request['model']}` does not exist.", "NotFoundError")
    if request.get("stream"):
        raise _refused(400, "This look-alike does not stream")
    tokens = _admit(started, prompt, limit)
    text, reason, generated = words(repo(started), revision(started), prompt, limit)
    more = {
        "model": request.get("model") or names[0],
        "system_fingerprint": fingerprint(started),
        "usage": {"prompt_tokens": tokens, "completion_tokens": generated, "total_tokens": tokens + generated},
    }
    return text, reason, more


def _answer(kind: str, name: str, choice: Mapping[str, Any], more: Mapping[str, Any]) -> bytes:
    told = {"index": 0, "logprobs": None, "stop_reason": None, **choice}
    return json.dumps({"id": name, "object": kind, "created": int(time.time()), "choices": [told], **more}).encode()


def _admit(started: Started, prompt: str, limit: Any) -> int:
    """vLLM's own admission rules, with a word counted as a token."""
    tokens, longest = len(prompt.split()), _longest(_options(started.environment))
    if not tokens:
        raise _refused(400, "The decoder prompt cannot be empty")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise _refused(400, f"max_tokens must be at least 1, got {limit}.")
    if longest is not None and tokens + (limit or 1) > longest:
        raise _refused(
            400,
            f"This model's maximum context length is {longest} tokens. However, you requested {limit or 1} output "
            f"tokens and your prompt contains {tokens} input tokens.",
        )
    return tokens


def fingerprint(started: Started) -> str:
    """Says in every answer that nothing here is a model."""
    version = re.search(r":(\d+\.\d+\.\d+)-", started.image)
    return f"vllm-{version.group(1) if version else 'unknown'}-slipway-testbed-look-alike"
