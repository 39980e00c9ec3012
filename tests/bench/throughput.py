"""What the SageMaker double can answer at best: a bench of the operator cannot be faster than this."""

import asyncio
import time
from dataclasses import dataclass

import aiohttp

from tests.testbed.workbench import REGION

_SECONDS = 2.0
_CONNECTIONS = 8


@dataclass(frozen=True)
class Throughput:
    """Requests a second over eight connections, from a client that does little but send."""

    describe_endpoint: float
    list_endpoints: float
    """Pages of 100."""


def measure(url: str, endpoint: str) -> Throughput:
    """Ask for two seconds each."""
    return Throughput(
        describe_endpoint=asyncio.run(_rate(url, "DescribeEndpoint", {"EndpointName": endpoint})),
        list_endpoints=asyncio.run(_rate(url, "ListEndpoints", {"MaxResults": 100})),
    )


async def _rate(url: str, operation: str, parameters: dict[str, object]) -> float:
    headers = {
        "X-Amz-Target": f"SageMaker.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/{REGION}/sagemaker/aws4_request",
    }
    answered = 0
    until = time.monotonic() + _SECONDS
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_CONNECTIONS)) as session:

        async def ask() -> None:
            nonlocal answered
            while time.monotonic() < until:
                async with session.post(url, json=parameters, headers=headers) as answer:
                    await answer.read()
                    answer.raise_for_status()
                    answered += 1

        await asyncio.gather(*(ask() for _ in range(_CONNECTIONS)))
    return answered / _SECONDS
