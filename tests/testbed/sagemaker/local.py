"""`LocalSageMaker`: what tests hold in their hands."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import boto3
from botocore.config import Config as BotoConfig

from tests.testbed.sagemaker import neighbours
from tests.testbed.sagemaker.calls import Call, Failure, Fault, Hook, Params, When
from tests.testbed.sagemaker.container import CheckWeights
from tests.testbed.sagemaker.identities import identity
from tests.testbed.sagemaker.invoking import Outcome, Script
from tests.testbed.sagemaker.permissions import Denial
from tests.testbed.sagemaker.resources import IN_MOTION, Config, Endpoint, Model, Variant
from tests.testbed.sagemaker.rules import Scripted
from tests.testbed.sagemaker.server import Running
from tests.testbed.sagemaker.service import Service
from tests.testbed.sagemaker.states import World
from tests.testbed.sagemaker.tokens import LONGEST

ACCOUNT = "123456789012"
REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/sagemaker"
IMAGE = (
    "763104351884.dkr.ecr.eu-central-1.amazonaws.com/huggingface-pytorch-tgi-inference:"
    "2.7.0-tgi3.3.6-gpu-py311-cu124-ubuntu22.04"
)
VLLM_IMAGE = "763104351884.dkr.ecr.eu-central-1.amazonaws.com/vllm:0.27.1-gpu-py312-cu130-ubuntu22.04-sagemaker"
HF_VLLM_IMAGE = (
    "763104351884.dkr.ecr.eu-central-1.amazonaws.com/huggingface-vllm:"
    "0.25.1-transformers5.10.2-gpu-py312-cu130-ubuntu22.04"
)
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


class LocalSageMaker:
    """A SageMaker over HTTP on 127.0.0.1, with a fresh state each. Use as a context manager."""

    def __init__(
        self,
        *,
        port: int = 0,
        durations: Mapping[str, float] | None = None,
        check_weights: CheckWeights | None = None,
        failure_reason_sticks: bool = True,
        same_config_allowed: bool = False,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.service = Service()
        self.rules = self.service.rules
        self.rules.durations.update(durations or {})
        self.rules.check_weights = check_weights
        self.rules.failure_reason_sticks = failure_reason_sticks
        self.rules.same_config_allowed = same_config_allowed
        if clock is not None:
            self.rules.clock = clock
        self._port = port
        self._running: Running | None = None

    # -- serving ------------------------------------------------------------------------------------

    def start(self) -> Self:
        if self._running is None:
            self._running = Running(self.service, "127.0.0.1", self._port)
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
        return f"http://127.0.0.1:{self._port}"

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

    # -- time ---------------------------------------------------------------------------------------

    def set_durations(self, **seconds: float) -> None:
        """Of Creating, Updating, Scaling, RollingBack, Deleting, and of the phases of an update with a
        DeploymentConfig: ActivatingTraffic, Baking, Terminating. For what begins from now on."""
        unknown = seconds.keys() - self.rules.durations.keys()
        if unknown:
            raise KeyError(f"no such transition: {sorted(unknown)}")
        with self.rules.lock:
            self.rules.durations.update(seconds)

    def scale_time(self, seconds: float | None) -> None:
        """What a second of a DeploymentConfig's waits takes; None: Baking and Terminating of the durations."""
        with self.rules.lock:
            self.rules.time_scale = seconds

    def hold(self, name: str | None = None, *, at: str | None = None) -> None:
        """Endpoints in motion, this one or all, stay so until `release`, however much time passes.

        `at`: only where they are in this phase of an update (Creating, ActivatingTraffic, Baking, Deleting) or in
        this EndpointStatus of another motion. `release_step` takes a held one from phase to phase.
        """
        with self.rules.lock:
            if name is None:
                self.rules.hold_all, self.rules.hold_all_at = True, at
            else:
                self.rules.held[name.lower()] = at

    def release(self, name: str | None = None) -> None:
        """Finishes this endpoint's transition now and lifts its own hold; without a name, lifts all holds."""
        with self.rules.lock:
            if name is None:
                self.rules.hold_all = False
                self.rules.held.clear()
            else:
                self.rules.held.pop(name.lower(), None)
            for world in self.service.worlds():
                world.advance()
                if name is None:
                    world.release_parked()
                else:
                    world.release(name)

    def release_step(self, name: str) -> None:
        """Finishes the phase that this endpoint's update is in, or its other motion; holds stay."""
        with self.rules.lock:
            for world in self.service.worlds():
                world.advance()
                world.release_step(name)

    # -- failures -----------------------------------------------------------------------------------

    def fail(
        self,
        operation: str,
        *,
        times: int | None = 1,
        when: When = "before",
        error: Failure = ("InternalFailure", "Internal failure.", 500),
        match: Callable[[Params], bool] | None = None,
    ) -> Fault:
        """Scripts failures of an operation ("*": of any). After: the effect is there, the answer is not."""
        return self.service.faults.add(Fault(operation, when, error, times, match))

    def throttle(self, operation: str = "*", *, times: int | None = 1, code: str = "ThrottlingException") -> Fault:
        """`code`: Throttling and RequestLimitExceeded are in use as well."""
        return self.fail(operation, times=times, error=(code, "Rate exceeded", 400))

    def expire_sessions(self) -> None:
        """Whatever AssumeRole gave until now is too old: ExpiredTokenException, in STS and IAM ExpiredToken."""
        self.service.credentials.expire(*neighbours.session_keys())

    def invalidate(self, *access_keys: str) -> None:
        """Nobody knows these keys: UnrecognizedClientException, in STS and IAM InvalidClientTokenId."""
        self.service.credentials.invalidate(*access_keys)

    def deny(
        self,
        action: str,
        resource: str = "*",
        *,
        account: str | None = None,
        role: str | None = None,
        explicit: bool = False,
        times: int | None = None,
    ) -> Denial:
        """Takes a permission away until cancelled: the calls that need it are refused, and IAM's simulation says so.

        `action`: "iam:PassRole", "cloudwatch:*"; without a service it is SageMaker's. `resource`: a pattern for its
        ARN. `account`, `role` (name or ARN): of the caller; None: of anybody.
        """
        action = action if ":" in action or action == "*" else f"sagemaker:{action}"
        return self.service.permissions.add(Denial(action, resource, account, role, explicit, times))

    def clear_faults(self) -> None:
        """Forgets scripted failures and denials."""
        self.service.faults.clear()
        self.service.permissions.clear()

    def limit_rate(self, per_second: float | None, *, burst: float = 1.0) -> None:
        """Throttles each operation of each account and region to a rate; None: not at all."""
        self.service.rate_limit.set(per_second, burst)

    def next_failure(self, endpoint: str, reason: str, *, times: int = 1, rollback_fails: bool = False) -> None:
        """The endpoint's next create, update or change of counts is accepted, then fails for this reason."""
        with self.rules.lock:
            waiting = self.rules.failures.setdefault(endpoint.lower(), deque())
            waiting.extend([Scripted(reason, rollback_fails)] * times)

    def no_capacity(self, instance_type: str, *, times: int = 1) -> None:
        """The next `times` attempts to provision this type fail with the service's CapacityError."""
        with self.rules.lock:
            self.rules.shortages[instance_type] += times

    def script_invocation(
        self, endpoint: str, outcome: Outcome, *, times: int | None = 1, revision: str | None = None
    ) -> Script:
        """What becomes of the endpoint's next invocations (None: of all until cancelled), by either path.

        `revision`: only of those that reach a container which loaded this one, for instance while traffic shifts.
        """
        return self.service.invocations.script(endpoint, Script(outcome, times, revision))

    def clear_invocations(self) -> None:
        """Forgets every script."""
        self.service.invocations.clear()

    def on_call(self, hook: Hook) -> Callable[[], None]:
        """Calls `hook(operation, params, "before"|"after")` around mutating calls; returns the way out."""
        return self.service.hooks.add(hook)

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

    # -- behind the caller's back -------------------------------------------------------------------

    def remove_endpoint(self, name: str) -> None:
        """Gone at once, in whatever state."""
        with self.rules.lock:
            world, endpoint = self._endpoint(name)
            world.forget(endpoint)

    def remove_config(self, name: str) -> None:
        self._remove("configs", name)

    def remove_model(self, name: str) -> None:
        self._remove("models", name)

    def change_config(self, name: str, config: str) -> None:
        """As if somebody had updated the endpoint to another config, and that update were through."""
        with self.rules.lock:
            world, endpoint = self._endpoint(name)
            found = world.configs[config.lower()]
            endpoint.variants, endpoint.config_name = world.deploy(found), found.name
            endpoint.capture = found.params.get("DataCaptureConfig")
            for variant in endpoint.variants:
                variant.settle()
            world.rest(endpoint, "InService")

    def change_count(self, name: str, count: int, variant: str | None = None) -> None:
        with self.rules.lock:
            world, endpoint = self._endpoint(name)
            for one in endpoint.variants:
                if variant in {None, one.name}:
                    one.desired = count
                    one.settle()
            world.touch(endpoint)

    def change_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        with self.rules.lock:
            found = [one for world in self._worlds() for _, one in world.everything() if one.arn == arn]
            found[0].tags = dict(tags)

    def set_status(self, name: str, status: str, reason: str | None = None) -> None:
        """Any status, until it is set again. In motion it has no end: SystemUpdating, RollingBack."""
        with self.rules.lock:
            world, endpoint = self._endpoint(name)
            world.rest(endpoint, status)
            if reason is not None:
                endpoint.failure = reason[:1024]
            elif status == "InService":
                endpoint.failure = None

    def seed(
        self,
        names: Iterable[str],
        *,
        account: str = ACCOUNT,
        region: str = REGION,
        repo: str = "acme/model",
        revision: str = "0" * 40,
        environment: Mapping[str, str] | None = None,
        image: str = IMAGE,
        instance_type: str = "ml.g5.2xlarge",
        count: int = 1,
        tags: Callable[[str], Mapping[str, str]] | Mapping[str, str] | None = None,
        model_name: Callable[[str], str] = str,
        config_name: Callable[[str], str] = str,
        role: str = ROLE,
    ) -> None:
        """A model, an endpoint config and an InService endpoint for each name, without a call."""
        env = {"HF_MODEL_ID": repo, "HF_MODEL_REVISION": revision, **(environment or {})}
        with self.rules.lock:
            world = self.service.world(account, region)
            for name in names:
                labels = dict(tags(name) if callable(tags) else tags or {})
                _seed(
                    world,
                    name,
                    Model(
                        model_name(name),
                        world.arn("model", model_name(name)),
                        {
                            "ModelName": model_name(name),
                            "PrimaryContainer": {"Mode": "SingleModel", "Environment": env, "Image": image},
                            "ExecutionRoleArn": role,
                            "EnableNetworkIsolation": False,
                        },
                        world.now(),
                        dict(labels),
                    ),
                    config_name(name),
                    instance_type,
                    count,
                    labels,
                )

    def _worlds(self) -> list[World]:
        worlds = self.service.worlds()
        for world in worlds:
            world.advance()
        return worlds

    def _endpoint(self, name: str) -> tuple[World, Endpoint]:
        found = [(w, w.endpoints[name.lower()]) for w in self._worlds() if name.lower() in w.endpoints]
        if not found:
            raise KeyError(f"no endpoint {name}")
        if len(found) > 1:
            raise KeyError(f"endpoint {name} is in several accounts or regions")
        return found[0]

    def _remove(self, where: Literal["configs", "models"], name: str) -> None:
        with self.rules.lock:
            for world in self._worlds():
                found: dict[str, Any] = getattr(world, where)
                if found.pop(name.lower(), None) is not None:
                    return
        raise KeyError(f"no {where[:-1]} {name}")


def _seed(
    world: World,
    name: str,
    model: Model,
    config_name: str,
    instance_type: str,
    count: int,
    tags: Mapping[str, str],
) -> None:
    world.models[model.name.lower()] = model
    variant = {
        "InitialVariantWeight": 1.0,
        "VariantName": "AllTraffic",
        "ModelName": model.name,
        "InstanceType": instance_type,
        "InitialInstanceCount": count,
    }
    params = {
        "EndpointConfigName": config_name,
        "ProductionVariants": [variant],
        "EnableNetworkIsolation": False,
    }
    config = Config(config_name, world.arn("endpoint-config", config_name), params, world.now(), dict(tags))
    world.configs[config_name.lower()] = config
    now = world.now()
    variants: list[Variant] = world.deploy(config)
    for one in variants:
        one.settle()
        one.resolved_at = now
    world.endpoints[name.lower()] = Endpoint(
        name, world.arn("endpoint", name), config.name, "InService", now, now, dict(tags), variants
    )


__all__ = ["ACCOUNT", "IMAGE", "IN_MOTION", "REGION", "ROLE", "LocalSageMaker", "Resource"]
