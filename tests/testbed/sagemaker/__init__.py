"""A local SageMaker over HTTP, on moto's server: at least as strict as the real one.

    with LocalSageMaker() as sagemaker:
        sagemaker.add_role("arn:aws:iam::123456789012:role/sagemaker")
        client = boto3.client("sagemaker", endpoint_url=sagemaker.url, ...)

What is marked [M] in the sources was written from memory of the real service, not read anywhere.
"""

from tests.testbed.sagemaker.calls import Call, Fault
from tests.testbed.sagemaker.local import (
    ACCOUNT,
    HF_VLLM_IMAGE,
    IMAGE,
    REGION,
    ROLE,
    VLLM_IMAGE,
    LocalSageMaker,
    Resource,
)
from tests.testbed.sagemaker.refusals import CAPACITY_REASON

__all__ = [
    "ACCOUNT",
    "CAPACITY_REASON",
    "HF_VLLM_IMAGE",
    "IMAGE",
    "REGION",
    "ROLE",
    "VLLM_IMAGE",
    "Call",
    "Fault",
    "LocalSageMaker",
    "Resource",
]
