"""HTTP: what kind of request it is, who sent it, and how an answer or an error looks in its protocol."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any, Literal
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from tests.testbed.sagemaker.refusals import Refusal

_INVOKE = re.compile(r"/endpoints/([^/]+)/invocations/?$")
_OPENAI = re.compile(r"/endpoints/([^/]+)/openai/v1/(.*)$")
_CREDENTIAL = re.compile(r"Credential=([^/\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_SERVICES = {"SageMaker": "sagemaker", "AnyScaleFrontendService": "application-autoscaling"}
_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    424: "Failed Dependency",
    429: "Too Many Requests",
}

Protocol = Literal["json", "query", "rest-json", "openai"]


@dataclass(frozen=True)
class Request:
    service: str
    operation: str
    params: Mapping[str, Any]
    protocol: Protocol
    access_key: str
    region: str
    body: bytes
    bearer: str = ""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]

    def rendered(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Error')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"x-amzn-RequestId: {uuid.uuid4()}", f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode() + self.body


def sniff(path: str, headers: Message) -> Protocol | None:
    """The protocols whose operation can be told; None (S3 and other REST) goes to moto as it comes."""
    if _INVOKE.search(path.partition("?")[0]):
        return "rest-json"
    if _OPENAI.search(path.partition("?")[0]):
        return "openai"
    if "X-Amz-Target" in headers:
        return "json"
    if headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        return "query"
    return None


def parse(protocol: Protocol, path: str, headers: Message, body: bytes) -> Request:
    if protocol == "openai":
        return _openai(path, headers, body)
    credential = _CREDENTIAL.search(headers.get("Authorization", ""))
    access_key, region, service = credential.groups() if credential else ("", "", "")
    if protocol == "rest-json":
        found = _INVOKE.search(path.partition("?")[0])
        params: dict[str, Any] = {"EndpointName": unquote(found.group(1)) if found else ""}
        for header in ("Target-Variant", "Custom-Attributes", "Inference-Component"):
            if f"X-Amzn-SageMaker-{header}" in headers:
                params[header.replace("-", "")] = headers[f"X-Amzn-SageMaker-{header}"]
        return Request("sagemaker-runtime", "InvokeEndpoint", params, protocol, access_key, region, body)
    if protocol == "json":
        prefix, _, operation = headers["X-Amz-Target"].rpartition(".")
        return Request(_SERVICES.get(prefix, service), operation, _json(body), protocol, access_key, region, body)
    form = {key: values[0] for key, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    return Request(service, form.get("Action", ""), form, protocol, access_key, region, body)


def _openai(path: str, headers: Message, body: bytes) -> Request:
    """A base URL ends with /openai/v1; the client appends what it wants, chat/completions or something else."""
    found = _OPENAI.search(path.partition("?")[0])
    name, wanted = (unquote(found[1]), found[2].strip("/")) if found else ("", "")
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    operation = "ChatCompletions" if wanted == "chat/completions" else wanted
    return Request("sagemaker-runtime", operation, {"EndpointName": name}, "openai", "", "", body, bearer)


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        raise Refusal("SerializationException", "The request body is not JSON") from None
    if not isinstance(found, dict):
        raise Refusal("SerializationException", "The request body is not a JSON object")
    return found


def answer(params: Mapping[str, Any]) -> Answer:
    body = json.dumps(params).encode() if params else b""
    return Answer(200, body, {"Content-Type": "application/x-amz-json-1.1"})


def error(protocol: Protocol, refusal: Refusal, more: Mapping[str, Any] | None = None) -> Answer:
    if protocol == "query":
        xml = (
            "<ErrorResponse><Error><Type>Sender</Type>"
            f"<Code>{escape(refusal.code)}</Code><Message>{escape(refusal.message)}</Message></Error>"
            "<RequestId>0</RequestId></ErrorResponse>"
        )
        return Answer(refusal.status, xml.encode(), {"Content-Type": "text/xml"})
    runtime = protocol in {"rest-json", "openai"}
    word = "Message" if protocol == "rest-json" else "message"
    body = json.dumps({"__type": refusal.code, word: refusal.message, **(more or {})}).encode()
    kind = "application/json" if runtime else "application/x-amz-json-1.1"
    return Answer(refusal.status, body, {"Content-Type": kind, "x-amzn-ErrorType": refusal.code})
