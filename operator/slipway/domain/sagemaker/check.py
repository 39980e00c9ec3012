"""The check of a new revision in SageMaker: what is asked, and what no check has proved yet."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.deployment_status import Attempt, CheckStatus
from slipway.api.v1alpha1.engine import Engine
from slipway.api.v1alpha1.rollout import RolloutCheck
from slipway.domain import prompt_check
from slipway.domain.prompt_check import CHECK_FAILED, CheckAnswer

TIMEOUT_RANGE = (1, 60)
"""Seconds: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html"""


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


def judged(question: CheckRequest, answer: CheckAnswer, before: CheckStatus | None, now: datetime) -> CheckStatus:
    """The record of an answer. Any text passes; the third failure in a row is the last."""
    return prompt_check.judged(question.config, question.engine, answer, before, now)


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
