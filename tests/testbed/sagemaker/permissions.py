"""What IAM does not let somebody do. Everything is allowed to begin with; tests take away.

Which resources an operation is checked on: the service authorization reference [D],
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html, and for UpdateEndpoint
https://github.com/aws-controllers-k8s/community/issues/1889 [T].
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tests.testbed.sagemaker import neighbours, refusals
from tests.testbed.sagemaker.identities import Principal
from tests.testbed.sagemaker.states import World
from tests.testbed.sagemaker.wire import Request

Needed = tuple[str, str]  # an action and a resource
Decision = Literal["allowed", "implicitDeny", "explicitDeny"]
ACTIONS = {"sagemaker-runtime": "sagemaker", "monitoring": "cloudwatch"}  # where they differ from the signing name
_DEREGISTER = "application-autoscaling:DeregisterScalableTarget"
FREE = frozenset({"GetCallerIdentity"})  # [D] needs no permission


@dataclass(eq=False)
class Denial:
    """Something that is not allowed; `times` None means until `cancel`."""

    action: str
    resource: str
    account: str | None
    role: str | None
    explicit: bool
    times: int | None
    fired: int = 0

    def cancel(self) -> None:
        self.times = 0

    def holds(self, account: str, role: str, needed: Needed) -> bool:
        return (
            self.times != 0
            and self.account in {None, account}
            and (self.role is None or self.role.rpartition("/")[2] == role)
            and _like(self.action, needed[0])
            and _like(self.resource, needed[1])
        )


def _like(pattern: str, value: str) -> bool:
    """IAM's patterns. Without regard to case: actions have none, and SageMaker's ARNs are in lower case [M]."""
    parts = [{"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern]
    return re.fullmatch("".join(parts), value, re.IGNORECASE | re.DOTALL) is not None


class Permissions:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._denials: list[Denial] = []

    def __bool__(self) -> bool:
        """Whether anything was ever taken away."""
        return bool(self._denials)

    def add(self, denial: Denial) -> Denial:
        with self._lock:
            self._denials.append(denial)
        return denial

    def clear(self) -> None:
        with self._lock:
            self._denials.clear()

    def decide(self, account: str, role: str, needed: Needed) -> Decision:
        """What a simulation says: nothing is used up by it. On all resources, * is what no denial touches."""
        action, resource = needed
        with self._lock:
            found = [
                one
                for one in self._denials
                if one.holds(account, role, (action, one.resource if resource == "*" else resource))
            ]
        if not found:
            return "allowed"
        return "explicitDeny" if any(one.explicit for one in found) else "implicitDeny"

    def check(self, caller: Principal, service: str, needed: Callable[[], Iterable[Needed]]) -> None:
        """Raises the service's refusal for the first thing that is not allowed."""
        if not self:
            return
        for one in needed():
            with self._lock:
                denial = next((d for d in self._denials if d.holds(caller.account, caller.role, one)), None)
                if denial is None:
                    continue
                denial.fired += 1
                if denial.times is not None:
                    denial.times -= 1
            raise refusals.denied(caller.arn, *one, service=service, explicit=denial.explicit)


def check_deregistering(permissions: Permissions, caller: Principal, request: Request, world: World) -> None:
    """[T] https://github.com/awslabs/stable-diffusion-aws-extension/issues/161: what deletes an autoscaled variant
    deregisters its scalable target with the caller's own rights."""
    endpoint = world.endpoints.get(str(request.params.get("EndpointName", "")).lower())
    if endpoint is None or request.operation not in {"DeleteEndpoint", "UpdateEndpoint"}:
        return
    config = world.configs.get(str(request.params.get("EndpointConfigName", "")).lower())
    staying = {spec["VariantName"] for spec in config.variants} if config else set()
    going = neighbours.scaled_variants(world.account, world.region, endpoint.name) - staying
    if request.operation == "UpdateEndpoint" and config is None:
        return
    if going and permissions.decide(caller.account, caller.role, (_DEREGISTER, "*")) != "allowed":
        raise refusals.scalable_target_of_deleted(request.operation)


def needed(request: Request, world: World) -> list[Needed]:
    """What the caller of this operation has to be allowed to do."""
    if request.operation in FREE:
        return []
    if request.protocol == "openai":  # [D] both; the first has no resources
        endpoint = world.arn("endpoint", str(request.params["EndpointName"]))
        return [("sagemaker:CallWithBearerToken", "*"), ("sagemaker:InvokeEndpoint", endpoint)]
    action = f"{ACTIONS.get(request.service, request.service)}:{request.operation}"
    resources = _RESOURCES.get(request.service, _any)(request, world)
    return [(action, resource) for resource in resources] + _besides(request, resources)


def _any(request: Request, world: World) -> list[str]:
    return ["*"]


def _sagemaker(request: Request, world: World) -> list[str]:
    if request.operation.startswith("List") and request.operation != "ListTags":
        return ["*"]
    params: Mapping[str, Any] = request.params
    kinds = (("EndpointName", "endpoint"), ("EndpointConfigName", "endpoint-config"), ("ModelName", "model"))
    found = [world.arn(kind, str(params[name])) for name, kind in kinds if name in params]
    return [str(params["ResourceArn"])] if "ResourceArn" in params else found or ["*"]


def _cloudwatch(request: Request, world: World) -> list[str]:
    names = request.params.get("AlarmNames") or [request.params.get("AlarmName", "*")]
    return [f"arn:aws:cloudwatch:{world.region}:{world.account}:alarm:{name}" for name in names]


def _sts(request: Request, world: World) -> list[str]:
    return [str(request.params.get("RoleArn", "*"))]


def _iam(request: Request, world: World) -> list[str]:
    if "PolicySourceArn" in request.params:
        return [str(request.params["PolicySourceArn"])]
    name = request.params.get("RoleName")
    return [f"arn:aws:iam::{world.account}:role/{name}"] if name else ["*"]


_RESOURCES: Mapping[str, Callable[[Request, World], list[str]]] = {
    "sagemaker": _sagemaker,
    "sagemaker-runtime": _sagemaker,
    "monitoring": _cloudwatch,
    "sts": _sts,
    "iam": _iam,
}


def _besides(request: Request, resources: list[str]) -> list[Needed]:
    """[D] What an operation needs beside its own action."""
    if request.service != "sagemaker":
        return []
    more: list[Needed] = []
    if "ExecutionRoleArn" in request.params:
        more.append(("iam:PassRole", str(request.params["ExecutionRoleArn"])))
    if request.operation.startswith("Create") and request.params.get("Tags"):
        more.append(("sagemaker:AddTags", resources[0]))
    return more
