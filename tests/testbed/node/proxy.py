"""An HTTP server of this machine that sends requests on by what the API server says, of which it hears a little late.

It runs in a thread of its own, so that a test that waits does not keep it from answering.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

from tests.testbed.node.api import Api, Informer

Object = dict[str, Any]
Objects = Mapping[tuple[str, str], Object]
"""By namespace and name."""
SYNC = 1.0
"""Seconds that kube-proxy takes by default to write what it has heard (iptables.minSyncPeriod):
https://kubernetes.io/docs/reference/networking/virtual-ips/#minsyncperiod"""


class Proxy(ABC):
    """A context manager. `speed` shortens what it takes to hear, as it shortens the rest of a test bed."""

    def __init__(self, kubeconfig: Path, kinds: Mapping[str, str], *, speed: float) -> None:
        """`kinds`: what it knows of, each under a name of its own, and where the API server lists it."""
        self._kubeconfig = kubeconfig
        self._kinds = kinds
        self._delay = SYNC / speed
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name=type(self).__name__, daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._heard: dict[str, Objects] = {kind: {} for kind in kinds}
        self.url = ""
        self.problems: list[Exception] = []
        """What went wrong in here; leaving raises the first of them."""

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(30) or not self.url:
            raise RuntimeError(f"{type(self).__name__} did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        if self.problems and error is None:
            raise self.problems[0]

    # What a proxy is

    @abstractmethod
    async def serve(self, session: aiohttp.ClientSession, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request by what has been heard (`self._heard`), with connections of this session."""

    def duties(
        self, api: Api, known: Mapping[str, Informer], changed: asyncio.Event
    ) -> Sequence[Coroutine[Any, Any, None]]:
        """What else it does, for ever: `changed` is set at once when something of what is known has changed."""
        return ()

    # In the thread

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with Api(self._kubeconfig) as api:
            tasks = self._follow(api)
            connector = aiohttp.TCPConnector(limit=0, force_close=True)
            try:
                async with aiohttp.ClientSession(
                    connector=connector,
                    auto_decompress=False,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
                ) as session:
                    runner = web.ServerRunner(web.Server(lambda request: self.serve(session, request)))
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
                ended = await asyncio.gather(*tasks, return_exceptions=True)
                self.problems += [each for each in ended if isinstance(each, Exception)]

    def _follow(self, api: Api) -> list[asyncio.Task[None]]:
        heard, noticed = asyncio.Event(), asyncio.Event()

        def changed() -> None:
            heard.set()
            noticed.set()

        known = {kind: Informer(api, path, changed) for kind, path in self._kinds.items()}
        informers = [each.run() for each in known.values()]
        loops = [*informers, self._hear(known, heard), *self.duties(api, known, noticed)]
        return [asyncio.create_task(each) for each in loops]

    async def _hear(self, known: Mapping[str, Informer], changed: asyncio.Event) -> None:
        while True:
            await changed.wait()
            changed.clear()
            await asyncio.sleep(self._delay)
            self._heard = {kind: dict(informer.objects) for kind, informer in known.items()}
