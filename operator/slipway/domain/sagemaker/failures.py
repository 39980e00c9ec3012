"""What a FailureReason means. The texts are the service's, collected in the sources named below."""

CAPACITY = "InsufficientCapacity"

_MARKS = (
    ("CapacityError", CAPACITY),
    ("InsufficientInstanceCapacity", CAPACITY),
    ("Unable to provision requested ML compute capacity", CAPACITY),
    ("did not pass the ping health check", "HealthCheckFailed"),
    ("Request to service failed", "ServiceError"),
    ("does not have permission", "PermissionMissing"),
    ("alarm", "AlarmRaised"),
    ("CannotStartContainerError", "ContainerFailed"),
)
"""Capacity: https://repost.aws/knowledge-center/sagemaker-insufficient-capacity-error; health check:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html"""


def classify_failure(words: str) -> str:
    """A CamelCase word for a FailureReason; `EndpointFailed` for one that is not known."""
    return next((reason for mark, reason in _MARKS if mark in words), "EndpointFailed")
