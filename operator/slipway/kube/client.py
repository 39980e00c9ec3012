"""Requests for the operator's own two resources, Secrets, Events and namespaces.

Writes follow two forms that were tried against stale, recreated, terminating and missing objects: status by server-side
apply with resourceVersion, finalizers by merge patch with resourceVersion (server-side apply would recreate an object
that is gone).
"""

from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any, cast

from slipway.api.v1alpha1 import API_VERSION, FIELD_MANAGER, GROUP, VERSION
from slipway.domain.errors import NotFound, Rejected
from slipway.kube.connection import APPLY, MERGE, PAGE, resource
from slipway.kube.resources import Resources
from slipway.loop.keys import Key
from slipway.loop.store import Object

PLURALS = {"ModelVersion": "modelversions", "Deployment": "deployments"}


_OWN = {kind: resource(GROUP, VERSION, kind, plural, namespaced=True) for kind, plural in PLURALS.items()}
_SECRETS = resource("", "v1", "Secret", "secrets", namespaced=True)
_EVENTS = resource("", "v1", "Event", "events", namespaced=True)
_NAMESPACES = resource("", "v1", "Namespace", "namespaces", namespaced=False)


class Kube(Resources):
    """Everything that is asked of the API server. Every method raises the errors of `slipway.domain.errors` only."""

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
            content_type=APPLY,
            field_manager=FIELD_MANAGER,
            force_conflicts=True,
        )

    async def set_finalizers(self, key: Key, resource_version: str, finalizers: list[str]) -> Object:
        """Replace the list of finalizers. Raises Conflict if the object has changed meanwhile."""
        body = {"metadata": {"resourceVersion": resource_version, "finalizers": finalizers}}
        path = _OWN[key.kind].path(name=key.name, namespace=key.namespace)
        return await self._write("patch", path, body=body, content_type=MERGE, field_manager=FIELD_MANAGER)

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
            content_type=APPLY,
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
