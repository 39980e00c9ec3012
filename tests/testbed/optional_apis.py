"""The CRDs of other projects' APIs that the operator can use, as far as it sets their fields.

Their schemas are those of `tests/unit/domain/cluster/optional/crds`, which say where they are from.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from slipway.domain.cluster.apis import BY_KIND
from slipway.domain.cluster.looks.observation import Api
from tests.testbed.controlplane import ControlPlane

Object = dict[str, Any]
_SCHEMAS = Path(__file__).parents[1] / "unit" / "domain" / "cluster" / "optional" / "crds"
KINDS = tuple(sorted(path.stem for path in _SCHEMAS.glob("*.json")))


def install_optional_apis(plane: ControlPlane, folder: Path, kinds: Collection[str] = KINDS) -> None:
    """Install the CRDs, by way of `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in kinds:
        (folder / f"{kind}.yaml").write_text(json.dumps(_crd(BY_KIND[kind])))
    plane.install_crds(folder)


def _crd(api: Api) -> Object:
    schema = _structural(json.loads((_SCHEMAS / f"{api.kind}.json").read_text()))
    names = {"kind": api.kind, "listKind": f"{api.kind}List", "plural": api.plural, "singular": api.kind.lower()}
    version = {"name": api.version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{api.plural}.{api.group}",
            # No server takes a CRD of *.k8s.io without: https://github.com/kubernetes/enhancements/pull/1111
            "annotations": {"api-approved.kubernetes.io": "unapproved, a part of the original for tests"},
        },
        "spec": {"group": api.group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def _structural(schema: Any) -> Any:
    """Without what structural schemas may not have: what they do not know they drop in any case.
    https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#field-pruning"""
    if isinstance(schema, dict):
        closed = schema.get("additionalProperties") is False
        dropped = {"$comment", "additionalProperties"} if closed else {"$comment"}
        return {key: _structural(value) for key, value in schema.items() if key not in dropped}
    return [_structural(each) for each in schema] if isinstance(schema, list) else schema
