"""The CRDs as the API server reads them: what it would refuse, drop and fill in."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
Schema = dict[str, Any]
Node = tuple[str, Schema]


def definitions() -> dict[str, Schema]:
    """The files below crds/, by kind."""
    found = (yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml")))
    return {definition["spec"]["names"]["kind"]: definition for definition in found}


def version_of(definition: Schema) -> Schema:
    (version,) = definition["spec"]["versions"]
    found: Schema = version
    return found


def schema_of(definition: Schema) -> Schema:
    found: Schema = version_of(definition)["schema"]["openAPIV3Schema"]
    return found


def nodes(schema: Schema, path: str = "") -> Iterator[Node]:
    """Every node of a schema with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(key), dict):
            yield from nodes(schema[key], f"{path}{mark}")


TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def refused(value: Any, schema: Schema, path: str = "") -> list[str]:
    """Paths of a value that the API server would not take. CEL rules apart."""
    if not isinstance(value, TYPES[schema["type"]]):
        return [path]
    found = [] if _within_bounds(value, schema) else [path]
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        found += [f"{path}.{name}" for name in schema.get("required", []) if name not in value]
        for name, child in value.items():
            if node := known.get(name, others):
                found += refused(child, node, f"{path}.{name}")
    if isinstance(value, list):
        found += [inside for item in value for inside in refused(item, schema["items"], f"{path}[]")]
    return found


def _within_bounds(value: Any, schema: Schema) -> bool:
    size = value if isinstance(value, (int, float)) else len(value)
    limits = {
        dict: ("minProperties", "maxProperties"),
        list: ("minItems", "maxItems"),
        str: ("minLength", "maxLength"),
        int: ("minimum", "maximum"),
        float: ("minimum", "maximum"),
        bool: ("minimum", "maximum"),
    }
    least, most = limits[type(value)]
    return (
        schema.get(least, size) <= size <= schema.get(most, size)
        and value in schema.get("enum", [value])
        and re.search(schema.get("pattern", ""), str(value)) is not None
    )


def dropped(value: Any, schema: Schema, path: str = "") -> list[str]:
    """Paths of a value that the API server would prune because the schema does not know them."""
    if isinstance(value, list):
        return [found for item in value for found in dropped(item, schema.get("items", {}), f"{path}[]")]
    if not isinstance(value, dict) or path == ".metadata" or "additionalProperties" in schema:
        return []
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return []
    known = schema.get("properties", {})
    unknown = [f"{path}.{name}" for name in value if name not in known]
    inside = (dropped(child, known[name], f"{path}.{name}") for name, child in value.items() if name in known)
    return unknown + [found for paths in inside for found in paths]


def filled_in(value: Any, schema: Schema) -> Any:
    """A value with the defaults of the schema, as the API server stores it."""
    if isinstance(value, list):
        return [filled_in(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    defaults = {name: child["default"] for name, child in properties.items() if "default" in child}
    return {name: filled_in(child, properties.get(name, {})) for name, child in {**defaults, **value}.items()}
