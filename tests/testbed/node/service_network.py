"""What a cluster's DNS and kube-proxy do, for clients on this machine: an HTTP proxy that knows Services.

A client with HTTP_PROXY set to `url` reaches http://<service>.<namespace>.svc[.cluster.local][:port]/ as a pod would.
Each request is a connection of its own to an endpoint that was ready when this looked last, picked at random; nothing
is tried twice. As kube-proxy does, it hears of a change a little later than the API server.
"""

from __future__ import annotations

import contextlib
import ipaddress
import random
import re
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web
from yarl import URL

from tests.testbed.node.endpoints import Endpoint, ready_endpoints, service_port
from tests.testbed.node.forwarding import forward
from tests.testbed.node.proxy import Proxy

_NAME = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)(?:\.svc(?:\.cluster\.local)?)?\.?")


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


class ServiceNetwork(Proxy):
    """A context manager. `speed` shortens what kube-proxy takes, as it shortens the rest of a test bed."""

    def __init__(self, kubeconfig: Path, namespace: str, *, speed: float = 10.0) -> None:
        base = f"/api/v1/namespaces/{namespace}"
        kinds = {"services": f"{base}/services", "endpoints": f"{base}/endpoints"}
        super().__init__(kubeconfig, kinds, speed=speed)
        self.exchanges: list[Exchange] = []

    async def serve(self, session: aiohttp.ClientSession, request: web.BaseRequest) -> web.StreamResponse:
        """As a proxy is asked: with the whole URL."""
        url = URL(request.raw_path)
        if request.method == "CONNECT" or not url.host:
            return web.Response(status=501, text="this proxy takes http:// URLs only")
        host = url.host
        try:
            target = self._resolve(url)
        except (NoSuchHost, Refused) as problem:
            self.exchanges.append(Exchange(host, None, None))
            status = 503 if isinstance(problem, Refused) else 502
            return web.Response(status=status, text=f"{type(problem).__name__}: {problem}")

        def done(status: int | None) -> None:
            self.exchanges.append(Exchange(host, target.pod, status))

        return await forward(session, request, url, target, done, failed=502)

    def _resolve(self, url: URL) -> Endpoint:
        """Where a request goes. Raises NoSuchHost and Refused."""
        host = url.host or ""
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(host)
            return Endpoint(host, url.port or 80, None)
        found = _NAME.fullmatch(host)
        service = self._heard["services"].get((found[2], found[1])) if found else None
        if found is None or service is None:
            raise NoSuchHost(f"lookup {host}: no such host")
        port = service_port(service, url.port or 80)
        if port is None:
            raise Refused(f"{host} has no port {url.port}")
        ready = ready_endpoints(self._heard["endpoints"].get((found[2], found[1])), port.get("name"))
        if not ready:
            raise Refused(f"no endpoints available for service {found[2]}/{found[1]}")
        return random.choice(ready)
