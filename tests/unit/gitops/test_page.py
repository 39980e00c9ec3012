"""docs/argocd.md: its checks for Flux say what kstatus says; its commands name files and keys that exist."""

import re
from functools import cache
from typing import Any

import celpy
import pytest
import yaml

from tests.testbed.gitops import kstatus
from tests.unit.api.schemas import ROOT
from tests.unit.domain.builders import Json
from tests.unit.gitops.states import DEPLOYMENT, MODEL_VERSION, UNSEEN, all_states, verdicts

PAGE = (ROOT / "docs" / "argocd.md").read_text()
STEPS = {"inProgress": "InProgress", "failed": "Failed", "current": "Current"}
"""In the order in which Flux asks: https://fluxcd.io/flux/components/kustomize/kustomizations/#health-check-expressions"""
FEW = 60
"""celpy takes a millisecond for an expression."""


@cache
def checks() -> dict[str, dict[str, Any]]:
    (block,) = (b for b in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "healthCheckExprs" in b)
    environment = celpy.Environment()
    return {
        check["kind"]: {step: environment.program(environment.compile(check[step])) for step in STEPS}
        for check in yaml.safe_load(block)["healthCheckExprs"]
    }


def flux(obj: Json) -> str:
    """What Flux makes of them; a field that is not there makes it wait."""
    seen = {name: celpy.json_to_cel(obj.get(name, {})) for name in ("metadata", "status")}
    for step, status in STEPS.items():
        try:
            if checks()[obj["kind"]][step].evaluate(seen):
                return status
        except celpy.CELEvalError:
            return "InProgress"
    return "InProgress"


@pytest.mark.parametrize("kind", [DEPLOYMENT, MODEL_VERSION])
def test_the_checks_for_flux_say_what_kstatus_says_and_wait_for_the_first_look(kind: str) -> None:
    states = [obj for obj in all_states(kind) if "deletionTimestamp" not in obj["metadata"]]
    sample = [*states[:: max(1, len(states) // FEW)], states[0]]
    assert len({kstatus.compute(obj) for obj in sample}) == 3
    for obj in sample:
        first = {verdict for verdict, _ in verdicts(obj)}
        expected = "InProgress" if obj["status"] == UNSEEN or "Reconciling" in first else kstatus.compute(obj)
        assert flux(obj) == expected


def test_the_commands_name_scripts_that_are_there_under_their_keys() -> None:
    named = re.findall(r"health\\?\.slipway\\?\.dev_(\w+)=(charts/\S+\.lua)", PAGE)
    assert len(named) == 4
    for kind, path in named:
        assert path == f"charts/slipway/files/argocd/{kind}/health.lua"
        assert (ROOT / path).is_file()
