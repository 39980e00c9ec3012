"""What SageMaker's words about a failure mean."""

import pytest

from slipway.domain.sagemaker.failures import CAPACITY, advice, classify_failure


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("CapacityError: Unable to provision requested ML compute capacity…", CAPACITY),
        ("Unable to provision requested ML compute capacity. Please retry.", CAPACITY),
        ("An error occurred: InsufficientInstanceCapacity error.", CAPACITY),
        (
            "The primary container for production variant AllTraffic did not pass the ping health check.",
            "HealthCheckFailed",
        ),
        ("Request to service failed. If failure persists after retry, contact customer support.", "ServiceError"),
        ("The role does not have permission to call ecr:GetDownloadUrlForLayer", "PermissionMissing"),
        ("CannotStartContainerError. Please ensure the model container starts correctly", "ContainerFailed"),
        ("Something that nobody has seen before.", "EndpointFailed"),
        ("", "EndpointFailed"),
    ],
)
def test_known_words_have_a_reason_of_their_own(words: str, reason: str) -> None:
    assert classify_failure(words) == reason


def test_a_lack_of_capacity_is_recognised_beside_anything_else() -> None:
    words = "Request to service failed: CapacityError. The container did not pass the ping health check."
    assert classify_failure(words) == CAPACITY


def test_a_failed_health_check_leads_to_the_log_and_the_timeout() -> None:
    assert advice("HealthCheckFailed", "ml-twin", 1790) == (
        " It had 30 minutes: if it was still downloading or loading, raise spec.rollout.startupTimeout; "
        "see its log group /aws/sagemaker/Endpoints/ml-twin."
    )


def test_the_longest_timeout_cannot_be_raised() -> None:
    text = advice("HealthCheckFailed", "ml-twin", 3600)
    assert "60 minutes, which is the longest spec.rollout.startupTimeout" in text
    assert "raise" not in text


@pytest.mark.parametrize("reason", [None, "EndpointFailed", "ContainerFailed", CAPACITY])
def test_other_failures_speak_for_themselves(reason: str | None) -> None:
    assert advice(reason, "ml-twin", 1800) == ""
