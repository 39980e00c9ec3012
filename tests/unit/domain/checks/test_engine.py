"""What is refused of spec.engine: variables that other fields decide, arguments, adapters that cannot be pinned."""

from typing import Any

import pytest

from slipway.domain.checks.inputs import Inputs
from slipway.domain.checks.spec import check_spec
from slipway.domain.conditions import Finding
from slipway.domain.permissions import PlacementRule
from slipway.domain.sagemaker.catalogue import shipped
from slipway.domain.sagemaker.engines import vllm
from tests.unit.domain.builders import ACCOUNT, deployment, model_version

EVERYTHING = PlacementRule(("*",), ("*",), ("*",), ("*",))
ADAPTERS = [{"name": "acme/sql", "modelRef": {"name": "sql"}}]


def refusal(**engine: Any) -> Finding | None:
    inputs = Inputs(deployment({"engine": engine}), model_version(), ACCOUNT, (), EVERYTHING, shipped())
    problem = check_spec(inputs)
    return problem.finding if problem else None


def refused(**engine: Any) -> str:
    found = refusal(**engine)
    assert found
    assert found.reason == "InvalidSpec"
    return found.message


class TestEnvironment:
    @pytest.mark.parametrize("name", sorted(vllm.OWN_VARIABLES))
    def test_what_other_fields_decide_cannot_be_set(self, name: str) -> None:
        text = refused(name="vLLM", env=[{"name": name, "value": ""}])
        assert text == f"spec.engine.env may not set {name}: {vllm.OWN_VARIABLES[name]}"

    @pytest.mark.parametrize(
        ("engine", "name"),
        [
            ("vLLM", "SM_VLLM_MAX_NUM_SEQS"),
            ("vLLM", "SM_VLLM_TENSOR_PARALLEL_SIZE"),
            ("vLLM", "SM_VLLM_LORA_MODULES"),
            ("vLLM", "MAX_TOTAL_TOKENS"),
            ("TGI", "SM_VLLM_MODEL"),
            ("TGI", "LORA_ADAPTERS"),
            ("TGI", "USAGE_STATS"),
        ],
    )
    def test_each_engine_has_variables_of_its_own(self, engine: str, name: str) -> None:
        assert refusal(name=engine, env=[{"name": name, "value": "1"}]) is None


class TestArguments:
    def test_they_are_refused_with_the_variable_that_says_the_same(self) -> None:
        assert refused(name="vLLM", args=["--max-num-seqs", "64"]) == (
            "spec.engine.args: SageMaker's containers take no arguments, only variables in spec.engine.env. "
            "There it is: SM_VLLM_MAX_NUM_SEQS=64"
        )
        assert refused(args=["--max-batch-size=4"]).endswith("There it is: MAX_BATCH_SIZE=4")

    def test_where_no_option_can_be_read_off_nothing_is_made_up(self) -> None:
        assert refused(name="vLLM", args=["serve"]).endswith("only variables in spec.engine.env")


class TestAdapters:
    def test_of_vllm_are_refused_because_their_commit_cannot_be_told(self) -> None:
        text = refused(name="vLLM", adapters=ADAPTERS)
        assert text.startswith("spec.engine.adapters: vLLM downloads the newest commit")

    def test_of_tgi_are_not_but_not_beside_the_variable_that_does_the_same(self) -> None:
        assert refusal(adapters=ADAPTERS) is None
        text = refused(adapters=ADAPTERS, env=[{"name": "LORA_ADAPTERS", "value": "acme/other"}])
        assert text.startswith("spec.engine.env may not set LORA_ADAPTERS beside spec.engine.adapters")

    @pytest.mark.parametrize(("version", "allowed"), [("2.3.1", 0), ("2.4.0", 1), ("3.3.6", 1), ("10.0.0", 1)])
    def test_of_a_tgi_that_ignores_their_commit_are_refused(self, version: str, allowed: int) -> None:
        assert (refusal(image=None, version=version, adapters=ADAPTERS) is None) == bool(allowed)
