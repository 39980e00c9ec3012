"""What vLLM's API server answers: https://docs.vllm.ai/en/stable/serving/openai_compatible_server.html"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.testbed.node.engines.server import Answer, Request
from tests.testbed.node.engines.work import GpuFailed, Work

BLOCK = 16
_DEAD = "EngineCore encountered an issue. See stack trace (above) for the root cause."


class Refused(Exception):
    """An error of the API."""

    def __init__(self, status: int, message: str, kind: str = "BadRequestError") -> None:
        super().__init__(message)
        self.answer = Answer.of({"error": {"message": message, "type": kind, "param": None, "code": status}}, status)


@dataclass
class Api:
    """The routes of one engine."""

    work: Work
    names: Sequence[str]
    """What requests may call the model; answers say the first."""
    adapters: Sequence[str]
    model: str
    longest: int
    room: int
    version: str
    keys: Sequence[str]
    on_death: Callable[[], None] = lambda: None

    def route(self, request: Request) -> Answer:
        """Any request."""
        handler = self._handler(request)
        if handler is None:
            return Answer.of({"detail": "Not Found"}, 404)
        if self.keys and request.path.startswith("/v1"):
            given = {name.lower(): value for name, value in request.headers.items()}.get("authorization", "")
            if given.removeprefix("Bearer ") not in self.keys:
                return Answer.of({"error": "Unauthorized"}, 401)
        try:
            return handler(request)
        except Refused as refusal:
            return refusal.answer
        except GpuFailed:
            self.on_death()
            return Refused(500, _DEAD, "InternalServerError").answer

    def _handler(self, request: Request) -> Callable[[Request], Answer] | None:
        get: dict[str, Callable[[Request], Answer]] = {
            "/health": self._health,
            "/ping": self._health,
            "/metrics": self._metrics,
            "/version": lambda _: Answer.of({"version": self.version}),
            "/v1/models": self._models,
        }
        post: dict[str, Callable[[Request], Answer]] = {
            "/ping": self._health,
            "/v1/chat/completions": self._chat,
            "/v1/completions": self._complete,
            "/invocations": self._invocations,
        }
        return (post if request.method == "POST" else get).get(request.path)

    def _health(self, _: Request) -> Answer:
        return Answer(503 if self.work.counts["generation"] else 200)

    def _models(self, _: Request) -> Answer:
        common = {"object": "model", "created": int(time.time()), "owned_by": "vllm", "parent": None, "permission": []}
        served = [{"id": name, "root": self.model, "max_model_len": self.longest} | common for name in self.names]
        loras = [{"id": name, "root": name, "max_model_len": None} | common for name in self.adapters]
        return Answer.of({"object": "list", "data": [*served, *loras]})

    def _metrics(self, _: Request) -> Answer:
        work, label = self.work, f'engine="0",model_name="{self.names[0]}"'
        blocks = self.room // BLOCK
        used = min(1.0, work.running / 100)
        lines = [
            "# TYPE vllm:num_requests_running gauge",
            f"vllm:num_requests_running{{{label}}} {work.running}",
            "# TYPE vllm:num_requests_waiting gauge",
            f"vllm:num_requests_waiting{{{label}}} {work.waiting}",
            "# TYPE vllm:kv_cache_usage_perc gauge",
            f"vllm:kv_cache_usage_perc{{{label}}} {used}",
            "# TYPE vllm:prompt_tokens_total counter",
            f"vllm:prompt_tokens_total{{{label}}} {work.tokens_read}",
            "# TYPE vllm:generation_tokens_total counter",
            f"vllm:generation_tokens_total{{{label}}} {work.tokens_written}",
            "# TYPE vllm:request_success_total counter",
            f'vllm:request_success_total{{{label},finished_reason="stop"}} {work.counts["success"]}',
            "# TYPE vllm:cache_config_info gauge",
            f'vllm:cache_config_info{{block_size="{BLOCK}",engine="0",num_gpu_blocks="{blocks}"}} 1',
        ]
        return Answer(200, ("\n".join(lines) + "\n").encode(), "text/plain; version=0.0.4; charset=utf-8")

    def _chat(self, request: Request) -> Answer:
        body = _read(request)
        messages = body.get("messages")
        if not isinstance(messages, list):
            raise Refused(400, "[{'type': 'missing', 'loc': ('body', 'messages'), 'msg': 'Field required'}]")
        prompt = " ".join(str(message.get("content", "")) for message in messages)
        limit = body.get("max_completion_tokens", body.get("max_tokens"))
        return self._answer(body, prompt, limit, "chat.completion", "chatcmpl")

    def _complete(self, request: Request) -> Answer:
        body = _read(request)
        prompt = body.get("prompt")
        if not isinstance(prompt, str):
            raise Refused(400, "[{'type': 'missing', 'loc': ('body', 'prompt'), 'msg': 'Field required'}]")
        return self._answer(body, prompt, body.get("max_tokens", 16), "text_completion", "cmpl")

    def _invocations(self, request: Request) -> Answer:
        body = _read(request)
        if "messages" in body:
            return self._chat(request)
        if "prompt" in body:
            return self._complete(request)
        known = ["ChatCompletionRequest", "CompletionRequest"]
        raise Refused(400, f"Cannot find suitable handler for request. Expected one of: {known}")

    def _answer(self, body: dict[str, Any], prompt: str, limit: Any, kind: str, prefix: str) -> Answer:
        name = body.get("model") or self.names[0]
        if name not in (*self.names, *self.adapters):
            raise Refused(404, f"The model `{name}` does not exist.", "NotFoundError")
        self._admit(prompt, limit)
        head = {"id": f"{prefix}-{uuid.uuid4().hex}", "created": int(time.time()), "model": name}
        if body.get("stream"):
            pieces = self._stream(head, prompt, limit, kind)
            next(pieces)
            return Answer(200, (piece for piece in pieces if piece), "text/event-stream; charset=utf-8")
        with self.work.admitted():
            tokens = list(self.work.tokens(prompt, limit, str(head["model"])))
        text, reason = "".join(tokens), self.work.speaker.reason(prompt, limit, len(tokens))
        said = {"message": {"role": "assistant", "content": text}} if kind.startswith("chat") else {"text": text}
        choice = {"index": 0, "logprobs": None, "finish_reason": reason, "stop_reason": None, **said}
        read = len(prompt.split())
        usage = {"prompt_tokens": read, "completion_tokens": len(tokens), "total_tokens": read + len(tokens)}
        return Answer.of({**head, "object": kind, "choices": [choice], "usage": usage})

    def _stream(self, head: dict[str, Any], prompt: str, limit: int | None, kind: str) -> Iterator[bytes]:
        chat, written = kind.startswith("chat"), 0
        with self.work.admitted():
            yield b""
            for token in self.work.tokens(prompt, limit, str(head["model"])):
                written += 1
                said = {"delta": {"role": "assistant", "content": token}} if chat else {"text": token}
                yield _event(head, kind, {"index": 0, "finish_reason": None, **said})
            reason = self.work.speaker.reason(prompt, limit, written)
            last: dict[str, Any] = {"delta": {"content": ""}} if chat else {"text": ""}
            yield _event(head, kind, {"index": 0, "finish_reason": reason, **last}) + b"data: [DONE]\n\n"

    def _admit(self, prompt: str, limit: Any) -> None:
        """vLLM's own rules, with a word counted as a token."""
        tokens = len(prompt.split())
        if not tokens:
            raise Refused(400, "The decoder prompt cannot be empty")
        if limit is not None and (not isinstance(limit, int) or limit < 1):
            raise Refused(400, f"max_tokens must be at least 1, got {limit}.")
        if tokens + (limit or 1) > self.longest:
            raise Refused(
                400,
                f"This model's maximum context length is {self.longest} tokens. However, you requested {limit or 1} "
                f"output tokens and your prompt contains {tokens} input tokens.",
            )


def _event(head: dict[str, Any], kind: str, choice: dict[str, Any]) -> bytes:
    chunk = "chat.completion.chunk" if kind.startswith("chat") else kind
    return b"data: " + json.dumps({**head, "object": chunk, "choices": [choice]}).encode() + b"\n\n"


def _read(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError as problem:
        raise Refused(400, f"JSON decode error: {problem}") from None
    if not isinstance(body, dict):
        raise Refused(400, "Input should be a valid dictionary")
    return body
