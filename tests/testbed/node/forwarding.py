"""One request of HTTP, passed on to one endpoint: once, and streamed as the answer comes."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
from aiohttp import web
from yarl import URL

from tests.testbed.node.endpoints import Endpoint

_HOP_BY_HOP = frozenset(
    [
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)


async def forward(
    session: aiohttp.ClientSession,
    request: web.BaseRequest,
    url: URL,
    target: Endpoint,
    done: Callable[[int | None], None],
    *,
    failed: int,
) -> web.StreamResponse:
    """Send a request for `url` to an endpoint, with the client's own Host.

    `done` is told the endpoint's status, or None where the connection failed, before or in the middle of the answer.
    A client whose answer has not begun then gets `failed`.
    """
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
    there = url.with_host(target.address).with_port(target.port)
    body = await request.read()
    answer: web.StreamResponse | None = None
    try:
        asked = session.request(request.method, there, headers=headers, data=body, allow_redirects=False)
        async with asked as upstream:
            kept = {name: value for name, value in upstream.headers.items() if name.lower() not in _HOP_BY_HOP}
            answer = web.StreamResponse(status=upstream.status, headers=kept)
            await answer.prepare(request)
            async for piece in upstream.content.iter_any():
                await answer.write(piece)
            done(upstream.status)  # before the client has the end: whoever was answered can read of it
            return answer  # aiohttp writes the end
    except (aiohttp.ClientError, OSError, TimeoutError) as problem:
        done(None)
        if answer is None:
            return web.Response(status=failed, text=f"{target.pod or target.address}: {problem}")
        if request.transport is not None:  # in the middle of an answer: the client must see it break off
            request.transport.abort()
        return answer
