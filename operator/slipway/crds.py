"""The resources' models as CustomResourceDefinitions: `crds/*.yaml`.

Pydantic's JSON schema is turned into a *structural* schema, the subset that the API server stores and prunes by:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from slipway.api.v1alpha1 import GROUP, VERSION
from slipway.api.v1alpha1.common import ApiModel
from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.model_version import ModelVersion

Schema = dict[str, Any]
HEADER = "# Generated from operator/slipway/api by `make crds`. Do not edit.\n"


@dataclass(frozen=True)
class ResourceDefinition:
    """How one model is registered with the API server."""

    model: type[ApiModel]
    plural: str
    short_name: str
    columns: list[tuple[str, str, str, int]]
    """Printer columns: (name, type, JSONPath, priority). Priority 1 shows with `-o wide` only."""
    subresources: Schema = field(default_factory=lambda: {"status": {}})

    @property
    def kind(self) -> str:
        """Kind, which is the model's class name."""
        return self.model.__name__

    @property
    def file_name(self) -> str:
        """File below crds/."""
        return f"{GROUP}_{self.plural}.yaml"


def _condition(name: str, what: str) -> str:
    return f'.status.conditions[?(@.type=="{name}")].{what}'


DEFINITIONS = (
    ResourceDefinition(
        ModelVersion,
        plural="modelversions",
        short_name="mv",
        columns=[
            ("Ready", "string", _condition("Ready", "status"), 0),
            ("Reason", "string", _condition("Ready", "reason"), 0),
            ("Revision", "string", ".status.resolved.revision", 0),
            ("Policy", "string", ".spec.updates.policy", 0),
            ("Repo", "string", ".spec.source.huggingFace.repo", 1),
            ("Ref", "string", ".spec.source.huggingFace.revision", 1),
            ("Candidate", "string", ".status.candidate.revision", 1),
            ("Message", "string", _condition("Ready", "message"), 1),
            ("Age", "date", ".metadata.creationTimestamp", 0),
        ],
    ),
    ResourceDefinition(
        Deployment,
        plural="deployments",
        short_name="sdep",
        columns=[
            ("Ready", "string", _condition("Ready", "status"), 0),
            ("Reason", "string", _condition("Ready", "reason"), 0),
            ("Serving", "string", ".status.revision.serving.revision", 0),
            ("Rolling", "string", _condition("Reconciling", "reason"), 0),
            ("Stalled", "string", _condition("Stalled", "reason"), 0),
            ("Model", "string", ".spec.modelRef.name", 1),
            ("Target", "string", ".status.placement.target", 1),
            ("Endpoint", "string", ".status.endpoint.name", 1),
            ("Region", "string", ".spec.target.sageMaker.region", 1),
            ("URL", "string", ".status.endpoint.url", 1),
            # A column of type date shows how long ago: of a time to come it says <invalid>.
            ("Expires", "string", ".status.expiresAt", 1),
            ("Message", "string", _condition("Ready", "message"), 1),
            ("Age", "date", ".metadata.creationTimestamp", 0),
        ],
        subresources={
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
    ),
)

_KEPT = (
    "description", "type", "format", "enum", "pattern", "default", "required", "properties", "items",
    "additionalProperties", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties",
    "x-kubernetes-validations", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
)  # fmt: skip


def structural(schema: Schema, definitions: Schema, *, with_defaults: bool) -> Schema:
    """One node of pydantic's JSON schema as a node of a structural schema: references inlined, nulls gone."""
    node = _resolve(schema, definitions)
    result = {key: node[key] for key in _KEPT if key in node}
    if node.get("x-kubernetes-preserve-unknown-fields"):
        result.pop("additionalProperties", None)  # the one or the other
    if "const" in node:
        result["enum"] = [node["const"]]
    if result.get("type") == "integer":
        result.setdefault("format", "int64")
    if "description" in result:
        result["description"] = " ".join(textwrap.dedent(result["description"]).split())
    if not with_defaults or result.get("default") is None or result["default"] in ([], {}):
        result.pop("default", None)
    else:
        result["default"] = _without_nulls(result["default"])
    if "properties" in result:
        result["properties"] = {
            name: structural(child, definitions, with_defaults=with_defaults)
            for name, child in result["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if isinstance(result.get(key), dict):
            result[key] = structural(result[key], definitions, with_defaults=with_defaults)
    return result


def _resolve(schema: Schema, definitions: Schema) -> Schema:
    """Follow $ref and `X | None`; what stands beside a reference wins over what it refers to."""
    beside = {key: value for key, value in schema.items() if key not in ("$ref", "anyOf")}
    if "$ref" in schema:
        return {**_resolve(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions), **beside}
    if "anyOf" in schema:
        options = [_resolve(o, definitions) for o in schema["anyOf"] if o.get("type") != "null"]
        return {**(options[0] if len(options) == 1 else _either(options)), **beside}
    return schema


def _either(options: list[Schema]) -> Schema:
    """Objects of several shapes as one: every property of any, required where all of them require it.

    A structural schema may not define properties below anyOf. What sets the shapes apart is a property of constants.
    """
    properties: Schema = {}
    if any(option.get("type") != "object" for option in options):
        raise ValueError("only objects can have several shapes: the API server knows a field by one type")
    for option in options:
        for name, child in option["properties"].items():
            constants = [properties[name]["const"], child["const"]] if "const" in child and name in properties else None
            kept = {key: value for key, value in child.items() if key not in ("const", "default")}
            properties[name] = {**kept, "enum": constants} if constants else child
    required = set.intersection(*(set(option.get("required", [])) for option in options))
    return {"type": "object", "properties": properties, "required": sorted(required)}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(child) for key, child in value.items() if child not in (None, [])}
    return value


def openapi_schema(model: type[ApiModel]) -> Schema:
    """The structural schema of a resource: spec with defaults, status without."""
    whole = model.model_json_schema(by_alias=True, mode="validation")
    definitions = whole.get("$defs", {})
    root = structural(whole, definitions, with_defaults=False)
    spec = structural(whole["properties"]["spec"], definitions, with_defaults=True)
    root["properties"] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": spec,
        "status": _replaced_whole(root["properties"]["status"]),
    }
    root["required"] = ["spec"]
    return root


def _replaced_whole(status: Schema) -> Schema:
    """The status with every object in it owned and removed as one.

    Server-side apply owns the leaves of a granular object: when such an object is left out of the next apply, its
    leaves are taken away and a null stays, which the schema then refuses.
    https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
    """
    properties = {
        name: {**child, "x-kubernetes-map-type": "atomic"} if child["type"] == "object" else child
        for name, child in status["properties"].items()
    }
    return {**status, "properties": properties}


def custom_resource_definition(definition: ResourceDefinition) -> Schema:
    """The CustomResourceDefinition of one resource."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{definition.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": definition.kind,
                "listKind": f"{definition.kind}List",
                "plural": definition.plural,
                "singular": definition.kind.lower(),
                "shortNames": [definition.short_name],
                "categories": ["slipway"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": definition.subresources,
                    "additionalPrinterColumns": [
                        {"name": name, "type": kind, "jsonPath": path, "priority": priority}
                        for name, kind, path, priority in definition.columns
                    ],
                    "schema": {"openAPIV3Schema": openapi_schema(definition.model)},
                }
            ],
        },
    }


class _Plain(yaml.SafeDumper):
    """Writes out what occurs twice: some tools stumble over anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def render() -> dict[str, str]:
    """File name -> YAML text of every definition."""
    return {
        definition.file_name: HEADER
        + yaml.dump(
            custom_resource_definition(definition), Dumper=_Plain, sort_keys=False, width=110, allow_unicode=True
        )
        for definition in DEFINITIONS
    }


def write(folder: Path) -> None:
    """Write all definitions below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in render().items():
        (folder / name).write_text(text)


def outdated(folder: Path) -> list[str]:
    """Names of the files below `folder` that differ from the models."""
    return [
        name for name, text in render().items() if not (folder / name).is_file() or (folder / name).read_text() != text
    ]
