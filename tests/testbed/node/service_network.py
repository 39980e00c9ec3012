"""What a cluster's DNS and kube-proxy do, for clients on this machine: an HTTP proxy that knows Services.

A client with HTTP_PROXY set to `url` reaches http://<service>.<namespace>.svc[.cluster.local][:port]/ as a pod would.
Each request is a connection of its own to an endpoint that was ready when this looked last, picked at random; nothing
is tried twice. As kube-proxy does, it hears of a change a little later than the API server.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import random
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web
from yarl import URL

from tests.testbed.node.api import Api, Informer

Object = dict[str, Any]
_NAME = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)(?:\.svc(?:\.cluster\.local)?)?\.?")
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
SYNC = 1.0
"""Seconds that kube-proxy takes by default to write what it has heard (iptables.minSyncPeriod):
https://kubernetes.io/docs/reference/networking/virtual-ips/#minsyncperiod"""


class NoSuchHost(Exception):
    """The cluster's DNS has no such name."""


class Refused(Exception):
    """A Service without a ready endpoint: kube-proxy refuses the connection."""


@dataclass(frozen=True)
class Exchange:
    """One request that went through, or did not."""

    host: str
    pod: str | None
    """Name of the pod that it was sent to."""
    status: int | None
    """None: the connection failed, before or in the middle of the answer."""


@dataclass(frozen=True)
class _Endpoint:
    address: str
    port: int
    pod: str | None


class ServiceNetwork:
    """A context manager. `speed` shortens what kube-proxy takes, as it shortens the rest of a test bed."""

    def __init__(self, kubeconfig: Path, namespace: str, *, speed: float = 10.0) -> None:
        self._kubeconfig = kubeconfig
        self._namespace = namespace
        self._delay = SYNC / speed
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="services", daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._services: dict[tuple[str, str], Object] = {}
        self._endpoints: dict[tuple[str, str], Object] = {}
        self.exchanges: list[Exchange] = []
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(30) or not self.url:
            raise RuntimeError("the service network did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    # In the thread

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with Api(self._kubeconfig) as api:
            base = f"/api/v1/namespaces/{self._namespace}"
            changed = asyncio.Event()
            services = Informer(api, f"{base}/services", changed.set)
            endpoints = Informer(api, f"{base}/endpoints", changed.set)
            loops = [services.run(), endpoints.run(), self._sync(services, endpoints, changed)]
            tasks = [asyncio.create_task(each) for each in loops]
            connector = aiohttp.TCPConnector(limit=0, force_close=True)
            try:
                async with aiohttp.ClientSession(
                    connector=connector,
                    auto_decompress=False,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
                ) as session:
                    runner = web.ServerRunner(web.Server(lambda request: self._serve(session, request)))
                    await runner.setup()
                    site = web.TCPSite(runner, "127.0.0.1", 0)
                    await site.start()
                    host, port = runner.addresses[0][:2]
                    self.url = f"http://{host}:{port}"
                    self._ready.set()
                    await self._stop.wait()
                    await runner.cleanup()
            finally:
                self._ready.set()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _sync(self, services: Informer, endpoints: Informer, changed: asyncio.Event) -> None:
        while True:
            await changed.wait()
            changed.clear()
            await asyncio.sleep(self._delay)
            self._services, self._endpoints = dict(services.objects), dict(endpoints.objects)

    async def _serve(self, session: aiohttp.ClientSession, request: web.BaseRequest) -> web.StreamResponse:
        url = URL(request.raw_path)
        if request.method == "CONNECT" or not url.host:
            return web.Response(status=501, text="this proxy takes http:// URLs only")
        try:
            target = self._resolve(url)
        except (NoSuchHost, Refused) as problem:
            self.exchanges.append(Exchange(url.host, None, None))
            status = 503 if isinstance(problem, Refused) else 502
            return web.Response(status=status, text=f"{type(problem).__name__}: {problem}")
        return await self._forward(session, request, url, target)

    async def _forward(
        self, session: aiohttp.ClientSession, request: web.BaseRequest, url: URL, target: _Endpoint
    ) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        there = url.with_host(target.address).with_port(target.port)
        host = url.host or ""
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
                await answer.write_eof()
                self.exchanges.append(Exchange(host, target.pod, upstream.status))
                return answer
        except (aiohttp.ClientError, OSError, TimeoutError) as problem:
            self.exchanges.append(Exchange(host, target.pod, None))
            if answer is None:
                return web.Response(status=502, text=f"{target.pod or target.address}: {problem}")
            if request.transport is not None:  # in the middle of an answer: the client must see it break off
                request.transport.abort()
            return answer

    def _resolve(self, url: URL) -> _Endpoint:
        """Where a request goes. Raises NoSuchHost and Refused."""
        host = url.host or ""
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(host)
            return _Endpoint(host, url.port or 80, None)
        found = _NAME.fullmatch(host)
        service = self._services.get((found[2], found[1])) if found else None
        if found is None or service is None:
            raise NoSuchHost(f"lookup {host}: no such host")
        port = next((each for each in service["spec"]["ports"] if each["port"] == (url.port or 80)), None)
        if port is None:
            raise Refused(f"{host} has no port {url.port}")
        ready = self._ready_endpoints(self._endpoints.get((found[2], found[1])), port.get("name"))
        if not ready:
            raise Refused(f"no endpoints available for service {found[2]}/{found[1]}")
        return random.choice(ready)

    @staticmethod
    def _ready_endpoints(endpoints: Object | None, port: str | None) -> list[_Endpoint]:
        found = []
        for subset in (endpoints or {}).get("subsets") or []:
            for each in subset.get("ports") or []:
                if each.get("name") == port:
                    found += [
                        _Endpoint(one["ip"], each["port"], (one.get("targetRef") or {}).get("name"))
                        for one in subset.get("addresses") or []
                    ]
        return found
