"""The schemas of other projects' CRDs, as far as Slipway sets their fields: crds/*.json say where each is from."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import celpy
import jsonschema

from slipway.domain.cluster.marks import Manifest

FOLDER = Path(__file__).parent / "crds"
KINDS = sorted(path.stem for path in FOLDER.glob("*.json"))
_CEL = celpy.Environment()


def schema_of(kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / f"{kind}.json").read_text())
    return schema


def faults(manifest: Manifest) -> list[str]:
    """What an API server with this CRD would refuse."""
    schema = schema_of(manifest["kind"])
    found = [
        f"{error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(manifest)
    ]
    return found or list(_broken_rules(schema, _with_defaults(schema, manifest)))


def _broken_rules(schema: dict[str, Any], value: Any) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        program = _CEL.program(_CEL.compile(rule["rule"]))
        if not program.evaluate({"self": celpy.json_to_cel(value)}):
            yield rule["message"]
    for name, below in schema.get("properties", {}).items():
        if isinstance(value, dict) and name in value:
            yield from _broken_rules(below, value[name])
    if isinstance(value, list):
        for item in value:
            yield from _broken_rules(schema.get("items", {}), item)


def _with_defaults(schema: dict[str, Any], value: Any) -> Any:
    """As the API server stores it: defaults are filled in before rules are evaluated."""
    if isinstance(value, list):
        return [_with_defaults(schema.get("items", {}), item) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    defaults = {name: below["default"] for name, below in properties.items() if "default" in below}
    return {name: _with_defaults(properties.get(name, {}), each) for name, each in {**defaults, **value}.items()}
