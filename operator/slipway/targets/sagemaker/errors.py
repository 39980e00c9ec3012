"""AWS's refusals as our errors.

SageMaker answers almost everything with ValidationException, so the words decide. They are matched for each
operation's own words, longest first: "Could not find endpoint" is a prefix of "Could not find endpoint
configuration". Sources: the AWS controllers for Kubernetes (sagemaker-controller, generator.yaml and hooks.go) and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html.
"""

from collections.abc import Callable

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from slipway.domain.errors import Conflict, NotFound, OutsideError, RateLimited, Rejected, Transient
from slipway.targets.sagemaker.denials import advice_on

THROTTLE_DELAY = 5.0
"""Seconds to wait after throttling: AWS gives no hint."""

Make = Callable[[str, str], OutsideError]


class AlreadyExists(Conflict):
    """A resource of this name is there. Whose it is, its tags tell."""


class Busy(Conflict):
    """The endpoint is in transition: look again later."""


def _throttled(reason: str, message: str) -> OutsideError:
    return RateLimited(reason, message, THROTTLE_DELAY)


_BY_WORDS: tuple[tuple[str, Make, str], ...] = (
    ("application-autoscaling:DeregisterScalableTarget", Rejected, "AccessDenied"),
    ("Could not find endpoint configuration", NotFound, "EndpointConfigNotFound"),
    ("Cannot delete inference component", Busy, "InferenceComponentBusy"),
    ("Could not find inference component", NotFound, "InferenceComponentNotFound"),
    ("Cannot create already existing", AlreadyExists, "AlreadyExists"),
    ("Cannot update in-progress endpoint", Busy, "EndpointBusy"),
    ("Could not assume role", Rejected, "RoleNotAssumable"),
    ("Could not find endpoint", NotFound, "EndpointNotFound"),
    ("Could not find model", NotFound, "ModelNotFound"),
    ("Requested image", Rejected, "ImageNotFound"),
    ("scalable target", Rejected, "AutoscaledVariant"),
    ("ResourceNotFound", NotFound, "ResourceNotFound"),
)
"""Longest first where one is a prefix of another. Scalable targets: a refused deletion names the permission
(https://github.com/awslabs/stable-diffusion-aws-extension/issues/161); a refused change of the instance type asks to
deregister them (https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html)."""

_BY_CODE: dict[str, tuple[Make, str]] = {
    "ResourceLimitExceeded": (Rejected, "QuotaExceeded"),
    "ThrottlingException": (_throttled, "AwsThrottled"),
    "Throttling": (_throttled, "AwsThrottled"),
    "TooManyRequestsException": (_throttled, "AwsThrottled"),
    "RequestLimitExceeded": (_throttled, "AwsThrottled"),
    "ResourceInUse": (Conflict, "ResourceInUse"),
    "ResourceNotFound": (NotFound, "ResourceNotFound"),
    "AccessDeniedException": (Rejected, "AccessDenied"),
    "AccessDenied": (Rejected, "AccessDenied"),
    "UnauthorizedOperation": (Rejected, "AccessDenied"),
    "ExpiredTokenException": (Rejected, "CredentialsInvalid"),
    "ExpiredToken": (Rejected, "CredentialsInvalid"),
    "UnrecognizedClientException": (Rejected, "CredentialsInvalid"),
    "InvalidClientTokenId": (Rejected, "CredentialsInvalid"),
    "InvalidSignatureException": (Rejected, "CredentialsInvalid"),
    "ModelError": (Rejected, "ModelError"),
    "ModelNotReadyException": (Transient, "ModelNotReady"),
    "InternalDependencyException": (Transient, "AwsUnavailable"),
    "RequestTimeout": (Transient, "AwsTimeout"),
    "RequestExpired": (Transient, "AwsTimeout"),
}

_BY_STATUS: dict[int, tuple[Make, str]] = {
    404: (NotFound, "ResourceNotFound"),
    408: (Transient, "AwsTimeout"),
    409: (Conflict, "ResourceInUse"),
    423: (Transient, "AwsUnavailable"),
    429: (_throttled, "AwsThrottled"),
}
"""For codes that nobody has heard of."""

_ADVICE = {
    "QuotaExceeded": ". Ask for more under Service Quotas, or use another instance type",
    "RoleNotAssumable": ". See spec.target.sageMaker.executionRoleArn",
    "ImageNotFound": ". See spec.engine.version and spec.engine.image",
    "AccessDenied": ". Add the permission to the operator's IAM role",
    "AutoscaledVariant": (
        ". Deregister the variant's scalable target with Application Auto Scaling, and register it anew when the new "
        "instances serve: Slipway leaves autoscaling alone. Or go back to the former "
        "spec.target.sageMaker.instanceType"
    ),
    "CredentialsInvalid": ". Check the operator's AWS credentials",
}

CONFIG_IN_SERVICE_GONE = (
    ". Somebody deleted the endpoint config that serves, and SageMaker cannot update an endpoint without it: create "
    "one of that name again, of the same variant, instance type and model; or delete the endpoint, which is then "
    "created anew"
)

ASSUME_ROLE_ADVICE = (
    ". See spec.target.sageMaker.assumeRole: the role's trust policy must name the operator's own role, and externalId "
    "must be what it asks for; the operator's own role needs sts:AssumeRole on it"
)


def says_that_credentials_are_invalid(refused: ClientError) -> bool:
    """Whether AWS does not accept the credentials (any more)."""
    return _BY_CODE.get(refused.response.get("Error", {}).get("Code", ""), (None, ""))[1] == "CredentialsInvalid"


def translated(operation: str, refused: Exception) -> OutsideError:
    """The refusal of one operation (`CreateEndpoint`) as one of our errors, with the service's own words."""
    if isinstance(refused, ClientError):
        return _answered(operation, refused)
    if isinstance(refused, NoCredentialsError | PartialCredentialsError):
        text = "the operator has no AWS credentials: give its ServiceAccount an IAM role (IRSA or Pod Identity)"
        return Rejected("CredentialsMissing", text)
    if isinstance(refused, CredentialRetrievalError):  # such as an agent of Pod Identity that restarts
        return Transient("CredentialsUnavailable", f"{operation}: {refused}")
    if isinstance(refused, ParamValidationError):
        return Rejected("InvalidRequest", f"{operation}: {refused}")
    if isinstance(refused, HTTPClientError | BotoConnectionError):
        return Transient("AwsUnreachable", f"{operation}: {refused}")
    if isinstance(refused, NoRegionError | BotoCoreError):
        return Rejected("AwsClientError", f"{operation}: {refused}")
    return Transient("AwsUnreachable", f"{operation}: {type(refused).__name__}")


def _answered(operation: str, refused: ClientError) -> OutsideError:
    error = refused.response.get("Error", {})
    code, words = error.get("Code", ""), error.get("Message", "") or str(refused)
    status = int(refused.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    make, reason = _classify(operation, code, words, status)
    if operation == "AssumeRole" and reason == "AccessDenied":
        return Rejected("AssumeRoleDenied", f"{operation}: {words.rstrip('.')}{ASSUME_ROLE_ADVICE}")
    advice = (advice_on(words) if reason == "AccessDenied" else None) or _ADVICE.get(reason)
    return make(reason, f"{operation}: {words.rstrip('.')}{advice}" if advice else f"{operation}: {words}")


def _classify(operation: str, code: str, words: str, status: int) -> tuple[Make, str]:
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status >= 500 or code in ("InternalFailure", "ServiceUnavailable", "InternalServerError"):
        return Transient, "AwsUnavailable"
    if operation == "InvokeEndpoint" and "of account" in words:  # "Endpoint e of account 1 not found."
        return NotFound, "EndpointNotFound"
    for fragment, make, reason in _BY_WORDS:
        if fragment in words:
            return make, reason
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return Rejected, "ValidationFailed" if code == "ValidationException" else code or "AwsRefused"
