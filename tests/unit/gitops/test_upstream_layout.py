"""The scripts lie as Argo CD's own do, resource_customizations/<group>/<Kind>, with the tests that it runs over them.

health_test.yaml names inputs and what the script says about each:
https://argo-cd.readthedocs.io/en/stable/operator-manual/health/#way-2-contribute-a-custom-health-check
"""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.testbed.gitops.argocd import Script
from tests.unit.api.schemas import definitions, schema_of
from tests.unit.gitops.test_health import FOLDER, KINDS, expected


def cases(kind: str) -> list[tuple[Path, dict[str, str]]]:
    found = yaml.safe_load((FOLDER / kind / "health_test.yaml").read_text())["tests"]
    return [(FOLDER / kind / case["inputPath"], case["healthStatus"]) for case in found]


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("kind", KINDS)
class TestHealth:
    def test_the_script_says_what_it_is_said_to(self, kind: str) -> None:
        script = Script.at(FOLDER / kind / "health.lua")
        for path, health in cases(kind):
            assert script.health(loaded(path))._asdict() == health, path.name

    def test_each_input_is_tested_and_as_its_name_says(self, kind: str) -> None:
        assert sorted(path for path, _ in cases(kind)) == sorted((FOLDER / kind / "testdata").iterdir())
        for path, health in cases(kind):
            name = "progressing" if path.stem == "terminating" else path.stem.partition("_")[0]
            assert health["status"].lower() == name
            assert expected({"status": {}, **loaded(path)}) == health["status"]

    def test_the_inputs_are_objects_that_an_api_server_would_hold(self, kind: str) -> None:
        validator = jsonschema.Draft7Validator(schema_of(definitions()[kind]))
        for path, _ in cases(kind):
            assert [error.message for error in validator.iter_errors(loaded(path))] == [], path.name


@pytest.mark.parametrize("kind", KINDS)
class TestActions:
    def test_reconcile_now_is_offered(self, kind: str) -> None:
        offered = Script.at(FOLDER / kind / "actions" / "discovery.lua").run(loaded(cases(kind)[0][0]))
        assert list(offered) == ["reconcile-now"]
        assert [path.name for path in (FOLDER / kind / "actions").iterdir() if path.is_dir()] == list(offered)

    @pytest.mark.parametrize("annotations", [None, {"team": "search"}])
    def test_it_sets_the_annotation_and_nothing_else(self, kind: str, annotations: dict[str, str] | None) -> None:
        before = loaded(cases(kind)[0][0])
        if annotations:
            before["metadata"]["annotations"] = annotations
        after = Script.at(FOLDER / kind / "actions" / "reconcile-now" / "action.lua").run(before)
        set_to = after["metadata"]["annotations"].pop("slipway.dev/reconcile-now")
        assert set_to.endswith("Z")
        assert after["metadata"]["annotations"] == (annotations or {})
        assert {key: after[key] for key in ("spec", "status")} == {key: before[key] for key in ("spec", "status")}


class TestTheSandbox:
    """Argo CD opens few libraries: what it lacks must fail here, too."""

    @pytest.mark.parametrize(
        "source",
        [
            "return string.format('x')",
            "return ('x'):upper()",
            "return math.floor(1)",
            "return io.open('/etc/passwd')",
            "return os.exit()",
            "return require('string')",
            "return {status = python.eval('1')}",
        ],
    )
    def test_what_argo_cd_lacks_is_not_there(self, source: str) -> None:
        with pytest.raises(Exception, match=r"index|call|not found"):
            Script(source).run({})

    def test_what_it_has_is_there(self) -> None:
        source = "local os = require('os') return {status = table.concat({'a', 'b'}), message = os.date('!%Y')}"
        assert Script(source).run({})["status"] == "ab"
