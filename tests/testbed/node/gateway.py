"""A Gateway for clients on this machine: an HTTP server that sends requests by the HTTPRoutes of one namespace.

    with Gateway(plane.admin_kubeconfig, namespace, name="public") as gateway:
        with gateway.client("twin.example.com") as http:
            http.post("/v1/chat/completions", json=...)

It is controller and data plane of a Gateway that has one listener for HTTP, `http` with port 80, for all hosts; there
is no Gateway object. What the API leaves to implementations is done as the less forgiving ones do it:

- A change is written into the route's status as soon as it is seen, and requests follow it a little later: that
  `observedGeneration` is there does not mean that requests go the new way.
- Nothing is tried twice. A pod that does not answer makes a 503, as with Envoy.
- Where all weights are 0, the answer is 500; the API does not say what it should be
  (https://github.com/kubernetes-sigs/gateway-api/issues/596).

Real ones choose by chance; this one takes turns (`tests.testbed.node.weighted`), and starts anew when a route's
backends change. So that a test can count: of any whole round, each backend has had exactly its share.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
from aiohttp import web
from yarl import URL

from tests.testbed.node import routing
from tests.testbed.node.api import Api, ApiError, Informer
from tests.testbed.node.endpoints import Endpoint
from tests.testbed.node.forwarding import forward
from tests.testbed.node.proxy import Objects, Proxy
from tests.testbed.node.route_status import parents
from tests.testbed.node.weighted import WeightedRounds

Object = dict[str, Any]
Split = tuple[tuple[str, int], ...]
"""Names and weights of a route's backends, in its order."""
_CONFLICT = 409


@dataclass(frozen=True)
class Passage:
    """One request that a client sent, and what became of it."""

    host: str
    backend: str | None
    """The name in the backendRef that was chosen; None where no route took the request, or none of it may be chosen."""
    pod: str | None
    """Name of the pod that it was sent to; None where there was none to send it to."""
    status: int | None
    """Of the pod, or what the Gateway answered by itself. None: the connection to the pod failed, before or in the
    middle of the answer."""


@dataclass(frozen=True)
class _Answer:
    """What the Gateway says by itself."""

    status: int
    text: str
    backend: str | None = None


class Gateway(Proxy):
    """A context manager. `speed` shortens how late it hears, as it shortens the rest of a test bed."""

    def __init__(
        self, kubeconfig: Path, namespace: str, *, name: str = "public", home: str | None = None, speed: float = 10.0
    ) -> None:
        """`namespace`: of the routes. `name` and `home`, which is the same namespace by default: the Gateway's own."""
        base = f"/api/v1/namespaces/{namespace}"
        kinds = {
            "routes": f"/apis/{routing.GROUP}/v1/namespaces/{namespace}/httproutes",
            "services": f"{base}/services",
            "endpoints": f"{base}/endpoints",
        }
        super().__init__(kubeconfig, kinds, speed=speed)
        self._home = routing.Home(home or namespace, name)
        self._turns: dict[str, tuple[Split, WeightedRounds]] = {}
        self.exchanges: list[Passage] = []

    # What tests ask

    def client(self, host: str, **options: Any) -> httpx2.Client:
        """A client outside the cluster, for whom this host name leads to the Gateway."""
        return httpx2.Client(base_url=self.url, headers={"Host": host}, trust_env=False, timeout=30, **options)

    def split(self, host: str) -> dict[str, int]:
        """By which weights requests for a host are sent now; empty where no route takes them."""
        route = routing.attached(self._heard["routes"], self._home, host)
        return dict(_split(route)) if route else {}

    # The data plane

    async def serve(self, session: aiohttp.ClientSession, request: web.BaseRequest) -> web.StreamResponse:
        """By the request's Host."""
        host = request.headers.get("Host", "").partition(":")[0].lower()
        found = self._target(host)
        if isinstance(found, _Answer):
            self.exchanges.append(Passage(host, found.backend, None, found.status))
            return web.Response(status=found.status, text=found.text)
        backend, target = found

        def done(status: int | None) -> None:
            self.exchanges.append(Passage(host, backend, target.pod, status))

        url = URL(f"http://{host}{request.raw_path}", encoded=True)
        return await forward(session, request, url, target, done, failed=503)

    def _target(self, host: str) -> tuple[str, Endpoint] | _Answer:
        """Where a request goes: the name of the backend, and one of its ready endpoints, picked at random."""
        route = routing.attached(self._heard["routes"], self._home, host)
        if route is None:
            return _Answer(404, f"no route for {host!r}")
        ref = self._chosen(route)
        if ref is None:
            return _Answer(500, "the route has no backend that weighs anything")
        services, endpoints = self._heard["services"], self._heard["endpoints"]
        found = routing.resolved(ref, route["metadata"]["namespace"], services, endpoints)
        if isinstance(found, routing.Unresolved):
            return _Answer(found.code, found.message, ref["name"])
        return ref["name"], random.choice(found)

    def _chosen(self, route: Object) -> Object | None:
        """Whose turn it is among the backendRefs."""
        split, uid = _split(route), route["metadata"]["uid"]
        if uid not in self._turns or self._turns[uid][0] != split:
            self._turns[uid] = split, WeightedRounds([share for _, share in split])
        position = self._turns[uid][1].choose()
        return None if position is None else routing.backends(route)[position]

    # The controller

    def duties(
        self, api: Api, known: Mapping[str, Informer], changed: asyncio.Event
    ) -> Sequence[Coroutine[Any, Any, None]]:
        return [self._report(api, known["routes"], known["services"], changed)]

    async def _report(self, api: Api, routes: Informer, services: Informer, changed: asyncio.Event) -> None:
        """Keep the status of all routes up to date."""
        await services.synced.wait()  # else every backend would be missing for a moment
        while True:
            await changed.wait()
            changed.clear()
            for route in list(routes.objects.values()):
                await self._write(api, route, services.objects)

    async def _write(self, api: Api, route: Object, services: Objects) -> None:
        before = (route.get("status") or {}).get("parents") or []
        now = parents(route, self._home, services, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        if now == before:
            return
        meta = route["metadata"]
        path = f"/apis/{routing.GROUP}/v1/namespaces/{meta['namespace']}/httproutes/{meta['name']}/status"
        change = {"metadata": {"resourceVersion": meta["resourceVersion"]}, "status": {"parents": now}}
        try:
            await api.patch(path, change)
        except ApiError as error:
            if error.status != _CONFLICT:  # then there is a newer one, which is heard of soon and judged then
                raise


def _split(route: Object) -> Split:
    return tuple((ref["name"], routing.weight(ref)) for ref in routing.backends(route))
