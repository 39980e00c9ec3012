"""IAM's refusals name what is missing; so do ours."""

import pytest
from botocore.exceptions import ClientError

from slipway.domain.errors import OutsideError, Rejected
from slipway.targets.sagemaker.errors import translated

SESSION = "arn:aws:sts::123456789012:assumed-role/slipway-operator/botocore-session"
MODEL = "arn:aws:sagemaker:eu-central-1:123456789012:model/slw-1"
WHO = "the role slipway-operator of account 123456789012"


def refused(words: str, operation: str = "CreateModel", code: str = "AccessDeniedException") -> OutsideError:
    response = {"Error": {"Code": code, "Message": words}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return translated(operation, ClientError(response, operation))  # type: ignore[arg-type]


def denied(action: str, resource: str | None, why: str, who: str = SESSION) -> str:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""
    on = f" on resource: {resource}" if resource else ""
    return f"User: {who} is not authorized to perform: {action}{on} {why}"


NO_POLICY = "because no identity-based policy allows the action"
SCP = "with an explicit deny in a service control policy"
PASSED = "arn:aws:iam::123456789012:role/x"
USER = "arn:aws:iam::123456789012:user/dev"
CREATE, PASS = "sagemaker:CreateModel", "iam:PassRole"
OWN_ACCOUNT = ". spec.target.sageMaker.executionRoleArn must be a role of the endpoint's own account"
FIELD = "for sagemaker.amazonaws.com: see spec.target.sageMaker.executionRoleArn"


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (denied(CREATE, MODEL, NO_POLICY), f". Allow {CREATE} on {MODEL} to {WHO}"),
        (denied("sagemaker:ListModels", None, NO_POLICY), f". Allow sagemaker:ListModels on * to {WHO}"),
        (denied(PASS, PASSED, NO_POLICY), f". Allow {PASS} on {PASSED} to {WHO}, {FIELD}"),
        (denied(CREATE, MODEL, SCP), f". A policy forbids {CREATE} on {MODEL} to {WHO}: take the explicit deny away"),
        (denied(CREATE, f"{MODEL}.", "", USER).strip(), f". Allow {CREATE} on {MODEL} to {USER}"),
        ("Cross-account pass role is not allowed.", OWN_ACCOUNT),
        ("nobody has seen this form", ". Add the permission to the operator's IAM role"),
    ],
)
def test_the_words_stay_and_what_to_do_comes_after_them(words: str, advice: str) -> None:
    error = refused(words)
    assert isinstance(error, Rejected)
    assert error.reason == "AccessDenied"
    assert error.message == f"CreateModel: {words.rstrip('.')}{advice}"


def test_a_role_that_may_not_be_assumed_is_another_matter() -> None:
    error = refused(
        f"User: {SESSION} is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::999999999999:role/x",
        "AssumeRole",
        "AccessDenied",
    )
    assert isinstance(error, Rejected)
    assert error.reason == "AssumeRoleDenied"
    assert "arn:aws:iam::999999999999:role/x" in error.message
    assert "spec.target.sageMaker.assumeRole" in error.message


def test_expired_credentials_of_the_operator_are_not_the_roles_fault() -> None:
    assert refused("expired", "AssumeRole", "ExpiredToken").reason == "CredentialsInvalid"
