"""Every row of the error table in facts/sagemaker-lifecycle.md, 3.2, that is about models, configs and endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.contract.sagemaker_double.asking import (
    OTHER_ACCOUNT,
    TYPE,
    arn,
    config,
    describe,
    endpoint,
    model,
    refused,
    serving,
    settled,
    variant,
)
from tests.testbed.sagemaker import ACCOUNT, CAPACITY_REASON, IMAGE, REGION, LocalSageMaker

Provoke = Callable[[LocalSageMaker, Any], tuple[str, str]]
COUNTS = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}]
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/e/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


def update(client: Any, config_name: str = "d", **more: Any) -> tuple[str, str]:
    return refused(client.update_endpoint, EndpointName="e", EndpointConfigName=config_name, **more)


def scale(client: Any) -> tuple[str, str]:
    return refused(client.update_endpoint_weights_and_capacities, EndpointName="e", DesiredWeightsAndCapacities=COUNTS)


def register(sagemaker: LocalSageMaker) -> None:
    scaling = sagemaker.client("application-autoscaling")
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=4)


def hidden(sagemaker: LocalSageMaker, client: Any) -> None:
    """A config that is not visible yet."""
    sagemaker.hide_new_configs(1)
    config(client, "late", "n")


def quota_on(sagemaker: LocalSageMaker, act: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    sagemaker.set_quota(TYPE, 1)
    return act()


def in_motion(sagemaker: LocalSageMaker, act: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    sagemaker.set_status("e", "Updating")
    return act()


def moved(sagemaker: LocalSageMaker, client: Any) -> tuple[str, str]:
    register(sagemaker)
    config(client, "moved", InstanceType="ml.g6.2xlarge")
    return update(client, "moved")


def undeletable(sagemaker: LocalSageMaker, client: Any) -> tuple[str, str]:
    register(sagemaker)
    sagemaker.deny("application-autoscaling:DeregisterScalableTarget")
    return refused(client.delete_endpoint, EndpointName="e")


def renamed(sagemaker: LocalSageMaker, client: Any) -> tuple[str, str]:
    register(sagemaker)
    sagemaker.deny("application-autoscaling:DeregisterScalableTarget")
    config(client, "renamed", VariantName="Other")
    return update(client, "renamed")


def late_create(sagemaker: LocalSageMaker, client: Any) -> tuple[str, str]:
    hidden(sagemaker, client)
    return refused(client.create_endpoint, EndpointName="f", EndpointConfigName="late")


def late_update(sagemaker: LocalSageMaker, client: Any) -> tuple[str, str]:
    hidden(sagemaker, client)
    return update(client, "late")


def throttled(sagemaker: LocalSageMaker, client: Any, code: str) -> tuple[str, str]:
    sagemaker.throttle("DescribeEndpoint", code=code)
    return refused(client.describe_endpoint, EndpointName="e")


def denied(sagemaker: LocalSageMaker, client: Any) -> tuple[str, str]:
    sagemaker.deny("DescribeEndpoint")
    return refused(client.describe_endpoint, EndpointName="e")


def unknown_role(sagemaker: LocalSageMaker, client: Any) -> tuple[str, str]:
    return refused(model, client=client, name="x", ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/unknown")


def managed(sagemaker: LocalSageMaker, client: Any) -> tuple[str, str]:
    scaling = {"Status": "ENABLED", "MaxInstanceCount": 2}
    return refused(config, client=client, name="x", ManagedInstanceScaling=scaling)


ROWS: dict[str, tuple[Provoke, str, str]] = {
    "no endpoint": (
        lambda s, c: refused(c.describe_endpoint, EndpointName="x"),
        "ValidationException",
        f'Could not find endpoint "{arn("endpoint", "x")}".',
    ),
    "no config": (
        lambda s, c: refused(c.describe_endpoint_config, EndpointConfigName="x"),
        "ValidationException",
        f'Could not find endpoint configuration "{arn("endpoint-config", "x")}".',
    ),
    "no model": (
        lambda s, c: refused(c.describe_model, ModelName="x"),
        "ValidationException",
        f'Could not find model "{arn("model", "x")}".',
    ),
    "endpoint exists": (
        lambda s, c: refused(c.create_endpoint, EndpointName="e", EndpointConfigName="c"),
        "ValidationException",
        "Cannot create already existing endpoint ",
    ),
    "config exists": (
        lambda s, c: refused(c.create_endpoint_config, EndpointConfigName="c", ProductionVariants=[variant()]),
        "ValidationException",
        "Cannot create already existing endpoint configuration ",
    ),
    "model exists": (
        lambda s, c: refused(model, client=c),
        "ValidationException",
        "Cannot create already existing model ",
    ),
    "busy: update": (
        lambda s, c: in_motion(s, lambda: update(c)),
        "ValidationException",
        "Cannot update in-progress endpoint ",
    ),
    "busy: delete": (
        lambda s, c: in_motion(s, lambda: refused(c.delete_endpoint, EndpointName="e")),
        "ValidationException",
        "Cannot update in-progress endpoint ",
    ),
    "busy: counts": (
        lambda s, c: in_motion(s, lambda: scale(c)),
        "ValidationException",
        "Cannot update in-progress endpoint ",
    ),
    "config not yet visible: create": (late_create, "ValidationException", "Could not find endpoint configuration"),
    "config not yet visible: update": (late_update, "ValidationException", "Could not find endpoint configuration"),
    "role": (unknown_role, "ValidationException", f"Could not assume role arn:aws:iam::{ACCOUNT}:role/unknown"),
    "image": (
        lambda s, c: refused(model, client=c, name="x", image=IMAGE.replace("3.3.6", "9")),
        "ValidationException",
        "Requested image 763104351884",
    ),
    "quota: create": (
        lambda s, c: quota_on(s, lambda: refused(c.create_endpoint, EndpointName="f", EndpointConfigName="c")),
        "ResourceLimitExceeded",
        (
            f"The account-level service limit '{TYPE} for endpoint usage' is 1 Instances, with current utilization of "
            "1 Instances and a request delta of 1 Instances"
        ),
    ),
    "quota: update": (
        lambda s, c: quota_on(s, lambda: update(c)),
        "ResourceLimitExceeded",
        "with current utilization of 1 Instances and a request delta of 1 Instances",
    ),
    "quota: counts": (
        lambda s, c: quota_on(s, lambda: scale(c)),
        "ResourceLimitExceeded",
        "with current utilization of 1 Instances and a request delta of 2 Instances",
    ),
    "autoscaled variant, other instance type": (moved, "ValidationException", "Deregister the scalable target"),
    "delete without permission": (
        undeletable,
        "ValidationException",
        "An Application AutoScaling scalable target exists for a variant being deleted, and the IAM identity",
    ),
    "delete of a variant without permission": (
        renamed,
        "ValidationException",
        "does not have application-autoscaling:DeregisterScalableTarget",
    ),
    "managed scaling": (
        managed,
        "ValidationException",
        "ManagedInstanceScaling is not supported with the given EndpointConfig setup",
    ),
    "throttle": (lambda s, c: throttled(s, c, "ThrottlingException"), "ThrottlingException", "Rate exceeded"),
    "throttle, older": (lambda s, c: throttled(s, c, "Throttling"), "Throttling", "Rate exceeded"),
    "throttle, EC2's": (lambda s, c: throttled(s, c, "RequestLimitExceeded"), "RequestLimitExceeded", "Rate exceeded"),
    "creds: denied": (denied, "AccessDeniedException", "is not authorized to perform: sagemaker:DescribeEndpoint"),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_call_is_refused_as_the_table_says(sagemaker: LocalSageMaker, client: Any, row: str) -> None:
    serving(client)
    provoke, code, fragment = ROWS[row]
    found, message = provoke(sagemaker, client)
    assert found == code
    assert fragment in message


class TestCapacity:
    """CapacityError comes later, as a FailureReason."""

    def test_at_create(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        config(client)
        sagemaker.no_capacity(TYPE)
        endpoint(client)
        assert settled(client, status="Failed")["FailureReason"] == CAPACITY_REASON

    def test_at_update(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.no_capacity(TYPE)
        client.update_endpoint(EndpointName="e", EndpointConfigName="d")
        back = settled(client)
        assert (back["FailureReason"], back["EndpointConfigName"]) == (CAPACITY_REASON, "c")

    def test_at_a_change_of_counts(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.no_capacity(TYPE)
        client.update_endpoint_weights_and_capacities(EndpointName="e", DesiredWeightsAndCapacities=COUNTS)
        back = settled(client)
        assert back["FailureReason"].startswith("CapacityError: Unable to provision requested ML compute capacity")
        assert "InsufficientInstanceCapacity" in back["FailureReason"]
        assert back["ProductionVariants"][0]["DesiredInstanceCount"] == 1


class TestAutoscaledVariants:
    def test_with_the_permission_they_go(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        register(sagemaker)
        denial = sagemaker.deny("application-autoscaling:DeregisterScalableTarget", role="somebody")
        client.update_endpoint(EndpointName="e", EndpointConfigName="d")
        settled(client)
        client.delete_endpoint(EndpointName="e")
        assert denial.fired == 0

    def test_without_the_permission_the_same_variant_can_be_updated(
        self, sagemaker: LocalSageMaker, client: Any
    ) -> None:
        serving(client)
        register(sagemaker)
        sagemaker.deny("application-autoscaling:DeregisterScalableTarget")
        client.update_endpoint(EndpointName="e", EndpointConfigName="d")
        assert settled(client)["EndpointConfigName"] == "d"


class TestCredentials:
    def session(self, local: LocalSageMaker, service: str) -> Any:
        role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/deployer"
        local.trust(role)
        given = local.client("sts").assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=REGION,
            endpoint_url=local.url,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def test_sessions_grow_old(self, sagemaker: LocalSageMaker, client: Any) -> None:
        theirs, sts = self.session(sagemaker, "sagemaker"), self.session(sagemaker, "sts")
        theirs.list_models()
        sagemaker.expire_sessions()
        assert refused(theirs.list_models)[0] == "ExpiredTokenException"
        assert refused(sts.get_caller_identity)[0] == "ExpiredToken"
        client.list_models()
        self.session(sagemaker, "sagemaker").list_models()

    def test_keys_can_be_nobody_s(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.invalidate("AKIAIOSFODNN7EXAMPLE")
        assert refused(client.list_models)[0] == "UnrecognizedClientException"
        assert refused(sagemaker.client("sts").get_caller_identity)[0] == "InvalidClientTokenId"

    def test_the_service_itself_can_fail(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.next_failure("e", "Request to service failed. If failure persists after retry, contact support.")
        client.update_endpoint(EndpointName="e", EndpointConfigName="d")
        assert settled(client)["FailureReason"].startswith("Request to service failed")
        assert describe(client)["EndpointConfigName"] == "c"
