"""The local SageMaker, over HTTP with boto3: every state and refusal that the operator's tests rely on."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from tests.contract.sagemaker_double.asking import (
    ENV,
    NEXT_SHA,
    OTHER_ACCOUNT,
    SHA,
    TYPE,
    arn,
    ask,
    config,
    describe,
    endpoint,
    model,
    refused,
    serving,
    settled,
    variant,
    wait_for,
)
from tests.testbed.sagemaker import ACCOUNT, CAPACITY_REASON, IMAGE, REGION, ROLE, LocalSageMaker


@pytest.fixture
def sagemaker() -> Iterator[LocalSageMaker]:
    with LocalSageMaker(
        durations=dict.fromkeys(("Creating", "Updating", "Scaling", "RollingBack", "Deleting"), 0.02)
    ) as local:
        local.add_role(ROLE)
        yield local


@pytest.fixture
def client(sagemaker: LocalSageMaker) -> Any:
    return sagemaker.client()


@pytest.fixture
def unchecked(sagemaker: LocalSageMaker) -> Any:
    """boto3 without its own validation, so that the server has to refuse."""
    return boto3.client(
        "sagemaker",
        region_name=REGION,
        endpoint_url=sagemaker.url,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="secret",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )


class TestLifecycle:
    def test_create_goes_through_creating_to_in_service(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.hold()
        model(client)
        config(client, InitialInstanceCount=2)
        assert endpoint(client) == arn("endpoint", "e")

        creating = describe(client)
        assert creating["EndpointStatus"] == "Creating"
        assert creating["EndpointConfigName"] == "c"
        assert creating["CreationTime"] == creating["LastModifiedTime"]
        assert "ProductionVariants" not in creating
        pending = creating["PendingDeploymentSummary"]
        assert pending["EndpointConfigName"] == "c"
        assert pending["ProductionVariants"][0]["InstanceType"] == TYPE

        sagemaker.release("e")
        there = describe(client)
        assert there["EndpointStatus"] == "InService"
        assert there["CreationTime"] == creating["CreationTime"]
        assert there["LastModifiedTime"] > creating["LastModifiedTime"]
        assert "PendingDeploymentSummary" not in there
        deployed = there["ProductionVariants"][0]
        assert deployed["VariantName"] == "AllTraffic"
        assert deployed["CurrentInstanceCount"] == deployed["DesiredInstanceCount"] == 2
        images = deployed["DeployedImages"][0]
        assert images["SpecifiedImage"] == IMAGE
        assert "@sha256:" in images["ResolvedImage"]

    def test_transitions_take_their_time_without_help(self, client: Any) -> None:
        assert serving(client)["EndpointStatus"] == "InService"

    def test_a_failed_create_says_why_and_can_only_be_deleted(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        config(client)
        config(client, "d")
        sagemaker.next_failure("e", "x" * 2000)
        endpoint(client)
        failed = settled(client, status="Failed")
        assert failed["FailureReason"] == "x" * 1024
        assert failed["ProductionVariants"][0]["CurrentInstanceCount"] == 0

        code, message = refused(client.update_endpoint, EndpointName="e", EndpointConfigName="d")
        assert code == "ValidationException"
        assert "Cannot update" in message
        assert "in-progress" not in message
        counts = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
        refused(
            client.update_endpoint_weights_and_capacities,
            EndpointName="e",
            DesiredWeightsAndCapacities=counts,
        )
        client.delete_endpoint(EndpointName="e")

    def test_update_keeps_the_old_config_until_it_is_done(self, sagemaker: LocalSageMaker, client: Any) -> None:
        before = serving(client)
        sagemaker.hold("e")
        client.update_endpoint(EndpointName="e", EndpointConfigName="d")
        updating = describe(client)
        assert updating["EndpointStatus"] == "Updating"
        assert updating["EndpointConfigName"] == "c"
        assert updating["PendingDeploymentSummary"]["EndpointConfigName"] == "d"
        assert updating["ProductionVariants"][0]["CurrentInstanceCount"] == 1
        assert SHA in ask(sagemaker, {"inputs": "hello"})[0]["generated_text"]

        sagemaker.release("e")
        after = describe(client)
        assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "d")
        assert before["LastModifiedTime"] < updating["LastModifiedTime"] < after["LastModifiedTime"]
        assert before["CreationTime"] == after["CreationTime"]
        assert NEXT_SHA in ask(sagemaker, {"inputs": "hello"})[0]["generated_text"]

    def test_a_failed_update_returns_to_the_old_config_and_its_reason_outlives_it(
        self, sagemaker: LocalSageMaker, client: Any
    ) -> None:
        serving(client)
        sagemaker.next_failure("e", "the new fleet is not healthy")
        client.update_endpoint(EndpointName="e", EndpointConfigName="d")
        back = settled(client)
        assert back["EndpointConfigName"] == "c"
        assert back["FailureReason"] == "the new fleet is not healthy"

        client.update_endpoint_weights_and_capacities(
            EndpointName="e",
            DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}],
        )
        assert settled(client)["FailureReason"] == "the new fleet is not healthy"
        sagemaker.hold()
        client.update_endpoint(EndpointName="e", EndpointConfigName="d")
        assert describe(client)["FailureReason"] == "the new fleet is not healthy"
        sagemaker.release()
        done = settled(client)
        assert done["EndpointConfigName"] == "d"
        assert "FailureReason" not in done

    def test_the_reason_may_also_vanish_when_the_next_update_begins(self) -> None:
        with LocalSageMaker(durations={"Updating": 0.0}, failure_reason_sticks=False) as local:
            local.add_role(ROLE)
            local.seed(["e"])
            client = local.client()
            model(client)
            config(client)
            local.next_failure("e", "bad")
            client.update_endpoint(EndpointName="e", EndpointConfigName="c")
            assert settled(client)["FailureReason"] == "bad"
            local.hold()
            client.update_endpoint(EndpointName="e", EndpointConfigName="c")
            assert "FailureReason" not in describe(client)

    def test_a_failed_rollback_still_serves_and_can_be_updated(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.next_failure("e", "rollback failed too", rollback_fails=True)
        client.update_endpoint(EndpointName="e", EndpointConfigName="d")
        mixed = settled(client, status="UpdateRollbackFailed")
        assert mixed["FailureReason"] == "rollback failed too"
        assert ask(sagemaker, {"inputs": "hello"})
        client.update_endpoint(EndpointName="e", EndpointConfigName="d")
        assert settled(client)["EndpointConfigName"] == "d"

    def test_delete_takes_time_and_then_the_name_is_free(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.hold()
        client.delete_endpoint(EndpointName="e")
        assert describe(client)["EndpointStatus"] == "Deleting"
        assert "already existing" in refused(client.create_endpoint, EndpointName="e", EndpointConfigName="c")[1]
        sagemaker.release("e")
        assert refused(client.describe_endpoint, EndpointName="e") == (
            "ValidationException",
            f'Could not find endpoint "{arn("endpoint", "e")}".',
        )
        endpoint(client)

    def test_counts_change_without_a_deployment(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.hold()
        client.update_endpoint_weights_and_capacities(
            EndpointName="e",
            DesiredWeightsAndCapacities=[
                {"VariantName": "AllTraffic", "DesiredInstanceCount": 3, "DesiredWeight": 2.0}
            ],
        )
        scaling = describe(client)
        assert scaling["EndpointStatus"] == "Updating"
        assert "PendingDeploymentSummary" not in scaling
        assert scaling["ProductionVariants"][0]["CurrentInstanceCount"] == 1
        assert scaling["ProductionVariants"][0]["DesiredInstanceCount"] == 3
        sagemaker.release("e")
        after = describe(client)["ProductionVariants"][0]
        assert (after["CurrentInstanceCount"], after["CurrentWeight"]) == (3, 2.0)

    def test_failed_scaling_rolls_back(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.hold()
        sagemaker.next_failure("e", "no room")
        client.update_endpoint_weights_and_capacities(
            EndpointName="e",
            DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}],
        )
        sagemaker.release("e")
        assert describe(client)["EndpointStatus"] == "RollingBack"
        sagemaker.release("e")
        back = describe(client)
        assert (back["EndpointStatus"], back["FailureReason"]) == ("InService", "no room")
        assert back["ProductionVariants"][0]["DesiredInstanceCount"] == 1

    @pytest.mark.parametrize(
        ("retained", "expected"),
        [
            ({}, (1, 1.0)),
            ({"RetainAllVariantProperties": True}, (3, 0.5)),
            (
                {
                    "RetainAllVariantProperties": True,
                    "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
                },
                (1, 0.5),
            ),
            (
                {
                    "RetainAllVariantProperties": True,
                    "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
                },
                (3, 1.0),
            ),
        ],
    )
    def test_update_resets_counts_unless_retained(
        self, client: Any, retained: dict[str, Any], expected: tuple[int, float]
    ) -> None:
        serving(client)
        client.update_endpoint_weights_and_capacities(
            EndpointName="e",
            DesiredWeightsAndCapacities=[
                {"VariantName": "AllTraffic", "DesiredInstanceCount": 3, "DesiredWeight": 0.5}
            ],
        )
        settled(client)
        client.update_endpoint(EndpointName="e", EndpointConfigName="d", **retained)
        after = settled(client)["ProductionVariants"][0]
        assert (after["CurrentInstanceCount"], after["CurrentWeight"]) == expected

    @pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"])
    def test_nothing_changes_what_is_in_motion(self, sagemaker: LocalSageMaker, client: Any, status: str) -> None:
        serving(client)
        sagemaker.set_status("e", status)
        expected = ("ValidationException", f'Cannot update in-progress endpoint "{arn("endpoint", "e")}".')
        counts = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
        assert refused(client.update_endpoint, EndpointName="e", EndpointConfigName="d") == expected
        assert refused(client.delete_endpoint, EndpointName="e") == expected
        assert (
            refused(
                client.update_endpoint_weights_and_capacities,
                EndpointName="e",
                DesiredWeightsAndCapacities=counts,
            )
            == expected
        )
        sagemaker.set_status("e", "InService")
        client.delete_endpoint(EndpointName="e")

    def test_out_of_service_serves_nothing_and_can_be_deleted(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(["e"])
        sagemaker.set_status("e", "OutOfService")
        with pytest.raises(ClientError, match="not found"):
            ask(sagemaker, {"inputs": "hello"})
        client.delete_endpoint(EndpointName="e")

    def test_a_virtual_clock_moves_everything(self) -> None:
        now = [1_700_000_000.0]
        with LocalSageMaker(durations={"Creating": 300.0}, clock=lambda: now[0]) as local:
            local.add_role(ROLE)
            client = local.client()
            model(client)
            config(client)
            endpoint(client)
            now[0] += 299
            assert describe(client)["EndpointStatus"] == "Creating"
            now[0] += 2
            there = describe(client)
            assert there["EndpointStatus"] == "InService"
            assert there["LastModifiedTime"].timestamp() == pytest.approx(1_700_000_300, abs=0.1)


class TestRefusals:
    def test_what_is_not_there(self, client: Any) -> None:
        model(client)
        config(client)
        missing = f'Could not find endpoint "{arn("endpoint", "x")}".'
        no_config = f'Could not find endpoint configuration "{arn("endpoint-config", "x")}".'
        no_model = f'Could not find model "{arn("model", "x")}".'
        counts = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
        for call, params, message in (
            (client.describe_endpoint, {"EndpointName": "x"}, missing),
            (client.delete_endpoint, {"EndpointName": "x"}, missing),
            (client.update_endpoint, {"EndpointName": "x", "EndpointConfigName": "c"}, missing),
            (
                client.update_endpoint_weights_and_capacities,
                {"EndpointName": "x", "DesiredWeightsAndCapacities": counts},
                missing,
            ),
            (client.describe_endpoint_config, {"EndpointConfigName": "x"}, no_config),
            (client.delete_endpoint_config, {"EndpointConfigName": "x"}, no_config),
            (client.create_endpoint, {"EndpointName": "e", "EndpointConfigName": "x"}, no_config),
            (client.describe_model, {"ModelName": "x"}, no_model),
            (client.delete_model, {"ModelName": "x"}, no_model),
            (
                client.create_endpoint_config,
                {"EndpointConfigName": "y", "ProductionVariants": [variant("x")]},
                no_model,
            ),
        ):
            assert refused(call, **params) == ("ValidationException", message)

    def test_what_is_there_already_keeps_its_tags(self, client: Any) -> None:
        tags = [{"Key": "owner", "Value": "first"}]
        model(client, Tags=tags)
        config(client, tags=tags)
        endpoint(client, Tags=tags)
        other = [{"Key": "owner", "Value": "second"}]
        for call, kind, named in (
            (lambda: model(client, Tags=other), "model", arn("model", "m")),
            (lambda: config(client, tags=other), "endpoint configuration", arn("endpoint-config", "c")),
            (lambda: endpoint(client, Tags=other), "endpoint", arn("endpoint", "e")),
        ):
            expected = ("ValidationException", f'Cannot create already existing {kind} "{named}".')
            assert refused(call) == expected
            assert client.list_tags(ResourceArn=named)["Tags"] == tags

    def test_endpoint_names_are_unique_whatever_their_case(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        config(client)
        endpoint(client, "My-Endpoint")
        assert (
            "already existing" in refused(client.create_endpoint, EndpointName="my-endpoint", EndpointConfigName="c")[1]
        )
        assert settled(client, "MY-ENDPOINT")["EndpointName"] == "My-Endpoint"
        with pytest.raises(ClientError, match="not found"):
            ask(sagemaker, {"inputs": "hello"}, "my-endpoint")
        assert ask(sagemaker, {"inputs": "hello"}, "My-Endpoint")

    def test_the_config_in_use_is_no_new_config(self, client: Any) -> None:
        serving(client)
        code, message = refused(client.update_endpoint, EndpointName="e", EndpointConfigName="c")
        assert code == "ValidationException"
        assert "already uses" in message

    def test_a_config_in_use_can_be_deleted_and_then_nothing_can_change(self, client: Any) -> None:
        serving(client)
        client.delete_endpoint_config(EndpointConfigName="c")
        gone = f'Could not find endpoint configuration "{arn("endpoint-config", "c")}".'
        counts = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
        assert refused(client.update_endpoint, EndpointName="e", EndpointConfigName="d")[1] == gone
        assert (
            refused(
                client.update_endpoint_weights_and_capacities,
                EndpointName="e",
                DesiredWeightsAndCapacities=counts,
            )[1]
            == gone
        )

    def test_a_model_in_use_can_be_deleted_and_goes_on_serving(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        client.delete_model(ModelName="m")
        assert SHA in ask(sagemaker, {"inputs": "hello"})[0]["generated_text"]
        counts = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
        assert (
            "Could not find model"
            in refused(
                client.update_endpoint_weights_and_capacities,
                EndpointName="e",
                DesiredWeightsAndCapacities=counts,
            )[1]
        )
        assert "Could not find model" in refused(client.create_endpoint, EndpointName="f", EndpointConfigName="c")[1]

    def test_roles_must_be_assumable(self, sagemaker: LocalSageMaker, client: Any) -> None:
        unknown = f"arn:aws:iam::{ACCOUNT}:role/unknown"
        code, message = refused(lambda: model(client, ExecutionRoleArn=unknown))
        assert code == "ValidationException"
        assert message.startswith(f"Could not assume role {unknown}. Please ensure that the role exists and")
        assert message.endswith("allows principal 'sagemaker.amazonaws.com' to assume the role.")
        sagemaker.add_role(unknown)
        model(client, ExecutionRoleArn=unknown)
        foreign = f"arn:aws:iam::{OTHER_ACCOUNT}:role/sagemaker"
        sagemaker.add_role(foreign)
        assert refused(lambda: model(client, "x", ExecutionRoleArn=foreign))[0] == "AccessDeniedException"

    @pytest.mark.parametrize(
        "image",
        [
            "ghcr.io/huggingface/text-generation-inference:3.3.6",
            IMAGE.replace("eu-central-1", "us-east-1"),
            IMAGE.replace("763104351884", "123456789012"),
            IMAGE.rpartition(":")[0] + ":3.3.6",
            IMAGE.rpartition(":")[0],
        ],
    )
    def test_images_must_be_there(self, sagemaker: LocalSageMaker, client: Any, image: str) -> None:
        assert refused(lambda: model(client, image=image)) == (
            "ValidationException",
            f"Requested image {image} not found.",
        )
        sagemaker.add_image(image)
        model(client, image=image)
        sagemaker.deny_image(IMAGE)
        assert "not found" in refused(lambda: model(client, "x"))[1]

    def test_every_instance_type_of_the_service_model_is_taken(self, client: Any) -> None:
        model(client)
        shape = client.meta.service_model.shape_for("ProductionVariantInstanceType")
        for kind in (t for t in shape.enum if t.startswith(("ml.g5.", "ml.g6.", "ml.p4d.", "ml.p5.", "ml.inf2."))):
            config(client, kind.replace(".", "-"), InstanceType=kind)

    @pytest.mark.parametrize(
        ("changes", "fragment"),
        [
            (
                {"InstanceType": "ml.g99.xlarge"},
                "'productionVariants.1.member.instanceType' failed to satisfy",
            ),
            ({"InstanceType": "ml.g99.xlarge"}, "Member must satisfy enum value set: [ml.t2.medium, "),
            ({"InitialInstanceCount": 0}, "Member must have value greater than or equal to 1"),
            (
                {"VariantName": "a_b"},
                "'productionVariants.1.member.variantName' failed to satisfy constraint",
            ),
            ({"InferenceAmiVersion": "al9"}, "'productionVariants.1.member.inferenceAmiVersion'"),
            ({"ContainerStartupHealthCheckTimeoutInSeconds": 59}, "greater than or equal to 60"),
            ({"ContainerStartupHealthCheckTimeoutInSeconds": 3601}, "less than or equal to 3600"),
            ({"VolumeSizeInGB": 100}, "VolumeSizeInGB is not supported"),
            ({"InitialInstanceCount": None}, "InitialInstanceCount is required"),
            ({"InstanceType": None}, "InstanceType and InstancePools"),
            (
                {"ManagedInstanceScaling": {"Status": "ENABLED", "MaxInstanceCount": 2}},
                "ManagedInstanceScaling is not supported with the given EndpointConfig setup",
            ),
        ],
    )
    def test_variants_are_checked(self, client: Any, unchecked: Any, changes: dict[str, Any], fragment: str) -> None:
        model(client)
        code, message = refused(lambda: config(unchecked, **changes))
        assert code == "ValidationException"
        assert fragment in message

    def test_names_and_lengths_are_checked(self, client: Any, unchecked: Any) -> None:
        model(client)
        code, message = refused(lambda: model(unchecked, "a.b"))
        assert code == "ValidationException"
        assert message.startswith("1 validation error detected: Value 'a.b' at 'modelName' failed to satisfy")
        assert message.endswith(
            r"Member must satisfy regular expression pattern: [a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?"
        )
        assert "length less than or equal to 63" in refused(lambda: config(unchecked, "x" * 64))[1]
        assert "regular expression" in refused(lambda: config(unchecked, "x-"))[1]
        assert "regular expression" in refused(lambda: endpoint(unchecked, "x.y"))[1]
        code, message = refused(unchecked.create_endpoint)
        assert code == "ValidationException"
        assert message.startswith("2 validation errors detected: Value null at 'endpointName' failed to satisfy")

    @pytest.mark.parametrize(
        ("environment", "fragment"),
        [
            ({f"K{n}": "v" for n in range(101)}, "length less than or equal to 100"),
            ({"K": "v" * 1025}, "Map value must satisfy constraint"),
            ({"1K": "v"}, "Map key must satisfy constraint"),
            ({"K": "ü" * 1000}, "exceeds 1024 bytes"),
            ({f"K{n}": "v" * 1000 for n in range(40)}, "exceed 32 KB"),
        ],
    )
    def test_environments_are_limited(self, unchecked: Any, environment: dict[str, str], fragment: str) -> None:
        code, message = refused(lambda: model(unchecked, environment=environment))
        assert code == "ValidationException"
        assert fragment in message

    def test_quotas(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        config(client, InitialInstanceCount=2)
        sagemaker.set_quota(TYPE, 0)
        with pytest.raises(client.exceptions.ResourceLimitExceeded) as caught:
            endpoint(client)
        assert caught.value.response["Error"]["Message"].startswith(
            f"The account-level service limit '{TYPE} for endpoint usage' is 0 Instances, with current "
            "utilization of 0 Instances and a request delta of 2 Instances. Please use AWS Service Quotas"
        )
        sagemaker.set_quota(TYPE, 3)
        endpoint(client)
        settled(client)
        config(client, "d", InitialInstanceCount=2)
        code, message = refused(client.update_endpoint, EndpointName="e", EndpointConfigName="d")
        assert code == "ResourceLimitExceeded"
        assert "current utilization of 2 Instances and a request delta of 2 Instances" in message
        counts = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 4}]
        code, message = refused(
            client.update_endpoint_weights_and_capacities,
            EndpointName="e",
            DesiredWeightsAndCapacities=counts,
        )
        assert "request delta of 2 Instances" in message
        rolling = {
            "RollingUpdatePolicy": {
                "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                "WaitIntervalInSeconds": 0,
            }
        }
        client.update_endpoint(EndpointName="e", EndpointConfigName="d", DeploymentConfig=rolling)
        assert settled(client)["LastDeploymentConfig"] == rolling

    def test_capacity_fails_later_and_as_often_as_scripted(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        config(client)
        sagemaker.no_capacity(TYPE, times=2)
        for _ in range(2):
            endpoint(client)
            assert settled(client, status="Failed")["FailureReason"] == CAPACITY_REASON
            client.delete_endpoint(EndpointName="e")
            wait_for(lambda: sagemaker.status("e") is None)
        endpoint(client)
        settled(client)

    def test_instance_pools_fall_back_by_priority(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        pools = [
            {"InstanceType": "ml.g6.2xlarge", "Priority": 2},
            {"InstanceType": "ml.g5.2xlarge", "Priority": 1},
        ]
        config(client, InstanceType=None, InstancePools=pools)
        sagemaker.no_capacity("ml.g5.2xlarge")
        endpoint(client)
        assert settled(client)["ProductionVariants"][0]["InstancePools"] == [
            {"InstanceType": "ml.g5.2xlarge", "CurrentInstanceCount": 0},
            {"InstanceType": "ml.g6.2xlarge", "CurrentInstanceCount": 1},
        ]

    def test_a_new_config_may_not_be_visible_yet(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        sagemaker.hide_new_configs(2)
        config(client)
        client.describe_endpoint_config(EndpointConfigName="c")
        for _ in range(2):
            assert "Could not find endpoint configuration" in refused(lambda: endpoint(client))[1]
        endpoint(client)

    @pytest.mark.parametrize(
        ("deployment", "fragment"),
        [
            (
                {
                    "BlueGreenUpdatePolicy": {
                        "TrafficRoutingConfiguration": {"Type": "CANARY", "WaitIntervalInSeconds": 0}
                    }
                },
                "CanarySize must be set",
            ),
            (
                {
                    "RollingUpdatePolicy": {
                        "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 51},
                        "WaitIntervalInSeconds": 0,
                    }
                },
                "MaximumBatchSize must be between 5 and 50",
            ),
            (
                {
                    "RollingUpdatePolicy": {
                        "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
                        "WaitIntervalInSeconds": 3601,
                    }
                },
                "less than or equal to 3600",
            ),
            (
                {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "no-such-alarm"}]}},
                "Could not find CloudWatch alarm",
            ),
        ],
    )
    def test_deployment_guardrails(self, client: Any, deployment: dict[str, Any], fragment: str) -> None:
        serving(client)
        code, message = refused(
            client.update_endpoint, EndpointName="e", EndpointConfigName="d", DeploymentConfig=deployment
        )
        assert code == "ValidationException"
        assert fragment in message

    def test_unknown_variants_and_zero_instances(self, client: Any) -> None:
        serving(client)
        for counts in (
            [{"VariantName": "Other", "DesiredInstanceCount": 2}],
            [{"VariantName": "AllTraffic", "DesiredInstanceCount": 0}],
        ):
            code, _ = refused(
                client.update_endpoint_weights_and_capacities,
                EndpointName="e",
                DesiredWeightsAndCapacities=counts,
            )
            assert code == "ValidationException"

    def test_an_autoscaled_variant_keeps_its_instance_type(self, sagemaker: LocalSageMaker, client: Any) -> None:
        scaling = sagemaker.client("application-autoscaling")
        target = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": "endpoint/e/variant/AllTraffic",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }
        register = {**target, "MinCapacity": 1, "MaxCapacity": 4}
        assert "Could not find endpoint" in refused(scaling.register_scalable_target, **register)[1]
        serving(client)
        scaling.register_scalable_target(**register)
        config(client, "other", InstanceType="ml.g6.2xlarge")
        code, message = refused(client.update_endpoint, EndpointName="e", EndpointConfigName="other")
        assert code == "ValidationException"
        assert "eregister" in message
        client.update_endpoint(EndpointName="e", EndpointConfigName="d")
        settled(client)
        scaling.deregister_scalable_target(**target)
        client.update_endpoint(EndpointName="e", EndpointConfigName="other")
        settled(client)
        scaling.register_scalable_target(**register)
        client.delete_endpoint(EndpointName="e")
        wait_for(lambda: sagemaker.status("e") is None)
        left = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        assert left == []

    def test_what_is_not_modelled_says_so(self, client: Any) -> None:
        model(client)
        serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 1}
        assert (
            refused(lambda: config(client, InstanceType=None, InitialInstanceCount=None, ServerlessConfig=serverless))[
                0
            ]
            == "NotImplemented"
        )
        assert (
            refused(
                client.create_inference_component,
                InferenceComponentName="i",
                EndpointName="e",
                Specification={},
            )[0]
            == "NotImplemented"
        )

    def test_unsigned_requests_are_refused(self, sagemaker: LocalSageMaker) -> None:
        request = urllib.request.Request(sagemaker.url, data=b"{}", headers={"X-Amz-Target": "SageMaker.ListEndpoints"})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code == 403
        assert json.load(caught.value)["__type"] == "MissingAuthenticationTokenException"


class TestTags:
    def test_tags_live_and_die_with_their_resource(self, sagemaker: LocalSageMaker, client: Any) -> None:
        tags = [{"Key": "Owner", "Value": "a"}]
        made = [
            model(client, Tags=tags),
            config(client, tags=tags),
            endpoint(client, Tags=tags),
        ]
        settled(client)
        for one in made:
            assert client.list_tags(ResourceArn=one)["Tags"] == tags
            client.add_tags(ResourceArn=one, Tags=[{"Key": "Owner", "Value": "b"}, {"Key": "owner", "Value": "c"}])
            assert client.list_tags(ResourceArn=one)["Tags"] == [
                {"Key": "Owner", "Value": "b"},
                {"Key": "owner", "Value": "c"},
            ]
            client.delete_tags(ResourceArn=one, TagKeys=["Owner", "nothing"])
            assert client.list_tags(ResourceArn=one)["Tags"] == [{"Key": "owner", "Value": "c"}]
        client.delete_endpoint(EndpointName="e")
        wait_for(lambda: sagemaker.status("e") is None)
        client.delete_endpoint_config(EndpointConfigName="c")
        client.delete_model(ModelName="m")
        for one in made:
            code, message = refused(client.list_tags, ResourceArn=one)
            assert code == "ValidationException"
            assert message.startswith("Could not find")
            assert refused(client.add_tags, ResourceArn=one, Tags=tags)[0] == "ValidationException"

    @pytest.mark.parametrize(
        ("tags", "fragment"),
        [
            ([{"Key": f"k{n}", "Value": ""} for n in range(51)], "length less than or equal to 50"),
            ([{"Key": "k" * 129, "Value": ""}], "length less than or equal to 128"),
            ([{"Key": "k", "Value": "v" * 257}], "length less than or equal to 256"),
            ([{"Key": "k", "Value": "a,b"}], "'tags.1.member.value' failed to satisfy constraint"),
            ([{"Key": "aws:k", "Value": ""}], "reserved"),
            ([{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}], "Duplicate"),
        ],
    )
    def test_tags_are_checked(self, unchecked: Any, tags: list[dict[str, str]], fragment: str) -> None:
        code, message = refused(lambda: model(unchecked, Tags=tags))
        assert code == "ValidationException"
        assert fragment in message

    def test_no_more_than_fifty_in_all(self, client: Any) -> None:
        made = model(client, Tags=[{"Key": f"k{n}", "Value": "ü 1_.:/=+-@"} for n in range(50)])
        client.add_tags(ResourceArn=made, Tags=[{"Key": "k1", "Value": "new"}])
        assert "50 tags" in refused(client.add_tags, ResourceArn=made, Tags=[{"Key": "one-more", "Value": ""}])[1]


class TestLists:
    def test_endpoints_come_ten_at_a_time_latest_first(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(f"e-{n:03}" for n in range(25))
        page = client.list_endpoints()
        assert [e["EndpointName"] for e in page["Endpoints"]] == [f"e-{n:03}" for n in range(24, 14, -1)]
        pages = list(client.get_paginator("list_endpoints").paginate(PaginationConfig={"PageSize": 10}))
        assert [len(p["Endpoints"]) for p in pages] == [10, 10, 5]
        names = [e["EndpointName"] for p in pages for e in p["Endpoints"]]
        assert names == [f"e-{n:03}" for n in range(24, -1, -1)]

    def test_pages_stay_in_place_while_things_come_and_go(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(f"e-{n}" for n in range(6))
        order = {"SortBy": "Name", "SortOrder": "Ascending"}
        first = client.list_endpoints(MaxResults=3, **order)
        sagemaker.remove_endpoint("e-0")
        sagemaker.remove_endpoint("e-2")
        second = client.list_endpoints(MaxResults=3, NextToken=first["NextToken"], **order)
        assert [e["EndpointName"] for e in second["Endpoints"]] == ["e-3", "e-4", "e-5"]
        assert "NextToken" not in second

    def test_filters(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(["blue-1", "blue-2", "green-1"])
        sagemaker.set_status("blue-2", "SystemUpdating")

        def names(**filters: Any) -> list[str]:
            found = client.list_endpoints(SortBy="Name", SortOrder="Ascending", **filters)
            return [e["EndpointName"] for e in found["Endpoints"]]

        assert names(NameContains="blue") == ["blue-1", "blue-2"]
        assert names(NameContains="BLUE") == ["blue-1", "blue-2"]
        assert names(StatusEquals="SystemUpdating") == ["blue-2"]
        assert names(NameContains="green", StatusEquals="SystemUpdating") == []
        by_status = client.list_endpoints(SortBy="Status", SortOrder="Ascending")["Endpoints"]
        assert [e["EndpointStatus"] for e in by_status] == ["InService", "InService", "SystemUpdating"]

    def test_filters_by_time(self) -> None:
        now = [1_700_000_000.0]
        with LocalSageMaker(clock=lambda: now[0]) as local:
            client = local.client()
            local.seed(["old", "touched"])
            now[0] += 100
            local.seed(["new"])
            local.change_count("touched", 2)
            middle = datetime.fromtimestamp(1_700_000_050, UTC)

            def names(**filters: Any) -> set[str]:
                return {e["EndpointName"] for e in client.list_endpoints(**filters)["Endpoints"]}

            assert names(LastModifiedTimeAfter=middle) == {"touched", "new"}
            assert names(LastModifiedTimeBefore=middle) == {"old"}
            assert names(CreationTimeAfter=middle) == {"new"}
            assert names(CreationTimeBefore=middle) == {"old", "touched"}
            assert names(LastModifiedTimeAfter=middle + timedelta(hours=1)) == set()
            found = client.list_models(CreationTimeAfter=middle)["Models"]
            assert [m["ModelName"] for m in found] == ["new"]
            found = client.list_endpoint_configs(CreationTimeBefore=middle)["EndpointConfigs"]
            assert {c["EndpointConfigName"] for c in found} == {"old", "touched"}

    def test_models_and_configs_filter_and_page(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(f"slw-{n}" for n in range(7))
        sagemaker.seed(["other"])
        for operation, key, name in (
            ("list_models", "Models", "ModelName"),
            ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
        ):
            pages = list(
                client.get_paginator(operation).paginate(
                    NameContains="slw-",
                    SortBy="Name",
                    SortOrder="Ascending",
                    PaginationConfig={"PageSize": 3},
                )
            )
            assert [len(p[key]) for p in pages] == [3, 3, 1]
            assert [one[name] for p in pages for one in p[key]] == [f"slw-{n}" for n in range(7)]

    def test_bad_pages(self, client: Any, unchecked: Any) -> None:
        assert "less than or equal to 100" in refused(unchecked.list_endpoints, MaxResults=101)[1]
        assert refused(client.list_endpoints, NextToken="nonsense")[0] == "ValidationException"
        assert "regular expression" in refused(client.list_models, NameContains="a_b")[1]

    def test_accounts_and_regions_are_apart(self, sagemaker: LocalSageMaker, client: Any) -> None:
        role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/slipway"
        sagemaker.seed(["here"])
        sagemaker.seed(["there"], account=OTHER_ACCOUNT)
        sagemaker.seed(["elsewhere"], region="us-east-1")
        sts = sagemaker.client("sts")
        assert sts.get_caller_identity()["Account"] == ACCOUNT
        asked = {"RoleArn": role, "RoleSessionName": "slipway"}
        assert refused(sts.assume_role, **asked)[0] == "AccessDenied"
        sagemaker.trust(role, external_id="secret")
        assert refused(sts.assume_role, **asked, ExternalId="wrong")[0] == "AccessDenied"
        given = sts.assume_role(**asked, ExternalId="secret")["Credentials"]

        def assumed(service: str) -> Any:
            return boto3.client(
                service,  # type: ignore[call-overload]
                region_name=REGION,
                endpoint_url=sagemaker.url,
                aws_access_key_id=given["AccessKeyId"],
                aws_secret_access_key=given["SecretAccessKey"],
                aws_session_token=given["SessionToken"],
            )

        assert assumed("sts").get_caller_identity()["Account"] == OTHER_ACCOUNT
        names = [e["EndpointName"] for e in assumed("sagemaker").list_endpoints()["Endpoints"]]
        assert names == ["there"]
        assert [e["EndpointName"] for e in client.list_endpoints()["Endpoints"]] == ["here"]
        found = sagemaker.client(region="us-east-1").list_endpoints()["Endpoints"]
        assert [e["EndpointArn"] for e in found] == [f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/elsewhere"]
        foreign = sagemaker.client(account=OTHER_ACCOUNT)
        assert foreign.describe_endpoint(EndpointName="there")["EndpointStatus"] == "InService"
        assert refused(foreign.list_tags, ResourceArn=arn("endpoint", "here"))[0] == "AccessDeniedException"


class TestFaults:
    def test_before_nothing_happened(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.fail("CreateModel", error=("InternalFailure", "Internal failure.", 500))
        assert refused(lambda: model(client))[0] == "InternalFailure"
        assert sagemaker.names("model") == []
        model(client)

    @pytest.mark.parametrize(
        ("failure", "seen"),
        [
            ("reset", ConnectionClosedError),
            ("timeout", ReadTimeoutError),
            (("GatewayTimeout", "", 504), ClientError),
        ],
    )
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_an_answer_can_be_lost(
        self, sagemaker: LocalSageMaker, when: Any, failure: Any, seen: type[Exception]
    ) -> None:
        impatient = boto3.client(
            "sagemaker",
            region_name=REGION,
            endpoint_url=sagemaker.url,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=0.2),
        )
        sagemaker.fail("CreateModel", when=when, error=failure)
        with pytest.raises(seen):
            model(impatient)
        assert sagemaker.names("model") == (["m"] if when == "after" else [])
        [call] = sagemaker.calls
        assert call.effect is (when == "after")
        assert call.error == (failure if isinstance(failure, str) else failure[0])
        if when == "after":
            assert "already existing" in refused(lambda: model(impatient))[1]

    def test_after_waits_for_a_call_that_succeeds(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.fail("DeleteModel", when="after", error="reset")
        assert "Could not find model" in refused(client.delete_model, ModelName="m")[1]
        model(client)
        with pytest.raises(ConnectionClosedError):
            client.delete_model(ModelName="m")
        assert sagemaker.names("model") == []

    def test_faults_can_be_counted_matched_and_cancelled(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(["a", "b"])
        fault = sagemaker.fail(
            "DescribeEndpoint",
            times=2,
            error=("ThrottlingException", "Rate exceeded", 400),
            match=lambda params: params["EndpointName"] == "a",
        )
        describe(client, "b")
        for _ in range(2):
            assert refused(client.describe_endpoint, EndpointName="a") == (
                "ThrottlingException",
                "Rate exceeded",
            )
        describe(client, "a")
        assert fault.fired == 2
        denied = sagemaker.deny("CreateModel")
        code, message = refused(lambda: model(client))
        assert code == "AccessDeniedException"
        assert "is not authorized to perform: sagemaker:CreateModel" in message
        denied.cancel()
        model(client)
        sagemaker.throttle(times=None)
        assert refused(client.list_models)[0] == "ThrottlingException"
        sagemaker.clear_faults()
        client.list_models()

    def test_sts_can_fail_too(self, sagemaker: LocalSageMaker) -> None:
        sts = sagemaker.client("sts")
        sagemaker.fail("GetCallerIdentity", error=("ExpiredToken", "The token is expired", 403))
        assert refused(sts.get_caller_identity) == ("ExpiredToken", "The token is expired")
        sagemaker.fail("GetCallerIdentity", when="after", error="reset")
        with pytest.raises(ConnectionClosedError):
            sts.get_caller_identity()
        assert sts.get_caller_identity()["Account"] == ACCOUNT

    def test_a_rate_limit_throttles_each_operation(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(["e"])
        sagemaker.limit_rate(0.001, burst=2)
        describe(client)
        describe(client)
        assert refused(client.describe_endpoint, EndpointName="e")[0] == "ThrottlingException"
        client.list_endpoints()
        sagemaker.limit_rate(None)
        describe(client)

    def test_an_outage_drops_connections_and_keeps_the_state(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(["e"])
        describe(client)
        sagemaker.stop()
        with pytest.raises((EndpointConnectionError, ConnectionClosedError)):
            describe(client)
        sagemaker.start()
        assert describe(client)["EndpointStatus"] == "InService"

    def test_hooks_see_mutating_calls_before_and_after_their_effect(
        self, sagemaker: LocalSageMaker, client: Any
    ) -> None:
        seen: list[tuple[str, str, list[str]]] = []
        remove = sagemaker.on_call(
            lambda operation, params, phase: seen.append((operation, phase, sagemaker.names("model")))
        )
        client.list_models()
        model(client)
        refused(lambda: model(client))
        remove()
        client.delete_model(ModelName="m")
        assert seen == [
            ("CreateModel", "before", []),
            ("CreateModel", "after", ["m"]),
            ("CreateModel", "before", ["m"]),
        ]

    def test_the_log_tells_calls_from_changes(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        refused(lambda: model(client))
        client.list_models(NameContains="m")
        assert [(c.operation, c.target, c.mutating, c.effect, c.error) for c in sagemaker.calls] == [
            ("CreateModel", "m", True, True, None),
            ("CreateModel", "m", True, False, "ValidationException"),
            ("ListModels", "m", False, False, None),
        ]
        assert {c.account for c in sagemaker.calls} == {ACCOUNT}
        assert len(sagemaker.mutations()) == 2
        assert [c.operation for c in sagemaker.mutations(effective=True)] == ["CreateModel"]
        sagemaker.clear_calls()
        assert sagemaker.calls == []

    def test_many_callers_at_once(self, sagemaker: LocalSageMaker, client: Any) -> None:
        def one(number: int) -> str:
            return model(client, f"m-{number}")

        with ThreadPoolExecutor(16) as pool:
            made = list(pool.map(one, range(64)))
        assert len(set(made)) == 64
        assert len(sagemaker.mutations(effective=True)) == 64
        with ThreadPoolExecutor(8) as pool:
            errors = list(pool.map(lambda _: _error(lambda: model(client, "same")), range(8)))
        assert errors.count(None) == 1


def _error(call: Callable[[], Any]) -> str | None:
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


class TestBehindTheBack:
    def test_drift(self, sagemaker: LocalSageMaker, client: Any) -> None:
        before = serving(client)
        sagemaker.change_count("e", 5)
        assert describe(client)["ProductionVariants"][0]["CurrentInstanceCount"] == 5
        sagemaker.change_config("e", "d")
        after = describe(client)
        assert after["EndpointConfigName"] == "d"
        assert after["LastModifiedTime"] > before["LastModifiedTime"]
        sagemaker.change_tags(arn("endpoint", "e"), {"owner": "somebody else"})
        assert client.list_tags(ResourceArn=arn("endpoint", "e"))["Tags"] == [
            {"Key": "owner", "Value": "somebody else"}
        ]
        sagemaker.clear_calls()
        sagemaker.remove_config("c")
        sagemaker.remove_model("m")
        sagemaker.remove_endpoint("e")
        assert {(r.kind, r.name) for r in sagemaker.resources()} == {("model", "n"), ("endpoint-config", "d")}
        assert sagemaker.calls == []

    def test_resources_come_with_their_tags(self, sagemaker: LocalSageMaker) -> None:
        sagemaker.seed(["e"], tags=lambda name: {"for": name}, model_name=lambda name: f"model-of-{name}")
        assert {r.arn: r.tags for r in sagemaker.resources()} == {
            arn("model", "model-of-e"): {"for": "e"},
            arn("endpoint-config", "e"): {"for": "e"},
            arn("endpoint", "e"): {"for": "e"},
        }

    def test_each_has_a_fresh_state(self) -> None:
        for _ in range(2):
            with LocalSageMaker() as local:
                assert local.resources() == []
                local.seed(["e"])


class TestInvoke:
    def test_it_answers_a_chat(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        answer = ask(sagemaker, {"messages": [{"role": "user", "content": "Who are you?"}], "max_tokens": 50})
        assert answer["object"] == "chat.completion"
        assert answer["model"] == "acme/tiny"
        assert "look-alike" in answer["system_fingerprint"]
        content = answer["choices"][0]["message"]["content"]
        assert SHA in content
        assert "look-alike" in content
        assert answer["usage"]["prompt_tokens"] == 3

    def test_it_answers_a_prompt(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        [answer] = ask(sagemaker, {"inputs": "Say it", "parameters": {"max_new_tokens": 2}})
        assert answer == {"generated_text": "This is"}
        runtime = sagemaker.client("sagemaker-runtime")
        raw = runtime.invoke_endpoint(EndpointName="e", ContentType="application/json", Body=b'{"inputs": "x"}')
        assert raw["InvokedProductionVariant"] == "AllTraffic"

    def test_what_does_not_serve_is_not_found(self, sagemaker: LocalSageMaker, client: Any) -> None:
        runtime = sagemaker.client("sagemaker-runtime")
        asked = {"EndpointName": "e", "ContentType": "application/json", "Body": b'{"inputs": "x"}'}
        expected = ("ValidationError", f"Endpoint e of account {ACCOUNT} not found.")
        assert refused(runtime.invoke_endpoint, **asked) == expected
        sagemaker.hold()
        model(client)
        config(client)
        endpoint(client)
        assert refused(runtime.invoke_endpoint, **asked) == expected
        sagemaker.release("e")
        runtime.invoke_endpoint(**asked)
        assert refused(runtime.invoke_endpoint, **asked, TargetVariant="Other")[0] == "ValidationError"
        client.delete_endpoint(EndpointName="e")
        assert refused(runtime.invoke_endpoint, **asked) == expected

    def test_the_container_s_refusals_are_model_errors(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client, environment={**ENV, "MAX_INPUT_TOKENS": "4", "MAX_TOTAL_TOKENS": "8"})
        config(client)
        endpoint(client)
        settled(client)
        runtime = sagemaker.client("sagemaker-runtime")
        for body in ({"inputs": "one two three four five"}, {"nothing": 1}, {"inputs": ""}):
            with pytest.raises(runtime.exceptions.ModelError) as caught:
                ask(sagemaker, body)
            assert caught.value.response["OriginalStatusCode"] == 422
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424

    @pytest.mark.parametrize(
        "changes",
        [
            {"environment": {"SM_NUM_GPUS": "1"}},
            {"environment": {**ENV, "API_KEY": "secret"}},
            {"environment": {**ENV, "MAX_INPUT_TOKENS": "4096", "MAX_TOTAL_TOKENS": "4096"}},
            {"environment": {**ENV, "MAX_INPUT_TOKENS": "10", "MAX_INPUT_LENGTH": "10"}},
            {"environment": {**ENV, "MAX_TOTAL_TOKENS": "many"}},
            {"environment": {**ENV, "SM_NUM_GPUS": "4"}},
            {"environment": {**ENV, "HF_MODEL_QUANTIZE": "nonsense"}},
            {"environment": {"HF_MODEL_ID": "/opt/ml/model"}},
            {"EnableNetworkIsolation": True},
        ],
    )
    def test_a_container_that_cannot_start_fails_the_ping(self, client: Any, changes: dict[str, Any]) -> None:
        model(client, **changes)
        config(client)
        endpoint(client)
        reason = settled(client, status="Failed")["FailureReason"]
        assert reason == (
            "The primary container for production variant AllTraffic did not pass the ping health check. "
            "Please check CloudWatch logs for this endpoint."
        )

    def test_weights_from_s3_need_no_hub(self, sagemaker: LocalSageMaker, client: Any) -> None:
        source = {
            "S3DataSource": {
                "S3Uri": "s3://bucket/weights",
                "S3DataType": "S3Prefix",
                "CompressionType": "None",
            }
        }
        asked: dict[str, Any] = {
            "environment": {"HF_MODEL_ID": "/opt/ml/model"},
            "EnableNetworkIsolation": True,
        }
        assert "forward slash" in refused(lambda: model(client, container={"ModelDataSource": source}, **asked))[1]
        source["S3DataSource"]["S3Uri"] += "/"
        model(client, container={"ModelDataSource": source}, **asked)
        config(client)
        endpoint(client)
        settled(client)

    def test_weights_that_the_hub_refuses_fail_the_ping(self) -> None:
        seen: list[tuple[str, str]] = []

        def check(repo: str, revision: str) -> bool:
            seen.append((repo, revision))
            return repo != "acme/gated"

        with LocalSageMaker(durations={"Creating": 0.0}, check_weights=check) as local:
            local.add_role(ROLE)
            client = local.client()
            model(client)
            model(client, "gated", environment={**ENV, "HF_MODEL_ID": "acme/gated"})
            config(client)
            config(client, "gated", "gated")
            endpoint(client)
            endpoint(client, "gated", "gated")
            settled(client)
            assert "ping health check" in settled(client, "gated", "Failed")["FailureReason"]
        assert sorted(seen) == [("acme/gated", SHA), ("acme/tiny", SHA)]


class TestOtherServices:
    def test_moto_answers_the_rest(self, sagemaker: LocalSageMaker) -> None:
        storage = sagemaker.client("s3", region="us-east-1")
        storage.create_bucket(Bucket="weights")
        storage.put_object(Bucket="weights", Key="a", Body=b"abc")
        assert storage.get_object(Bucket="weights", Key="a")["Body"].read() == b"abc"
        client = sagemaker.client()
        client.create_model_package_group(ModelPackageGroupName="group")
        found = client.list_model_package_groups()["ModelPackageGroupSummaryList"]
        assert [g["ModelPackageGroupName"] for g in found] == ["group"]

    def test_it_serves_from_the_command_line(self) -> None:
        root = Path(__file__).parents[2]
        command = [sys.executable, "-m", "tests.testbed.sagemaker", "--port", "0", "--seconds", "0"]
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                url = process.stdout.readline().strip()
                client = boto3.client(
                    "sagemaker",
                    region_name=REGION,
                    endpoint_url=url,
                    aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
                    aws_secret_access_key="secret",
                )
                assert serving(client)["EndpointStatus"] == "InService"
            finally:
                process.terminate()
        assert process.returncode == 0
