"""The permissions that Slipway needs in AWS: one list, from which the preflight asks and docs/iam is checked.

Actions, the resources that each is checked on, and the condition keys are those of the service authorization
reference: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html. Creation is
checked under the tags of the request, everything else under those of the resource.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.api.v1alpha1.sagemaker_target import SageMakerTarget
from slipway.domain.identity import account_of
from slipway.domain.names import Owner

Resource = Literal["*", "model", "endpoint-config", "endpoint", "execution-role", "alarm", "own-alarm"]
Use = Literal["always", "check", "alarms", "own-alarms"]
Context = tuple[tuple[str, tuple[str, ...]], ...]
"""Condition keys with their values."""

TO_BEGIN_WITH = frozenset(
    {"sts:GetCallerIdentity", "sts:AssumeRole", "sts:TagSession", "iam:GetRole", "iam:SimulatePrincipalPolicy"}
)
"""Needed to find out who the operator is and what it may do. They are not asked about beforehand: asking is trying.
Sessions of Pod Identity carry tags into every role that they assume, which takes sts:TagSession:
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html"""


@dataclass(frozen=True)
class Need:
    """An action of Slipway's, and the kind of resource that AWS checks it on."""

    action: str
    on: Resource
    creates: bool = False
    """Whether it is judged by the tags of the request. Otherwise by those that the resource has."""
    use: Use = "always"
    """Which specs make use of it."""


NEEDED: tuple[Need, ...] = (
    Need("sagemaker:ListEndpoints", "*"),
    Need("sagemaker:ListEndpointConfigs", "*"),
    Need("sagemaker:ListModels", "*"),
    Need("sagemaker:CreateModel", "model", creates=True),
    Need("sagemaker:AddTags", "model", creates=True),
    Need("sagemaker:DescribeModel", "model"),
    Need("sagemaker:ListTags", "model"),
    Need("sagemaker:AddTags", "model"),
    Need("sagemaker:DeleteTags", "model"),
    Need("sagemaker:DeleteModel", "model"),
    Need("sagemaker:CreateEndpointConfig", "endpoint-config", creates=True),
    Need("sagemaker:AddTags", "endpoint-config", creates=True),
    Need("sagemaker:CreateEndpoint", "endpoint-config", creates=True),
    Need("sagemaker:DescribeEndpointConfig", "endpoint-config"),
    Need("sagemaker:ListTags", "endpoint-config"),
    Need("sagemaker:AddTags", "endpoint-config"),
    Need("sagemaker:DeleteTags", "endpoint-config"),
    Need("sagemaker:UpdateEndpoint", "endpoint-config"),
    Need("sagemaker:DeleteEndpointConfig", "endpoint-config"),
    Need("sagemaker:CreateEndpoint", "endpoint", creates=True),
    Need("sagemaker:AddTags", "endpoint", creates=True),
    Need("sagemaker:DescribeEndpoint", "endpoint"),
    Need("sagemaker:ListTags", "endpoint"),
    Need("sagemaker:AddTags", "endpoint"),
    Need("sagemaker:DeleteTags", "endpoint"),
    Need("sagemaker:UpdateEndpoint", "endpoint"),
    Need("sagemaker:UpdateEndpointWeightsAndCapacities", "endpoint"),
    Need("sagemaker:DeleteEndpoint", "endpoint"),
    Need("sagemaker:InvokeEndpoint", "endpoint", use="check"),
    Need("cloudwatch:DescribeAlarms", "alarm", use="alarms"),
    Need("cloudwatch:PutMetricAlarm", "own-alarm", creates=True, use="own-alarms"),
    Need("cloudwatch:TagResource", "own-alarm", creates=True, use="own-alarms"),
    Need("cloudwatch:DeleteAlarms", "own-alarm", use="own-alarms"),
    Need("iam:PassRole", "execution-role"),
)
"""AWS checks CreateEndpoint and UpdateEndpoint on the endpoint and on its config:
https://github.com/aws-controllers-k8s/community/issues/1889"""

_CREATED_BY = {"model": "CreateModel", "endpoint-config": "CreateEndpointConfig", "endpoint": "CreateEndpoint"}


@dataclass(frozen=True)
class Permission:
    """An action on one resource, under the conditions in which it will be asked for."""

    action: str
    resource: str
    """ARN, or `*`."""
    context: Context = ()

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


def needed(
    spec: DeploymentSpec,
    target: SageMakerTarget,
    *,
    owner: Owner,
    account: str,
    endpoint: str,
    config: str,
    model: str,
) -> tuple[Permission, ...]:
    """What a Deployment takes, from its first look to its end; the names are those of its resources."""
    partition = target.execution_role_arn.split(":")[1]
    sagemaker = f"arn:{partition}:sagemaker:{target.region}:{account}"
    alarm = f"arn:{partition}:cloudwatch:{target.region}:{account}:alarm"
    named = [alarm_.name for alarm_ in spec.rollout.alarms if alarm_.name]
    made = any(alarm_.name is None for alarm_ in spec.rollout.alarms)
    own_alarm = f"{alarm}:{owner.prefix}alarm"
    resources: dict[Resource, list[str]] = {
        "*": ["*"],
        "model": [f"{sagemaker}:model/{model.lower()}"],
        "endpoint-config": [f"{sagemaker}:endpoint-config/{config.lower()}"],
        "endpoint": [f"{sagemaker}:endpoint/{endpoint.lower()}"],
        "execution-role": [target.execution_role_arn],
        "alarm": [*(f"{alarm}:{name}" for name in named), *([own_alarm] if made else [])],
        "own-alarm": [own_alarm],
    }
    used: dict[Use, bool] = {
        "always": True,
        "check": spec.rollout.check is not None,
        "alarms": bool(spec.rollout.alarms),
        "own-alarms": made,
    }
    return tuple(
        Permission(need.action, resource, _context(need, target, owner))
        for need in NEEDED
        if used[need.use]
        for resource in resources[need.on]
    )


def _context(need: Need, target: SageMakerTarget, owner: Owner) -> Context:
    """The condition keys that a policy may ask for, such as those of docs/iam/operator-permissions.json."""
    if need.on == "execution-role":
        return (("iam:PassedToService", ("sagemaker.amazonaws.com",)),)
    region: Context = (("aws:RequestedRegion", (target.region,)),)
    if need.on == "*":
        return region
    tags = target.tags | owner.tags()
    keys: Context = (("aws:TagKeys", tuple(sorted(tags))),)
    if not need.creates:
        own = owner.tags().items()
        keys = (("aws:TagKeys", tuple(sorted(owner.tags()))),)
        return region + keys + tuple((f"aws:ResourceTag/{key}", (value,)) for key, value in sorted(own))
    asked = tuple((f"aws:RequestTag/{key}", (value,)) for key, value in sorted(tags.items()))
    creating: Context = (("sagemaker:TaggingAction", (_CREATED_BY[need.on],)),) if need.on in _CREATED_BY else ()
    return region + keys + asked + creating


@dataclass(frozen=True)
class Verdict:
    """What AWS's simulation says of one permission."""

    permission: Permission
    allowed: bool
    conclusive: bool = True
    """False where the answer hangs on something that the simulation was not told, or does not evaluate."""


def missing(verdicts: Iterable[Verdict]) -> tuple[Permission, ...]:
    """The permissions that are certainly missing. Where the simulation cannot tell, the call itself will."""
    return tuple(verdict.permission for verdict in verdicts if not verdict.allowed and verdict.conclusive)


@dataclass(frozen=True)
class Lacking:
    """Permissions that a principal has not."""

    principal: str
    """ARN of the role."""
    permissions: tuple[Permission, ...]

    def message(self) -> str:
        """Which actions on which resources, and what to do."""
        by_resource = groupby(sorted(set(map(_plain, self.permissions))), key=lambda pair: pair[0])
        listed = "; ".join(f"{', '.join(action for _, action in pairs)} on {on}" for on, pairs in by_resource)
        return (
            f"{self.principal} may not {listed}. Allow this to the role in account {account_of(self.principal)}: "
            "docs/iam/operator-permissions.json has everything that Slipway needs. Nothing was created"
        )


def _plain(permission: Permission) -> tuple[str, str]:
    return permission.resource, permission.action


def alike(permissions: Sequence[Permission]) -> list[tuple[Permission, ...]]:
    """Groups that one simulation can answer: of one resource and under the same conditions."""

    def key(permission: Permission) -> tuple[str, Context]:
        return permission.resource, permission.context

    return [tuple(group) for _, group in groupby(sorted(permissions, key=key), key=key)]
