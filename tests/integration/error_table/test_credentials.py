"""Row "creds": who the operator is for AWS, and what that one may do."""

from typing import Any

import pytest

from tests.integration.error_table.stage import (
    SLOW,
    ask_again,
    calls,
    effects,
    new_commit,
    outcomes,
    passes_go_by,
    staged,
)
from tests.integration.test_accounts import ASSUMED, AWAY, SECRET, operator
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.workbench import Workbench

CREATED = {"CreateModel": 1, "CreateEndpointConfig": 1, "CreateEndpoint": 1}
REFUSED = [
    ("ExpiredTokenException", "The security token included in the request is expired"),
    ("UnrecognizedClientException", "The security token included in the request is invalid."),
]


def test_a_permission_that_is_missing(bench: Workbench, commit: str) -> None:
    bench.sagemaker.deny("iam:SimulatePrincipalPolicy")  # so that it is found out by trying
    with staged(bench, commit, timing=SLOW) as (operator, _):
        denial = bench.sagemaker.deny("CreateEndpoint")
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Stalled", "AccessDenied")
        assert "is not authorized to perform: sagemaker:CreateEndpoint on resource: arn:aws" in found["message"]
        assert ". Allow sagemaker:CreateEndpoint on arn:aws:sagemaker:" in found["message"]
        assert "to the role slipway of account" in found["message"]
        passes_go_by(bench, operator)
        assert outcomes(bench, "CreateEndpoint") == ["AccessDeniedException"]
        denial.cancel()
        ask_again(bench)
        bench.wait_serving(commit)
        assert effects(bench) == CREATED


@pytest.mark.parametrize(("code", "words"), REFUSED)
def test_credentials_that_are_not_accepted(bench: Workbench, commit: str, code: str, words: str) -> None:
    """All Deployments are told; what serves goes on serving, and all find out by themselves when it is over."""
    with staged(bench, commit, harmless=False) as (_, neighbour):
        fault = bench.sagemaker.fail("*", times=None, error=(code, words, 400))
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Stalled", "CredentialsInvalid")
        assert words.rstrip(".") in found["message"]
        assert "Check the operator's AWS credentials" in found["message"]
        bench.wait_reason("Deployment", "other", "Stalled", "CredentialsInvalid")
        assert neighbour.serves()
        assert effects(bench) == {}
        fault.cancel()
        bench.wait_serving(commit)
        bench.wait_serving(commit, "other")
        assert effects(bench) == CREATED


def test_a_session_that_has_expired_is_replaced_by_itself(bench: Workbench, commit: str) -> None:
    bench.sagemaker.trust(ASSUMED, SECRET)
    with operator(bench):
        bench.model_version()
        bench.deployment(target=AWAY)
        bench.wait_serving(commit)
        assumed = len(calls(bench, "AssumeRole"))
        bench.sagemaker.expire_sessions()
        second = new_commit(bench)
        bench.wait_serving(second)
        assert "ExpiredTokenException" in {call.error for call in bench.sagemaker.calls}
        assert len(calls(bench, "AssumeRole")) > assumed
        assert outcomes(bench, "UpdateEndpoint").count("done") == 1


def test_no_credentials_at_all(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment("other")
        bench.wait_serving(commit, "other")
    bench.sagemaker.clear_calls()
    log = bench.folder / "nobody.log"
    without = {name: value for name, value in bench.environment().items() if not name.startswith("AWS_ACCESS_KEY")}
    with OperatorProcess({name: value for name, value in without.items() if name != "AWS_SECRET_ACCESS_KEY"}, log):
        bench.deployment()
        found: dict[str, Any] = bench.wait_reason("Deployment", "twin", "Stalled", "CredentialsMissing")
        assert "the operator has no AWS credentials" in found["message"]
        assert "IRSA or Pod Identity" in found["message"]
        assert bench.serving("other") == commit
        assert bench.sagemaker.calls == []
    with bench.operator():
        bench.wait_serving(commit)
        bench.wait_serving(commit, "other")
        assert effects(bench) == CREATED
