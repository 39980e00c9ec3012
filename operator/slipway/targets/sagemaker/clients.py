"""boto3 clients, one a region, called from a bounded pool of threads.

No hidden retries: a mutating call is sent once, and what a lost answer has done is found out by looking. No
waiters. All clients share one session, and so one botocore data loader: each loader of its own costs up to 25 MB.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
import botocore.session
from aiolimiter import AsyncLimiter
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from slipway.domain.errors import OutsideError, RateLimited
from slipway.targets.sagemaker.errors import translated
from slipway.targets.sagemaker.service_model import keep_needed_operations

RUNTIME = "sagemaker-runtime"
_LONGEST_ANSWER = 65
"""Seconds: a container has 60 to answer
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html)."""

Counted = Callable[[str, str], None]
"""Called with (operation as AWS calls it, outcome) for every request."""


class AwsClients:
    """All requests to AWS go through here: bounded, paced, counted, translated."""

    def __init__(
        self,
        *,
        timeout: float,
        concurrency: int,
        requests_per_second: float,
        counted: Counted = lambda operation, outcome: None,
    ) -> None:
        """`timeout`: seconds for one request. `concurrency` and `requests_per_second` hold for each region."""
        self._config = Config(
            connect_timeout=timeout,
            read_timeout=timeout,
            retries={"total_max_attempts": 1},
            max_pool_connections=concurrency,
            parameter_validation=True,
        )
        self._patient = self._config.merge(Config(read_timeout=_LONGEST_ANSWER))
        self._concurrency = concurrency
        self._rate = requests_per_second
        self._counted = counted
        core = botocore.session.get_session()
        keep_needed_operations(core.get_component("data_loader"))
        # Typed as Any: the stubs have one overload a service, none for a variable.
        self._session: Any = boto3.Session(botocore_session=core)
        self._clients: dict[tuple[str, str], Any] = {}
        self._creating = threading.Lock()
        self._lanes: dict[str, _Lane] = {}

    def close(self) -> None:
        """Stop the threads; requests that are on their way end by their own time-out."""
        for lane in self._lanes.values():
            lane.threads.shutdown(wait=False, cancel_futures=True)

    async def call(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """One request; `operation` is the client's method. Raises the errors of `slipway.domain.errors`.

        The caller's cancellation does not stop a request that is already in its thread.
        """
        # Models take their time to answer: they must not keep the other requests of a region waiting.
        name = f"{region}-runtime" if service == RUNTIME else region
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _Lane(name, self._concurrency, self._rate)
        lane.check()
        api_name = operation.title().replace("_", "")
        try:
            async with lane.limiter:
                lane.check()  # throttling may have come while this one waited for its turn
                loop = asyncio.get_running_loop()
                request = partial(self._send, service, region, operation, parameters)
                answer: dict[str, Any] = await loop.run_in_executor(lane.threads, request)
        except (ClientError, BotoCoreError, ResponseParserError) as refused:
            raise self._translated(lane, api_name, refused) from refused
        self._counted(api_name, "ok")
        return answer

    def _translated(self, lane: "_Lane", operation: str, refused: Exception) -> OutsideError:
        error = translated(operation, refused)
        self._counted(operation, error.reason)
        if isinstance(error, RateLimited):
            lane.hold(error.retry_after)
        return error

    def _send(self, service: str, region: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        # Clients are thread-safe, their creation is not:
        # https://docs.aws.amazon.com/boto3/latest/guide/clients.html#multithreading-or-multiprocessing-with-clients
        with self._creating:
            client = self._clients.get((service, region))
            if client is None:
                client = self._clients[service, region] = self._make_client(service, region)
        answer: dict[str, Any] = getattr(client, operation)(**parameters)
        body = answer.get("Body")
        # A stream is read here, in the thread: what it waits for must not hold up the event loop.
        return answer if body is None else {**answer, "Body": body.read()}

    def _make_client(self, service: str, region: str) -> Any:
        config = self._patient if service == RUNTIME else self._config
        return self._session.client(service, region_name=region, config=config)


class _Lane:
    """The patience and the threads of one region."""

    def __init__(self, region: str, concurrency: int, requests_per_second: float) -> None:
        at_once = max(requests_per_second, 1.0)
        self.limiter = AsyncLimiter(at_once, at_once / requests_per_second)
        self.threads = ThreadPoolExecutor(concurrency, thread_name_prefix=f"aws-{region}")
        self._held_until = 0.0
        self._region = region

    def hold(self, seconds: float) -> None:
        """Nobody may send before so many seconds have passed: throttling slows the whole port."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)

    def check(self) -> None:
        """Raise RateLimited while the lane is held."""
        left = self._held_until - time.monotonic()
        if left > 0:
            raise RateLimited("AwsThrottled", f"AWS asked for patience in {self._region}", left)
