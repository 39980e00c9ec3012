"""InvokeEndpoint and the OpenAI path: which container a request reaches, and what becomes of its answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.testbed.sagemaker import container, refusals, wire
from tests.testbed.sagemaker.container import ContainerError, Started
from tests.testbed.sagemaker.lost import Lost
from tests.testbed.sagemaker.resources import SERVING, Variant
from tests.testbed.sagemaker.states import World
from tests.testbed.sagemaker.wire import Answer, Request

# (status, body): the container fails so. empty: it answers without any text. not-json: a page of HTML, with 200.
# timed-out: it took longer than the 60 seconds that SageMaker waits. slow: nobody answers, until the caller gives up.
# unavailable, not-ready, internal: SageMaker itself fails.
Outcome = Literal["empty", "not-json", "timed-out", "slow", "unavailable", "not-ready", "internal"] | tuple[int, str]
# [T] the text of the service when a container misses its 60 seconds; there is no status to report.
_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again."
)
_NOT_JSON = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
# [S] codes and statuses of the runtime's service model; the texts are [M].
_FAULTS = {
    "unavailable": ("ServiceUnavailable", "The service is unavailable. Try your call again.", 503),
    "not-ready": ("ModelNotReadyException", "The model is not ready for inference yet. Try your call again.", 429),
    "internal": ("InternalFailure", "An internal failure occurred.", 500),
}


@dataclass(eq=False)
class Script:
    """What becomes of the next `times` invocations of an endpoint; None: of all until `cancel`."""

    outcome: Outcome
    times: int | None
    revision: str | None
    fired: int = 0

    def cancel(self) -> None:
        self.times = 0

    def take(self, started: Started) -> bool:
        if self.times == 0 or self.revision not in {None, container.revision(started)}:
            return False
        self.fired += 1
        if self.times is not None:
            self.times -= 1
        return True


class Invocations:
    """By endpoint, in lower case: what is scripted for it. Shared by all accounts and regions."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scripts: dict[str, list[Script]] = {}

    def script(self, endpoint: str, script: Script) -> Script:
        with self._lock:
            self._scripts.setdefault(endpoint.lower(), []).append(script)
        return script

    def clear(self) -> None:
        with self._lock:
            self._scripts.clear()

    def _take(self, endpoint: str, started: Started) -> Script | None:
        with self._lock:
            scripts = self._scripts.get(endpoint.lower(), [])
            return next((script for script in scripts if script.take(started)), None)

    def answer(self, request: Request, world: World) -> Answer:
        """InvokeEndpoint: what the container says, or its failure wrapped in a ModelError."""
        name = request.params["EndpointName"]
        variant = _reached(request, world)
        try:
            body = self._ask(name, variant.started, container.invoke, request.body)
        except ContainerError as failed:
            return _model_error(failed, world, name)
        return Answer(200, body, _headers(variant))

    def openai(self, request: Request, world: World) -> Answer:
        """[D] /openai/v1/chat/completions "returns responses directly from the container", its refusals as well."""
        variant = _reached(request, world)
        try:
            body = self._ask(request.params["EndpointName"], variant.started, container.chat, request.body)
        except ContainerError as failed:
            if failed.status == 0:
                return _model_error(failed, world, request.params["EndpointName"])
            return Answer(failed.status, failed.body.encode(), _headers(variant))
        return Answer(200, body, _headers(variant))

    def _ask(self, name: str, started: Started, ask: Callable[[Started, bytes], bytes], body: bytes) -> bytes:
        script = self._take(name, started)
        if script is None:
            return ask(started, body)
        outcome = script.outcome
        if isinstance(outcome, tuple):
            raise ContainerError(*outcome)
        if outcome in _FAULTS:
            raise refusals.Refusal(*_FAULTS[outcome])
        if outcome == "slow":
            raise Lost("timeout")
        if outcome == "timed-out":
            raise ContainerError(0, _TIMED_OUT)
        return _NOT_JSON if outcome == "not-json" else _without_text(ask(started, body))


def _without_text(body: bytes) -> bytes:
    """The container's answer to the same request, had its model ended at once."""
    answer = json.loads(body)
    if isinstance(answer, list):
        for one in answer:
            one["generated_text"] = ""
    else:
        for choice in answer["choices"]:
            if "message" in choice:
                choice["message"]["content"] = ""
            else:
                choice["text"] = ""
        answer["usage"]["completion_tokens"] = 0
    return json.dumps(answer).encode()


def _headers(variant: Variant) -> dict[str, str]:
    return {"Content-Type": "application/json", "x-Amzn-Invoked-Production-Variant": variant.name}


def _reached(request: Request, world: World) -> Variant:
    name = request.params["EndpointName"]
    if "InferenceComponent" in request.params:
        raise refusals.not_modelled("inference components")
    with world.rules.lock:
        world.advance()
        endpoint = world.endpoints.get(name.lower())
        # [D] the name's case must match here; [M] an endpoint that serves nothing is reported as missing.
        if endpoint is None or endpoint.name != name or endpoint.status not in SERVING:
            raise _runtime(f"Endpoint {name} of account {world.account} not found.")
        wanted = request.params.get("TargetVariant")
        variants = [v for v in world.answering(endpoint) if wanted in {None, v.name}]
        if not variants:
            raise _runtime(f"Variant {wanted} not found for endpoint {name}.")  # [M]
        return max(variants, key=lambda one: one.desired_weight)


def _model_error(failed: ContainerError, world: World, name: str) -> Answer:
    side = "client" if 400 <= failed.status < 500 else "server"
    logs = f"/aws/sagemaker/Endpoints/{name}"
    message = (
        f'Received {side} error ({failed.status}) from primary with message "{failed.body}". '
        f"See https://{world.region}.console.aws.amazon.com/cloudwatch/home?region={world.region}"
        f"#logEventViewer:group={logs} in account {world.account} for more information."
    )
    more = {
        "OriginalStatusCode": failed.status,
        "OriginalMessage": failed.body,
        "LogStreamArn": f"arn:aws:logs:{world.region}:{world.account}:log-group:{logs}",
    }
    return wire.error("rest-json", refusals.Refusal("ModelError", message, 424), more)


def _runtime(message: str) -> refusals.Refusal:
    """The runtime's code is ValidationError: unlike the control plane's, it is in the service model [S]."""
    return refusals.Refusal("ValidationError", message)
