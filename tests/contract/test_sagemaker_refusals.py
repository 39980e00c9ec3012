"""Every row of the error table through the real adapter over HTTP: the class and the reason of each refusal.

What comes of it for a Deployment is in tests/integration/error_table, whose rows.py has the table. Refusals that the
double gives by itself are in tests/contract/sagemaker_double/test_error_table.py; here they are scripted, so that
those are among them for which no request of ours gives a reason yet.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from slipway.domain.errors import Conflict, NotFound, OutsideError, RateLimited, Rejected
from slipway.domain.identity import OWN
from slipway.domain.sagemaker.failures import classify_failure
from slipway.targets.sagemaker.clients import AwsClients
from tests.integration.error_table.rows import ROWS
from tests.testbed.sagemaker import CAPACITY_REASON, REGION, LocalSageMaker

INVALID = "ValidationException"
NAME = {"EndpointName": "e"}


class Row(NamedTuple):
    """A refusal, and what it is to be."""

    situation: str
    code: str
    words: str
    kind: type[OutsideError]
    reason: str


QUOTA = (
    "The account-level service limit 'ml.g5.2xlarge for endpoint usage' is 0 Instances, with current utilization of 0 "
    "Instances and a request delta of 1 Instances."
)
SCALED = (
    "An Application AutoScaling scalable target exists for a variant being deleted, and the IAM identity used to "
    "invoke DeleteEndpoint does not have application-autoscaling:DeregisterScalableTarget permission to deregister the "
    "scalable target."
)
CHANGED = "Deregister the scalable target and try again."
MANAGED = "ManagedInstanceScaling is not supported with the given EndpointConfig setup"
COMPONENT_BUSY = 'Cannot delete inference component "x" while it is in state '
NO_COMPONENT = 'Could not find inference component "x".'
DENIED = "User: u is not authorized to perform: sagemaker:DescribeEndpoint"

REFUSALS = [
    Row("not found", INVALID, 'Could not find endpoint "x".', NotFound, "EndpointNotFound"),
    Row("not found", INVALID, 'Could not find endpoint configuration "x".', NotFound, "EndpointConfigNotFound"),
    Row("not found", INVALID, 'Could not find model "x".', NotFound, "ModelNotFound"),
    Row("not found", INVALID, NO_COMPONENT, NotFound, "InferenceComponentNotFound"),
    Row("exists", INVALID, 'Cannot create already existing endpoint "x".', Conflict, "AlreadyExists"),
    Row("exists", INVALID, 'Cannot create already existing endpoint configuration "x".', Conflict, "AlreadyExists"),
    Row("exists", INVALID, 'Cannot create already existing model "x".', Conflict, "AlreadyExists"),
    Row("busy", INVALID, 'Cannot update in-progress endpoint "x".', Conflict, "EndpointBusy"),
    Row("role propagation / trust", INVALID, "Could not assume role x.", Rejected, "RoleNotAssumable"),
    Row("image tag", INVALID, "Requested image x not found.", Rejected, "ImageNotFound"),
    Row("quota", "ResourceLimitExceeded", QUOTA, Rejected, "QuotaExceeded"),
    Row("autoscaled variant, instance type changed", INVALID, CHANGED, Rejected, "AutoscaledVariant"),
    Row("delete w/o permission", INVALID, SCALED, Rejected, "AccessDenied"),
    Row("delete w/o permission", "AccessDeniedException", SCALED, Rejected, "AccessDenied"),
    Row("managed scaling w/o IC", INVALID, MANAGED, Rejected, "ValidationFailed"),
    Row("IC delete busy", INVALID, f"{COMPONENT_BUSY}CREATE_IN_PROGRESS", Conflict, "InferenceComponentBusy"),
    Row("IC delete busy", INVALID, f"{COMPONENT_BUSY}UPDATE_RC_IN_PROGRESS", Conflict, "InferenceComponentBusy"),
    Row("throttle", "ThrottlingException", "Rate exceeded", RateLimited, "AwsThrottled"),
    Row("throttle", "Throttling", "Rate exceeded", RateLimited, "AwsThrottled"),
    Row("throttle", "RequestLimitExceeded", "Request limit exceeded.", RateLimited, "AwsThrottled"),
    Row("creds", "AccessDeniedException", DENIED, Rejected, "AccessDenied"),
    Row("creds", "ExpiredTokenException", "The security token is expired", Rejected, "CredentialsInvalid"),
    Row("creds", "UnrecognizedClientException", "The security token is invalid.", Rejected, "CredentialsInvalid"),
]
TOO_BIG = (
    "There is not enough hardware resources on the instances for this endpoint to create a copy of the inference "
    "component"
)
FAILURES = {
    "capacity (async)": (CAPACITY_REASON, "InsufficientCapacity"),
    "IC too big": (TOO_BIG, "EndpointFailed"),
}
"""Rows that are no refusals: a FailureReason, and its word."""
OF_ACT = {"config not yet visible"}
"""The same words as "not found", told apart by the request that was refused."""


@pytest.fixture
def sagemaker(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSageMaker]:
    with LocalSageMaker() as local:
        monkeypatch.setenv("AWS_ENDPOINT_URL", local.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        local.seed(["e"])
        yield local


@pytest.fixture
def clients(sagemaker: LocalSageMaker) -> Iterator[AwsClients]:
    made = AwsClients(timeout=5, concurrency=4, requests_per_second=500)
    yield made
    made.close()


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: f"{row.situation}: {row.words[:40]}")
async def test_each_row_has_its_class_and_reason(sagemaker: LocalSageMaker, clients: AwsClients, row: Row) -> None:
    sagemaker.fail("DeleteEndpoint", error=(row.code, row.words, 400))
    with pytest.raises(OutsideError) as refused:
        await clients.call(OWN, "sagemaker", REGION, "delete_endpoint", **NAME)
    assert isinstance(refused.value, row.kind)
    assert refused.value.reason == row.reason
    assert refused.value.message.startswith(f"DeleteEndpoint: {row.words.rstrip('.')}")
    (call,) = sagemaker.mutations()  # sent once, whatever boto3 would make of the code
    assert not call.effect


@pytest.mark.parametrize("row", FAILURES)
async def test_each_reason_of_a_failure_has_its_word(sagemaker: LocalSageMaker, clients: AwsClients, row: str) -> None:
    words, reason = FAILURES[row]
    sagemaker.set_status("e", "Failed", words)
    found = await clients.call(OWN, "sagemaker", REGION, "describe_endpoint", **NAME)
    assert classify_failure(found["FailureReason"]) == reason


def test_every_row_is_here() -> None:
    assert {row.situation for row in REFUSALS} | set(FAILURES) | OF_ACT == set(ROWS)
