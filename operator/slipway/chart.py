"""The parts of a Helm chart that follow from the code: copies of the CRDs, and the settings in values.schema.json.

Helm checks values against that schema before it renders anything (https://helm.sh/docs/topics/charts/#schema-files).
"""

import json
from pathlib import Path
from typing import Any

from slipway import crds
from slipway.settings import PlacementSetting, Settings

Schema = dict[str, Any]
VALUES_SCHEMA = "values.schema.json"
DERIVED = frozenset({"release", "namespaces", "http_port", "placements"})
"""Settings that the chart knows, or has values of its own for: what can be said twice can be contradicted."""
_DERIVED_OF_CLUSTER = frozenset({"operator_namespace"})
_LEFT_OUT = frozenset({"title", "default", "format"})


def render(chart: Path) -> dict[str, str]:
    """Path below the chart -> text of every generated file.

    The rest of the values' schema is written by hand, in the file itself. Raises FileNotFoundError without it.
    """
    definitions = {f"files/crds/{name}": text for name, text in crds.render().items()}
    schema = json.loads((chart / VALUES_SCHEMA).read_text())
    schema["properties"]["settings"] = settings_schema()
    schema["properties"]["placements"] = placements_schema()
    return {**definitions, VALUES_SCHEMA: json.dumps(schema, indent=2, ensure_ascii=False) + "\n"}


def settings_schema() -> Schema:
    """What the value `settings` may hold: the operator's settings by their own names, but for the derived ones."""
    whole = Settings.model_json_schema()
    schema = _inlined(whole, whole.get("$defs", {}))
    properties = schema["properties"]
    for name in DERIVED:
        del properties[name]
    for name in _DERIVED_OF_CLUSTER:
        del properties["cluster"]["properties"][name]
    return schema


def placements_schema() -> Schema:
    """What the value `placements` may hold: a list of the operator's own entries."""
    whole = PlacementSetting.model_json_schema()
    entry = _inlined(whole, whole.get("$defs", {}))
    return {"type": "array", "description": Settings.model_fields["placements"].description, "items": entry}


def _inlined(schema: Schema, definitions: Schema) -> Schema:
    """Without references, nulls and defaults; an object takes no property that it does not know."""
    node = _resolved(schema, definitions)
    result = {key: value for key, value in node.items() if key not in _LEFT_OUT}
    if "description" in result:
        result["description"] = " ".join(result["description"].split())
    if "properties" in node:
        result["properties"] = {name: _inlined(child, definitions) for name, child in node["properties"].items()}
        result["additionalProperties"] = False
    if isinstance(node.get("items"), dict):
        result["items"] = _inlined(node["items"], definitions)
    result.pop("$defs", None)
    return result


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """Follow $ref and `X | None`: Helm takes a value of null for one that is left out."""
    beside = {key: value for key, value in schema.items() if key not in ("$ref", "anyOf")}
    if "$ref" in schema:
        return {**_resolved(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions), **beside}
    if "anyOf" in schema:
        (option,) = (each for each in schema["anyOf"] if each.get("type") != "null")
        return {**_resolved(option, definitions), **beside}
    return schema


def write(chart: Path) -> None:
    """Write all generated files below `chart`."""
    for name, text in render(chart).items():
        path = chart / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def outdated(chart: Path) -> list[str]:
    """Paths below `chart` of the files that differ from the code, or that it does not know."""
    rendered = render(chart)
    differing = [
        name for name, text in rendered.items() if not (chart / name).is_file() or (chart / name).read_text() != text
    ]
    strangers = [f"files/crds/{path.name}" for path in (chart / "files" / "crds").glob("*")]
    return differing + sorted(name for name in strangers if name not in rendered)
