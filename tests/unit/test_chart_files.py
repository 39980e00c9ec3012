"""The chart's generated files: copies of the CRDs, and the settings in the values' schema."""

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway import chart, cli, crds
from slipway.settings import ClusterSetting, Settings
from tests.unit.api.schemas import ROOT

CHART = ROOT / "charts" / "slipway"
SETTINGS = chart.settings_schema()["properties"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(CHART, tmp_path / "chart")
    return tmp_path / "chart"


def objects(schema: Any) -> list[Any]:
    found = [schema] if schema.get("properties") else []
    for child in [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]:
        found += objects(child)
    return found


def test_they_are_current() -> None:
    assert chart.outdated(CHART) == [], "run `make crds`"


def test_the_crds_are_those_of_the_repository() -> None:
    for name in crds.render():
        assert (CHART / "files" / "crds" / name).read_text() == (ROOT / "crds" / name).read_text()


def test_what_was_written_is_current_until_somebody_edits_it(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads((copy / "values.schema.json").read_text())
    del schema["properties"]["settings"]["properties"]["workers"]
    (copy / "values.schema.json").write_text(json.dumps(schema))
    one, other = sorted(crds.render())
    (copy / "files" / "crds" / one).write_text("apiVersion: v1\n")
    (copy / "files" / "crds" / other).rename(copy / "files" / "crds" / "stranger.yaml")
    wrong = {f"files/crds/{one}", f"files/crds/{other}", "files/crds/stranger.yaml", "values.schema.json"}
    assert {*chart.outdated(copy)} == wrong
    command = ["crds", str(ROOT / "crds"), "--chart", str(copy)]
    assert cli.main([*command, "--check"]) == 1
    said = capsys.readouterr().err
    assert [name for name in wrong if f"{copy / name} is not current" not in said] == []
    (copy / "files" / "crds" / "stranger.yaml").unlink()
    chart.write(copy)
    assert cli.main([*command, "--check"]) == 0


def test_every_setting_is_a_value_once() -> None:
    assert {*SETTINGS} == Settings.model_fields.keys() - chart.DERIVED
    assert {*SETTINGS["cluster"]["properties"]} == ClusterSetting.model_fields.keys() - {"operator_namespace"}
    assert chart.DERIVED - Settings.model_fields.keys() == set()


def test_no_object_takes_what_it_does_not_know() -> None:
    """Beside maps that the API server or a person has named: annotations, peers, resources and the like."""
    for schema in objects(json.loads((CHART / "values.schema.json").read_text())):
        known = schema.get("additionalProperties") is False
        assert known, schema["properties"].keys()


def test_no_reference_and_no_default_is_left() -> None:
    text = json.dumps([chart.settings_schema(), chart.placements_schema()])
    assert not [word for word in ("$ref", "$defs", "anyOf", '"default"', '"null"', '"title"') if word in text]


def leaves(schema: Any, prefix: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Paths of the values that the chart itself gives a meaning: neither the operator's settings nor a probe's."""
    children = schema.get("properties", {})
    if not children or prefix in {("settings",), ("placements",)}:
        return {prefix}
    return {path for name, child in children.items() for path in leaves(child, (*prefix, name))}


def commented(text: str) -> dict[tuple[str, ...], bool]:
    """Paths of the keys of a YAML file -> whether a comment stands above them."""
    found: dict[tuple[str, ...], bool] = {}
    path: list[str] = []
    before = ""
    for line in text.splitlines():
        if key := re.match(r"( *)([A-Za-z]+):", line):
            path = [*path[: len(key[1]) // 2], key[2]]
            found[tuple(path)] = before.lstrip().startswith("#")
        before = line
    return found


def test_every_value_has_a_default_and_a_comment_in_values_yaml() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    found = commented((CHART / "values.yaml").read_text())
    of_a_parent = {("global",), ("enabled",)}
    probes = {path for path in leaves(schema) if path[0].endswith("Probe")}
    wanted = leaves(schema) - of_a_parent - probes
    assert {path for path in wanted if path not in found} == set(), "no default"
    assert {path for path in wanted if not found[path]} == set(), "no comment"
    assert {path[0] for path in probes} <= {path[0] for path in found}


def test_the_chart_has_the_operators_version() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert (str(about["version"]), str(about["appVersion"])) == (version, version)
