"""The local SageMaker over HTTP with boto3. How endpoints come, change and go."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.sagemaker_double.asking import (
    NEXT_SHA,
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
)
from tests.testbed.sagemaker import IMAGE, ROLE, LocalSageMaker


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
