"""spec.rollout within what SageMaker allows, before SageMaker is asked."""

from typing import Any

import pytest

from slipway.domain.checks.rollout import rollout_problem
from tests.unit.domain.builders import deployment


def problem(rollout: dict[str, Any], instances: int = 2) -> str:
    return rollout_problem(deployment({"rollout": rollout}).spec.rollout, instances) or ""


def alarm(**fields: Any) -> dict[str, Any]:
    return {"alarms": [{"metric": "ModelLatency", "threshold": 1, **fields}]}


@pytest.mark.parametrize(
    ("field", "rollout"),
    [
        ("startupTimeout", {"startupTimeout": "59s"}),
        ("startupTimeout", {"startupTimeout": "61m"}),
        ("timeout", {"timeout": "9m"}),
        ("timeout", {"timeout": "9h"}),
        ("timeout", {"timeout": "10m", "blueGreen": {}}),
        ("timeout", {"timeout": "10m", **alarm()}),
        ("timeout", {"timeout": "1h", "blueGreen": {"stepInterval": "40m", "terminationWait": "20m"}}),
        ("blueGreen.stepInterval", {"blueGreen": {"stepInterval": "61m"}}),
        ("blueGreen.terminationWait", {"blueGreen": {"terminationWait": "2h"}}),
        ("rolling.batchInterval", {"strategy": "Rolling", "rolling": {"batchInterval": "2h"}}),
        ("check.timeout", {"check": {"prompt": "?", "timeout": "61s"}}),
        ("check.timeout", {"check": {"prompt": "?", "timeout": "0s"}}),
        ("alarms", alarm(period="90s")),
        ("alarms", alarm(period="2h")),
        ("alarms", alarm(period="1h", periods=25)),
    ],
)
def test_what_sagemaker_would_refuse_is_refused_with_the_fields_name(field: str, rollout: dict[str, Any]) -> None:
    assert f"spec.rollout.{field}" in problem(rollout)


@pytest.mark.parametrize(
    "rollout",
    [
        {},
        {"startupTimeout": "1h", "timeout": "8h"},
        {"timeout": "601s", "blueGreen": {}},
        {"timeout": "10m"},
        {"timeout": "10m", "strategy": "Rolling", **alarm()},
        {"blueGreen": {"stepInterval": "0s", "terminationWait": "1h"}},
        {"strategy": "Rolling"},
        {"check": {"prompt": "?", "timeout": "60s"}},
        alarm(period="1h", periods=24),
    ],
)
def test_what_it_allows_passes(rollout: dict[str, Any]) -> None:
    assert problem(rollout) == ""


def test_rolling_needs_two_instances() -> None:
    assert "spec.replicas" in problem({"strategy": "Rolling"}, instances=1)
    assert problem({}, instances=1) == ""
