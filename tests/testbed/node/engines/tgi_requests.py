"""How the router of text-generation-inference reads a request and refuses it, and the form of its events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.testbed.node.engines.server import Answer, Request

FAILED = {
    "error": "Request failed during generation: Server error: CUDA error: device-side assert triggered",
    "error_type": "generation",
}


class Refused(Exception):
    """An error of the router."""

    def __init__(self, status: int, message: str, kind: str = "validation") -> None:
        super().__init__(message)
        self.answer = Answer.of({"error": message, "error_type": kind}, status)


@dataclass(frozen=True)
class Limits:
    """Of one request, in tokens. A word counts as a token."""

    max_input: int
    max_total: int
    batch: int
    """Of all requests that run together."""
    client_batch: int

    def admit(self, prompt: str, limit: Any) -> int | None:
        """The limit, if the router's rules allow it. https://github.com/huggingface/text-generation-inference/blob/
        main/router/src/validation.rs
        """
        tokens = len(prompt.split())
        if not tokens:
            raise _invalid("`inputs` cannot be empty")
        if limit is not None and (not isinstance(limit, int) or limit <= 0):
            raise _invalid("`max_new_tokens` must be strictly positive")
        if tokens > self.max_input:
            raise _invalid(f"`inputs` must have less than {self.max_input} tokens. Given: {tokens}")
        if limit is not None and tokens + limit > self.max_total:
            raise _invalid(
                f"`inputs` tokens + `max_new_tokens` must be <= {self.max_total}. "
                f"Given: {tokens} `inputs` tokens and {limit} `max_new_tokens`"
            )
        return limit


def read(request: Request) -> dict[str, Any]:
    """The body, which must be a JSON object. Raises Refused."""
    try:
        body = json.loads(request.body)
    except ValueError as problem:
        raise Refused(400, f"Failed to parse the request body as JSON: {problem}") from None
    if not isinstance(body, dict):
        raise invalid_body("expected a map")
    return body


def invalid_body(problem: str) -> Refused:
    """Serde's refusal."""
    return Refused(422, f"Failed to deserialize the JSON body into the target type: {problem}")


def event(data: Any, *, space: bool = False) -> bytes:
    """A server-sent event; those of the OpenAI API have a space."""
    return b"data:" + (b" " if space else b"") + json.dumps(data).encode() + b"\n\n"


def streamed(pieces: Iterator[bytes]) -> Answer:
    """The answer whose first piece says that the request was admitted: what is refused gets no header of a stream."""
    next(pieces)
    said = (piece for piece in pieces if piece)
    return Answer(200, said, "text/event-stream", {"Cache-Control": "no-cache"})


def _invalid(message: str) -> Refused:
    return Refused(422, f"Input validation error: {message}")
