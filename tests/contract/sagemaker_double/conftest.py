from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.testbed.sagemaker import REGION, ROLE, LocalSageMaker


@pytest.fixture
def sagemaker() -> Iterator[LocalSageMaker]:
    with LocalSageMaker(
        durations=dict.fromkeys(("Creating", "Updating", "Scaling", "RollingBack", "Deleting"), 0.02)
    ) as local:
        local.add_role(ROLE)
        yield local


@pytest.fixture
def client(sagemaker: LocalSageMaker) -> Any:
    return sagemaker.client()


@pytest.fixture
def unchecked(sagemaker: LocalSageMaker) -> Any:
    """boto3 without its own validation, so that the server has to refuse."""
    return boto3.client(
        "sagemaker",
        region_name=REGION,
        endpoint_url=sagemaker.url,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="secret",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
