"""One request from its arrival to its answer: hooks, faults, the operation, the log. No sockets here."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from tests.testbed.sagemaker import iam, neighbours, refusals, schema, wire
from tests.testbed.sagemaker.calls import Call, CallLog, Failure, Faults, Hooks, RateLimit, is_mutating
from tests.testbed.sagemaker.credentials import Credentials
from tests.testbed.sagemaker.identities import OWN_ROLE, Principal, identity
from tests.testbed.sagemaker.invoking import Invocations
from tests.testbed.sagemaker.lost import Lost
from tests.testbed.sagemaker.operations import OPERATIONS, REFUSED, target_of
from tests.testbed.sagemaker.permissions import Permissions, check_deregistering, needed
from tests.testbed.sagemaker.rules import Rules
from tests.testbed.sagemaker.states import World
from tests.testbed.sagemaker.tokens import Tokens
from tests.testbed.sagemaker.wire import Answer, Request

Forward = Callable[[], Answer]
_TAGGING = {"AddTags", "ListTags", "DeleteTags"}
_OUR_ARN = re.compile(r"arn:[^:]*:sagemaker:[^:]*:[^:]*:(model|endpoint-config|endpoint)/")
_VARIANT = re.compile(r"endpoint/(?P<endpoint>[^/]+)/variant/(?P<variant>[^/]+)")


class Service:
    def __init__(self) -> None:
        self.rules = Rules()
        self.log = CallLog()
        self.faults = Faults()
        self.hooks = Hooks()
        self.rate_limit = RateLimit()
        self.invocations = Invocations()
        self.tokens = Tokens(lambda: self.rules.clock(), self.principal, neighbours.secret_of)
        self.latency = 0.0
        self._worlds: dict[tuple[str, str], World] = {}
        self.permissions = Permissions()
        self.credentials = Credentials()
        self._accounts: dict[str, str] = {}
        self._principals: dict[str, Principal] = {}

    def world(self, account: str, region: str) -> World:
        with self.rules.lock:
            return self._worlds.setdefault((account, region), World(account, region, self.rules))

    def worlds(self) -> list[World]:
        with self.rules.lock:
            return list(self._worlds.values())

    def account(self, access_key: str) -> str:
        if access_key not in self._accounts:
            self._accounts[access_key] = neighbours.account_of(access_key)
        return self._accounts[access_key]

    def principal(self, access_key: str) -> Principal:
        if access_key not in self._principals:
            account = self.account(access_key)
            arn = neighbours.session_of(account, access_key) or identity(account, OWN_ROLE)
            self._principals[access_key] = Principal(account, arn)
        return self._principals[access_key]

    def handle(self, request: Request, forward: Forward) -> Answer:
        """Answers, or raises Lost. What happened is logged before the caller learns of it."""
        if self.latency:
            time.sleep(self.latency)
        mutating = is_mutating(request.operation)
        error: str | None = None
        effect = False
        try:
            if mutating:
                self.hooks.fire(request.operation, request.params, "before")
            self._fail(request, "before")
            answer = self._answer(request, forward)
            effect, error = mutating and answer.status < 400, answer.headers.get("x-amzn-ErrorType")
            if answer.status < 400:
                if mutating:
                    self.hooks.fire(request.operation, request.params, "after")
                self._fail(request, "after")
            elif error is None:
                error = str(answer.status)
            return answer
        except refusals.Refusal as refusal:
            error = refusal.code
            return wire.error(request.protocol, refusal)
        except Lost as lost:
            error = lost.how
            raise
        except Exception as crash:  # of a hook, or of this double: the connection breaks, the log says why
            error = type(crash).__name__
            raise
        finally:
            self.log.add(
                Call(
                    service=request.service,
                    operation=request.operation,
                    target=target_of(request.params),
                    account=self._account(request),
                    region=request.region or self._region(request),
                    mutating=mutating,
                    effect=effect,
                    error=error,
                    time=self.rules.clock(),
                    params=request.params,
                )
            )

    def _account(self, request: Request) -> str:
        bearer = self.tokens.find(request.bearer)
        if bearer is not None:
            return bearer.account
        return self.account(request.access_key) if request.access_key else ""

    def _region(self, request: Request) -> str:
        bearer = self.tokens.find(request.bearer)
        return bearer.region if bearer is not None else ""

    def _fail(self, request: Request, when: str) -> None:
        fault = self.faults.take(request.operation, request.params, "before" if when == "before" else "after")
        if fault is None:
            return
        failure: Failure = fault.error
        if isinstance(failure, str):
            raise Lost(failure)
        raise refusals.Refusal(*failure)

    def _answer(self, request: Request, forward: Forward) -> Answer:
        if request.protocol == "openai":
            return self._openai(request)
        ours = request.service in {"sagemaker", "sagemaker-runtime"}
        if not request.access_key and ours:
            raise refusals.Refusal("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
        self.credentials.check(request.access_key, request.protocol)
        account = self.account(request.access_key)
        if ours and not self.rate_limit.take((account, request.region, request.operation)):
            raise refusals.throttled()
        if request.access_key:
            self._permit(request, self.principal(request.access_key), request.region)
        answered = self._here(request, account)
        if answered is not None:
            return answered
        if request.operation == "RegisterScalableTarget":
            self._register(request, self.world(account, request.region))
        answer = forward()
        if request.operation == "SetAlarmState" and answer.status < 400:
            self._alarm_set(request, self.world(account, request.region))
        return answer

    def _here(self, request: Request, account: str) -> Answer | None:
        """What this double answers itself. None: moto's to answer."""
        if request.service == "sagemaker-runtime":
            return self.invocations.answer(request, self.world(account, request.region))
        if request.service == "sagemaker" and request.operation in REFUSED:
            raise refusals.not_modelled(request.operation)
        if request.service == "sagemaker" and _answered_here(request):
            return self._operate(request, self.world(account, request.region))
        if request.service in {"sts", "iam"} and request.access_key:
            return self._identity(request, self.principal(request.access_key))
        return None

    def _alarm_set(self, request: Request, world: World) -> None:
        """An update that bakes under an alarm comes back when it trips, even if it is well again a moment later."""
        with self.rules.lock:
            world.advance()
            world.alarm_tripped(str(request.params.get("AlarmName", "")))

    def _openai(self, request: Request) -> Answer:
        """[D] Only chat/completions is there. The token says whose endpoint it is."""
        bearer = self.tokens.check(request.bearer)
        self.credentials.check(bearer.access_key, request.protocol)
        if request.operation != "ChatCompletions":
            raise refusals.Refusal("NotFoundException", f"No such path: {request.operation}", 404)  # [M]
        if not self.rate_limit.take((bearer.account, bearer.region, request.operation)):
            raise refusals.throttled()
        principal = Principal(bearer.account, bearer.identity)
        self._permit(request, principal, bearer.region)
        return self.invocations.openai(request, self.world(bearer.account, bearer.region))

    def _operate(self, request: Request, world: World) -> Answer:
        schema.check(request.operation, request.params)
        with self.rules.lock:
            world.advance()
            if self.permissions:
                check_deregistering(self.permissions, self.principal(request.access_key), request, world)
            return wire.answer(OPERATIONS[request.operation](world, request.params))

    def _permit(self, request: Request, caller: Principal, region: str) -> None:
        world = self.world(caller.account, region)
        self.permissions.check(caller, request.service, lambda: needed(request, world))

    def _identity(self, request: Request, caller: Principal) -> Answer | None:
        """What STS and IAM answer here. None: moto's to answer."""
        if request.operation == "GetCallerIdentity":
            return iam.get_caller_identity(caller)
        if request.operation == "SimulatePrincipalPolicy":
            return iam.simulate(self.rules, self.permissions, caller, request.params)
        if request.operation == "GetRole":
            return iam.get_role(self.rules, caller, request.params)
        if request.operation.startswith("AssumeRole"):
            self._assume(request, caller)
        return None

    def _assume(self, request: Request, caller: Principal) -> None:
        """moto lets every role be assumed; here it takes a trust policy: `trust(role, external_id)`."""
        role = request.params.get("RoleArn", "")
        with self.rules.lock:
            trusted = role in self.rules.assumable
            wanted = self.rules.assumable.get(role)
        if not trusted or (wanted is not None and request.params.get("ExternalId") != wanted):
            raise refusals.denied(caller.arn, "sts:AssumeRole", role, service="sts")

    def _register(self, request: Request, world: World) -> None:
        """moto registers scalable targets of endpoints that do not exist. Texts [M]."""
        if request.params.get("ServiceNamespace") != "sagemaker":
            return
        found = _VARIANT.fullmatch(request.params.get("ResourceId", ""))
        if found is None:
            return
        with self.rules.lock:
            world.advance()
            endpoint = world.endpoints.get(found["endpoint"].lower())
            if endpoint is None:
                raise refusals.not_found("endpoint", world.arn("endpoint", found["endpoint"]))
            if endpoint.status != "InService":
                raise refusals.in_progress(endpoint.arn)
            if found["variant"] not in {variant.name for variant in endpoint.variants}:
                raise refusals.invalid(f"No variant {found['variant']} found for endpoint {endpoint.arn}.")


def _answered_here(request: Request) -> bool:
    if request.operation in _TAGGING:
        return "ResourceArn" not in request.params or bool(_OUR_ARN.match(str(request.params["ResourceArn"])))
    return request.operation in OPERATIONS
