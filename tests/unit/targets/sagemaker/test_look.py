"""What is read off an endpoint's description."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain.sagemaker.observation import Question
from slipway.targets.sagemaker.clients import AwsClients
from slipway.targets.sagemaker.look import Look
from tests.unit.domain.builders import ACCOUNT, ENDPOINT, OWNER, REGION

CAPTURE = {
    "CaptureStatus": "Started",
    "CurrentSamplingPercentage": 20,
    "DestinationS3Uri": "s3://bucket/captured",
    "KmsKeyId": "",
}


class Answers:
    """AwsClients that know one endpoint."""

    def __init__(self, endpoint: dict[str, Any]) -> None:
        self._answers = {"describe_endpoint": endpoint, "list_tags": {"Tags": []}}

    async def call(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        return self._answers[operation]


@pytest.mark.parametrize(
    ("described", "captures"),
    [
        ({}, False),
        ({"DataCaptureConfig": {"EnableCapture": True, **CAPTURE}}, True),
        ({"DataCaptureConfig": {"EnableCapture": False, **CAPTURE}}, False),
    ],
)
async def test_whether_requests_are_captured_is_what_the_endpoint_says(
    described: dict[str, Any], captures: bool
) -> None:
    """DescribeEndpoint, not the config: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html"""
    endpoint = {
        "EndpointName": ENDPOINT,
        "EndpointArn": "arn",
        "EndpointStatus": "InService",
        "EndpointConfigName": "c",
        "LastModifiedTime": datetime(2026, 11, 5, tzinfo=UTC),
        **described,
    }
    placement = Placement(target="SageMaker", account=ACCOUNT, region=REGION, endpoint_name=ENDPOINT)
    question = Question(OWNER, ENDPOINT, known_configs=frozenset({"c"}))
    look = Look(cast(AwsClients, Answers(endpoint)), placement, question)
    seen = await look.observation()
    assert seen.endpoint
    assert seen.endpoint.captures_data is captures
