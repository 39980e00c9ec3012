"""What the router of text-generation-inference answers: its own API. The OpenAI half is in `tgi_openai`.

https://github.com/huggingface/text-generation-inference/blob/main/router/src/server.rs, errors: router/src/lib.rs
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.testbed.node.engines.server import Answer, Request
from tests.testbed.node.engines.tgi_openai import OpenAi
from tests.testbed.node.engines.tgi_requests import FAILED, Limits, Refused, event, invalid_body, read, streamed
from tests.testbed.node.engines.work import GpuFailed, Overloaded, Work

_GUARDED = ("/", "/generate", "/generate_stream", "/v1/chat/completions", "/v1/completions", "/invocations")
_FAILURES = ("overloaded", "validation", "generation")
_Handler = Callable[[Request], Answer]


@dataclass
class Router:
    """The routes of one engine."""

    work: Work
    limits: Limits
    model: str
    sha: str | None
    """The commit that the router was told by the Hub; None: it did not ask, or got no answer."""
    has_template: bool
    version: str
    concurrency: int
    key: str | None

    def __post_init__(self) -> None:
        self._openai = OpenAi(self.work, self.limits, self.model, self.version, self.has_template)

    def route(self, request: Request) -> Answer:
        """Any request."""
        handler = self._handler(request)
        if handler is None:
            return Answer(404)
        if self.key and request.path in _GUARDED and request.method == "POST":
            given = {name.lower(): value for name, value in request.headers.items()}.get("authorization", "")
            if given.removeprefix("Bearer ") != self.key:
                return Answer(401)
        try:
            return handler(request)
        except Refused as refusal:
            if refusal.answer.status == 422:
                self.work.counts["validation"] += 1
            return refusal.answer
        except Overloaded:
            return Answer.of({"error": "Model is overloaded", "error_type": "overloaded"}, 429)
        except GpuFailed:
            return Answer.of(FAILED, 424)

    def _handler(self, request: Request) -> _Handler | None:
        get: dict[str, _Handler] = {
            "/": self._health,
            "/health": self._health,
            "/ping": self._health,
            "/info": self._info,
            "/metrics": self._metrics,
            "/v1/models": self._models,
        }
        post: dict[str, _Handler] = {
            "/": self._compatible,
            "/generate": self._generate,
            "/generate_stream": self._generate_stream,
            "/v1/chat/completions": lambda asked: self._openai.chat(read(asked)),
            "/v1/completions": lambda asked: self._openai.complete(read(asked)),
            "/invocations": self._invocations,
        }
        return (post if request.method == "POST" else get).get(request.path)

    def _health(self, _: Request) -> Answer:
        """After a failed generation the router asks the GPU for a token, which fails here as well."""
        if self.work.counts["generation"]:
            return Answer.of({"error": "unhealthy", "error_type": "healthcheck"}, 503)
        return Answer()

    def _info(self, _: Request) -> Answer:
        return Answer.of(
            {
                "model_id": self.model,
                "model_sha": self.sha,
                "model_pipeline_tag": "text-generation" if self.sha else None,
                "max_concurrent_requests": self.concurrency,
                "max_best_of": 2,
                "max_stop_sequences": 4,
                "max_input_tokens": self.limits.max_input,
                "max_total_tokens": self.limits.max_total,
                "validation_workers": 2,
                "max_client_batch_size": self.limits.client_batch,
                "router": "text-generation-router",
                "version": self.version,
                "sha": "0000000000000000000000000000000000000000",
                "docker_label": "slipway-testbed-look-alike",
            }
        )

    def _models(self, _: Request) -> Answer:
        model = {"id": self.model, "object": "model", "created": 0, "owned_by": self.model}
        return Answer.of({"object": "list", "data": [model]})

    def _metrics(self, _: Request) -> Answer:
        work = self.work
        lines = [
            "# TYPE tgi_queue_size gauge",
            f"tgi_queue_size {work.waiting}",
            "# TYPE tgi_batch_current_size gauge",
            f"tgi_batch_current_size {work.running}",
            "# TYPE tgi_batch_max_total_tokens gauge",
            f"tgi_batch_max_total_tokens {self.limits.batch}",
            "# TYPE tgi_request_count counter",
            f"tgi_request_count {work.counts['requests']}",
            "# TYPE tgi_request_success counter",
            f"tgi_request_success {work.counts['success']}",
            "# TYPE tgi_request_failure counter",
            *(f'tgi_request_failure{{err="{kind}"}} {work.counts[kind]}' for kind in _FAILURES if work.counts[kind]),
            "# TYPE tgi_request_generated_tokens summary",
            f"tgi_request_generated_tokens_sum {work.tokens_written}",
            f"tgi_request_generated_tokens_count {work.counts['success']}",
        ]
        return Answer(200, ("\n".join(lines) + "\n").encode(), "text/plain; charset=utf-8")

    def _compatible(self, request: Request) -> Answer:
        body = read(request)
        return self._generate_stream(request) if body.get("stream") else Answer.of([self._generated(body)])

    def _generate(self, request: Request) -> Answer:
        return Answer.of(self._generated(read(request)))

    def _generated(self, body: dict[str, Any]) -> dict[str, Any]:
        prompt, limit, adapter = self._inputs(body)
        with self.work.admitted():
            tokens = list(self.work.tokens(prompt, limit, adapter))
        told: dict[str, Any] = {"generated_text": "".join(tokens)}
        if (body.get("parameters") or {}).get("details"):
            reason = self.work.speaker.reason(prompt, limit, len(tokens))
            told["details"] = {
                "finish_reason": "eos_token" if reason == "stop" else reason,
                "generated_tokens": len(tokens),
                "seed": None,
                "prefill": [],
                "tokens": [],
            }
        return told

    def _generate_stream(self, request: Request) -> Answer:
        return streamed(self._stream(*self._inputs(read(request))))

    def _stream(self, prompt: str, limit: int | None, adapter: str | None) -> Iterator[bytes]:
        with self.work.admitted():
            yield b""
            text, number = "", 0
            try:
                for number, token in enumerate(self.work.tokens(prompt, limit, adapter), 1):
                    text += token
                    shown = {"id": number, "text": token, "logprob": -0.1, "special": False}
                    yield event({"index": number, "token": shown, "generated_text": None, "details": None})
            except GpuFailed:
                yield event(FAILED)
                raise
            ended = {"id": 128009, "text": "<|eot_id|>", "logprob": 0.0, "special": True}
            yield event({"index": number + 1, "token": ended, "generated_text": text, "details": None})

    def _invocations(self, request: Request) -> Answer:
        """SageMaker's route takes each of the bodies (an untagged enum)."""
        body = read(request)
        if "messages" in body:
            return self._openai.chat(body)
        return self._openai.complete(body) if "prompt" in body else self._compatible(request)

    def _inputs(self, body: dict[str, Any]) -> tuple[str, int | None, str | None]:
        prompt, parameters = body.get("inputs"), body.get("parameters") or {}
        if not isinstance(prompt, str):
            raise invalid_body("missing field `inputs`")
        limit = self.limits.admit(prompt, parameters.get("max_new_tokens"))
        return prompt, limit, parameters.get("adapter_id")
