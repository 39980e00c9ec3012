"""The API server as a kubelet, a scheduler and a provisioner use it: asynchronous, and patient while it is away."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import yaml

Object = dict[str, Any]
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
_AGAIN = 0.2
"""Seconds between tries while the server is away."""


class ApiError(Exception):
    """The server said no."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


def login(kubeconfig: Path) -> tuple[str, dict[str, str], ssl.SSLContext]:
    """Server, headers and TLS for a control plane of our own: with a token, and the server's certificate."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    certificate = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=certificate)
    return str(cluster["server"]), {"Authorization": f"Bearer {user['token']}"}, context


class Api:
    """One cluster. Everything is tried again for as long as the server cannot be reached."""

    def __init__(self, kubeconfig: Path) -> None:
        self._server, self._headers, self._tls = login(kubeconfig)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Api:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0)
        self._session = aiohttp.ClientSession(self._server, connector=connector, headers=self._headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, **parameters: str) -> Object | None:
        """An object or a list; None where there is none."""
        try:
            return await self._ask("GET", path, params=parameters)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def create(self, path: str, body: Object) -> Object:
        """POST."""
        return await self._ask("POST", path, json=body)

    async def patch(self, path: str, change: Object, kind: str = MERGE) -> Object | None:
        """PATCH; None where there is nothing any more."""
        try:
            return await self._ask("PATCH", path, data=json.dumps(change), headers={"Content-Type": kind})
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def delete(self, path: str, body: Object | None = None, **parameters: str) -> None:
        """DELETE; what is gone, or is another one by now, is left at that."""
        with contextlib.suppress(ApiError):
            await self._ask("DELETE", path, json=body or {}, params=parameters)

    async def _ask(self, method: str, path: str, **request: Any) -> Object:
        if self._session is None:
            raise RuntimeError("not started")
        while True:
            try:
                status, text = await self._once(self._session, method, path, request)
            except (aiohttp.ClientError, TimeoutError):
                status, text = 503, ""
            if 400 <= status < 500 and status != 429:
                raise ApiError(status, text)
            if status < 400:
                body: Object = json.loads(text)
                return body
            await asyncio.sleep(_AGAIN)

    @staticmethod
    async def _once(session: aiohttp.ClientSession, method: str, path: str, request: dict[str, Any]) -> tuple[int, str]:
        async with session.request(method, path, timeout=aiohttp.ClientTimeout(total=30), **request) as answer:
            return answer.status, await answer.text()

    async def watch(self, path: str, version: str) -> AsyncIterator[tuple[str, Object]]:
        """Events from a version on. Ends when the server ends it. Raises ApiError 410 where that is too long ago."""
        if self._session is None:
            raise RuntimeError("not started")
        parameters = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": "300"}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=None)
        async with self._session.get(path, params=parameters, timeout=timeout, read_bufsize=2**20) as answer:
            if answer.status >= 400:
                raise ApiError(answer.status, await answer.text())
            async for line in _lines(answer.content):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(event["object"].get("code", 500), event["object"].get("message", ""))
                yield event["type"], event["object"]


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length: aiohttp's own end at its buffer's size."""
    rest = b""
    async for piece in content.iter_any():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line.strip():
                yield line


def pod_path(pod: Object) -> str:
    """Where a pod is found."""
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def claim_path(claim: Object) -> str:
    """Where a PersistentVolumeClaim is found."""
    meta = claim["metadata"]
    return f"/api/v1/namespaces/{meta['namespace']}/persistentvolumeclaims/{meta['name']}"


class Informer:
    """What the server has of one kind, kept up to date."""

    def __init__(self, api: Api, path: str, changed: Callable[[], None]) -> None:
        self._api = api
        self._path = path
        self._changed = changed
        self.objects: dict[tuple[str, str], Object] = {}
        """By namespace and name."""
        self.synced = asyncio.Event()

    def get(self, namespace: str, name: str) -> Object | None:
        return self.objects.get((namespace, name))

    async def run(self) -> None:
        """List and watch, for ever."""
        while True:
            with contextlib.suppress(ApiError, aiohttp.ClientError, TimeoutError):
                await self._follow()
            await asyncio.sleep(_AGAIN)

    async def _follow(self) -> None:
        listed = await self._api.get(self._path) or {"items": [], "metadata": {"resourceVersion": "0"}}
        self.objects = {_key(item): item for item in listed["items"]}
        self.synced.set()
        self._changed()
        version = listed["metadata"]["resourceVersion"]
        while True:
            async for kind, item in self._api.watch(self._path, version):
                version = item["metadata"]["resourceVersion"]
                if kind == "BOOKMARK":
                    continue
                if kind == "DELETED":
                    self.objects.pop(_key(item), None)
                else:
                    self.objects[_key(item)] = item
                self._changed()


def _key(item: Object) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]
