"""What of a Deployment's account and roles is judged before AWS is asked."""

from typing import Any

import pytest

from slipway.domain.checks.chain import checked
from slipway.domain.checks.inputs import Inputs
from slipway.domain.checks.placement import check_one_account, check_placement_allowed, placement_of
from slipway.domain.permissions import PlacementRule
from slipway.domain.sagemaker import catalogue
from tests.unit.domain.builders import ACCOUNT, REGION, ROLE, deployment, model_version

OTHER = "999999999999"
ASSUMED = f"arn:aws:iam::{OTHER}:role/slipway-target"
EXECUTION = f"arn:aws:iam::{OTHER}:role/execution"
DEFAULT = PlacementRule(("*",), (ACCOUNT,), (REGION,), (ROLE,))
ALLOWED = PlacementRule(("ml",), (OTHER,), (REGION,), (EXECUTION,), (ASSUMED,))


def target(execution: str = EXECUTION, assumed: str | None = ASSUMED) -> dict[str, Any]:
    role = {"assumeRole": {"arn": assumed}} if assumed else {}
    return {"target": {"sageMaker": {"executionRoleArn": execution, **role}}}


def inputs(spec: dict[str, Any], *rules: PlacementRule, account: str | None = None) -> Inputs:
    return Inputs(deployment(spec), model_version(), account, rules, DEFAULT, catalogue.shipped())


class TestOneAccount:
    @pytest.mark.parametrize("account", [None, OTHER])
    def test_execution_role_and_assumed_role_agree(self, account: str | None) -> None:
        assert check_one_account(inputs(target(), account=account)) is None

    def test_they_differ(self) -> None:
        problem = check_one_account(inputs(target(ROLE)))
        assert problem
        assert problem.finding.reason == "InvalidSpec"
        assert problem.finding.message == (
            f"spec.target.sageMaker.executionRoleArn is a role of account {ACCOUNT}, but "
            f"spec.target.sageMaker.assumeRole.arn puts the endpoint into account {OTHER}. SageMaker would refuse: "
            f"Cross-account pass role is not allowed. Name an execution role of account {OTHER}, or assume a role of "
            f"account {ACCOUNT}"
        )

    def test_the_operators_own_account_is_judged_once_it_is_known(self) -> None:
        spec = target(assumed=None)
        assert check_one_account(inputs(spec)) is None
        problem = check_one_account(inputs(spec, account=ACCOUNT))
        assert problem
        assert "spec.target.sageMaker.assumeRole is not set" in problem.finding.message
        assert "spec.target.sageMaker.executionRoleArn" in problem.finding.message

    def test_it_is_one_of_the_checks(self) -> None:
        found = checked(inputs(target(ROLE), ALLOWED))
        assert found.served is None
        assert found.problem
        assert found.problem.finding.reason == "InvalidSpec"


class TestAllowed:
    def test_a_role_that_an_entry_names_in_an_account_that_it_names(self) -> None:
        assert check_placement_allowed(inputs(target(), ALLOWED)) is None
        assert check_placement_allowed(inputs(target(), ALLOWED, account=OTHER)) is None

    @pytest.mark.parametrize(
        ("rules", "field"),
        [
            ((), "spec.target.sageMaker.assumeRole.arn"),
            ((PlacementRule(("ml",), (OTHER,), (REGION,), (EXECUTION,)),), "spec.target.sageMaker.assumeRole.arn"),
            ((PlacementRule(("ml",), (ACCOUNT,), (REGION,), (EXECUTION,), (ASSUMED,)),), f"AWS account {OTHER}"),
        ],
    )
    def test_anything_else_is_refused_before_the_account_was_asked_for(
        self, rules: tuple[PlacementRule, ...], field: str
    ) -> None:
        problem = check_placement_allowed(inputs(target(), *rules))
        assert problem
        assert problem.finding.reason == "PlacementNotAllowed"
        assert field in problem.finding.message


def test_the_role_is_part_of_the_placement() -> None:
    found = placement_of(deployment(target()), OTHER)
    assert found
    assert (found.account, found.role_arn) == (OTHER, ASSUMED)
