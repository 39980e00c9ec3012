"""The OpenAI API of text-generation-inference's router.

https://huggingface.co/docs/text-generation-inference/messages_api
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.testbed.node.engines.server import Answer
from tests.testbed.node.engines.tgi_requests import Limits, Refused, event, invalid_body, streamed
from tests.testbed.node.engines.work import Work


@dataclass(frozen=True)
class OpenAi:
    """Chats and completions. `model` in a request names an adapter, or means nothing."""

    work: Work
    limits: Limits
    model: str
    version: str
    has_template: bool

    def chat(self, body: dict[str, Any]) -> Answer:
        """POST /v1/chat/completions."""
        messages = body.get("messages")
        if not isinstance(messages, list):
            raise invalid_body("missing field `messages`")
        if not self.has_template:
            raise Refused(422, "Template error: template not found", "template_error")
        prompt = " ".join(str(message.get("content", "")) for message in messages)
        limit, adapter = self.limits.admit(prompt, body.get("max_tokens")), body.get("model")
        if body.get("stream"):
            return streamed(self._stream(prompt, limit, adapter))
        with self.work.admitted():
            tokens = list(self.work.tokens(prompt, limit, adapter))
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "".join(tokens)},
            "logprobs": None,
            "finish_reason": self.work.speaker.reason(prompt, limit, len(tokens)),
        }
        return Answer.of(self._told("chat.completion", choice, _usage(prompt, len(tokens))))

    def complete(self, body: dict[str, Any]) -> Answer:
        """POST /v1/completions."""
        prompt = body.get("prompt")
        if not isinstance(prompt, str):
            raise invalid_body("missing field `prompt`")
        limit = self.limits.admit(prompt, body.get("max_tokens"))
        with self.work.admitted():
            tokens = list(self.work.tokens(prompt, limit, body.get("model")))
        reason = self.work.speaker.reason(prompt, limit, len(tokens))
        choice = {"index": 0, "text": "".join(tokens), "logprobs": None, "finish_reason": reason}
        return Answer.of(self._told("text_completion", choice, _usage(prompt, len(tokens))))

    def _stream(self, prompt: str, limit: int | None, adapter: str | None) -> Iterator[bytes]:
        kind = "chat.completion.chunk"
        with self.work.admitted():
            yield b""
            written = 0
            for token in self.work.tokens(prompt, limit, adapter):
                written += 1
                delta = {"role": "assistant", "content": token}
                choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
                yield event(self._told(kind, choice), space=True)
            reason = self.work.speaker.reason(prompt, limit, written)
            last = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": reason}
            yield event(self._told(kind, last), space=True) + b"data: [DONE]\n\n"

    def _told(self, kind: str, choice: dict[str, Any], usage: dict[str, int] | None = None) -> dict[str, Any]:
        return {
            "object": kind,
            "id": "",
            "created": int(time.time()),
            "model": self.model,
            "system_fingerprint": f"{self.version}-slipway-testbed-look-alike",
            "choices": [choice],
            "usage": usage,
        }


def _usage(prompt: str, written: int) -> dict[str, int]:
    read = len(prompt.split())
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
