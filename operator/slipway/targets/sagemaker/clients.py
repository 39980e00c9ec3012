"""boto3 clients, one for each identity, service, region and patience, called from bounded pools of threads.

No hidden retries: a mutating call is sent once, and what a lost answer has done is found out by looking. No
waiters. All clients share one botocore data loader: each loader of its own costs up to 25 MB. What is left is about
a megabyte for each client, most of it the certificates that its connections are checked with. So a client of
SageMaker that was not used for a quarter of an hour is dropped, one of another service after a minute: a role in use
costs a megabyte a region, and for its first minute three.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
from botocore.parsers import ResponseParserError

from slipway.domain.errors import OutsideError, RateLimited
from slipway.domain.identity import OWN, Identity
from slipway.targets.sagemaker.errors import says_that_credentials_are_invalid, translated
from slipway.targets.sagemaker.lanes import Lane
from slipway.targets.sagemaker.own import OwnSession
from slipway.targets.sagemaker.roles import AssumedRole
from slipway.targets.sagemaker.service_model import IAM_OPERATIONS, keep_needed_operations
from slipway.targets.sagemaker.timed import Timed

IDLE = 900.0
"""Seconds after which a client, a role's credentials or a lane that nobody uses are dropped."""
IDLE_BESIDE = 60.0
"""The same for clients of services that are asked now and then, such as STS and IAM."""

RUNTIME = "sagemaker-runtime"
_WITH_LIMITS_OF_THEIR_OWN = {RUNTIME, "iam", "cloudwatch"}
"""Services whose throttling, and whose slowness, says nothing about the others. STS goes with SageMaker."""

Counted = Callable[[str, str], None]
"""Called with (operation as AWS calls it, outcome) for every request."""


@dataclass(frozen=True)
class AwsSession:
    """Requests under one identity."""

    clients: "AwsClients"
    identity: Identity

    async def call(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """See `AwsClients.call`."""
        return await self.clients.call(self.identity, service, region, operation, **parameters)

    async def timed_call(
        self, timed: Timed, service: str, region: str, operation: str, **parameters: Any
    ) -> dict[str, Any]:
        """See `AwsClients.call`."""
        return await self.clients.call(self.identity, service, region, operation, timed=timed, **parameters)


class AwsClients:
    """All requests to AWS go through here: bounded, paced, counted, translated."""

    def __init__(
        self,
        *,
        timeout: float,
        concurrency: int,
        requests_per_second: float,
        session_name: str = "slipway",
        counted: Counted = lambda operation, outcome: None,
    ) -> None:
        """`timeout`: seconds for one request. `concurrency` and `requests_per_second` hold for an account and region.

        `session_name`: what the operator is called under a role that it has assumed.
        """
        self._config = Config(
            connect_timeout=timeout,
            read_timeout=timeout,
            retries={"total_max_attempts": 1},
            max_pool_connections=concurrency,
            parameter_validation=True,
        )
        self._concurrency = concurrency
        self._rate = requests_per_second
        self._session_name = session_name
        self._counted = counted
        self._own = OwnSession()
        self._loader = self._own.loader
        keep_needed_operations(self._loader)
        self._clients: dict[tuple[Identity, str, str, int | None], _Kept] = {}
        self._roles: dict[tuple[Identity, str], _Role] = {}
        self._drop_next = 0.0
        self._creating = threading.RLock()  # making a client may need one of STS
        self._lanes: dict[tuple[str, str, str], Lane] = {}

    def session(self, identity: Identity) -> AwsSession:
        """Requests under this identity."""
        return AwsSession(self, identity)

    def close(self) -> None:
        """Stop the threads; requests that are on their way end by their own time-out."""
        for lane in self._lanes.values():
            lane.close()

    async def call(
        self,
        identity: Identity,
        service: str,
        region: str,
        operation: str,
        *,
        timed: Timed | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """One request; `operation` is the client's method. Raises the errors of `slipway.domain.errors`.

        `timed` gives it a time-out of its own, and is told what it took: a thread is then held no longer than that.
        The caller's cancellation does not stop a request that is already in its thread.
        """
        lane = self._lane(identity, region, service)
        lane.check()
        api_name = operation.title().replace("_", "")
        try:
            with lane:
                async with lane.limiter:
                    lane.check()  # throttling may have come while this one waited for its turn
                    loop = asyncio.get_running_loop()
                    request = partial(self._send, identity, service, region, operation, parameters, timed)
                    answer: dict[str, Any] = await loop.run_in_executor(lane.threads, request)
        except (ClientError, BotoCoreError, ResponseParserError) as refused:
            raise self._translated(lane, api_name, refused) from refused
        self._counted(api_name, "ok")
        return answer

    def _lane(self, identity: Identity, region: str, service: str) -> Lane:
        """Roles of one account share a lane. The operator's own identity has one to itself, whatever its account.

        Models take their time to answer: what is asked of them must not keep the other requests waiting.
        """
        key = identity.account or "", region, service if service in _WITH_LIMITS_OF_THEIR_OWN else "sagemaker"
        lane = self._lanes.get(key)
        if lane is None:
            for other in [name for name, found in self._lanes.items() if found.idle() > IDLE]:
                self._lanes.pop(other).close()
            place = f"{region} of account {identity.account}" if identity.account else region
            lane = self._lanes[key] = Lane(place, self._concurrency, self._rate)
        return lane

    def _translated(self, lane: Lane, operation: str, refused: Exception) -> OutsideError:
        asked = getattr(refused, "operation_name", operation)  # AssumeRole, where that was refused
        error = translated(asked, refused)
        self._counted(asked, error.reason)
        if isinstance(error, RateLimited):
            lane.hold(error.retry_after)
        return error

    # What follows runs in threads.

    def _send(
        self,
        identity: Identity,
        service: str,
        region: str,
        operation: str,
        parameters: dict[str, Any],
        timed: Timed | None,
    ) -> dict[str, Any]:
        try:
            client = self._client(identity, service, region, timed.limit if timed else None)
            request = partial(_answer, client, operation, parameters)
            if timed is None:
                return request()
            self._fetch_credentials(identity, region)
            return timed.measure(request)
        except (NoCredentialsError, PartialCredentialsError):
            self._renew_own()
            raise
        except ClientError as refused:
            if says_that_credentials_are_invalid(refused):
                # A role is assumed with the operator's own.
                own = identity == OWN or refused.operation_name == "AssumeRole"
                self._renew_own() if own else self._forget(identity, region)
            raise

    def _client(self, identity: Identity, service: str, region: str, read_timeout: int | None = None) -> Any:
        # Clients are thread-safe, their creation is not:
        # https://docs.aws.amazon.com/boto3/latest/guide/clients.html#multithreading-or-multiprocessing-with-clients
        with self._creating:
            key = identity, service, region, read_timeout
            self._drop_idle()
            if key not in self._clients:
                self._clients[key] = _Kept(self._make_client(identity, service, region, read_timeout))
            found = self._clients[key]
            found.used = time.monotonic()
            role = self._roles.get((identity, region))
            if role:
                role.used = time.monotonic()
        if role:
            role.assumed.check()
        return found.client

    def _make_client(self, identity: Identity, service: str, region: str, read_timeout: int | None) -> Any:
        if service == "iam":
            keep_needed_operations(self._loader, "iam", IAM_OPERATIONS)
        session = self._role(identity, region).session if identity.role_arn else self._own.current
        config = self._config.merge(Config(read_timeout=read_timeout)) if read_timeout else self._config
        return session.client(service, region_name=region, config=config)

    def _role(self, identity: Identity, region: str) -> "_Role":
        """The role is assumed through STS of the region itself: its tokens are valid everywhere."""
        found = self._roles.get((identity, region))
        if found is None:
            sts = partial(self._client, OWN, "sts", region)
            assumed = AssumedRole(identity, self._session_name, sts, partial(self._counted, "AssumeRole", "ok"))
            core = botocore.session.get_session()
            core.register_component("data_loader", self._loader)
            core.register_component("credential_provider", assumed.resolver())
            found = self._roles[identity, region] = _Role(assumed, boto3.Session(botocore_session=core))
        return found

    def _fetch_credentials(self, identity: Identity, region: str) -> None:
        """Fetch or renew them now, if need be: whatever they wait for is no part of the request that follows."""
        with self._creating:
            session = self._role(identity, region).session if identity.role_arn else self._own.current
            credentials = session.get_credentials()
        if credentials:
            credentials.get_frozen_credentials()

    def _forget(self, identity: Identity, region: str) -> None:
        """Have the role assumed anew, such as one that was deleted and made anew."""
        with self._creating:
            if self._roles.pop((identity, region), None):
                for key in [key for key in self._clients if (key[0], key[2]) == (identity, region)]:
                    del self._clients[key]

    def _renew_own(self) -> None:
        """Look for the operator's own credentials anew: they may have been mounted, or replaced, meanwhile."""
        with self._creating:
            if self._own.renew():
                for key in [key for key in self._clients if key[0] == OWN]:
                    del self._clients[key]

    def _drop_idle(self) -> None:
        now = time.monotonic()
        if now < self._drop_next:
            return
        self._drop_next = now + IDLE_BESIDE
        limits = {key: IDLE if key[1] == "sagemaker" else IDLE_BESIDE for key in self._clients}
        for key in [key for key, kept in self._clients.items() if kept.used < now - limits[key]]:
            self._clients.pop(key).client.close()
        for place in [place for place, role in self._roles.items() if role.used < now - IDLE]:
            del self._roles[place]


def _answer(client: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = getattr(client, operation)(**parameters)
    if "Body" in answer:
        # A stream is read here, in the thread: what it waits for must not hold up the event loop.
        answer["Body"] = answer["Body"].read()
    return answer


class _Kept:
    """A client, and when it was used last."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.used = time.monotonic()


class _Role:
    """A role's credentials with the session that uses them, and when that was used last."""

    def __init__(self, assumed: AssumedRole, session: Any) -> None:
        self.assumed = assumed
        self.session = session
        self.used = time.monotonic()
