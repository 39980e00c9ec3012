"""What a FailureReason means. The texts are the service's, collected in the sources named below."""

from slipway.domain.sagemaker.desired import STARTUP_TIMEOUT_RANGE

CAPACITY = "InsufficientCapacity"
ALARM_RAISED = "AlarmRaised"

_MARKS = (
    ("CapacityError", CAPACITY),
    ("InsufficientInstanceCapacity", CAPACITY),
    ("Unable to provision requested ML compute capacity", CAPACITY),
    ("did not pass the ping health check", "HealthCheckFailed"),
    ("Request to service failed", "ServiceError"),
    ("does not have permission", "PermissionMissing"),
    ("alarm", ALARM_RAISED),
    ("CannotStartContainerError", "ContainerFailed"),
)
"""Capacity: https://repost.aws/knowledge-center/sagemaker-insufficient-capacity-error; health check:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html"""


def classify_failure(words: str) -> str:
    """A CamelCase word for a FailureReason; `EndpointFailed` for one that is not known."""
    return next((reason for mark, reason in _MARKS if mark in words), "EndpointFailed")


def advice(reason: str | None, endpoint_name: str, startup_timeout: int) -> str:
    """What to do about a failed attempt, as a sentence to follow SageMaker's words; empty where those say it all.

    `startup_timeout`: seconds. A health check counts as failed when they are over, so a download that was still under
    way looks like a container that cannot start; only its log tells them apart.
    """
    if reason != "HealthCheckFailed":
        return ""
    minutes = -(-startup_timeout // 60)
    more = f"It had {minutes} minutes: if it was still downloading or loading, raise spec.rollout.startupTimeout"
    if startup_timeout >= STARTUP_TIMEOUT_RANGE[1]:
        more = f"It had {minutes} minutes, which is the longest spec.rollout.startupTimeout"
    return f" {more}; see its log group /aws/sagemaker/Endpoints/{endpoint_name}."
