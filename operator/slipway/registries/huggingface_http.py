"""HTTP to a Hugging Face Hub: deadlines, size limits, patience after a 429, and errors in Slipway's own
terms.

This is httpx2's client, the one that `huggingface_hub` stands on, rather than `HfApi` in threads, because
`HfApi`
- has time-outs per read only: a server that sends a byte now and then holds its thread for ever, and a thread
  cannot be cancelled (here a deadline covers the whole exchange, and cancelling a task closes its
  connection);
- reads answers of any size into memory, from endpoints that users choose;
- shares one process-wide client, that any of its retries may close under the others, and that keeps cookies.
"""

import asyncio
import logging
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from pathlib import Path

import httpx2
from aiolimiter import AsyncLimiter

from slipway.domain.errors import OutsideError, RateLimited, Rejected
from slipway.registries.huggingface_errors import invalid, refusal, unreachable
from slipway.registries.huggingface_question import Question
from slipway.registries.throttle import Throttle

COMMIT_HEADER = "X-Repo-Commit"
MAX_REDIRECTS = 5
MAX_ERROR_BODY = 64 * 1024
MAX_LANES = 256
"""Endpoints whose pace is remembered: users choose endpoints, so that their number has no other bound."""
USER_AGENT = f"slipway/{version('slipway')}; hf_hub/{version('huggingface_hub')}"


@dataclass(frozen=True)
class Answer:
    """A response of which the body was read, up to the limit of the request."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Request:
    """A GET or HEAD. `limit` bounds the body in bytes: more is an error, unless `partial`."""

    question: Question
    url: str
    method: str = "GET"
    limit: int = 1024 * 1024
    partial: bool = False
    byte_range: str | None = None
    stop_at_commit: bool = False
    """Do not follow a redirect that already names the commit."""


class _Lane:
    """One endpoint's share: a slow Hub fills its own lane, and nobody else's."""

    def __init__(self, max_concurrency: int, requests_per_second: float) -> None:
        self.slots = asyncio.Semaphore(max_concurrency)
        self.pace = AsyncLimiter(max(1.0, requests_per_second), max(1.0, 1.0 / requests_per_second))


class HubHttp:
    """Sends requests. Raises errors of `slipway.domain.errors`, without a chain that could hold a header."""

    def __init__(
        self,
        *,
        timeout: float,
        ca_bundle: Path | None,
        max_concurrency: int,
        requests_per_second: float,
        throttle: Throttle,
    ) -> None:
        """`timeout`: seconds for an exchange, redirects and body included. The others are per endpoint."""
        _keep_urls_out_of_logs()
        self._timeout = timeout
        self._max_concurrency = max_concurrency
        self._requests_per_second = requests_per_second
        self._throttle = throttle
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()
        # Proxies come from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY: httpx2 reads them here, once.
        self._client = httpx2.AsyncClient(
            verify=_trust(ca_bundle),
            timeout=timeout,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=max_concurrency),
            follow_redirects=False,
            # One client serves many tokens: a cookie given to one must not speak for another.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def send(self, request: Request) -> Answer:
        """The answer, whatever its status, except 429, which is raised and remembered."""
        endpoint = request.question.endpoint
        lane = self._lane(endpoint)
        self._refuse_while_held(endpoint)
        async with lane.slots:
            await lane.pace.acquire()
            self._refuse_while_held(endpoint)  # somebody before us in the lane may have met a 429
            answer = await self._exchange(request)
        if answer.status == httpx2.codes.TOO_MANY_REQUESTS:
            raise self._limited(request.question, answer)
        return answer

    async def read(self, request: Request) -> bytes:
        """The body of a success (or of a redirect where the request stops); any other status is raised."""
        answer = await self.send(request)
        if answer.status >= httpx2.codes.BAD_REQUEST:
            raise refusal(request.question, answer.status, answer.headers, answer.body)
        if answer.status >= httpx2.codes.MULTIPLE_CHOICES and not request.stop_at_commit:
            raise invalid(request.question, f"a redirect (HTTP {answer.status}) that leads nowhere")
        return answer.body

    def _lane(self, endpoint: str) -> _Lane:
        lane = self._lanes.pop(endpoint, None) or _Lane(self._max_concurrency, self._requests_per_second)
        self._lanes[endpoint] = lane
        if len(self._lanes) > MAX_LANES:
            self._lanes.popitem(last=False)
        return lane

    def _refuse_while_held(self, endpoint: str) -> None:
        seconds = self._throttle.seconds_left(endpoint)
        if seconds > 0:
            raise RateLimited(
                "HubRateLimited",
                f"{endpoint} asked for patience a moment ago: no request for another {seconds:.0f} s",
                retry_after=seconds,
            )

    def _limited(self, question: Question, answer: Answer) -> OutsideError:
        error = refusal(question, answer.status, answer.headers, answer.body)
        if isinstance(error, RateLimited):
            error.retry_after = self._throttle.hold(question.endpoint, error.retry_after)
        return error

    async def _exchange(self, request: Request) -> Answer:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow(request)
        except OutsideError:
            raise
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            failure = unreachable(request.question, error)
        raise failure  # outside of the handler: `from None` would only hide what it chains to

    async def _follow(self, request: Request) -> Answer:
        headers = httpx2.Headers({"User-Agent": USER_AGENT, **_authorization(request.question)})
        if request.byte_range:
            headers["Range"] = request.byte_range
            headers["Accept-Encoding"] = "identity"
        outgoing = self._client.build_request(request.method, request.url, headers=headers)
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._client.send(outgoing, stream=True)
            try:
                # httpx2 takes the token off a request that leaves for another origin (a CDN's signed URL).
                following = response.next_request
                if following is None or (request.stop_at_commit and COMMIT_HEADER in response.headers):
                    return Answer(response.status_code, response.headers, await _body(request, response))
            finally:
                await response.aclose()
            outgoing = following
        raise invalid(request.question, f"more than {MAX_REDIRECTS} redirects")


async def _body(request: Request, response: httpx2.Response) -> bytes:
    failed = response.status_code >= httpx2.codes.BAD_REQUEST
    limit = MAX_ERROR_BODY if failed else request.limit
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limit:
            if failed or request.partial:
                break
            raise invalid(request.question, f"more than {limit} bytes from {request.url}")
    return bytes(body[:limit])


def _authorization(question: Question) -> dict[str, str]:
    """No token means none: never HF_TOKEN, never a cached login. A new line at its end is a Secret's usual
    flaw.
    """
    if question.token is None:
        return {}
    value = question.token.value.strip()
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise Rejected(
            "TokenInvalid",
            "The token in the Secret that tokenSecretRef names is empty or has characters no token has.",
        )
    return {"Authorization": f"Bearer {value}"}


def _keep_urls_out_of_logs() -> None:
    """httpx2 logs each URL at INFO, httpcore2 each response header at DEBUG: a CDN's URL is signed, so that
    whoever reads the log could fetch a private model's weights, and a header may echo the token.
    """
    for name in ("httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _trust(ca_bundle: Path | None) -> ssl.SSLContext:
    """The system's authorities (or SSL_CERT_FILE, SSL_CERT_DIR) and, on top of them, those of `ca_bundle`."""
    context = httpx2.create_ssl_context()
    if ca_bundle is not None:
        context.load_verify_locations(cafile=ca_bundle)
    return context
