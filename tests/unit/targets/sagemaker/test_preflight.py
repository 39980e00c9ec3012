"""Asking IAM beforehand: what is asked, what the answer means, and when nobody can tell."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from slipway.domain.errors import OutsideError, RateLimited, Rejected, Transient
from slipway.domain.identity import OWN, Identity
from slipway.domain.sagemaker.permissions import Lacking, Permission
from slipway.targets.sagemaker.clients import AwsSession
from slipway.targets.sagemaker.preflight import Caller, Preflight
from tests.unit.domain.builders import ACCOUNT, OWNER, REGION, ROLE

PRINCIPAL = f"arn:aws:iam::{ACCOUNT}:role/platform/slipway-operator"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/slipway-operator/botocore-1"
MODEL = "arn:aws:sagemaker:eu-central-1:123456789012:model/slw-1"
CREATE = Permission("sagemaker:CreateModel", MODEL, (("aws:TagKeys", ("a", "b")),))
DESCRIBE = Permission("sagemaker:DescribeModel", MODEL)
LIST = Permission("sagemaker:ListModels", "*")
PASS = Permission("iam:PassRole", ROLE, (("iam:PassedToService", ("sagemaker.amazonaws.com",)),))
NEEDED = (LIST, CREATE, DESCRIBE, PASS)


@dataclass
class Iam:
    """IAM as `AwsSession` shows it."""

    identity: Identity = OWN
    denied: set[str] = field(default_factory=set)
    details: Mapping[str, Any] = field(default_factory=dict)
    """Further members of every result."""
    errors: dict[str, OutsideError] = field(default_factory=dict)
    page: int = 100
    one_at_a_time: bool = False
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def call(self, service: str, region: str, operation: str, **asked: Any) -> dict[str, Any]:
        assert (service, region) == ("iam", REGION)
        self.calls.append((operation, asked))
        if operation in self.errors:
            raise self.errors[operation]
        if operation == "get_role":
            return {"Role": {"Arn": PRINCIPAL, "RoleName": asked["RoleName"]}}
        names = asked["ActionNames"]
        if self.one_at_a_time and len(names) > 1:
            raise Rejected(
                "InvalidInput", f"Invalid Input Actions: {names} require different authorization information"
            )
        start = int(asked.get("Marker") or 0)
        shown = names[start : start + self.page]
        more = start + self.page < len(names)
        (resource,) = asked["ResourceArns"]
        results = [self._result(name, resource) for name in shown]
        return {
            "EvaluationResults": results,
            "IsTruncated": more,
            **({"Marker": str(start + self.page)} if more else {}),
        }

    def _result(self, name: str, resource: str) -> dict[str, Any]:
        decision = "implicitDeny" if name in self.denied else "allowed"
        specific = {"EvalResourceName": resource, "EvalResourceDecision": decision, "MatchedStatements": []}
        template = "arn:${Partition}:sagemaker:${Region}:${Account}:model/${ModelName}"
        base = {"EvalActionName": name, "EvalResourceName": template, "EvalDecision": decision}
        return {**base, "ResourceSpecificResults": [specific] if resource != "*" else [], **self.details}

    def asked(self) -> list[str]:
        return [name for operation, asked in self.calls if operation != "get_role" for name in asked["ActionNames"]]


async def lacking(
    iam: Iam, needed: tuple[Permission, ...] = NEEDED, arn: str = SESSION, preflight: Preflight | None = None
) -> Lacking | None:
    asker = preflight or Preflight(missing_kept=0)
    return await asker.lacking(cast(AwsSession, iam), REGION, OWNER, Caller(ACCOUNT, arn), needed)


class TestQuestion:
    async def test_the_role_is_asked_about_with_its_path_each_action_on_its_resource(self) -> None:
        iam = Iam()
        assert await lacking(iam) is None
        assert iam.calls[0] == ("get_role", {"RoleName": "slipway-operator"})
        simulations = [asked for operation, asked in iam.calls if operation == "simulate_principal_policy"]
        assert {asked["PolicySourceArn"] for asked in simulations} == {PRINCIPAL}
        pairs = [(name, *asked["ResourceArns"]) for asked in simulations for name in asked["ActionNames"]]
        assert sorted(pairs) == sorted((p.action, p.resource) for p in NEEDED)

    async def test_conditions_are_told(self) -> None:
        iam = Iam()
        await lacking(iam, (CREATE, PASS))
        entries = {entry["ContextKeyName"]: entry for _, a in iam.calls for entry in a.get("ContextEntries", [])}
        assert entries["iam:PassedToService"]["ContextKeyValues"] == ["sagemaker.amazonaws.com"]
        assert entries["iam:PassedToService"]["ContextKeyType"] == "string"
        assert entries["aws:TagKeys"]["ContextKeyType"] == "stringList"

    async def test_a_role_that_was_assumed_is_known_already(self) -> None:
        iam = Iam(Identity(PRINCIPAL))
        await lacking(iam)
        assert "get_role" not in [operation for operation, _ in iam.calls]

    async def test_actions_that_cannot_be_asked_about_together_are_asked_about_one_by_one(self) -> None:
        iam = Iam(one_at_a_time=True, denied={"sagemaker:AddTags"})
        tags = Permission("sagemaker:AddTags", MODEL)
        found = await lacking(iam, (DESCRIBE, tags))
        assert found == Lacking(PRINCIPAL, (tags,))


class TestAnswer:
    @pytest.mark.parametrize("page", [1, 100])
    async def test_what_is_denied_is_missing(self, page: int) -> None:
        found = await lacking(
            Iam(denied={"sagemaker:DescribeModel", "iam:PassRole", "sagemaker:ListModels"}, page=page)
        )
        assert found
        assert found.principal == PRINCIPAL
        assert set(found.permissions) == {LIST, DESCRIBE, PASS}

    @pytest.mark.parametrize(
        "details",
        [
            {"MissingContextValues": ["aws:SourceVpc"]},
            {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
        ],
    )
    async def test_what_hangs_on_something_else_is_left_to_the_call(self, details: Mapping[str, Any]) -> None:
        assert await lacking(Iam(denied={"iam:PassRole"}, details=details)) is None

    async def test_an_answer_that_leaves_an_action_out_is_no_refusal(self) -> None:
        iam = Iam(details={"EvalActionName": "something:Else"}, denied={"iam:PassRole"})
        assert await lacking(iam) is None


class TestNobodyCanTell:
    @pytest.mark.parametrize("operation", ["get_role", "simulate_principal_policy"])
    @pytest.mark.parametrize(
        "error",
        [
            Rejected("AccessDenied", "not authorized to perform: iam:GetRole"),
            Transient("AwsUnreachable", "no way to IAM"),
            RateLimited("AwsThrottled", "Rate exceeded", 5.0),
        ],
    )
    async def test_it_goes_on_without_and_says_so_once(
        self, operation: str, error: OutsideError, caplog: pytest.LogCaptureFixture
    ) -> None:
        preflight = Preflight(missing_kept=0)
        with caplog.at_level(logging.WARNING):
            for needed in (NEEDED, (DESCRIBE,), (LIST,)):
                iam = Iam(errors={operation: error})
                assert await lacking(iam, needed, preflight=preflight) is None
        (line,) = caplog.messages
        assert SESSION in line
        assert error.reason in line

    @pytest.mark.parametrize("arn", [f"arn:aws:iam::{ACCOUNT}:user/dev", f"arn:aws:sts::{ACCOUNT}:user/moto"])
    async def test_a_user_is_not_asked_about(self, arn: str, caplog: pytest.LogCaptureFixture) -> None:
        iam = Iam(denied={"iam:PassRole"})
        assert await lacking(iam, arn=arn) is None
        assert iam.calls == []
        assert "it is no role" in caplog.text


class TestKept:
    async def test_deployments_that_need_the_same_are_one_question(self) -> None:
        preflight, iam = Preflight(missing_kept=3600), Iam(denied={"iam:PassRole"})
        first = await lacking(iam, preflight=preflight)
        number = len(iam.calls)
        another = tuple(Permission(p.action, p.resource.replace("slw-1", "slw-2"), p.context) for p in NEEDED)
        assert await lacking(iam, another, preflight=preflight) == first
        assert len(iam.calls) == number

    async def test_what_was_missing_is_asked_again_after_its_time_and_what_was_not_is_not(self) -> None:
        preflight, iam = Preflight(missing_kept=0), Iam(denied={"iam:PassRole"})
        assert await lacking(iam, preflight=preflight)
        iam.denied.clear()
        assert await lacking(iam, preflight=preflight) is None
        number = len(iam.calls)
        assert await lacking(iam, preflight=preflight) is None
        assert len(iam.calls) == number

    async def test_another_execution_role_is_another_question(self) -> None:
        preflight, iam = Preflight(missing_kept=3600), Iam()
        await lacking(iam, preflight=preflight)
        other = Permission("iam:PassRole", f"{ROLE}-2", PASS.context)
        iam.denied = {"iam:PassRole"}
        assert await lacking(iam, (LIST, CREATE, DESCRIBE, other), preflight=preflight)
