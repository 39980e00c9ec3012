"""The few requests that the operator makes of the API server, beside kopf's watches.

The dynamic client is used without its discovery: it would ask for every API group, and cache it on disk, to learn
the paths of four resources that are known here. Writes follow two forms that were tried against stale, recreated,
terminating and missing objects: status by server-side apply with resourceVersion, finalizers by merge patch with
resourceVersion (server-side apply would recreate an object that is gone).
"""

import asyncio
import json
import os
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.request import getproxies

import aiohttp
from kubernetes.aio import config as kube_config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.dynamic import DynamicClient
from kubernetes.aio.dynamic.resource import Resource

from slipway.api.v1alpha1 import API_VERSION, FIELD_MANAGER, GROUP, VERSION
from slipway.domain.errors import Conflict, NotFound, OutsideError, RateLimited, Rejected, Transient
from slipway.loop.keys import Key
from slipway.loop.store import Object

PAGE = 250
"""Objects in one answer to a list; else thousands of them, managedFields and all, are in memory at once."""
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
PLURALS = {"ModelVersion": "modelversions", "Deployment": "deployments"}


def _resource(prefix: str, group: str, version: str, kind: str, plural: str, *, namespaced: bool) -> Resource:
    return Resource(prefix=prefix, group=group, api_version=version, kind=kind, name=plural, namespaced=namespaced)


_OWN = {kind: _resource("apis", GROUP, VERSION, kind, plural, namespaced=True) for kind, plural in PLURALS.items()}
_SECRETS = _resource("api", "", "v1", "Secret", "secrets", namespaced=True)
_EVENTS = _resource("api", "", "v1", "Event", "events", namespaced=True)
_NAMESPACES = _resource("api", "", "v1", "Namespace", "namespaces", namespaced=False)


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


class Kube:
    """A connection to the API server. Every method raises the errors of `slipway.domain.errors` only."""

    def __init__(self, configuration: Configuration, *, timeout: float) -> None:
        """`timeout`: seconds for one request."""
        self._timeout = timeout
        self._api = ApiClient(configuration)
        self._client = DynamicClient(self._api)

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()

    async def get(self, key: Key) -> Object | None:
        """The object as it is now; None if there is none."""
        try:
            path = _OWN[key.kind].path(name=key.name, namespace=key.namespace)
            return cast(Object, await self._request("get", path))
        except NotFound:
            return None

    async def each(self, kind: str, namespace: str | None = None) -> AsyncIterator[Object]:
        """Every object of one kind, in pages."""
        following: str | None = None
        while True:
            page = await self._request("get", _OWN[kind].path(namespace=namespace), limit=PAGE, _continue=following)
            for item in page["items"]:
                yield {"apiVersion": API_VERSION, "kind": kind, **item}
            following = page["metadata"].get("continue")
            if not following:
                return

    async def apply_status(self, key: Key, resource_version: str, status: dict[str, Any]) -> Object:
        """Make this the status that we own. Raises Conflict if the object has changed meanwhile."""
        body = {
            "apiVersion": API_VERSION,
            "kind": key.kind,
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "resourceVersion": resource_version,
            },
            "status": status,
        }
        path = f"{_OWN[key.kind].path(name=key.name, namespace=key.namespace)}/status"
        return await self._write(
            "patch",
            path,
            body=body,
            content_type=_APPLY,
            field_manager=FIELD_MANAGER,
            force_conflicts=True,
        )

    async def set_finalizers(self, key: Key, resource_version: str, finalizers: list[str]) -> Object:
        """Replace the list of finalizers. Raises Conflict if the object has changed meanwhile."""
        body = {"metadata": {"resourceVersion": resource_version, "finalizers": finalizers}}
        path = _OWN[key.kind].path(name=key.name, namespace=key.namespace)
        return await self._write("patch", path, body=body, content_type=_MERGE, field_manager=FIELD_MANAGER)

    async def secret_value(self, namespace: str, name: str, key: str) -> str:
        """One value of a Secret.

        Raises NotFound with the reason SecretNotFound or SecretKeyNotFound, and Rejected with SecretUnusable.
        """
        try:
            secret = await self._request("get", _SECRETS.path(name=name, namespace=namespace))
        except NotFound as missing:
            text = f"there is no Secret {name} in namespace {namespace}: create it, or correct tokenSecretRef.name"
            raise NotFound("SecretNotFound", text) from missing
        encoded = (secret.get("data") or {}).get(key)
        if encoded is None:
            # Its other keys are not named: whoever reads the status may not be allowed to read the Secret.
            text = f"the Secret {name} has no key {key}: add it, or correct tokenSecretRef.key"
            raise NotFound("SecretKeyNotFound", text)
        value = b64decode(encoded).strip()
        if not value or not value.isascii() or not value.decode().isprintable():
            text = f"the key {key} of the Secret {name} holds no token: it must be one line of ASCII characters"
            raise Rejected("SecretUnusable", text)
        return value.decode()

    async def secret(self, namespace: str, name: str) -> Object | None:
        """A Secret with all that is in it; None if there is none."""
        try:
            return cast(Object, await self._request("get", _SECRETS.path(name=name, namespace=namespace)))
        except NotFound:
            return None

    async def apply_secret(self, manifest: Object, resource_version: str | None) -> Object:
        """Make this the part of a Secret that we own.

        `resource_version`: of the Secret that is changed; Conflict if it has changed meanwhile, and what others have
        made of our fields is taken back. None: there is none yet. Should there be one by now, Conflict or Rejected:
        somebody else's fields are not touched.
        """
        metadata = manifest["metadata"]
        body = (
            {**manifest, "metadata": {**metadata, "resourceVersion": resource_version}}
            if resource_version
            else manifest
        )
        return await self._write(
            "patch",
            _SECRETS.path(name=metadata["name"], namespace=metadata["namespace"]),
            body=body,
            content_type=_APPLY,
            field_manager=FIELD_MANAGER,
            force_conflicts=True if resource_version else None,
        )

    async def create_event(self, namespace: str, event: dict[str, Any]) -> None:
        """Record an event."""
        await self._write("post", _EVENTS.path(namespace=namespace), body=event)

    async def namespace_uid(self, name: str) -> str:
        """The uid of a namespace."""
        found = await self._request("get", _NAMESPACES.path(name=name))
        return str(found["metadata"]["uid"])

    async def _write(self, method: str, path: str, **parameters: Any) -> Object:
        """Every request that changes something goes through here."""
        return cast(Object, await self._request(method, path, **parameters))

    async def _request(self, method: str, path: str, **parameters: Any) -> Any:
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.request(
                    method, path, serialize=False, _request_timeout=self._timeout, **parameters
                )
                return await response.json()
        except ApiException as refused:
            raise translated(refused) from refused
        except (aiohttp.ClientError, TimeoutError, OSError) as broken:
            text = f"the API server did not answer: {type(broken).__name__} {broken}"
            raise Transient("ApiServerUnreachable", text) from broken


def translated(refused: ApiException) -> OutsideError:
    """The API server's refusal as one of our errors."""
    status = refused.status or 0
    words = _message(refused)
    if status == 404:
        return NotFound("NotFound", words)
    if status == 409:
        return Conflict("Conflict", words)
    if status == 429:
        after = (refused.headers or {}).get("Retry-After", "1")
        return RateLimited("ApiServerBusy", words, float(after) if after.isdigit() else 1.0)
    if status in (408, 423) or status >= 500 or status == 0:
        return Transient("ApiServerError", words)
    return Rejected("ApiServerRefused", words)


def _message(refused: ApiException) -> str:
    try:
        return str(json.loads(refused.body or "")["message"])
    except (TypeError, ValueError, KeyError):
        return f"HTTP {refused.status} {refused.reason}"
