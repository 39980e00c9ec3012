"""What the service answers when it says no: codes and texts, in one place.

Texts come from facts/sagemaker-lifecycle.md (table 3.2), from the service model's own documentation and from
public bug reports. Those that were written from memory carry an [M]: match on the code and on a short
fragment, never on the whole sentence.
"""

from __future__ import annotations

from collections.abc import Iterable

QUOTA_ADVICE = (
    "Please use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not "
    "available, contact AWS support to request an increase for this quota."
)
CAPACITY_REASON = (
    "CapacityError: Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity "
    "error. Please retry using a different ML instance type or after some time."
)
PING_REASON = (
    "The primary container for production variant {variant} did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint."
)
# [M] that the reason names the alarms is what the documents lead one to expect; the words are not theirs.
ALARM_REASON = (
    "The deployment was rolled back because the following CloudWatch alarms went into ALARM state: [{alarms}]."
)
KINDS = {"model": "model", "endpoint-config": "endpoint configuration", "endpoint": "endpoint"}


class Refusal(Exception):
    """An answer other than 200, as the service words it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def invalid(message: str) -> Refusal:
    return Refusal("ValidationException", message)


def violations(messages: list[str]) -> Refusal:
    """The framework's answer to input that breaks the service model."""
    plural = "s" if len(messages) > 1 else ""
    return invalid(f"{len(messages)} validation error{plural} detected: " + "; ".join(messages))


def not_found(kind: str, arn: str) -> Refusal:
    return invalid(f'Could not find {KINDS[kind]} "{arn}".')


def exists(kind: str, arn: str) -> Refusal:
    return invalid(f'Cannot create already existing {KINDS[kind]} "{arn}".')


def in_progress(arn: str) -> Refusal:
    return invalid(f'Cannot update in-progress endpoint "{arn}".')


def failed_endpoint(arn: str) -> Refusal:
    # [D] "DeleteEndpoint is the only operation that can be performed on a failed endpoint"; the text is [M].
    return invalid(f'Cannot update endpoint "{arn}" because it is in Failed state.')


def same_config(arn: str, config: str) -> Refusal:
    # [D] "To update an endpoint, you must create a new EndpointConfig"; the refusal and its text are [M].
    return invalid(f'Cannot update endpoint "{arn}" with the endpoint configuration "{config}" it already uses.')


def role_not_assumable(role: str) -> Refusal:
    return invalid(
        f"Could not assume role {role}. Please ensure that the role exists and allows principal "
        "'sagemaker.amazonaws.com' to assume the role."
    )


def cross_account_role() -> Refusal:
    return Refusal("AccessDeniedException", "Cross-account pass role is not allowed.")  # [M]


def image_not_found(image: str) -> Refusal:
    return invalid(f"Requested image {image} not found.")


def quota(instance_type: str, limit: int, used: int, delta: int) -> Refusal:
    return Refusal(
        "ResourceLimitExceeded",
        f"The account-level service limit '{instance_type} for endpoint usage' is {limit} Instances, "
        f"with current utilization of {used} Instances and a request delta of {delta} Instances. "
        f"{QUOTA_ADVICE}",
    )


def scalable_target(arn: str, variants: Iterable[str]) -> Refusal:
    # [D] the instance type of an autoscaled variant cannot change before it is deregistered; the text is [M].
    return invalid(
        f'The instance type of variant(s) [{", ".join(variants)}] of endpoint "{arn}" cannot be changed '
        "while automatic scaling is registered. Deregister the scalable target and try again."
    )


def scalable_target_of_deleted(operation: str) -> Refusal:
    # [T] https://github.com/awslabs/stable-diffusion-aws-extension/issues/161; the code, and that an update says the
    # same, are [M].
    return invalid(
        "An Application AutoScaling scalable target exists for a variant being deleted, and the IAM identity used to "
        f"invoke {operation} does not have application-autoscaling:DeregisterScalableTarget permission to deregister "
        "the scalable target."
    )


def throttled() -> Refusal:
    return Refusal("ThrottlingException", "Rate exceeded")


_DENIED = {
    # The query protocol's code is another one [D]; CloudWatch keeps it in every protocol [M].
    "iam": ("AccessDenied", 403),
    "sts": ("AccessDenied", 403),
    "monitoring": ("AccessDenied", 403),
    "sagemaker-runtime": ("AccessDeniedException", 403),
}


def denied(who: str, action: str, resource: str, *, service: str, explicit: bool = False) -> Refusal:
    """[D] https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""
    code, status = _DENIED.get(service, ("AccessDeniedException", 400))
    because = (
        "with an explicit deny in an identity-based policy"
        if explicit
        else f"because no identity-based policy allows the {action} action"
    )
    message = f"User: {who} is not authorized to perform: {action} on resource: {resource} {because}"
    return Refusal(code, message, status)


def not_modelled(what: str) -> Refusal:
    """Not the service's: this double does not know it, and says so rather than being kind."""
    return Refusal("NotImplemented", f"The local SageMaker of this test bed does not model {what}.", 501)
