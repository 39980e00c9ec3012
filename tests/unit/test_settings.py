"""Settings: from variables, from a file, in that order, and refused in words that help."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from slipway import cli
from slipway.domain.installation import Installation, Timing
from slipway.domain.permissions import PlacementRule
from slipway.settings import Settings

PLACEMENT = {"namespaces": ["ml", "ml-*"], "accounts": ["1"], "regions": ["eu-*"], "execution_roles": ["arn:role"]}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("SLIPWAY_"):
            monkeypatch.delenv(name)


class Given:
    """Sets what the settings are read from."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._monkeypatch, self._file = monkeypatch, folder / "slipway.yaml"

    def variables(self, **values: str) -> None:
        for name, value in values.items():
            self._monkeypatch.setenv(f"SLIPWAY_{name}", value)

    def file(self, content: Any) -> None:
        self._file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        self.variables(CONFIG=str(self._file))

    def refusal(self, capsys: pytest.CaptureFixture[str]) -> str:
        """What the command says that is started with these settings. It must not start."""
        assert cli.main(["run"]) == 2
        return capsys.readouterr().err


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Given:
    def started(*_: Any) -> None:
        raise AssertionError("the operator started")

    monkeypatch.setattr("slipway.app.run", started)
    monkeypatch.setattr("slipway.telemetry.logs.set_up", lambda level: None)
    return Given(monkeypatch, tmp_path)


class TestSources:
    def test_without_any_there_are_defaults_that_permit_nothing(self) -> None:
        settings = Settings()
        assert (settings.release, settings.workers, settings.namespaces) == ("slipway", 20, [])
        assert (settings.placements, settings.aws_regions, settings.aws_execution_roles) == ([], [], [])

    def test_variables(self, given: Given) -> None:
        given.variables(WORKERS="7", NAMESPACES='["ml", "lab"]', INSTALLATION="here", TIMING__POLL_MOVING="0.5")
        settings = Settings()
        assert (settings.workers, settings.namespaces, settings.installation) == (7, ["ml", "lab"], "here")
        assert settings.timing.poll_moving == 0.5

    def test_structures_are_json_in_a_variable(self, given: Given) -> None:
        given.variables(PLACEMENTS='[{"namespaces":["*"],"accounts":["*"],"regions":["*"],"execution_roles":["*"]}]')
        assert Settings().placements[0].namespaces == ["*"]

    def test_a_file(self, given: Given) -> None:
        given.file({"workers": 7, "namespaces": ["ml"], "placements": [PLACEMENT], "timing": {"retry_first": 1}})
        settings = Settings()
        assert (settings.workers, settings.namespaces) == (7, ["ml"])
        assert settings.placements[0].model_dump() == {**PLACEMENT, "assume_roles": [], "adopt": []}
        assert settings.timing.retry_first == 1

    def test_an_empty_file_sets_nothing(self, given: Given) -> None:
        given.file("")
        assert Settings().workers == 20

    def test_variables_win_over_the_file_field_by_field(self, given: Given) -> None:
        given.file({"workers": 7, "release": "blue", "timing": {"retry_first": 1, "poll_moving": 1}})
        given.variables(WORKERS="8", TIMING__POLL_MOVING="2")
        settings = Settings()
        assert (settings.workers, settings.release) == (8, "blue")
        assert (settings.timing.retry_first, settings.timing.poll_moving) == (1, 2)

    def test_arguments_win_over_both(self, given: Given) -> None:
        given.file({"workers": 7})
        given.variables(WORKERS="8")
        assert Settings(workers=9).workers == 9

    def test_variables_of_others_do_not_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WORKERS", "7")
        monkeypatch.setenv("OTHER_WORKERS", "7")
        assert Settings().workers == 20


class TestRefusals:
    @pytest.mark.parametrize(
        ("variables", "words"),
        [
            ({"WORKERS": "many"}, ["workers", "integer", "many"]),
            ({"WORKERS": "0"}, ["workers", "greater than or equal to 1"]),
            ({"WORKERS": "201"}, ["workers", "less than or equal to 200"]),
            ({"AWS_TIMEOUT": "soon"}, ["aws_timeout", "number", "soon"]),
            ({"TIMING__POLL_MOVNG": "3"}, ["timing.poll_movng"]),
            ({"PLACEMENTS": '[{"namespaces": ["ml"]}]'}, ["placements.0.accounts", "execution_roles", "required"]),
            ({"PLACEMENTS": '[{"namespaces": []}]'}, ["placements.0.namespaces", "at least 1"]),
            ({"NAMESPACES": "ml"}, ["namespaces"]),
            ({"PLACEMENTS": "[{"}, ["placements"]),
        ],
    )
    def test_a_bad_variable_is_named(
        self, given: Given, capsys: pytest.CaptureFixture[str], variables: dict[str, str], words: list[str]
    ) -> None:
        given.variables(**variables)
        said = given.refusal(capsys)
        assert said.startswith("slipway: the settings are not valid: ")
        assert [word for word in words if word not in said] == []

    @pytest.mark.parametrize(
        ("content", "word"),
        [
            ({"workers": "many"}, "workers"),
            ({"placements": [{**PLACEMENT, "role": "x"}]}, "placements.0.role"),
            ("- workers\n- 7\n", "slipway.yaml"),
            ("workers: [\n", "slipway.yaml"),
        ],
    )
    def test_so_is_what_is_wrong_in_the_file(
        self, given: Given, capsys: pytest.CaptureFixture[str], content: Any, word: str
    ) -> None:
        given.file(content)
        assert word in given.refusal(capsys)

    def test_a_file_that_is_not_there_is_missed(self, given: Given, capsys: pytest.CaptureFixture[str]) -> None:
        """Without it the installation would have another identifier, and every endpoint be somebody else's."""
        given.variables(CONFIG="/no/such/file.yaml")
        assert "/no/such/file.yaml" in given.refusal(capsys)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("HUB_CONCURRENCY", "0"),
            ("AWS_CONCURRENCY", "0"),
            ("PASS_TIMEOUT", "0"),
            ("SWEEP_INTERVAL", "0"),
            ("HTTP_PORT", "70000"),
            ("LOG_LEVEL", "LOUD"),
            ("ORPHANS", "Remove"),
            ("ORPHAN_SWEEP", "0"),
            ("ORPHAN_GRACE", "-1"),
        ],
    )
    def test_a_value_with_which_nothing_would_work_is_refused(
        self, given: Given, capsys: pytest.CaptureFixture[str], name: str, value: str
    ) -> None:
        given.variables(**{name: value})
        assert name.lower() in given.refusal(capsys).lower()

    def test_settings_cannot_hold_a_credential(self) -> None:
        names = " ".join(Settings.model_fields)
        assert not any(word in names for word in ("token", "secret", "password", "access_key"))


class TestInstallation:
    def test_decisions_get_their_part(self) -> None:
        settings = Settings.model_validate(
            {
                "placements": [PLACEMENT, {**PLACEMENT, "assume_roles": ["arn:target-*"]}],
                "aws_regions": ["eu-central-1"],
                "aws_execution_roles": ["arn:default"],
                "hub_endpoint": "https://mirror.example",
                "hub_endpoints": ["https://other.example"],
                "timing": {"capacity_delay": 7},
            }
        )
        assert settings.installation_of("here") == Installation(
            identifier="here",
            placement_rules=(
                PlacementRule(("ml", "ml-*"), ("1",), ("eu-*",), ("arn:role",), ()),
                PlacementRule(("ml", "ml-*"), ("1",), ("eu-*",), ("arn:role",), ("arn:target-*",)),
            ),
            default_regions=("eu-central-1",),
            default_execution_roles=("arn:default",),
            hub="https://mirror.example",
            further_hubs=("https://other.example",),
            timing=Timing(capacity_delay=7),
        )

    def test_every_time_can_be_set(self) -> None:
        assert set(Settings().timing.model_dump()) == set(Timing.__dataclass_fields__)
        assert Settings().installation_of("here").timing == Timing()

    def test_an_entry_without_patterns_is_refused(self) -> None:
        for field in PLACEMENT:
            with pytest.raises(ValidationError, match=field):
                Settings.model_validate({"placements": [{**PLACEMENT, field: []}]})
