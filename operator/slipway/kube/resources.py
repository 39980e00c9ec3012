"""Requests for objects of any kind in `slipway.domain.cluster.apis`.

Each write was tried against stale, recreated, terminating and missing objects: none of them makes anew what is gone,
and none touches an object that is not the one that was seen.
"""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import cache
from typing import Any, NamedTuple, cast

from kubernetes.aio.dynamic.resource import Resource

from slipway.api.v1alpha1 import FIELD_MANAGER
from slipway.domain.cluster.apis import POD
from slipway.domain.cluster.looks.observation import Api
from slipway.domain.cluster.marks import Manifest
from slipway.domain.errors import Conflict, NotFound, Transient
from slipway.kube.connection import APPLY, MERGE, PAGE, Connection, resource
from slipway.loop.store import Object

_METADATA = "application/json;as={};g=meta.k8s.io;v=v1"
"""Answers with metadata alone:
https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources"""


class Change(NamedTuple):
    """One event of a watch."""

    type: str
    """ADDED, MODIFIED, DELETED, or BOOKMARK: nothing but a later resourceVersion."""
    metadata: dict[str, Any]


class Resources(Connection):
    """Reads, lists, watches and changes objects."""

    async def find(self, api: Api, namespace: str, name: str) -> Object | None:
        """The object as it is now; None if there is none, or no such API."""
        try:
            found = cast(Object, await self._request("get", _path(api, namespace, name)))
        except NotFound:
            return None
        return {"apiVersion": api.api_version, "kind": api.kind, **found}

    async def labelled(self, api: Api, namespace: str | None, selector: str) -> list[Object]:
        """Every object of a kind that a label selector matches. Raises NotFound if there is no such API."""
        items, _ = await self._pages(api, namespace, selector)
        # The items of a list do not say what they are.
        return [{"apiVersion": api.api_version, "kind": api.kind, **item} for item in items]

    async def metadata(self, api: Api, namespace: str | None, selector: str) -> tuple[list[dict[str, Any]], str]:
        """The metadata of every object that a label selector matches, and the resourceVersion to watch from."""
        accepted = _METADATA.format("PartialObjectMetadataList")
        items, version = await self._pages(api, namespace, selector, header_params={"Accept": accepted})
        return [item["metadata"] for item in items], version

    async def _pages(self, api: Api, namespace: str | None, selector: str, **parameters: Any) -> tuple[list[Any], str]:
        items: list[Any] = []
        following: str | None = None
        while True:
            page = await self._request(
                "get",
                _path(api, namespace),
                label_selector=selector,
                limit=PAGE,
                _continue=following,
                **parameters,
            )
            items += page.get("items") or []  # of metadata alone, an empty list is null
            following = page["metadata"].get("continue")
            if not following:
                return items, str(page["metadata"]["resourceVersion"])

    async def watch(
        self, api: Api, namespace: str | None, selector: str, resource_version: str, seconds: float
    ) -> AsyncGenerator[Change, None]:
        """Changes since a resourceVersion, with metadata alone, until the server ends it after so many seconds.

        Raises Transient if it breaks off, also where the resourceVersion is too old: list anew.
        """
        lines = self._lines(
            _path(api, namespace),
            seconds,
            watch="true",
            label_selector=selector,
            resource_version=resource_version,
            query_params=[("allowWatchBookmarks", "true")],
            header_params={"Accept": _METADATA.format("PartialObjectMetadata")},
        )
        async with aclosing(lines):
            async for line in lines:
                try:
                    event = json.loads(line)
                except ValueError as cut:
                    raise Transient("ApiServerError", f"the watch ended in the middle of a line: {cut}") from cut
                if event["type"] == "ERROR":
                    said = event["object"]
                    raise Transient("ApiServerError", f"the watch ended: {said.get('code')} {said.get('message')}")
                yield Change(event["type"], event["object"]["metadata"])

    async def previous_log(self, namespace: str, pod: str, container: str, *, lines: int) -> str:
        """The last lines of a container's run before the present one.

        Raises NotFound if there is no such pod, and Rejected if the container has not run before, or who asks may not.
        """
        asked = [("container", container), ("previous", "true"), ("tailLines", str(lines)), ("limitBytes", "262144")]
        return await self._text(f"{_path(POD, namespace, pod)}/log", query_params=asked)

    async def kinds_served(self, group: str, version: str) -> frozenset[str] | None:
        """The kinds that the API server has in a version of a group; None if it has no such version.

        Raises Transient where it should have, but whoever serves that group (an aggregated API) does not answer.
        """
        try:
            found = await self._request("get", f"/apis/{group}/{version}" if group else f"/api/{version}")
        except NotFound:
            return None
        return frozenset(entry["kind"] for entry in found["resources"] if "/" not in entry["name"])

    async def create(self, api: Api, manifest: Manifest) -> Object:
        """Create an object. Raises Conflict if there is one of this name.

        A field that does not exist is refused, which is what an apply does without being asked:
        https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
        """
        return await self._write(
            "post",
            _path(api, manifest["metadata"]["namespace"]),
            body=manifest,
            field_manager=FIELD_MANAGER,
            query_params=[("fieldValidation", "Strict")],
        )

    async def apply(self, api: Api, manifest: Manifest, resource_version: str | None) -> Object:
        """Make this the part of an object that we own, and take it back from whoever has changed it.

        `resource_version`: as the object was seen; None: there was none. Raises Conflict if that is not so any more.
        An apply with a resourceVersion alone would create anew what is gone; with the uid it does not
        (https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go),
        so the uid is read right before. Nothing of the kind keeps an apply from merging into an object that somebody
        else creates in that very moment: fields that are set otherwise there are a Conflict, others are added.
        """
        metadata = manifest["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        there = await self.find(api, namespace, name)
        seen = there["metadata"]["resourceVersion"] if there else None
        if seen != resource_version:
            what = "changed" if there and resource_version else "made" if there else "deleted"
            raise Conflict("Conflict", f"{api.kind} {name} was {what} meanwhile")
        guard = {"resourceVersion": seen, "uid": there["metadata"]["uid"]} if there else {}
        try:
            return await self._write(
                "patch",
                _path(api, namespace, name),
                body={**manifest, "metadata": {**metadata, **guard}},
                content_type=APPLY,
                field_manager=FIELD_MANAGER,
                force_conflicts=True if there else None,
            )
        except Transient as failure:
            if "uid mismatch" in failure.message:  # older API servers call that an error of their own
                raise Conflict("Conflict", f"{api.kind} {name} was deleted meanwhile") from failure
            raise

    async def set_spec(self, api: Api, manifest: Manifest, resource_version: str) -> Object:
        """Set what the manifest's spec says by a merge patch, which replaces lists as a whole, whoever owns what is in
        them. Raises Conflict or NotFound if it is not the object seen."""
        metadata = manifest["metadata"]
        body = {"metadata": {"resourceVersion": resource_version}, "spec": manifest["spec"]}
        path = _path(api, metadata["namespace"], metadata["name"])
        return await self._write("patch", path, body=body, content_type=MERGE, field_manager=FIELD_MANAGER)

    async def annotate(
        self, api: Api, namespace: str, name: str, resource_version: str, annotations: Mapping[str, str | None]
    ) -> Object:
        """Set annotations, or take them away (None). Raises Conflict or NotFound if it is not the object seen.

        Annotations that are also applied stay when an apply leaves them out: write each in one way only.
        """
        body = {"metadata": {"resourceVersion": resource_version, "annotations": dict(annotations)}}
        path = _path(api, namespace, name)
        return await self._write("patch", path, body=body, content_type=MERGE, field_manager=FIELD_MANAGER)

    async def scale(self, api: Api, namespace: str, name: str, resource_version: str, replicas: int) -> Object:
        """Set the replicas by the scale subresource. Raises Conflict or NotFound if it is not the object seen."""
        body = {"metadata": {"resourceVersion": resource_version}, "spec": {"replicas": replicas}}
        path = f"{_path(api, namespace, name)}/scale"
        return await self._write("patch", path, body=body, content_type=MERGE, field_manager=FIELD_MANAGER)

    async def delete(self, api: Api, namespace: str, name: str, uid: str) -> None:
        """Delete the object of this uid, then what it owns. That it is gone, or another one by now, is success."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        try:
            await self._write("delete", _path(api, namespace, name), body={**body, "propagationPolicy": "Background"})
        except NotFound:
            return
        except Conflict:
            there = await self.find(api, namespace, name)
            if there is not None and there["metadata"]["uid"] == uid:
                raise


@cache
def _resource(api: Api) -> Resource:
    return resource(api.group, api.version, api.kind, api.plural, namespaced=True)


def _path(api: Api, namespace: str | None, name: str | None = None) -> str:
    return str(_resource(api).path(name=name, namespace=namespace))
