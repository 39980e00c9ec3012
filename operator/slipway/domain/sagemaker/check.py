"""The check of a new revision: what is asked, what counts as an answer, and how often it may fail."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.deployment_status import Attempt, CheckStatus
from slipway.api.v1alpha1.engine import Engine
from slipway.api.v1alpha1.rollout import RolloutCheck
from slipway.domain.conditions import timestamp

TRIES = 3
"""A container may be overloaded for a moment when the traffic has just moved to it."""

TIMEOUT_RANGE = (1, 60)
"""Seconds: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html"""

CHECK_FAILED = "CheckFailed"


@dataclass(frozen=True)
class CheckRequest:
    """A prompt in the words of an engine."""

    endpoint: str
    config: str
    """The config that takes the traffic."""
    engine: str
    body: bytes
    timeout: int
    """Seconds."""


@dataclass(frozen=True)
class CheckAnswer:
    """What the container answered, or why it did not."""

    body: bytes = b""
    latency: float = 0.0
    """Seconds."""
    problem: str | None = None
    """The container's own words, or that it took too long."""


def request(check: RolloutCheck, engine: Engine, endpoint: str, config: str) -> CheckRequest:
    """What to ask. Both shapes take a plain prompt, so that models without a chat template pass, too.

    TGI: https://huggingface.co/docs/text-generation-inference/reference/api_reference; vLLM's /invocations takes
    the completions schema: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
    """
    if engine.name == "TGI":
        body: dict[str, Any] = {"inputs": check.prompt, "parameters": {"max_new_tokens": check.max_tokens}}
    else:
        body = {"prompt": check.prompt, "max_tokens": check.max_tokens}
    return CheckRequest(endpoint, config, engine.name, json.dumps(body).encode(), seconds(check.timeout))


def text_of(engine: str, body: bytes) -> str | None:
    """The text of an answer; None if it has none, or is not in the engine's shape."""
    try:
        found = json.loads(body)
        text = found[0]["generated_text"] if engine == "TGI" else found["choices"][0]["text"]
    except (ValueError, LookupError, TypeError):
        return None
    return text if isinstance(text, str) and text.strip() else None


def judged(question: CheckRequest, answer: CheckAnswer, before: CheckStatus | None, now: datetime) -> CheckStatus:
    """The record of an answer. Any text passes; the third failure in a row is the last."""
    goes_on = before is not None and before.config == question.config and before.outcome == "Retrying"
    tries = before.tries + 1 if before and goes_on else 1
    problem = answer.problem
    if problem is None and text_of(question.engine, answer.body) is None:
        shown = answer.body[:200].decode(errors="replace")
        problem = f"the answer holds no text: {shown}"
    failed = "Failed" if tries >= TRIES else "Retrying"
    return CheckStatus(
        config=question.config,
        at=timestamp(now),
        outcome=failed if problem else "Passed",
        latency_ms=round(answer.latency * 1000),
        message=problem[:1024] if problem else None,
        tries=tries,
    )


def unproven(check: RolloutCheck | None, attempt: Attempt | None, checked: CheckStatus | None) -> frozenset[str]:
    """The configs that take or took traffic without having passed a check: none of them counts as serving.

    A config that has served before a check was asked for needs none.
    """
    if attempt is None:
        return frozenset()
    failed = attempt.outcome == "Failed" and attempt.reason == CHECK_FAILED
    proven = checked is not None and checked.config == attempt.config and checked.outcome == "Passed"
    waits = check is not None and attempt.outcome == "InProgress" and not proven
    return frozenset(attempt.unproven or ()) | ({attempt.config} if failed or waits else set())
