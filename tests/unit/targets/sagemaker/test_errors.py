"""AWS's refusals as our errors: the table of shared/facts/sagemaker-lifecycle.md, and what no table holds."""

import json
from http import HTTPStatus

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser

from slipway.domain.errors import Conflict, NotFound, OutsideError, RateLimited, Rejected, Transient
from slipway.targets.sagemaker.errors import THROTTLE_DELAY, AlreadyExists, Busy, translated

MODEL = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))


def answered(code: str, words: str, operation: str = "describe_endpoint", status: int = 400) -> OutsideError:
    response = {"Error": {"Code": code, "Message": words}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return translated(operation, ClientError(response, operation))  # type: ignore[arg-type]


def invalid(words: str, operation: str = "describe_endpoint") -> OutsideError:
    return answered("ValidationException", words, operation)


ARN = "arn:aws:sagemaker:eu-central-1:123456789012"
QUOTA = (
    "The account-level service limit 'ml.g5.2xlarge for endpoint usage' is 0 Instances, with current utilization of 0 "
    "Instances and a request delta of 1 Instances."
)

SCALED = (
    "An Application AutoScaling scalable target exists for a variant being deleted, and the IAM identity used to "
    "invoke DeleteEndpoint does not have application-autoscaling:DeregisterScalableTarget permission to deregister the "
    "scalable target"
)
AUTOSCALED = (
    "Deregister the scalable target and try again",
    'The variant(s) "[AllTraffic]" must be deregistered as scalable targets with AWS Auto Scaling',
)
COMPONENT = 'Cannot delete inference component "x" while it is in state CREATE_IN_PROGRESS'

TABLE: list[tuple[str, str, str, type[OutsideError], str]] = [
    ("describe_endpoint", "ValidationException", 'Could not find endpoint "x".', NotFound, "EndpointNotFound"),
    ("delete_endpoint", "ValidationException", f'Could not find endpoint "{ARN}:endpoint/x".',
     NotFound, "EndpointNotFound"),
    ("create_endpoint", "ValidationException", f'Could not find endpoint configuration "{ARN}:endpoint-config/x".',
     NotFound, "EndpointConfigNotFound"),
    ("describe_model", "ValidationException", f'Could not find model "{ARN}:model/x".', NotFound, "ModelNotFound"),
    ("create_endpoint_config", "ValidationException", 'Could not find model "x".', NotFound, "ModelNotFound"),
    ("delete_inference_component", "ValidationException", 'Could not find inference component "x".',
     NotFound, "InferenceComponentNotFound"),
    ("create_endpoint", "ValidationException", f'Cannot create already existing endpoint "{ARN}:endpoint/x".',
     AlreadyExists, "AlreadyExists"),
    ("create_endpoint_config", "ValidationException", 'Cannot create already existing endpoint configuration "x".',
     AlreadyExists, "AlreadyExists"),
    ("create_model", "ValidationException", 'Cannot create already existing model "x".',
     AlreadyExists, "AlreadyExists"),
    ("update_endpoint", "ValidationException", 'Cannot update in-progress endpoint "x".', Busy, "EndpointBusy"),
    ("delete_endpoint", "ValidationException", 'Cannot update in-progress endpoint "x".', Busy, "EndpointBusy"),
    ("create_model", "ValidationException",
     "Could not assume role arn:aws:iam::123456789012:role/r. Please ensure that the role exists",
     Rejected, "RoleNotAssumable"),
    ("create_model", "ValidationException", "Requested image x:3 not found.", Rejected, "ImageNotFound"),
    ("delete_endpoint", "ValidationException", SCALED, Rejected, "AccessDenied"),
    ("update_endpoint", "ValidationException", AUTOSCALED[0], Rejected, "AutoscaledVariant"),
    ("update_endpoint", "ValidationException", AUTOSCALED[1], Rejected, "AutoscaledVariant"),
    ("delete_inference_component", "ValidationException", COMPONENT, Busy, "InferenceComponentBusy"),
    ("create_endpoint", "ResourceLimitExceeded", QUOTA, Rejected, "QuotaExceeded"),
    ("create_endpoint", "ResourceInUse", "in use", Conflict, "ResourceInUse"),
    ("describe_endpoint", "ResourceNotFound", "gone", NotFound, "ResourceNotFound"),
    ("describe_endpoint", "ThrottlingException", "Rate exceeded", RateLimited, "AwsThrottled"),
    ("describe_endpoint", "Throttling", "Rate exceeded", RateLimited, "AwsThrottled"),
    ("describe_endpoint", "RequestLimitExceeded", "Rate exceeded", RateLimited, "AwsThrottled"),
    ("describe_endpoint", "TooManyRequestsException", "Rate exceeded", RateLimited, "AwsThrottled"),
    ("create_endpoint", "AccessDeniedException", "User x is not authorized to perform: sagemaker:CreateEndpoint",
     Rejected, "AccessDenied"),
    ("get_caller_identity", "AccessDenied", "not authorized", Rejected, "AccessDenied"),
    ("describe_endpoint", "ExpiredTokenException", "expired", Rejected, "CredentialsInvalid"),
    ("get_caller_identity", "ExpiredToken", "expired", Rejected, "CredentialsInvalid"),
    ("describe_endpoint", "UnrecognizedClientException", "invalid", Rejected, "CredentialsInvalid"),
    ("get_caller_identity", "InvalidClientTokenId", "invalid", Rejected, "CredentialsInvalid"),
    ("describe_endpoint", "InvalidSignatureException", "skewed", Rejected, "CredentialsInvalid"),
    ("describe_endpoint", "RequestTimeout", "slow", Transient, "AwsTimeout"),
    ("describe_endpoint", "InternalFailure", "oops", Transient, "AwsUnavailable"),
    ("describe_endpoint", "ServiceUnavailable", "oops", Transient, "AwsUnavailable"),
    ("create_endpoint_config", "ValidationException", "ManagedInstanceScaling is not supported with the given setup",
     Rejected, "ValidationFailed"),
    ("create_endpoint", "SomethingNew", "nobody has seen this", Rejected, "SomethingNew"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "code", "words", "kind", "reason"), TABLE)
def test_each_refusal_has_its_class_and_reason_and_keeps_its_words(
    operation: str, code: str, words: str, kind: type[OutsideError], reason: str
) -> None:
    error = answered(code, words, operation)
    assert (type(error), error.reason) == (kind, reason)
    assert error.message.startswith(f"{operation}: {words}")


def test_what_exists_already_and_what_is_busy_are_conflicts() -> None:
    assert issubclass(AlreadyExists, Conflict)
    assert issubclass(Busy, Conflict)


@pytest.mark.parametrize(
    ("code", "words", "advice"),
    [
        ("ResourceLimitExceeded", QUOTA, "Service Quotas"),
        ("ValidationException", "Could not assume role x.", "spec.target.sageMaker.executionRoleArn"),
        ("ValidationException", "Requested image x not found.", "spec.engine.image"),
        ("AccessDeniedException", "no", "the operator's IAM role"),
        ("ExpiredTokenException", "expired", "the operator's AWS credentials"),
        ("ValidationException", AUTOSCALED[0], "spec.target.sageMaker.instanceType"),
        ("ValidationException", SCALED, ". Allow application-autoscaling:DeregisterScalableTarget to the role"),
    ],
)
def test_where_something_can_be_done_the_message_says_what(code: str, words: str, advice: str) -> None:
    assert advice in answered(code, words).message


def test_throttling_says_how_long_to_wait() -> None:
    error = answered("ThrottlingException", "Rate exceeded")
    assert isinstance(error, RateLimited)
    assert error.retry_after == THROTTLE_DELAY > 0


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_service_in_trouble_passes_whatever_it_says(status: int) -> None:
    error = answered("Whatever", "Could not find endpoint", status=status)
    assert (type(error), error.reason) == (Transient, "AwsUnavailable")


@pytest.mark.parametrize("status", [404, 408, 409, 423, 429])
def test_what_may_pass_by_itself_is_never_rejected(status: int) -> None:
    """As slipway.domain.errors promises, whatever the code: a proxy's answer has none but its status."""
    page = parsed_answer(status, b"<html>a proxy's page</html>")
    for error in (answered("SomethingNew", "words", status=status), page):
        assert not isinstance(error, Rejected)


def parsed_answer(status: int, body: bytes) -> OutsideError:
    """What comes of a body as botocore reads it."""
    parser = create_parser("json")
    response = {"status_code": status, "headers": {}, "body": body}
    shape = MODEL.operation_model("DescribeEndpoint").output_shape
    assert shape
    parsed = parser.parse(response, shape)
    return translated("describe_endpoint", ClientError(parsed, "DescribeEndpoint"))


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"{}", b'{"message": null}'])
def test_an_answer_without_words_is_translated_too(body: bytes) -> None:
    error = parsed_answer(400, body)
    assert isinstance(error, Rejected)
    assert error.reason
    assert error.message.startswith("describe_endpoint: ")


def test_an_answer_as_the_service_sends_it() -> None:
    body = {"__type": "ValidationException", "message": 'Could not find endpoint "x".'}
    assert parsed_answer(400, json.dumps(body).encode()).reason == "EndpointNotFound"


NETWORK = [
    boto.EndpointConnectionError(endpoint_url="https://x"),
    boto.ConnectTimeoutError(endpoint_url="https://x"),
    boto.ReadTimeoutError(endpoint_url="https://x"),
    boto.ConnectionClosedError(endpoint_url="https://x"),
    boto.ProxyConnectionError(proxy_url="https://x"),
    boto.SSLError(endpoint_url="https://x", error=OSError("certificate")),
    boto.HTTPClientError(error="broken"),
    boto.ResponseStreamingError(error="broken off"),
]
"""An answer that never came or broke off."""


@pytest.mark.parametrize("broken", NETWORK, ids=lambda error: type(error).__name__)
def test_a_network_in_trouble_passes(broken: Exception) -> None:
    assert isinstance(translated("describe_endpoint", broken), Transient)


@pytest.mark.parametrize(
    "missing",
    [boto.NoCredentialsError(), boto.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY")],
)
def test_without_credentials_somebody_must_give_some(missing: Exception) -> None:
    error = translated("describe_endpoint", missing)
    assert (type(error), error.reason) == (Rejected, "CredentialsMissing")
    assert "IRSA or Pod Identity" in error.message


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (boto.ParamValidationError(report="Invalid length for parameter EndpointName"), "InvalidRequest"),
        (boto.NoRegionError(), "AwsClientError"),
        (boto.InvalidRegionError(region_name="x y"), "AwsClientError"),
    ],
)
def test_what_botocore_does_not_even_send_needs_a_change(refused: Exception, reason: str) -> None:
    error = translated("create_endpoint", refused)
    assert (type(error), error.reason) == (Rejected, reason)
    assert error.message == f"create_endpoint: {refused}"


@pytest.mark.parametrize("status", sorted({status for status in HTTPStatus if status >= 400}))
def test_no_status_is_left_without_a_reason(status: int) -> None:
    error = answered("", "", status=status)
    assert error.reason
    assert error.message


def test_only_the_runtime_says_of_which_account_an_endpoint_is_missing() -> None:
    def said(operation: str, words: str) -> OutsideError:
        return translated(operation, ClientError({"Error": {"Code": "ValidationError", "Message": words}}, operation))

    assert isinstance(said("InvokeEndpoint", "Endpoint e of account 111122223333 not found."), NotFound)
    other = said("CreateModel", "The key of account 111122223333 is disabled.")
    assert not isinstance(other, NotFound)
