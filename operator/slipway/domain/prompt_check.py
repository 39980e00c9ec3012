"""The check of a new revision: what counts as an answer, and how often it may fail. The same for every target."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.deployment_status import CheckStatus
from slipway.domain.conditions import timestamp

TRIES = 3
"""A container may be overloaded for a moment when the traffic has just moved to it."""

CHECK_FAILED = "CheckFailed"


@dataclass(frozen=True)
class CheckAnswer:
    """What the container answered, or why it did not."""

    body: bytes = b""
    latency: float = 0.0
    """Seconds."""
    problem: str | None = None
    """The container's own words, or that it took too long."""


def text_of(engine: str, body: bytes) -> str | None:
    """The text of an answer; None if it has none, or is not in the engine's shape.

    TGI answers /invocations with a list of one, /generate without the list.
    """
    try:
        found = json.loads(body)
        text: Any
        if engine == "TGI":
            text = (found[0] if isinstance(found, list) else found)["generated_text"]
        else:
            text = found["choices"][0]["text"]
    except (ValueError, LookupError, TypeError):
        return None
    return text if isinstance(text, str) and text.strip() else None


def judged(config: str, engine: str, answer: CheckAnswer, before: CheckStatus | None, now: datetime) -> CheckStatus:
    """The record of an answer. Any text passes; the third failure in a row of the same config is the last.

    `config`: endpoint config or apps/v1 Deployment that was asked. `before`: the record of the last answer.
    """
    goes_on = before is not None and before.config == config and before.outcome == "Retrying"
    tries = before.tries + 1 if before and goes_on else 1
    problem = answer.problem
    if problem is None and text_of(engine, answer.body) is None:
        shown = answer.body[:200].decode(errors="replace")
        problem = f"the answer holds no text: {shown}"
    failed = "Failed" if tries >= TRIES else "Retrying"
    return CheckStatus(
        config=config,
        at=timestamp(now),
        outcome=failed if problem else "Passed",
        latency_ms=round(answer.latency * 1000),
        message=problem[:1024] if problem else None,
        tries=tries,
    )
