"""Where the API server is, how to log in, and one request: with a deadline, and with our errors."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from typing import Any, cast
from urllib.request import getproxies

import aiohttp
from kubernetes.aio import config as kube_config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.dynamic import DynamicClient
from kubernetes.aio.dynamic.resource import Resource

from slipway.domain.errors import Transient
from slipway.kube.refusals import translated
from slipway.loop.store import Object

PAGE = 250
"""Objects in one answer to a list; else thousands of them, managedFields and all, are in memory at once."""
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
"""https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply"""


async def load_configuration(connections: int) -> Configuration:
    """Where the API server is, and how to log in: inside a pod its ServiceAccount, else KUBECONFIG.

    Raises kubernetes.aio.config.ConfigException if there is neither.
    """
    configuration = Configuration()
    if "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ:
        kube_config.load_incluster_config(client_configuration=configuration)
    else:
        # The library reads KUBECONFIG when it is imported; what counts is what is set now.
        path = os.environ.get("KUBECONFIG")
        await kube_config.load_kube_config(config_file=path, client_configuration=configuration)
    configuration.connection_pool_maxsize = connections
    if not getproxies():
        # Else aiohttp asks the environment for a proxy and ~/.netrc for a password, for each request and in threads of
        # their own; and it refuses to send ours if it finds one there.
        configuration.client_session_kwargs = {"trust_env": False}
    return configuration


def resource(group: str, version: str, kind: str, plural: str, *, namespaced: bool) -> Resource:
    """What the dynamic client's discovery would have found. The core group's name is empty."""
    prefix = "apis" if group else "api"
    return Resource(prefix=prefix, group=group, api_version=version, kind=kind, name=plural, namespaced=namespaced)


class Connection:
    """A connection to the API server. Every method raises the errors of `slipway.domain.errors` only."""

    def __init__(self, configuration: Configuration, *, timeout: float) -> None:
        """`timeout`: seconds for one request."""
        self._timeout = timeout
        self._api = ApiClient(configuration)
        self._client = DynamicClient(self._api)

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()

    async def _write(self, method: str, path: str, **parameters: Any) -> Object:
        """Every request that changes something goes through here."""
        return cast(Object, await self._request(method, path, **parameters))

    async def _request(self, method: str, path: str, **parameters: Any) -> Any:
        text = await self._text(path, method, **parameters)
        try:
            return json.loads(text)
        except ValueError as other:  # something before the API server has answered in its place
            raise _unreachable(other) from other

    async def _text(self, path: str, method: str = "get", **parameters: Any) -> str:
        """The body of an answer."""
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.request(
                    method, path, serialize=False, _request_timeout=self._timeout, **parameters
                )
                return cast(str, await response.text(errors="replace"))
        except ApiException as refused:
            raise translated(refused) from refused
        except (aiohttp.ClientError, TimeoutError, OSError) as broken:
            raise _unreachable(broken) from broken

    async def _lines(self, path: str, seconds: float, **parameters: Any) -> AsyncGenerator[bytes, None]:
        """The lines of an answer that goes on for so many seconds, which the server is asked to end.

        Raises Transient if it breaks off, or says nothing until well after its time.
        """
        patience = aiohttp.ClientTimeout(total=None, connect=self._timeout, sock_read=seconds + self._timeout)
        try:
            response = await self._client.request(
                "get", path, serialize=False, _request_timeout=patience, timeout_seconds=round(seconds), **parameters
            )
            try:
                async for line in response.content:
                    yield line
            finally:
                response.close()
        except ApiException as refused:
            raise translated(refused) from refused
        except (aiohttp.ClientError, TimeoutError, OSError) as broken:
            raise _unreachable(broken) from broken


def _unreachable(broken: Exception) -> Transient:
    return Transient("ApiServerUnreachable", f"the API server did not answer: {type(broken).__name__} {broken}")
