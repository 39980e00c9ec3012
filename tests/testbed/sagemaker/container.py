"""A look-alike of text-generation-inference, as much of it as SageMaker shows: /ping and /invocations.

It is no model: it says what it was started with. It reads only what a real container gets (the image and the
environment of the deployed model, the instance it runs on), so that a wrong environment fails here as well.
The launcher's rules are TGI 3.3's (facts/engines.md, facts/sagemaker-containers.md).
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

CheckWeights = Callable[[str, str], bool]

MAX_NEW_TOKENS = 100
_QUANTIZE = {
    "awq",
    "compressed-tensors",
    "eetq",
    "exl2",
    "gptq",
    "marlin",
    "bitsandbytes",
    "bitsandbytes-nf4",
    "bitsandbytes-fp4",
    "fp8",
}
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
_GPUS_BY_SIZE: Mapping[str, Mapping[str, int]] = {
    "p2": {"xlarge": 1, "8xlarge": 8, "16xlarge": 16},
    "p3": {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8},
    "p4d": {"24xlarge": 8},
    "p4de": {"24xlarge": 8},
    "p5": {"4xlarge": 1, "48xlarge": 8},
    "p5e": {"48xlarge": 8},
    "p5en": {"48xlarge": 8},
    "p6-b200": {"48xlarge": 8},
    "p6-b300": {"48xlarge": 8},
    "p6e-gb200": {"36xlarge": 4},
    "g4dn": {"12xlarge": 4},
    "g5": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g6": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g6e": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g7e": {"12xlarge": 2, "24xlarge": 4, "48xlarge": 8},
}


def gpus(instance_type: str) -> int:
    """GPUs of an ml.* type; 0 for families without. Sizes that the table leaves out have one."""
    _, family, size = instance_type.split(".", 2)
    if family in _GPUS_BY_SIZE:
        return _GPUS_BY_SIZE[family].get(size, 1)
    return 1 if re.match(r"[gp]\d", family) else 0


@dataclass(frozen=True)
class Started:
    """What a container was started with: taken when the deployment began, as the real one pulls it."""

    image: str
    environment: Mapping[str, str]
    instance_type: str
    has_model_data: bool = False
    isolated: bool = False

    @property
    def repo(self) -> str:
        return self.environment.get("HF_MODEL_ID", "")

    @property
    def revision(self) -> str:
        return self.environment.get("HF_MODEL_REVISION", "") or "main"

    def why_not(self, check_weights: CheckWeights | None) -> str | None:
        """What the log would say if the launcher gives up; None: /ping answers 200."""
        problem = _model(self) or _numbers(self.environment) or _limits(self.environment) or _gpus(self)
        if problem:
            return problem
        if check_weights and not self.repo.startswith("/") and not check_weights(self.repo, self.revision):
            return f"401 Client Error: cannot download {self.repo} at {self.revision}"
        return None


def _model(started: Started) -> str | None:
    if not started.repo:
        return "HF_MODEL_ID must be set"
    if "API_KEY" in started.environment:
        return "API_KEY must not be set: SageMaker's health check has no bearer token"
    if started.repo.startswith("/"):
        return None if started.has_model_data else f"{started.repo}: no such directory"
    if started.isolated:
        return "network isolation: the Hub cannot be reached"
    return None


def _numbers(env: Mapping[str, str]) -> str | None:
    for name in _NUMBERS:
        if name in env and not re.fullmatch(r"[0-9]+", env[name]):
            return f"error: invalid value '{env[name]}' for {name}: invalid digit found in string"
    if env.get("HF_MODEL_QUANTIZE", "awq") not in _QUANTIZE:
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


class ContainerError(Exception):
    """The container's own answer, which SageMaker wraps into a ModelError."""

    def __init__(self, status: int, message: str, kind: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = json.dumps({"error": message, "error_type": kind})


def invoke(started: Started, body: bytes) -> bytes:
    """POST /invocations: takes both of TGI's shapes, as its union handler does."""
    try:
        request = json.loads(body)
    except ValueError:
        raise ContainerError(400, "Failed to parse the request body as JSON", "validation") from None
    if isinstance(request, dict) and isinstance(request.get("messages"), list):
        return json.dumps(_chat(started, request)).encode()
    if isinstance(request, dict) and isinstance(request.get("inputs"), str):
        return json.dumps(_generate(started, request)).encode()
    raise ContainerError(422, "Failed to deserialize the JSON body: missing `inputs` or `messages`", "validation")


def fingerprint(started: Started) -> str:
    """Says in every chat answer that nothing here is a model."""
    version = re.search(r"tgi(\d+\.\d+\.\d+)", started.image)
    return f"{version.group(1) if version else 'unknown'}-slipway-testbed-look-alike"


def _chat(started: Started, request: Mapping[str, Any]) -> dict[str, Any]:
    prompt = " ".join(str(message.get("content", "")) for message in request["messages"])
    if not request["messages"]:
        raise ContainerError(422, "Input validation error: `inputs` cannot be empty", "validation")
    if request.get("stream"):
        raise ContainerError(422, "This look-alike does not stream", "validation")
    tokens = _admit(started, prompt, request.get("max_tokens"))
    text, reason, generated = _answer(started, prompt, request.get("max_tokens"))
    return {
        "object": "chat.completion",
        "id": "",
        "created": int(time.time()),
        "model": started.repo,
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
    text, reason, generated = _answer(started, request["inputs"], limit)
    answer: dict[str, Any] = {"generated_text": text}
    if parameters.get("details"):
        answer["details"] = {"finish_reason": reason, "generated_tokens": generated, "seed": None}
    return [answer]


def _admit(started: Started, prompt: str, limit: int | None) -> int:
    """TGI's own admission rules, with a word counted as a token."""
    tokens = max(len(prompt.split()), 1)
    longest, total = max_input(started.environment), max_total(started.environment)
    if not prompt.strip():
        raise ContainerError(422, "Input validation error: `inputs` cannot be empty", "validation")
    if limit is not None and (not isinstance(limit, int) or limit <= 0):
        raise ContainerError(422, "Input validation error: `max_new_tokens` must be strictly positive", "validation")
    if longest is not None and tokens > longest:
        raise ContainerError(
            422,
            f"Input validation error: `inputs` must have less than {longest} tokens. Given: {tokens}",
            "validation",
        )
    if total is not None and limit is not None and tokens + limit > total:
        raise ContainerError(
            422,
            f"Input validation error: `inputs` tokens + `max_new_tokens` must be <= {total}. "
            f"Given: {tokens} `inputs` tokens and {limit} `max_new_tokens`",
            "validation",
        )
    return tokens


def _answer(started: Started, prompt: str, limit: int | None) -> tuple[str, str, int]:
    seen = hashlib.sha256(prompt.encode()).hexdigest()[:8]
    words = (
        f"This is no model but a look-alike. It was started with {started.repo} at revision "
        f"{started.revision} and read prompt {seen}."
    ).split()
    allowed = limit if limit is not None else MAX_NEW_TOKENS
    return " ".join(words[:allowed]), "length" if allowed < len(words) else "stop", min(allowed, len(words))
