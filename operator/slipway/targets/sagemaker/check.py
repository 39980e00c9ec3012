"""Putting a question to an endpoint, as its clients do."""

import asyncio
import time

from slipway.api.v1alpha1.deployment import Placement
from slipway.domain.errors import NotFound, Rejected, Transient
from slipway.domain.sagemaker.check import CheckAnswer, CheckRequest
from slipway.targets.sagemaker.clients import RUNTIME, AwsSession


async def check(clients: AwsSession, placement: Placement, question: CheckRequest) -> CheckAnswer:
    """Ask once. What the container says, and that it says nothing in time, is an answer.

    Raises the errors of `slipway.domain.errors` for everything that is not the container's doing.
    """
    began = time.monotonic()
    try:
        async with asyncio.timeout(question.timeout):
            answered = await clients.call(
                RUNTIME,
                placement.region,
                "invoke_endpoint",
                EndpointName=question.endpoint,
                ContentType="application/json",
                Accept="application/json",
                Body=question.body,
            )
    except TimeoutError:
        return CheckAnswer(latency=time.monotonic() - began, problem=f"no answer within {question.timeout} s")
    except NotFound as missing:
        # DescribeEndpoint has just shown it in service: the runtime learns of it a little later.
        raise Transient("EndpointNotVisible", missing.message) from missing
    except Rejected as refused:
        if refused.reason != "ModelError":
            raise
        return CheckAnswer(latency=time.monotonic() - began, problem=refused.message)
    return CheckAnswer(body=answered["Body"], latency=time.monotonic() - began)
