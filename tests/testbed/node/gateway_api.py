"""The Gateway API's HTTPRoute in a control plane: as much of its CRD as Slipway sets, its defaults, and its status.

The fields of the spec are those of `tests/unit/domain/cluster/optional/crds/HTTPRoute.json`, which says where they are
from. So a server-side apply of any other field is refused, and a plain create or patch loses it. Added here, from
https://github.com/kubernetes-sigs/gateway-api/blob/v1.2.0/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml:
the defaults of `rules` and `matches`, which every stored route has, and the status with its subresource.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slipway.domain.cluster.apis import HTTP_ROUTE
from tests.testbed.controlplane import ControlPlane

Object = dict[str, Any]
CRD = f"{HTTP_ROUTE.plural}.{HTTP_ROUTE.group}"
_SCHEMA = Path(__file__).parents[2] / "unit" / "domain" / "cluster" / "optional" / "crds" / "HTTPRoute.json"
_ONLY_IN_JSON_SCHEMA = ("$comment", "additionalProperties")
"""What structural schemas may not have beside `properties`; they drop what they do not know in any case:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#field-pruning"""
_EVERY_PATH = {"type": "PathPrefix", "value": "/"}


@contextmanager
def http_routes(plane: ControlPlane, folder: Path) -> Iterator[None]:
    """The cluster has HTTPRoutes until this is left, which deletes all of them; one that has them already keeps them.

    `folder` must exist, and have no YAML of others in it.
    """
    if plane.kubectl("get", "customresourcedefinition", CRD, "--output=name", "--ignore-not-found").stdout:
        yield
        return
    (folder / "httproutes.yaml").write_text(json.dumps(manifest()))
    plane.install_crds(folder)
    try:
        yield
    finally:
        plane.kubectl("delete", "customresourcedefinition", CRD, "--ignore-not-found", "--wait")


def manifest() -> Object:
    """The CustomResourceDefinition, with its CEL rules."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": CRD,
            # No server takes a CRD of *.k8s.io without: https://github.com/kubernetes/enhancements/pull/1111
            "annotations": {"api-approved.kubernetes.io": "unapproved, a part of the Gateway API's for tests"},
        },
        "spec": {
            "group": HTTP_ROUTE.group,
            "scope": "Namespaced",
            "names": {
                "kind": HTTP_ROUTE.kind,
                "listKind": f"{HTTP_ROUTE.kind}List",
                "plural": HTTP_ROUTE.plural,
                "singular": HTTP_ROUTE.kind.lower(),
                "categories": ["gateway-api"],
            },
            "versions": [
                {
                    "name": HTTP_ROUTE.version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": _schema()},
                }
            ],
        },
    }


def _schema() -> Object:
    schema: Object = _structural(json.loads(_SCHEMA.read_text()))
    spec = schema["properties"]["spec"]["properties"]
    spec["rules"]["items"]["properties"]["matches"] = {
        "type": "array",
        "maxItems": 64,
        "default": [{"path": _EVERY_PATH}],
        "items": _match(),
    }
    spec["rules"]["default"] = [{"matches": [{"path": _EVERY_PATH}]}]
    schema["properties"]["status"] = _status(spec["parentRefs"]["items"])
    return schema


def _match() -> Object:
    """What else a match says is kept as it is: the double of a Gateway refuses what it cannot tell apart."""
    fields = {name: {"type": "string", "default": value} for name, value in _EVERY_PATH.items()}
    return {
        "type": "object",
        "properties": {"path": {"type": "object", "default": _EVERY_PATH, "properties": fields}},
        "x-kubernetes-preserve-unknown-fields": True,
    }


def _structural(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _structural(value) for key, value in schema.items() if key not in _ONLY_IN_JSON_SCHEMA}
    return [_structural(each) for each in schema] if isinstance(schema, list) else schema


def _status(parent_ref: Object) -> Object:
    text, count = {"type": "string"}, {"type": "integer", "format": "int64", "minimum": 0}
    condition = {
        "type": "object",
        "required": ["lastTransitionTime", "message", "reason", "status", "type"],
        "properties": {
            "type": text,
            "status": text | {"enum": ["True", "False", "Unknown"]},
            "reason": text | {"minLength": 1, "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"},
            "message": text | {"maxLength": 32768},
            "observedGeneration": count,
            "lastTransitionTime": text | {"format": "date-time"},
        },
    }
    conditions = {
        "type": "array",
        "minItems": 1,
        "maxItems": 8,
        "items": condition,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    }
    parent = {
        "type": "object",
        "required": ["controllerName", "parentRef"],
        "properties": {"parentRef": parent_ref, "controllerName": text | {"minLength": 1}, "conditions": conditions},
    }
    return {
        "type": "object",
        "required": ["parents"],
        "properties": {"parents": {"type": "array", "maxItems": 32, "items": parent}},
    }
