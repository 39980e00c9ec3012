"""Asking a pod: whatever it does is an answer."""

import asyncio
import gzip

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from slipway.domain.cluster.questions import Answer, PodRequest
from slipway.targets.cluster.pod_http import PodHttp

INFO = PodRequest("/info")


@pytest.fixture
def pod() -> web.Application:
    """Routes are added by the test."""
    return web.Application()


async def asked(
    application: web.Application, request: PodRequest = INFO, *, within: float = 5.0, most: int = 1000
) -> Answer:
    async with TestServer(application, host="127.0.0.1") as server:
        http = PodHttp(port=server.port or 0, most=most)
        try:
            return await http.ask("127.0.0.1", request, within)
        finally:
            await http.close()


async def test_a_get_and_a_post_reach_the_pod_as_they_are(pod: web.Application) -> None:
    seen: list[tuple[str, str, bytes, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.path, await request.read(), request.headers.get("Content-Type")))
        return web.json_response({"generated_text": "Four."})

    pod.router.add_route("*", "/{path:.*}", answer)
    found = await asked(pod)
    assert (found.status, found.problem, found.body) == (200, None, b'{"generated_text": "Four."}')
    assert found.latency > 0
    await asked(pod, PodRequest("/generate", b'{"inputs": "2 + 2"}'))
    assert seen[0][:3] == ("GET", "/info", b"")
    assert seen[1] == ("POST", "/generate", b'{"inputs": "2 + 2"}', "application/json")


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (503, '{"error": "Model is overloaded", "error_type": "overloaded"}', "HTTP 503: Model is overloaded"),
        (404, '{"object": "error", "message": "no such model"}', "HTTP 404: no such model"),
        (500, "", "HTTP 500"),
        (502, "bad gateway" * 1000, "the answer is longer than 1000 bytes"),
    ],
)
async def test_an_error_has_the_pods_words(pod: web.Application, status: int, body: str, problem: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    pod.router.add_get("/info", answer)
    found = await asked(pod)
    assert (found.status, found.problem) == (status, problem)


async def test_a_redirect_is_not_followed(pod: web.Application) -> None:
    async def answer(_: web.Request) -> web.Response:
        raise web.HTTPFound("/secret")

    async def secret(_: web.Request) -> web.Response:
        raise AssertionError("it was followed")

    pod.router.add_get("/info", answer)
    pod.router.add_get("/secret", secret)
    found = await asked(pod)
    assert found.status == 302
    assert "redirect, which is not followed" in (found.problem or "")


async def test_only_so_much_is_read(pod: web.Application) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:  # it would never end
            await response.write(b"x" * 4096)

    pod.router.add_get("/info", answer)
    found = await asked(pod)
    assert found.problem == "the answer is longer than 1000 bytes"
    assert len(found.body) == 1001


async def test_a_small_answer_that_would_unpack_to_a_large_one_is_not_unpacked(pod: web.Application) -> None:
    packed = gzip.compress(b"x" * 100_000)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    pod.router.add_get("/info", answer)
    assert (await asked(pod)).body == packed


async def test_a_pod_that_says_nothing_is_waited_for_so_long(pod: web.Application) -> None:
    gone = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        await gone.wait()
        return web.Response()

    pod.router.add_get("/info", answer)
    asking = asyncio.create_task(asked(pod, within=0.2))
    await asyncio.sleep(0.5)
    gone.set()
    found = await asking
    assert (found.status, found.problem) == (None, "no answer within 0.2 s")
    assert found.latency >= 0.2


async def test_a_pod_that_drips_is_waited_for_so_long(pod: web.Application) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(20):
            await response.write(b"x")
            await asyncio.sleep(0.05)
        return response

    pod.router.add_get("/info", answer)
    assert (await asked(pod, within=0.3)).problem == "no answer within 0.3 s"


async def test_nobody_listens() -> None:
    port = unused_port()
    http = PodHttp(port=port)
    found = await http.ask("127.0.0.1", INFO, 5)
    await http.close()
    assert found.status is None
    assert f"no answer from 127.0.0.1:{port}" in (found.problem or "")


async def test_a_connection_that_breaks_off_and_bytes_that_are_no_http() -> None:
    said = iter([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", b"", b"SSH-2.0-OpenSSH_9.2\r\n\r\n"])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(next(said))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    http = PodHttp(port=server.sockets[0].getsockname()[1])
    async with server:
        answers = [await http.ask("127.0.0.1", INFO, 5) for _ in range(3)]
    await http.close()
    assert all(answer.problem and "no answer from" in answer.problem for answer in answers), answers


async def test_an_address_is_no_name_of_a_proxy(pod: web.Application, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="{}")

    pod.router.add_get("/info", answer)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    assert (await asked(pod)).status == 200


async def test_an_address_of_the_sixth_version(pod: web.Application) -> None:
    http = PodHttp(port=unused_port())
    found = await http.ask("::1", INFO, 2)
    await http.close()
    assert "no answer from ::1" in (found.problem or "")
    assert "valid" not in (found.problem or "")
