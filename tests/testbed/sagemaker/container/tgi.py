"""A look-alike of text-generation-inference: TGI 3.3's rules (facts/engines.md, facts/sagemaker-containers.md)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from tests.testbed.node.engines.tgi_arguments import QUANTIZATIONS
from tests.testbed.sagemaker.container.started import ContainerError, Started, gpus, words

_NUMBERS = (
    "SM_NUM_GPUS",
    "NUM_SHARD",
    "MAX_INPUT_TOKENS",
    "MAX_INPUT_LENGTH",
    "MAX_TOTAL_TOKENS",
    "MAX_BATCH_PREFILL_TOKENS",
    "MAX_BATCH_TOTAL_TOKENS",
    "MAX_CONCURRENT_REQUESTS",
    "MAX_BATCH_SIZE",
)


def repo(started: Started) -> str:
    return started.environment.get("HF_MODEL_ID", "")


def revision(started: Started) -> str:
    return started.environment.get("HF_MODEL_REVISION", "") or "main"


def why_not(started: Started) -> str | None:
    """What the log would say if the launcher gives up; None: /ping answers 200."""
    return _model(started) or _numbers(started.environment) or _limits(started.environment) or _gpus(started)


def _model(started: Started) -> str | None:
    if not repo(started):
        return "HF_MODEL_ID must be set"
    if "API_KEY" in started.environment:
        return "API_KEY must not be set: SageMaker's health check has no bearer token"
    if repo(started).startswith("/"):
        if "HF_MODEL_REVISION" in started.environment:  # a revision makes the launcher ask the Hub (facts/engines.md)
            return f"Repo id must be in the form 'repo_name' or 'namespace/repo_name': '{repo(started)}'"
        return None if started.has_model_data else f"{repo(started)}: no such directory"
    if started.isolated:
        return "network isolation: the Hub cannot be reached"
    return None


def _numbers(env: Mapping[str, str]) -> str | None:
    for name in _NUMBERS:
        if name in env and not re.fullmatch(r"[0-9]+", env[name]):
            return f"error: invalid value '{env[name]}' for {name}: invalid digit found in string"
    if env.get("HF_MODEL_QUANTIZE", "awq") not in QUANTIZATIONS:
        return f"error: invalid value '{env['HF_MODEL_QUANTIZE']}' for '--quantize <QUANTIZE>'"
    return None


def _limits(env: Mapping[str, str]) -> str | None:
    if "MAX_INPUT_TOKENS" in env and "MAX_INPUT_LENGTH" in env:
        return "Both `max_input_tokens` and `max_input_length` are set. Please define only `max_input_tokens`"
    longest, total = max_input(env), max_total(env)
    if longest is not None and total is not None and longest >= total:
        return "`max_input_tokens` must be < `max_total_tokens`"
    return None


def _gpus(started: Started) -> str | None:
    wanted = int(started.environment.get("SM_NUM_GPUS", started.environment.get("NUM_SHARD", "1")))
    there = gpus(started.instance_type)
    if wanted < 1 or wanted > there:
        return f"`num_shard` ({wanted}) fits not the {there} GPU(s) of {started.instance_type}"
    return None


def max_input(env: Mapping[str, str]) -> int | None:
    found = env.get("MAX_INPUT_TOKENS", env.get("MAX_INPUT_LENGTH"))
    return int(found) if found else None


def max_total(env: Mapping[str, str]) -> int | None:
    found = env.get("MAX_TOTAL_TOKENS")
    return int(found) if found else None


def _refused(status: int, message: str, kind: str = "validation") -> ContainerError:
    return ContainerError(status, json.dumps({"error": message, "error_type": kind}))


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise _refused(400, "Failed to parse the request body as JSON") from None


def chat(started: Started, body: bytes) -> bytes:
    """POST /v1/chat/completions."""
    request = _read(body)
    if not isinstance(request, dict) or not isinstance(request.get("messages"), list):
        raise _refused(422, "Failed to deserialize the JSON body: missing field `messages`")
    return json.dumps(_chat(started, request)).encode()


def invoke(started: Started, body: bytes) -> bytes:
    """POST /invocations: takes both of TGI's shapes, as its union handler does."""
    request = _read(body)
    if isinstance(request, dict) and isinstance(request.get("messages"), list):
        return json.dumps(_chat(started, request)).encode()
    if isinstance(request, dict) and isinstance(request.get("inputs"), str):
        return json.dumps(_generate(started, request)).encode()
    raise _refused(422, "Failed to deserialize the JSON body: missing `inputs` or `messages`")


def fingerprint(started: Started) -> str:
    """Says in every chat answer that nothing here is a model."""
    version = re.search(r"tgi(\d+\.\d+\.\d+)", started.image)
    return f"{version.group(1) if version else 'unknown'}-slipway-testbed-look-alike"


def _chat(started: Started, request: Mapping[str, Any]) -> dict[str, Any]:
    prompt = " ".join(str(message.get("content", "")) for message in request["messages"])
    if not request["messages"]:
        raise _refused(422, "Input validation error: `inputs` cannot be empty")
    if request.get("stream"):
        raise _refused(422, "This look-alike does not stream")
    tokens = _admit(started, prompt, request.get("max_tokens"))
    text, reason, generated = words(repo(started), revision(started), prompt, request.get("max_tokens"))
    return {
        "object": "chat.completion",
        "id": "",
        "created": int(time.time()),
        "model": repo(started),
        "system_fingerprint": fingerprint(started),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "logprobs": None,
                "finish_reason": reason,
            }
        ],
        "usage": {
            "prompt_tokens": tokens,
            "completion_tokens": generated,
            "total_tokens": tokens + generated,
        },
    }


def _generate(started: Started, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    parameters = request.get("parameters") or {}
    limit = parameters.get("max_new_tokens")
    _admit(started, request["inputs"], limit)
    text, reason, generated = words(repo(started), revision(started), request["inputs"], limit)
    answer: dict[str, Any] = {"generated_text": text}
    if parameters.get("details"):
        answer["details"] = {"finish_reason": reason, "generated_tokens": generated, "seed": None}
    return [answer]


def _admit(started: Started, prompt: str, limit: int | None) -> int:
    """TGI's own admission rules, with a word counted as a token."""
    tokens = max(len(prompt.split()), 1)
    longest, total = max_input(started.environment), max_total(started.environment)
    if not prompt.strip():
        raise _refused(422, "Input validation error: `inputs` cannot be empty")
    if limit is not None and (not isinstance(limit, int) or limit <= 0):
        raise _refused(422, "Input validation error: `max_new_tokens` must be strictly positive")
    if longest is not None and tokens > longest:
        raise _refused(422, f"Input validation error: `inputs` must have less than {longest} tokens. Given: {tokens}")
    if total is not None and limit is not None and tokens + limit > total:
        raise _refused(
            422,
            f"Input validation error: `inputs` tokens + `max_new_tokens` must be <= {total}. "
            f"Given: {tokens} `inputs` tokens and {limit} `max_new_tokens`",
        )
    return tokens
