"""Answers of an API server, or of what stands before it, that are not what was asked for."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from slipway.domain.cluster.apis import POD, SERVICE
from slipway.domain.errors import Conflict, Transient
from slipway.kube import Change, Resources

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ApiServer:
    """Answers every request as the test says."""

    def __init__(self) -> None:
        self.answer: Respond | None = None
        self.url = ""
        self.requests: list[web.Request] = []

    async def respond(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        assert self.answer
        return await self.answer(request)

    def says(self, text: str, status: int = 200, content_type: str = "application/json") -> None:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(text=text, status=status, content_type=content_type)

        self.answer = answer


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    made = ApiServer()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.respond)
    async with TestServer(application, host="127.0.0.1") as running:
        made.url = str(running.make_url("/")).rstrip("/")
        yield made


@pytest.fixture
async def kube(server: ApiServer) -> AsyncIterator[Resources]:
    configuration = Configuration()
    configuration.host = server.url
    configuration.client_session_kwargs = {"trust_env": False}
    made = Resources(configuration, timeout=2)
    yield made
    await made.close()


async def watched(kube: Resources) -> list[Change]:
    return [change async for change in kube.watch(POD, "ml", "a=b", "7", 5)]


EVENT = '{"type": "ADDED", "object": {"metadata": {"name": "twin-1", "resourceVersion": "8"}}}\n'


class TestWatch:
    async def test_what_is_asked_for(self, kube: Resources, server: ApiServer) -> None:
        server.says(EVENT)
        assert await watched(kube) == [Change("ADDED", {"name": "twin-1", "resourceVersion": "8"})]
        (request,) = server.requests
        assert request.path == "/api/v1/namespaces/ml/pods"
        assert dict(request.query) == {
            "watch": "true",
            "labelSelector": "a=b",
            "resourceVersion": "7",
            "timeoutSeconds": "5",
            "allowWatchBookmarks": "true",
        }
        assert request.headers["Accept"] == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

    async def test_a_version_that_is_too_old(self, kube: Resources, server: ApiServer) -> None:
        gone = '{"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}\n'
        server.says(EVENT + gone)
        with pytest.raises(Transient, match="410 too old"):
            await watched(kube)

    async def test_a_line_that_breaks_off(self, kube: Resources, server: ApiServer) -> None:
        server.says(EVENT + EVENT[:30])
        with pytest.raises(Transient, match="middle of a line"):
            await watched(kube)

    async def test_a_connection_that_breaks_off(self, kube: Resources, server: ApiServer) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(EVENT.encode())
            assert request.transport
            request.transport.abort()
            return response

        server.answer = answer
        with pytest.raises(Transient, match="did not answer"):
            await watched(kube)

    async def test_a_server_that_refuses_it(self, kube: Resources, server: ApiServer) -> None:
        server.says('{"message": "the server is shutting down"}', status=503)
        with pytest.raises(Transient, match="shutting down"):
            await watched(kube)


async def test_a_page_of_a_gateway_is_no_answer_of_the_api_server(kube: Resources, server: ApiServer) -> None:
    server.says("<html>please log in</html>", content_type="text/html")
    with pytest.raises(Transient, match="did not answer"):
        await kube.labelled(SERVICE, "ml", "a=b")


async def test_an_older_servers_word_for_an_object_that_is_gone_is_a_conflict(
    kube: Resources, server: ApiServer
) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.json_response({"metadata": {"name": "twin", "resourceVersion": "7", "uid": "u"}})
        body = await request.json()
        assert (body["metadata"]["uid"], body["metadata"]["resourceVersion"]) == ("u", "7")
        assert dict(request.query) == {"fieldManager": "slipway", "force": "true"}
        words = "uid mismatch: the provided object specified uid u, and no existing object was found"
        return web.json_response({"message": words}, status=500)

    server.answer = answer
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "twin", "namespace": "ml"}}
    with pytest.raises(Conflict, match="Service twin was deleted meanwhile"):
        await kube.apply(SERVICE, manifest, "7")
