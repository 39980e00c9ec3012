"""Validates a request against botocore's service model, and words the errors as the service does.

boto3 checks types, required members and minima before it sends. Enumerations, patterns and maxima are the
server's to refuse, and a double that lets them pass would hide what production would find.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from botocore.loaders import Loader

from tests.testbed.sagemaker import refusals

_SEPARATORS = " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


@functools.cache
def service_model() -> Mapping[str, Any]:
    model: Mapping[str, Any] = Loader().load_service_model("sagemaker", "service-2")
    return model


@functools.cache
def shapes() -> Mapping[str, Any]:
    found: Mapping[str, Any] = service_model()["shapes"]
    return found


@functools.cache
def enum(shape: str) -> frozenset[str]:
    return frozenset(shapes()[shape]["enum"])


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """The model's patterns are Java's: \\p{..} is rewritten, \\d and \\w without it are ASCII."""
    unicode_classes = r"\p{" in pattern
    python = pattern.replace(r"\p{L}", r"\w").replace(r"\p{N}", "").replace(r"\p{Z}", _SEPARATORS)
    return re.compile(python, 0 if unicode_classes else re.ASCII)


def check(operation: str, params: Mapping[str, Any]) -> None:
    """Raises the service's ValidationException unless `params` fit the operation's input shape."""
    found = _Walk()
    found.visit(service_model()["operations"][operation]["input"]["shape"], params, "")
    if found.messages:
        raise refusals.violations(found.messages)


class _Walk:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def visit(self, name: str, value: Any, path: str) -> None:
        shape = shapes()[name]
        kind = shape["type"]
        if not isinstance(value, _PYTHON[kind]) or (isinstance(value, bool) and kind != "boolean"):
            raise refusals.Refusal("SerializationException", f"{type(value).__name__} where {kind} was expected")
        getattr(self, f"_{kind}", self._leaf)(shape, value, path)

    def _leaf(self, shape: Mapping[str, Any], value: Any, path: str) -> None:
        """Booleans and timestamps have no constraints."""

    def _structure(self, shape: Mapping[str, Any], value: Mapping[str, Any], path: str) -> None:
        members: Mapping[str, Any] = shape.get("members", {})
        for required in shape.get("required", []):
            if value.get(required) is None:
                self._say("null", f"{path}{_lower(required)}", "Member must not be null")
        for member, item in value.items():
            if member in members and item is not None:
                self.visit(members[member]["shape"], item, f"{path}{_lower(member)}" + _dot(members[member]["shape"]))

    def _list(self, shape: Mapping[str, Any], value: list[Any], path: str) -> None:
        self._sized(shape, value, path)
        inner = shape["member"]["shape"]
        for position, item in enumerate(value, 1):
            self.visit(inner, item, f"{path}.{position}.member" + _dot(inner))

    def _map(self, shape: Mapping[str, Any], value: Mapping[str, Any], path: str) -> None:
        self._sized(shape, value, path)
        for part, shown in (("key", "key"), ("value", "value")):
            inner = shapes()[shape[part]["shape"]]
            rules = [rule for item in (value if part == "key" else value.values()) for rule in _broken(inner, item)]
            if rules:
                listed = ", ".join(dict.fromkeys(rules))
                self._say(f"'{dict(value)}'", path, f"Map {shown} must satisfy constraint: [{listed}]")

    def _string(self, shape: Mapping[str, Any], value: str, path: str) -> None:
        for rule in _broken(shape, value):
            self._say(f"'{value}'", path, rule)

    def _number(self, shape: Mapping[str, Any], value: float, path: str) -> None:
        if "min" in shape and value < shape["min"]:
            self._say(f"'{value}'", path, f"Member must have value greater than or equal to {shape['min']}")
        if "max" in shape and value > shape["max"]:
            self._say(f"'{value}'", path, f"Member must have value less than or equal to {shape['max']}")

    _integer = _long = _float = _double = _number

    def _sized(self, shape: Mapping[str, Any], value: Any, path: str) -> None:
        for rule in _length(shape, len(value)):
            self._say(f"'{value}'", path, rule)

    def _say(self, value: str, path: str, rule: str) -> None:
        self.messages.append(f"Value {value} at '{path}' failed to satisfy constraint: {rule}")


def _broken(shape: Mapping[str, Any], value: str) -> list[str]:
    if not isinstance(value, str):
        raise refusals.Refusal("SerializationException", f"{type(value).__name__} where string was expected")
    rules = _length(shape, len(value))
    if "pattern" in shape and not _compiled(shape["pattern"]).fullmatch(value):
        rules.append(f"Member must satisfy regular expression pattern: {shape['pattern']}")
    if "enum" in shape and value not in shape["enum"]:
        rules.append(f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]")
    return rules


def _length(shape: Mapping[str, Any], length: int) -> list[str]:
    rules = []
    if length > shape.get("max", length):
        rules.append(f"Member must have length less than or equal to {shape['max']}")
    if length < shape.get("min", 0):
        rules.append(f"Member must have length greater than or equal to {shape['min']}")
    return rules


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _dot(shape: str) -> str:
    return "." if shapes()[shape]["type"] == "structure" else ""


_PYTHON: Mapping[str, type | tuple[type, ...]] = {
    "structure": dict,
    "list": list,
    "map": dict,
    "string": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "boolean": bool,
    "timestamp": (int, float, str),
    "blob": str,
}
