"""`LocalSageMaker`: what tests hold in their hands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import boto3
from botocore.config import Config as BotoConfig

from tests.testbed.sagemaker import neighbours
from tests.testbed.sagemaker.backdoor import Backdoor
from tests.testbed.sagemaker.calls import Call
from tests.testbed.sagemaker.container import CheckWeights
from tests.testbed.sagemaker.defaults import ACCOUNT, REGION
from tests.testbed.sagemaker.identities import identity
from tests.testbed.sagemaker.server import Running
from tests.testbed.sagemaker.timing import Timing
from tests.testbed.sagemaker.tokens import LONGEST
from tests.testbed.sagemaker.troubles import Troubles

_boto = threading.Lock()  # boto3's default session makes clients one at a time


@dataclass(frozen=True)
class Resource:
    """Something that is left behind the API: `kind` as in its ARN."""

    kind: Literal["model", "endpoint-config", "endpoint"]
    name: str
    arn: str
    account: str
    region: str
    tags: Mapping[str, str]


class LocalSageMaker(Timing, Troubles, Backdoor):
    """A SageMaker over HTTP on 127.0.0.1, or another address, with a fresh state each. Use as a context manager."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        durations: Mapping[str, float] | None = None,
        check_weights: CheckWeights | None = None,
        failure_reason_sticks: bool = True,
        same_config_allowed: bool = False,
        clock: Callable[[], float] | None = None,
    ) -> None:
        super().__init__()
        self.rules.durations.update(durations or {})
        self.rules.check_weights = check_weights
        self.rules.failure_reason_sticks = failure_reason_sticks
        self.rules.same_config_allowed = same_config_allowed
        if clock is not None:
            self.rules.clock = clock
        self._host = host
        self._port = port
        self._running: Running | None = None

    # -- serving ------------------------------------------------------------------------------------

    def start(self) -> Self:
        if self._running is None:
            self._running = Running(self.service, self._host, self._port)
            self._port = self._running.port  # a restart comes back where its clients look for it
        return self

    def stop(self) -> None:
        """Drops every connection. The state stays: `start` again is the end of an outage."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.rules.pool.shutdown(wait=False, cancel_futures=True)

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    def client(self, service: str = "sagemaker", *, region: str = REGION, account: str = ACCOUNT) -> Any:
        """A boto3 client that sends each call once and gives up after five seconds."""
        key, secret = ("AKIAIOSFODNN7EXAMPLE", "secret") if account == ACCOUNT else self.credentials(account)
        once = BotoConfig(retries={"total_max_attempts": 1}, read_timeout=5, connect_timeout=5, max_pool_connections=32)
        with _boto:
            return boto3.client(  # type: ignore[call-overload]
                service,
                region_name=region,
                endpoint_url=self.url,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                config=once,
            )

    def credentials(self, account: str) -> tuple[str, str]:
        """An access key of another account; other keys belong to 123456789012 or to the role they assumed."""
        return neighbours.new_credentials(account)

    def openai_url(self, endpoint: str) -> str:
        """The base URL of the endpoint for an OpenAI client; `bearer_token` is its API key."""
        return f"{self.url}/endpoints/{endpoint}/openai/v1"

    def bearer_token(
        self, account: str = ACCOUNT, region: str = REGION, *, role: str = "slipway", seconds: float = LONGEST
    ) -> str:
        """What the SDK's generate_token makes of the credentials of a role in this account, for this region."""
        return self.service.tokens.issue(account, region, identity(account, role), seconds)

    # -- what the service knows ---------------------------------------------------------------------

    def add_role(self, *arns: str) -> None:
        """Roles that SageMaker can assume. None is known to begin with."""
        with self.rules.lock:
            self.rules.roles.update(arns)

    def remove_role(self, arn: str) -> None:
        with self.rules.lock:
            self.rules.roles.discard(arn)

    def trust(self, role: str, external_id: str | None = None) -> None:
        """Roles that the caller may assume with STS. None may to begin with, unlike in moto."""
        with self.rules.lock:
            self.rules.assumable[role] = external_id

    def add_image(self, *prefixes: str) -> None:
        with self.rules.lock:
            self.rules.images.extend(prefixes)

    def deny_image(self, *prefixes: str) -> None:
        with self.rules.lock:
            self.rules.denied_images.extend(prefixes)

    def set_quota(self, instance_type: str, limit: int | None) -> None:
        """Instances of a type for the endpoints of an account and region; None: as many as they want."""
        with self.rules.lock:
            if limit is None:
                self.rules.quotas.pop(instance_type, None)
            else:
                self.rules.quotas[instance_type] = limit

    def hide_new_configs(self, calls: int) -> None:
        """Endpoint configs created from now on stay invisible to the next `calls` creates or updates."""
        with self.rules.lock:
            self.rules.hidden_calls = calls

    # -- what happened ------------------------------------------------------------------------------

    @property
    def calls(self) -> list[Call]:
        return self.service.log.read()

    def clear_calls(self) -> None:
        self.service.log.clear()

    def mutations(self, *, effective: bool = False) -> list[Call]:
        """Calls that change something, or (effective) those that did."""
        return [call for call in self.calls if call.mutating and (call.effect or not effective)]

    def resources(self) -> list[Resource]:
        """All models, endpoint configs and endpoints there are, in every account and region."""
        with self.rules.lock:
            found = []
            for world in self._worlds():
                for kind, one in world.everything():
                    found.append(
                        Resource(kind, one.name, one.arn, world.account, world.region, dict(one.tags))  # type: ignore[arg-type]
                    )
            return found

    def names(self, kind: str) -> list[str]:
        return sorted(one.name for one in self.resources() if one.kind == kind)

    def status(self, endpoint: str) -> str | None:
        """Read behind the API, so that it leaves no call in the log; None if it is gone."""
        with self.rules.lock:
            found = [w.endpoints[endpoint.lower()] for w in self._worlds() if endpoint.lower() in w.endpoints]
            return found[0].status if found else None


__all__ = ["LocalSageMaker", "Resource"]
