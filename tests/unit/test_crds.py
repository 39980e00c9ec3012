"""The CustomResourceDefinitions: current, structural, bounded, explained."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from slipway import crds
from slipway.api.v1alpha1.common import ApiModel
from tests.unit.api.schemas import ROOT, Schema, definitions, nodes, schema_of, version_of

DEFINITIONS = definitions()
KINDS = sorted(DEFINITIONS)
NODES = [(f"{kind}{path}", node) for kind in KINDS for path, node in nodes(schema_of(DEFINITIONS[kind]))]
COLUMNS = [(kind, column) for kind in KINDS for column in version_of(DEFINITIONS[kind])["additionalPrinterColumns"]]
STANDARD = {"apiVersion", "kind", "metadata"}


def where(wrong: Callable[[Schema], object], below: str = "") -> list[str]:
    """Paths of the nodes, of both kinds, that are wrong."""
    return [path for path, node in NODES if path.partition(".")[2].startswith(below) and wrong(node)]


class TestFiles:
    def test_they_are_current(self) -> None:
        assert crds.outdated(ROOT / "crds") == [], "run `make crds`"

    def test_they_hold_both_kinds_and_nothing_else(self) -> None:
        assert KINDS == ["Deployment", "ModelVersion"]
        assert {path.name for path in (ROOT / "crds").iterdir()} == set(crds.render())

    def test_what_was_written_is_current_until_somebody_edits_or_removes_it(self, tmp_path: Path) -> None:
        folder = tmp_path / "crds"
        crds.write(folder)
        assert crds.outdated(folder) == []
        one, other = sorted(crds.render())
        (folder / one).write_text((folder / one).read_text().replace("sdep", "sd"))
        (folder / other).unlink()
        assert sorted(crds.outdated(folder)) == [one, other]


class TestStructure:
    def test_the_schemas_are_walked_to_their_leaves(self) -> None:
        assert {"Deployment.spec.engine.env[].value", "ModelVersion.status.resolved.parameters.byDtype{}"} <= {
            path for path, _ in NODES
        }

    def test_each_node_has_a_type(self) -> None:
        assert where(lambda node: not isinstance(node.get("type"), str)) == []

    def test_none_has_what_structural_schemas_forbid(self) -> None:
        forbidden = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "not", "const", "nullable", "title", "examples"}
        assert where(lambda node: forbidden & node.keys()) == []

    def test_no_default_is_or_holds_a_null(self) -> None:
        assert where(lambda node: "default" in node and "None" in repr(node["default"])) == []

    def test_properties_and_additional_properties_exclude_each_other(self) -> None:
        assert where(lambda node: {"properties", "additionalProperties"} <= node.keys()) == []

    def test_what_is_required_exists_and_has_no_default(self) -> None:
        assert where(lambda node: any("default" in node["properties"][name] for name in node.get("required", []))) == []

    def test_each_property_says_in_a_line_what_it_is(self) -> None:
        def silent(node: Schema) -> list[str]:
            children = {name: child for name, child in node.get("properties", {}).items() if name not in STANDARD}
            return [
                name for name, child in children.items() if not re.fullmatch(r".{5,}", child.get("description", ""))
            ]

        assert where(silent) == []

    def test_a_pattern_is_one_that_the_api_server_understands(self) -> None:
        """RE2 has no look-around and no references back."""
        assert where(lambda node: re.search(r"\(\?[=!<P]|\\[1-9]", node.get("pattern", ""))) == []

    def test_a_list_by_key_requires_its_keys(self) -> None:
        def keyless(node: Schema) -> set[str]:
            return set(node.get("x-kubernetes-list-map-keys", [])) - set(node.get("items", {}).get("required", []))

        assert where(keyless) == []


class TestSpec:
    def test_everything_that_can_grow_has_a_bound(self) -> None:
        """Without them the cost of a CEL rule is beyond the API server's budget."""
        bounds = {"string": {"maxLength", "enum"}, "array": {"maxItems"}, "integer": {"maximum"}, "number": {"maximum"}}

        def boundless(node: Schema) -> bool:
            needed = bounds.get(node["type"], set())
            if "additionalProperties" in node:
                return "maxProperties" not in node
            return bool(needed and not needed & node.keys())

        assert where(boundless, below="spec") == []

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_is_required(self, kind: str) -> None:
        assert schema_of(DEFINITIONS[kind])["required"] == ["spec"]


class TestStatus:
    @pytest.mark.parametrize("kind", KINDS)
    def test_objects_directly_below_it_are_replaced_as_a_whole(self, kind: str) -> None:
        properties = schema_of(DEFINITIONS[kind])["properties"]["status"]["properties"]
        atomic = {name for name, node in properties.items() if node.get("x-kubernetes-map-type") == "atomic"}
        assert atomic == {name for name, node in properties.items() if node["type"] == "object"} != set()

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_has_no_defaults(self, kind: str) -> None:
        status = schema_of(DEFINITIONS[kind])["properties"]["status"]
        assert [path for path, node in nodes(status) if "default" in node] == []

    @pytest.mark.parametrize("kind", KINDS)
    def test_conditions_are_a_list_by_type_that_others_can_add_to(self, kind: str) -> None:
        conditions = schema_of(DEFINITIONS[kind])["properties"]["status"]["properties"]["conditions"]
        assert conditions["x-kubernetes-list-type"] == "map"
        assert conditions["x-kubernetes-list-map-keys"] == ["type"]

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_is_a_subresource(self, kind: str) -> None:
        assert "status" in version_of(DEFINITIONS[kind])["subresources"]


def led_to(kind: str, path: str) -> Schema | None:
    node: Schema | None = schema_of(DEFINITIONS[kind])
    for name in path.strip(".").split("."):
        node = (node or {}).get("properties", {}).get(name)
    return node


class TestPaths:
    @pytest.mark.parametrize(("kind", "column"), COLUMNS, ids=[f"{kind}-{c['name']}" for kind, c in COLUMNS])
    def test_each_column_shows_something_that_exists(self, kind: str, column: dict[str, Any]) -> None:
        path = column["jsonPath"]
        condition = re.fullmatch(r'\.status\.conditions\[\?\(@\.type=="[A-Za-z]+"\)\]\.(status|reason|message)', path)
        assert condition or path == ".metadata.creationTimestamp" or led_to(kind, path), path

    def test_the_scale_subresource_has_its_fields(self) -> None:
        scale = version_of(DEFINITIONS["Deployment"])["subresources"]["scale"]
        for path in (scale["specReplicasPath"], scale["statusReplicasPath"]):
            node = led_to("Deployment", path)
            assert node
            assert node["type"] == "integer"


class Inner(ApiModel):
    """One   that is
    nested."""

    size: int | None = None
    """How much."""
    words: list[str] = Field(default_factory=list)
    """What."""


class Outer(ApiModel):
    inner: Inner = Inner(size=1)
    """Wins over the class's own words."""
    fixed: Literal["one"]
    either: int | str | None = None


class TestGenerator:
    def generated(self, name: str, *, with_defaults: bool) -> Schema:
        whole = Outer.model_json_schema(by_alias=True)
        return crds.structural(whole["properties"][name], whole["$defs"], with_defaults=with_defaults)

    def test_references_are_put_in_place_with_defaults_that_hold_no_nulls_and_no_empty_lists(self) -> None:
        assert self.generated("inner", with_defaults=True) == {
            "description": "Wins over the class's own words.",
            "type": "object",
            "default": {"size": 1},
            "properties": {
                "size": {"description": "How much.", "type": "integer", "format": "int64"},
                "words": {"description": "What.", "type": "array", "items": {"type": "string"}},
            },
        }

    def test_defaults_can_be_left_out(self) -> None:
        assert "default" not in self.generated("inner", with_defaults=False)

    def test_a_single_permitted_value_is_an_enumeration(self) -> None:
        assert self.generated("fixed", with_defaults=True) == {"type": "string", "enum": ["one"]}

    def test_a_field_of_several_types_cannot_be_generated(self) -> None:
        with pytest.raises(ValueError, match="several shapes"):
            self.generated("either", with_defaults=True)

    def test_bounds_and_marks_are_taken_over(self) -> None:
        class Bounded(ApiModel):
            size: Annotated[int, Field(ge=1, le=9, json_schema_extra={"x-kubernetes-list-type": "set"})]

        schema = Bounded.model_json_schema()["properties"]["size"]
        assert crds.structural(schema, {}, with_defaults=True) == {
            "type": "integer",
            "format": "int64",
            "minimum": 1,
            "maximum": 9,
            "x-kubernetes-list-type": "set",
        }
