"""Asking IAM beforehand what an identity may do: a courtesy, which never stands in the way of what would work.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html. The simulation knows neither
session policies nor policies of VPC endpoints, and does not evaluate global condition keys in an organization's
policies (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html): what it cannot
tell is left to the call itself.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slipway.domain.errors import OutsideError, Rejected
from slipway.domain.names import Owner
from slipway.domain.sagemaker.permissions import Lacking, Permission, Verdict, alike, missing
from slipway.targets.answers import Answers
from slipway.targets.sagemaker.clients import AwsSession

KEPT = 300.0
"""Seconds for which it holds that nothing is missing, or that nobody can tell."""

_ASSUMED = re.compile(r"arn:[^:]*:sts::[0-9]{12}:assumed-role/(?P<role>[^/]+)/.*")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """Who an identity is for AWS."""

    account: str
    arn: str
    """Of the session: `arn:aws:sts::<account>:assumed-role/<role>/<session>` for a role."""


class Preflight:
    """Asks IAM, once for all Deployments that need the same."""

    def __init__(self, *, missing_kept: float) -> None:
        """`missing_kept`: seconds after which permissions that were missing are asked about again."""
        self._missing_kept = missing_kept
        self._answers: Answers[Lacking | None] = Answers()
        self._told: set[str] = set()

    async def lacking(
        self, session: AwsSession, region: str, owner: Owner, caller: Caller, needed: tuple[Permission, ...]
    ) -> Lacking | None:
        """Which of these permissions the caller has not. None: it has all, or nobody can tell beforehand.

        One answer holds for a namespace: the names of resources that are asked about are those of its Deployment that
        asks first.
        """
        roles = tuple(permission.resource for permission in needed if permission.action == "iam:PassRole")
        actions = frozenset(permission.action for permission in needed)
        question = session.identity, region, owner.namespace, roles, actions

        async def ask() -> tuple[Lacking | None, float]:
            found = await self._ask(session, region, caller, needed)
            return found, self._missing_kept if found else KEPT

        return await self._answers.get(question, ask)

    async def _ask(
        self, session: AwsSession, region: str, caller: Caller, needed: tuple[Permission, ...]
    ) -> Lacking | None:
        try:
            principal = await self._principal(session, region, caller)
            if principal is None:
                self._tell(caller, "it is no role")
                return None
            verdicts = [v for group in alike(needed) for v in await self._verdicts(session, region, principal, group)]
        except OutsideError as unknown:
            self._tell(caller, unknown)
            return None
        found = missing(verdicts)
        return Lacking(principal, found) if found else None

    def _tell(self, caller: Caller, why: object) -> None:
        """Say once a process for each role that it is not checked."""
        who = _role_of(caller.arn) or caller.arn
        if who not in self._told:
            self._told.add(who)
            log.warning("what %s may do cannot be asked beforehand; going on without: %s", caller.arn, why)

    async def _principal(self, session: AwsSession, region: str, caller: Caller) -> str | None:
        """The ARN of the role, with its path, which the ARN of a session lacks; None if it is no role."""
        if session.identity.role_arn:
            return session.identity.role_arn
        name = _role_of(caller.arn)
        if name is None:
            return None
        answer = await session.call("iam", region, "get_role", RoleName=name)
        return str(answer["Role"]["Arn"])

    async def _verdicts(
        self, session: AwsSession, region: str, principal: str, group: Sequence[Permission]
    ) -> list[Verdict]:
        """Verdicts on permissions of one resource under the same conditions."""
        try:
            return await self._simulated(session, region, principal, group)
        except Rejected as refused:
            # "Invalid Input Actions: ... require different authorization information"
            if refused.reason != "InvalidInput" or len(group) == 1:
                raise
        return [v for one in group for v in await self._simulated(session, region, principal, [one])]

    async def _simulated(
        self, session: AwsSession, region: str, principal: str, group: Sequence[Permission]
    ) -> list[Verdict]:
        asked: dict[str, Any] = {
            "PolicySourceArn": principal,
            "ActionNames": [permission.action for permission in group],
            "ResourceArns": [group[0].resource],
            "ContextEntries": [
                {
                    "ContextKeyName": key,
                    "ContextKeyValues": list(values),
                    "ContextKeyType": "stringList" if key == "aws:TagKeys" else "string",
                }
                for key, values in group[0].context
            ],
        }
        results: dict[str, dict[str, Any]] = {}
        more = True
        while more:
            page = await session.call("iam", region, "simulate_principal_policy", **asked)
            results |= {result["EvalActionName"].lower(): result for result in page["EvaluationResults"]}
            more = page.get("IsTruncated", False)
            asked["Marker"] = page.get("Marker")
        return [_verdict(one, results[one.action.lower()]) for one in group if one.action.lower() in results]


def _role_of(session_arn: str) -> str | None:
    """The name of the role, if it is a role's session."""
    found = _ASSUMED.fullmatch(session_arn)
    return found["role"] if found else None


def _verdict(permission: Permission, result: dict[str, Any]) -> Verdict:
    """A result of the simulation; of a resource's own, where there is one."""
    by_resource: dict[str, dict[str, Any]] = {
        one["EvalResourceName"]: one for one in result.get("ResourceSpecificResults", [])
    }
    specific = by_resource.get(permission.resource, {})
    decision = specific.get("EvalResourceDecision") or result["EvalDecision"]
    lacks = [*result.get("MissingContextValues", []), *specific.get("MissingContextValues", [])]
    organization = result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True)
    return Verdict(permission, decision == "allowed", conclusive=not lacks and organization)
