"""Asking one pod over HTTP, at its own address: before it gets any request through the Service."""

import asyncio
import time

import aiohttp

from slipway.domain.cluster.marks import PORT
from slipway.domain.cluster.questions import Answer, PodRequest, words_of

MOST = 1024 * 1024
"""Bytes of an answer that are read. The longest that is asked for has 1,024 tokens."""
_SHOWN = 1024
"""Characters of a problem, as the status takes them."""


class PodHttp:
    """HTTP without anything that a pod could use against us: no redirects, cookies, proxies or compression."""

    def __init__(self, *, port: int = PORT, most: int = MOST) -> None:
        """`most`: bytes of an answer that are read."""
        self._port = port
        self._most = most
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session:
            await self._session.close()

    async def ask(self, ip: str, request: PodRequest, within: float) -> Answer:
        """Ask once. Whatever the pod does is an answer; `within`: seconds for all of it."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(within):
                status, body = await self._asked(ip, request)
        except TimeoutError:
            return Answer(latency=time.monotonic() - began, problem=f"no answer within {within:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as broken:
            text = f"no answer from {ip}:{self._port}: {str(broken) or type(broken).__name__}"
            return Answer(latency=time.monotonic() - began, problem=text[:_SHOWN])
        return Answer(body, time.monotonic() - began, self._problem(status, body), status)

    def _problem(self, status: int, body: bytes) -> str | None:
        if len(body) > self._most:
            return f"the answer is longer than {self._most} bytes"
        if 200 <= status < 300:
            return None
        what = f"HTTP {status}, a redirect, which is not followed" if 300 <= status < 400 else f"HTTP {status}"
        words = words_of(body)
        return f"{what}: {words}"[:_SHOWN] if words else what

    async def _asked(self, ip: str, request: PodRequest) -> tuple[int, bytes]:
        """The status, and one byte more than is taken where the answer is too long."""
        host = f"[{ip}]" if ":" in ip else ip
        async with self._opened().request(
            "GET" if request.body is None else "POST",
            f"http://{host}:{self._port}{request.path}",
            data=request.body,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"}
            | ({"Content-Type": "application/json"} if request.body is not None else {}),
            allow_redirects=False,
        ) as response:
            body = bytearray()
            while len(body) <= self._most and (chunk := await response.content.read(self._most + 1 - len(body))):
                body += chunk
            return response.status, bytes(body)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # A pod is asked a few times in its life: no connection is kept, and no limit makes anybody wait.
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
                auto_decompress=False,
            )
        return self._session
