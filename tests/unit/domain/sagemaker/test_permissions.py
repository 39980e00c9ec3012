"""What Slipway needs in AWS, and what the documented policy gives it."""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.sagemaker.permissions import Lacking, Permission, Verdict, alike, missing, needed
from tests.unit.domain.builders import ACCOUNT, ENDPOINT, OWNER, REGION, ROLE, deployment, wanted

POLICY = Path(__file__).parents[4] / "docs" / "iam" / "operator-permissions.json"
ALARMS = [{"name": "theirs"}, {"metric": "ModelLatency", "threshold": 1}]
EVERYTHING = {"rollout": {"check": {"prompt": "hello"}, "alarms": ALARMS}}


def asked(spec: Mapping[str, Any] | None = None, **target: Any) -> tuple[Permission, ...]:
    found = deployment({**(spec or {}), "target": {"sageMaker": target}}).spec
    want = wanted(spec=spec)
    assert found.target.sage_maker
    return needed(
        found,
        found.target.sage_maker,
        owner=OWNER,
        account=ACCOUNT,
        endpoint=ENDPOINT,
        config=want.config.name,
        model=want.model.name,
    )


def actions(permissions: tuple[Permission, ...]) -> set[str]:
    return {permission.action for permission in permissions}


def _as_list(found: Any) -> list[str]:
    return found if isinstance(found, list) else [found]


def _met(operator: str, key: str, patterns: list[str], context: dict[str, tuple[str, ...]]) -> bool:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
    values = context.get(key, ())
    if operator == "ForAllValues:StringLike":
        return all(any(fnmatchcase(value, pattern) for pattern in patterns) for value in values)
    assert operator == "StringEquals", operator
    return any(value in patterns for value in values)


def allows(statement: dict[str, Any], permission: Permission) -> bool:
    """The part of IAM's evaluation that the documented policy uses: it denies nothing."""
    return (
        permission.action in _as_list(statement["Action"])
        and any(fnmatchcase(permission.resource, pattern) for pattern in _as_list(statement["Resource"]))
        and all(
            _met(operator, key, _as_list(patterns), dict(permission.context))
            for operator, conditions in statement.get("Condition", {}).items()
            for key, patterns in conditions.items()
        )
    )


def documented(role: str = ROLE) -> list[dict[str, Any]]:
    text = POLICY.read_text().replace("111122223333", ACCOUNT).replace("INSTALLATION", OWNER.installation)
    statements: list[dict[str, Any]] = json.loads(text.replace(f"arn:aws:iam::{ACCOUNT}:role/slipway-execution", role))[
        "Statement"
    ]
    return statements


class TestTheDocumentedPolicy:
    def test_it_allows_everything_that_is_needed_on_what_it_is_needed_on(self) -> None:
        statements = documented()
        lacking = [str(p) for p in asked(EVERYTHING) if not any(allows(one, p) for one in statements)]
        assert lacking == []

    @pytest.mark.parametrize("number", range(len(documented())))
    def test_it_allows_nothing_that_could_be_left_out(self, number: int) -> None:
        """Without any one statement something is missing, but for those that are tried rather than asked about."""
        statements = documented()
        left_out = statements.pop(number)
        if left_out["Sid"] in {"AskWhichAccountThisIs", "AssumeRolesThatDeploymentsName", "AskWhatThisRoleMayDo"}:
            return
        assert not all(any(allows(one, p) for one in statements) for p in asked(EVERYTHING)), left_out["Sid"]

    def test_another_installation_may_not_touch_what_is_ours(self) -> None:
        theirs = json.loads(json.dumps(documented()).replace(f'"{OWNER.installation}"', '"elsewhere"'))
        allowed = actions(tuple(p for p in asked(EVERYTHING) if any(allows(one, p) for one in theirs)))
        changing = {action for action in actions(asked()) if "Describe" not in action and "List" not in action}
        assert allowed & changing == {"iam:PassRole"}


class TestNeeded:
    def test_only_a_check_sends_prompts_and_only_alarms_need_cloudwatch(self) -> None:
        assert not {a for a in actions(asked()) if a.startswith("cloudwatch:")}
        assert "sagemaker:InvokeEndpoint" not in actions(asked())
        by_name = asked({"rollout": {"alarms": ALARMS[:1]}})
        assert {p.action: p.resource for p in by_name if "cloudwatch" in p.action} == {
            "cloudwatch:DescribeAlarms": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:theirs"
        }
        assert actions(asked(EVERYTHING)) - actions(asked()) == {
            "sagemaker:InvokeEndpoint",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:TagResource",
            "cloudwatch:DeleteAlarms",
        }

    def test_updates_are_checked_on_the_endpoint_and_on_its_config(self) -> None:
        on = {p.resource.split(":")[5].split("/")[0] for p in asked() if p.action == "sagemaker:UpdateEndpoint"}
        assert on == {"endpoint", "endpoint-config"}

    def test_the_role_is_passed_to_sagemaker(self) -> None:
        (found,) = (p for p in asked() if p.action == "iam:PassRole")
        assert found == Permission("iam:PassRole", ROLE, (("iam:PassedToService", ("sagemaker.amazonaws.com",)),))

    def test_resources_are_in_the_partition_of_the_execution_role(self) -> None:
        china = asked(executionRoleArn=f"arn:aws-cn:iam::{ACCOUNT}:role/sagemaker", region="cn-north-1")
        assert {p.resource.split(":")[1] for p in china if p.resource != "*"} == {"aws-cn"}

    def test_tags_of_the_spec_are_asked_about_as_they_will_be_sent(self) -> None:
        (found,) = (p for p in asked(tags={"team": "ml"}) if p.action == "sagemaker:CreateModel")
        assert dict(found.context)["aws:RequestTag/team"] == ("ml",)
        assert "team" in dict(found.context)["aws:TagKeys"]


PERMISSIONS = st.builds(
    Permission,
    st.sampled_from(["a:B", "a:C"]),
    st.sampled_from(["*", "arn:1"]),
    st.sampled_from([(), (("key", ("value",)),)]),
)


@given(st.lists(PERMISSIONS))
def test_what_is_alike_has_one_resource_and_one_context_and_nothing_is_lost(permissions: list[Permission]) -> None:
    groups = alike(permissions)
    assert all(len({(p.resource, p.context) for p in group}) == 1 for group in groups)
    assert len({(group[0].resource, group[0].context) for group in groups}) == len(groups)
    assert sorted(str(p) for group in groups for p in group) == sorted(str(p) for p in permissions)


@given(st.lists(st.builds(Verdict, PERMISSIONS, st.booleans(), st.booleans())))
def test_only_a_certain_no_counts(verdicts: list[Verdict]) -> None:
    assert list(missing(verdicts)) == [v.permission for v in verdicts if v.conclusive and not v.allowed]


def test_the_message_names_each_action_its_resource_and_the_role() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/slipway-operator"
    lacking = Lacking(
        role,
        (
            Permission("sagemaker:CreateModel", "arn:model"),
            Permission("iam:PassRole", ROLE),
            Permission("sagemaker:AddTags", "arn:model", (("one", ("way",)),)),
            Permission("sagemaker:AddTags", "arn:model", (("another", ("way",)),)),
        ),
    )
    assert lacking.message() == (
        f"{role} may not iam:PassRole on {ROLE}; sagemaker:AddTags, sagemaker:CreateModel on arn:model. Allow this to "
        f"the role in account {ACCOUNT}: docs/iam/operator-permissions.json has everything that Slipway needs. Nothing "
        "was created"
    )
