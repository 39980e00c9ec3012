"""What IAM does not allow: refusals in its own words, and a simulation that agrees with them."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.contract.sagemaker_double.asking import (
    OTHER_ACCOUNT,
    arn,
    ask,
    config,
    endpoint,
    model,
    post,
    refused,
    serving,
    settled,
)
from tests.testbed.sagemaker import ACCOUNT, REGION, ROLE, LocalSageMaker

WHO = f"arn:aws:sts::{ACCOUNT}:assumed-role/slipway/session"
OWN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/slipway"
OTHER_ROLE = f"arn:aws:iam::{OTHER_ACCOUNT}:role/path/deployer"


def assumed(local: LocalSageMaker, service: str, role: str = OTHER_ROLE) -> Any:
    """A client with the credentials of a role, named after the role's session."""
    local.trust(role)
    given = local.client("sts").assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=REGION,
        endpoint_url=local.url,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def words(action: str, resource: str, who: str = WHO) -> str:
    return (
        f"User: {who} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )


def decisions(client: Any, role: str, actions: list[str], resources: list[str] | None = None) -> dict[str, str]:
    more = {"ResourceArns": resources} if resources else {}
    found = client.simulate_principal_policy(PolicySourceArn=role, ActionNames=actions, **more)["EvaluationResults"]
    assert all(one["ResourceSpecificResults"][0]["EvalResourceDecision"] == one["EvalDecision"] for one in found)
    return {f"{one['EvalActionName']} {one['EvalResourceName']}": one["EvalDecision"] for one in found}


class TestSageMaker:
    def test_the_refusal_names_caller_action_and_resource(self, sagemaker: LocalSageMaker, client: Any) -> None:
        denial = sagemaker.deny("sagemaker:CreateModel")
        assert refused(lambda: model(client, "My-Model")) == (
            "AccessDeniedException",
            words("sagemaker:CreateModel", arn("model", "my-model")),
        )
        assert sagemaker.names("model") == []
        assert denial.fired == 1
        denial.cancel()
        model(client)

    def test_an_operation_s_name_is_enough_and_times_count(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.deny("CreateModel", times=1)
        assert refused(lambda: model(client))[0] == "AccessDeniedException"
        model(client)

    def test_patterns_of_resources(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.deny("sagemaker:*", "arn:aws:sagemaker:*:*:model/theirs-*")
        model(client, "ours")
        assert refused(lambda: model(client, "Theirs-1"))[0] == "AccessDeniedException"
        client.list_models()  # a list has no resource but *, and this policy forbids it nothing
        assert refused(client.delete_model, ModelName="theirs-2")[0] == "AccessDeniedException"

    def test_an_explicit_deny_says_so(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.deny("CreateModel", explicit=True)
        message = refused(lambda: model(client))[1]
        assert message.endswith("with an explicit deny in an identity-based policy")

    def test_an_update_is_checked_on_the_config_too(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        asked = {"EndpointName": "e", "EndpointConfigName": "d"}
        for kind, name in (("endpoint", "e"), ("endpoint-config", "d")):
            denial = sagemaker.deny("sagemaker:UpdateEndpoint", arn(kind, name))
            assert refused(client.update_endpoint, **asked) == (
                "AccessDeniedException",
                words("sagemaker:UpdateEndpoint", arn(kind, name)),
            )
            denial.cancel()
        client.update_endpoint(**asked)

    def test_a_model_needs_its_role_to_be_passed(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.deny("iam:PassRole", ROLE)
        assert refused(lambda: model(client)) == ("AccessDeniedException", words("iam:PassRole", ROLE))
        other = f"arn:aws:iam::{ACCOUNT}:role/other"
        sagemaker.add_role(other)
        model(client, ExecutionRoleArn=other)

    def test_tags_on_creation_need_add_tags(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.deny("sagemaker:AddTags")
        model(client)
        tags = [{"Key": "a", "Value": "b"}]
        assert refused(lambda: config(client, tags=tags))[1] == words("sagemaker:AddTags", arn("endpoint-config", "c"))
        config(client)

    def test_invocations(self, sagemaker: LocalSageMaker) -> None:
        sagemaker.seed(["e"])
        denial = sagemaker.deny("sagemaker:InvokeEndpoint", arn("endpoint", "e"))
        with pytest.raises(ClientError, match="is not authorized to perform: sagemaker:InvokeEndpoint"):
            ask(sagemaker, {"inputs": "hello"})
        token = sagemaker.bearer_token()
        assert post(sagemaker, token)[0] == 403
        denial.cancel()
        assert post(sagemaker, token)[0] == 200
        sagemaker.deny("sagemaker:CallWithBearerToken", role="slipway")
        assert ask(sagemaker, {"inputs": "hello"})
        status, body = post(sagemaker, token)
        assert (status, body["message"]) == (403, words("sagemaker:CallWithBearerToken", "*"))
        assert post(sagemaker, sagemaker.bearer_token(role="somebody"))[0] == 200


class TestCallers:
    def test_who_somebody_is(self, sagemaker: LocalSageMaker) -> None:
        assert sagemaker.client("sts").get_caller_identity()["Arn"] == WHO
        session = f"arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/deployer/tests"
        found = assumed(sagemaker, "sts").get_caller_identity()
        assert (found["Arn"], found["Account"]) == (session, OTHER_ACCOUNT)
        assert found["UserId"].endswith(":tests")

    @pytest.mark.parametrize("whose", [{"account": OTHER_ACCOUNT}, {"role": "deployer"}, {"role": OTHER_ROLE}])
    def test_a_denial_can_be_for_some(self, sagemaker: LocalSageMaker, client: Any, whose: dict[str, str]) -> None:
        sagemaker.deny("sagemaker:ListModels", **whose)
        client.list_models()
        session = f"arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/deployer/tests"
        assert refused(assumed(sagemaker, "sagemaker").list_models) == (
            "AccessDeniedException",
            words("sagemaker:ListModels", "*", session),
        )


class TestOtherServices:
    def test_cloudwatch(self, sagemaker: LocalSageMaker) -> None:
        cloudwatch = sagemaker.client("cloudwatch")
        named = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:errors"
        sagemaker.deny("cloudwatch:DescribeAlarms", named)
        sagemaker.deny("cloudwatch:PutMetricAlarm")
        cloudwatch.describe_alarms(AlarmNames=["others"])
        assert refused(cloudwatch.describe_alarms, AlarmNames=["errors"]) == (
            "AccessDenied",
            words("cloudwatch:DescribeAlarms", named),
        )
        asked = {"AlarmName": "errors", "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
        assert refused(cloudwatch.put_metric_alarm, **asked)[1] == words("cloudwatch:PutMetricAlarm", named)

    def test_sts_and_iam(self, sagemaker: LocalSageMaker) -> None:
        sagemaker.trust(OTHER_ROLE)
        denial = sagemaker.deny("sts:AssumeRole")
        asked = {"RoleArn": OTHER_ROLE, "RoleSessionName": "tests"}
        sts = sagemaker.client("sts")
        assert refused(sts.assume_role, **asked) == ("AccessDenied", words("sts:AssumeRole", OTHER_ROLE))
        sts.get_caller_identity()  # needs no permission
        denial.cancel()
        sts.assume_role(**asked)
        sagemaker.deny("iam:*")
        asked = {"PolicySourceArn": OWN_ROLE, "ActionNames": ["sagemaker:CreateModel"]}
        iam = sagemaker.client("iam")
        assert refused(iam.simulate_principal_policy, **asked) == (
            "AccessDenied",
            words("iam:SimulatePrincipalPolicy", OWN_ROLE),
        )
        assert refused(iam.get_role, RoleName="slipway")[0] == "AccessDenied"

    def test_scaling(self, sagemaker: LocalSageMaker) -> None:
        sagemaker.deny("application-autoscaling:*")
        scaling = sagemaker.client("application-autoscaling")
        code, message = refused(scaling.describe_scalable_targets, ServiceNamespace="sagemaker")
        assert code == "AccessDeniedException"
        assert "application-autoscaling:DescribeScalableTargets" in message


class TestSimulation:
    def test_it_agrees_with_the_calls(self, sagemaker: LocalSageMaker) -> None:
        sagemaker.deny("sagemaker:CreateModel", arn("model", "slw-*"))
        sagemaker.deny("sagemaker:DeleteModel", explicit=True)
        iam = sagemaker.client("iam")
        actions = ["sagemaker:CreateModel", "sagemaker:DeleteModel", "sagemaker:DescribeModel"]
        named = arn("model", "slw-a")
        assert decisions(iam, OWN_ROLE, actions, [named, arn("model", "x")]) == {
            f"sagemaker:CreateModel {named}": "implicitDeny",
            f"sagemaker:CreateModel {arn('model', 'x')}": "allowed",
            f"sagemaker:DeleteModel {named}": "explicitDeny",
            f"sagemaker:DeleteModel {arn('model', 'x')}": "explicitDeny",
            f"sagemaker:DescribeModel {named}": "allowed",
            f"sagemaker:DescribeModel {arn('model', 'x')}": "allowed",
        }
        assert decisions(iam, OWN_ROLE, actions[:1]) == {"sagemaker:CreateModel *": "implicitDeny"}
        assert decisions(iam, OWN_ROLE, ["iam:PassRole"], [ROLE]) == {f"iam:PassRole {ROLE}": "allowed"}

    def test_nothing_is_used_up_by_it(self, sagemaker: LocalSageMaker, client: Any) -> None:
        denial = sagemaker.deny("sagemaker:CreateModel", times=1)
        for _ in range(2):
            assert "implicitDeny" in decisions(sagemaker.client("iam"), OWN_ROLE, ["sagemaker:CreateModel"]).values()
        assert denial.fired == 0
        assert refused(lambda: model(client))[0] == "AccessDeniedException"

    def test_another_account_s_role_is_asked_about_there(self, sagemaker: LocalSageMaker) -> None:
        sagemaker.deny("sagemaker:CreateModel", account=OTHER_ACCOUNT)
        theirs = assumed(sagemaker, "iam")
        assert decisions(theirs, OTHER_ROLE, ["sagemaker:CreateModel"]) == {"sagemaker:CreateModel *": "implicitDeny"}
        asked = {"PolicySourceArn": OTHER_ROLE, "ActionNames": ["sagemaker:CreateModel"]}
        assert refused(sagemaker.client("iam").simulate_principal_policy, **asked)[0] == "AccessDenied"

    @pytest.mark.parametrize(
        ("source", "actions", "code"),
        [
            (WHO, ["sagemaker:CreateModel"], "InvalidInput"),
            (f"arn:aws:iam::{ACCOUNT}:role/nobody", ["sagemaker:CreateModel"], "NoSuchEntity"),
            (f"arn:aws:iam::{ACCOUNT}:role/path/slipway", ["sagemaker:CreateModel"], "NoSuchEntity"),
            (OWN_ROLE, ["CreateModel"], "InvalidInput"),
            (OWN_ROLE, ["sagemaker:CreateModel", "iam:PassRole"], "InvalidInput"),
        ],
    )
    def test_what_it_refuses(self, sagemaker: LocalSageMaker, source: str, actions: list[str], code: str) -> None:
        asked = {"PolicySourceArn": source, "ActionNames": actions}
        assert refused(sagemaker.client("iam").simulate_principal_policy, **asked)[0] == code

    def test_roles_by_name(self, sagemaker: LocalSageMaker) -> None:
        iam = sagemaker.client("iam")
        assert iam.get_role(RoleName="slipway")["Role"]["Arn"] == OWN_ROLE
        assert iam.get_role(RoleName="sagemaker")["Role"]["Arn"] == ROLE
        assert refused(iam.get_role, RoleName="nobody")[0] == "NoSuchEntity"
        theirs = assumed(sagemaker, "iam")
        found = theirs.get_role(RoleName="deployer")["Role"]
        assert (found["Arn"], found["Path"]) == (OTHER_ROLE, "/path/")


def test_a_fleet_is_not_slowed_by_the_lack_of_denials(sagemaker: LocalSageMaker, client: Any) -> None:
    model(client)
    config(client)
    endpoint(client)
    assert settled(client)["EndpointStatus"] == "InService"
    sagemaker.deny("sagemaker:DescribeEndpoint")
    sagemaker.clear_faults()
    assert settled(client)["EndpointStatus"] == "InService"
