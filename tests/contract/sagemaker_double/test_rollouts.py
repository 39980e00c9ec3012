"""UpdateEndpoint with a DeploymentConfig: phases, traffic, alarms, and what the guardrails refuse."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.contract.sagemaker_double.asking import (
    ENV,
    NEXT_SHA,
    SHA,
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
from tests.testbed.sagemaker import CAPACITY_REASON, ROLE, LocalSageMaker


def blue_green(kind: str, wait: int = 300, termination: int | None = None, **sizes: Any) -> dict[str, Any]:
    policy: dict[str, Any] = {
        "TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": wait, **sizes},
    }
    if termination is not None:
        policy["TerminationWaitInSeconds"] = termination
    return {"BlueGreenUpdatePolicy": policy}


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def instances(value: int) -> dict[str, Any]:
    return {"Type": "INSTANCE_COUNT", "Value": value}


def canary(value: int = 10, **more: Any) -> dict[str, Any]:
    return blue_green("CANARY", CanarySize=percent(value), **more)


def rolling(size: dict[str, Any], wait: int = 300) -> dict[str, Any]:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": wait}}


def watched(deployment: dict[str, Any], *alarms: str) -> dict[str, Any]:
    return {**deployment, "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]}}


def fleet(client: Any, count: int) -> None:
    """An endpoint of so many instances with c, and d for the next revision with as many."""
    model(client)
    model(client, "n", environment={**ENV, "HF_MODEL_REVISION": NEXT_SHA})
    config(client, InitialInstanceCount=count)
    config(client, "d", "n", InitialInstanceCount=count)
    endpoint(client)
    settled(client)


def update(client: Any, deployment: dict[str, Any] | None = None, config_name: str = "d") -> None:
    asked: dict[str, Any] = {"EndpointName": "e", "EndpointConfigName": config_name}
    if deployment is not None:
        asked["DeploymentConfig"] = deployment
    client.update_endpoint(**asked)


def pending(client: Any) -> dict[str, Any]:
    found: dict[str, Any] = describe(client)["PendingDeploymentSummary"]["ProductionVariants"][0]
    return found


def answers(sagemaker: LocalSageMaker, count: int) -> Counter[str]:
    """Which revision answered how often."""
    texts = [ask(sagemaker, {"inputs": "hello"})[0]["generated_text"] for _ in range(count)]
    return Counter(SHA if SHA in text else NEXT_SHA if NEXT_SHA in text else "?" for text in texts)


def stages(sagemaker: LocalSageMaker, client: Any) -> list[tuple[str, float, int, int]]:
    """Of a held update, to its end: status and weight of the new fleet, instances of the new and of the old one."""
    seen = []
    while "PendingDeploymentSummary" in (found := describe(client)):
        assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("Updating", "c")
        new, old = found["PendingDeploymentSummary"]["ProductionVariants"][0], found["ProductionVariants"][0]
        assert new["CurrentWeight"] + old["CurrentWeight"] == pytest.approx(1.0)
        [status] = new["VariantStatus"]
        counts = new["CurrentInstanceCount"], old["CurrentInstanceCount"]
        seen.append((status["Status"], round(new["CurrentWeight"], 3), *counts))
        sagemaker.release_step("e")
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "d")
    return seen


def alarm(sagemaker: LocalSageMaker, *names: str) -> Any:
    client = sagemaker.client("cloudwatch")
    for name in names:
        client.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SageMaker",
            MetricName="Invocation5XXErrors",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
        )
    return client


def trip(client: Any, name: str, state: str = "ALARM") -> None:
    client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test says so")


class TestPhases:
    def test_without_a_deployment_config_there_is_one(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.hold("e")
        update(client)
        assert stages(sagemaker, client) == [("Creating", 0.0, 0, 1)]

    @pytest.mark.parametrize(
        ("deployment", "expected"),
        [
            (blue_green("ALL_AT_ONCE"), [("ActivatingTraffic", 1.0), ("Baking", 1.0)]),
            (blue_green("ALL_AT_ONCE", wait=0), [("ActivatingTraffic", 1.0), ("Baking", 1.0)]),
            (
                canary(10, termination=60),
                [
                    ("ActivatingTraffic", 0.1),
                    ("Baking", 0.1),
                    ("ActivatingTraffic", 1.0),
                    ("Baking", 1.0),
                    ("Deleting", 1.0),
                ],
            ),
            (
                blue_green("CANARY", CanarySize=instances(1)),
                [("ActivatingTraffic", 0.25), ("Baking", 0.25), ("ActivatingTraffic", 1.0), ("Baking", 1.0)],
            ),
            (
                blue_green("LINEAR", LinearStepSize=percent(40)),
                [
                    ("ActivatingTraffic", 0.4),
                    ("Baking", 0.4),
                    ("ActivatingTraffic", 0.8),
                    ("Baking", 0.8),
                    ("ActivatingTraffic", 1.0),
                    ("Baking", 1.0),
                ],
            ),
        ],
    )
    def test_blue_green_builds_a_whole_fleet_and_shifts_to_it(
        self, sagemaker: LocalSageMaker, client: Any, deployment: dict[str, Any], expected: list[tuple[str, float]]
    ) -> None:
        fleet(client, 4)
        sagemaker.hold("e")
        update(client, deployment)
        seen = stages(sagemaker, client)
        assert seen[0] == ("Creating", 0.0, 0, 4)
        assert [(status, weight) for status, weight, _, _ in seen[1:]] == expected
        assert {(new, old) for _, _, new, old in seen[1:]} == {(4, 4)}
        assert describe(client)["LastDeploymentConfig"] == deployment

    def test_rolling_replaces_a_batch_at_a_time(self, sagemaker: LocalSageMaker, client: Any) -> None:
        fleet(client, 5)
        sagemaker.hold("e")
        update(client, rolling(instances(2)))
        assert stages(sagemaker, client) == [
            ("Creating", 0.0, 0, 5),
            ("ActivatingTraffic", 0.4, 2, 5),
            ("Baking", 0.4, 2, 5),
            ("Creating", 0.4, 2, 3),
            ("ActivatingTraffic", 0.8, 4, 3),
            ("Baking", 0.8, 4, 3),
            ("Creating", 0.8, 4, 1),
            ("ActivatingTraffic", 1.0, 5, 1),
            ("Baking", 1.0, 5, 1),
        ]

    def test_it_takes_its_time_without_help(self, client: Any) -> None:
        fleet(client, 2)
        update(client, blue_green("LINEAR", termination=60, LinearStepSize=percent(50)))
        assert settled(client)["EndpointConfigName"] == "d"

    def test_waits_can_be_those_of_the_deployment_config(self) -> None:
        now = [1_700_000_000.0]
        with LocalSageMaker(durations={"Creating": 0.0, "Updating": 60.0}, clock=lambda: now[0]) as local:
            local.add_role(ROLE)
            local.scale_time(1.0)
            local.set_durations(ActivatingTraffic=0.0)
            client = local.client()
            fleet(client, 1)
            update(client, canary(10, wait=600, termination=120))
            now[0] += 61
            assert pending(client)["VariantStatus"][0]["Status"] == "Baking"
            assert pending(client)["CurrentWeight"] == pytest.approx(0.1)
            now[0] += 600
            assert pending(client)["CurrentWeight"] == pytest.approx(1.0)
            now[0] += 600
            assert pending(client)["VariantStatus"][0]["Status"] == "Deleting"
            now[0] += 120
            assert settled(client)["EndpointConfigName"] == "d"

    def test_a_hold_can_wait_for_a_phase(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.hold("e", at="Baking")
        update(client, canary())

        def baking() -> bool:
            return bool(pending(client)["VariantStatus"][0]["Status"] == "Baking")

        wait_for(baking)
        assert pending(client)["CurrentWeight"] == pytest.approx(0.1)
        sagemaker.release_step("e")
        wait_for(baking)
        assert pending(client)["CurrentWeight"] == pytest.approx(1.0)
        sagemaker.release("e")
        assert describe(client)["EndpointConfigName"] == "d"

    def test_nothing_else_changes_meanwhile(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.hold("e")
        update(client, canary())
        sagemaker.release_step("e")
        assert "in-progress" in refused(client.update_endpoint, EndpointName="e", EndpointConfigName="d")[1]
        assert "in-progress" in refused(client.delete_endpoint, EndpointName="e")[1]

    def test_the_last_deployment_config_can_be_retained(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        update(client, canary())
        settled(client)
        sagemaker.hold("e")
        client.update_endpoint(EndpointName="e", EndpointConfigName="c", RetainDeploymentConfig=True)
        sagemaker.release_step("e")
        assert pending(client)["VariantStatus"][0]["Status"] == "ActivatingTraffic"

    def test_a_fleet_that_cannot_be_built_serves_nothing(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.no_capacity("ml.g5.2xlarge")
        update(client, canary())
        back = settled(client)
        assert (back["EndpointConfigName"], back["FailureReason"]) == ("c", CAPACITY_REASON)
        assert answers(sagemaker, 10) == {SHA: 10}

    def test_a_later_batch_that_cannot_be_built_rolls_back(self, sagemaker: LocalSageMaker, client: Any) -> None:
        fleet(client, 2)
        sagemaker.hold("e")
        update(client, rolling(instances(1)))
        for _ in range(3):
            sagemaker.release_step("e")
        assert pending(client)["VariantStatus"][0]["Status"] == "Creating"
        assert answers(sagemaker, 4) == {SHA: 2, NEXT_SHA: 2}
        sagemaker.no_capacity("ml.g5.2xlarge")
        sagemaker.release_step("e")
        assert describe(client)["EndpointStatus"] == "RollingBack"
        sagemaker.release("e")
        back = describe(client)
        assert (back["EndpointStatus"], back["EndpointConfigName"]) == ("InService", "c")
        assert back["FailureReason"] == CAPACITY_REASON


class TestTraffic:
    @pytest.mark.parametrize("value", [1, 10, 30, 50])
    def test_a_canary_gets_exactly_its_share(self, sagemaker: LocalSageMaker, client: Any, value: int) -> None:
        serving(client)
        sagemaker.hold("e")
        update(client, canary(value))
        assert answers(sagemaker, 5) == {SHA: 5}
        sagemaker.release_step("e")
        assert answers(sagemaker, 100) == {SHA: 100 - value, NEXT_SHA: value}
        sagemaker.release_step("e")
        assert answers(sagemaker, 100) == {SHA: 100 - value, NEXT_SHA: value}
        sagemaker.release_step("e")
        assert answers(sagemaker, 5) == {NEXT_SHA: 5}
        sagemaker.release("e")
        assert answers(sagemaker, 5) == {NEXT_SHA: 5}

    def test_rolling_shifts_with_its_batches(self, sagemaker: LocalSageMaker, client: Any) -> None:
        fleet(client, 4)
        sagemaker.hold("e")
        update(client, rolling(percent(25)))
        sagemaker.release_step("e")
        assert answers(sagemaker, 8) == {SHA: 6, NEXT_SHA: 2}
        for _ in range(3):
            sagemaker.release_step("e")
        assert answers(sagemaker, 8) == {SHA: 4, NEXT_SHA: 4}


class TestAlarms:
    def test_an_alarm_that_trips_while_it_bakes_rolls_back(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        cloudwatch = alarm(sagemaker, "errors", "latency")
        sagemaker.hold("e")
        update(client, watched(canary(), "latency", "errors"))
        sagemaker.release_step("e")
        sagemaker.release_step("e")
        assert pending(client)["VariantStatus"][0]["Status"] == "Baking"
        trip(cloudwatch, "errors")
        rolling_back = describe(client)
        assert rolling_back["EndpointStatus"] == "RollingBack"
        assert "PendingDeploymentSummary" not in rolling_back
        assert answers(sagemaker, 10) == {SHA: 10}
        sagemaker.release("e")
        back = describe(client)
        assert (back["EndpointStatus"], back["EndpointConfigName"]) == ("InService", "c")
        assert "[errors]" in back["FailureReason"]
        assert "LastDeploymentConfig" not in back

    def test_an_alarm_that_was_tripped_before_rolls_back_too(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        trip(alarm(sagemaker, "errors"), "errors")
        update(client, watched(canary(), "errors"))
        back = settled(client)
        assert back["EndpointConfigName"] == "c"
        assert "errors" in back["FailureReason"]

    def test_a_short_alarm_counts_as_well(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        cloudwatch = alarm(sagemaker, "errors")
        sagemaker.hold("e", at="Baking")
        update(client, watched(blue_green("ALL_AT_ONCE"), "errors"))
        wait_for(lambda: pending(client)["VariantStatus"][0]["Status"] == "Baking")
        trip(cloudwatch, "errors")
        trip(cloudwatch, "errors", "OK")
        assert settled(client)["EndpointConfigName"] == "c"

    def test_an_alarm_while_the_fleet_is_built_counts_only_if_it_lasts(
        self, sagemaker: LocalSageMaker, client: Any
    ) -> None:
        serving(client)
        cloudwatch = alarm(sagemaker, "errors")
        sagemaker.hold("e")
        update(client, watched(canary(), "errors"))
        trip(cloudwatch, "errors")
        assert describe(client)["EndpointStatus"] == "Updating"
        trip(cloudwatch, "errors", "OK")
        sagemaker.release("e")
        assert describe(client)["EndpointConfigName"] == "d"

    def test_alarms_without_a_policy_watch_a_shift_all_at_once(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        cloudwatch = alarm(sagemaker, "errors")
        trip(cloudwatch, "errors")
        update(client, watched({}, "errors"))
        assert settled(client)["EndpointConfigName"] == "c"
        trip(cloudwatch, "errors", "INSUFFICIENT_DATA")
        update(client, watched({}, "errors"))
        assert settled(client)["EndpointConfigName"] == "d"

    def test_an_alarm_of_another_endpoint_or_later_changes_nothing(
        self, sagemaker: LocalSageMaker, client: Any
    ) -> None:
        serving(client)
        cloudwatch = alarm(sagemaker, "errors", "others")
        trip(cloudwatch, "others")
        update(client, watched(canary(), "errors"))
        assert settled(client)["EndpointConfigName"] == "d"
        trip(cloudwatch, "errors")
        assert describe(client)["EndpointStatus"] == "InService"

    def test_an_alarm_of_another_region_is_not_there(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.client("cloudwatch", region="us-east-1").put_metric_alarm(
            AlarmName="far",
            Namespace="n",
            MetricName="m",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
        )
        asked = {"EndpointName": "e", "EndpointConfigName": "d", "DeploymentConfig": watched(canary(), "far")}
        assert "Could not find CloudWatch alarm far" in refused(client.update_endpoint, **asked)[1]


class TestGuardrails:
    @pytest.mark.parametrize(
        ("count", "deployment", "fragment"),
        [
            (1, rolling(percent(50)), "50 percent of 1 is not"),
            (1, rolling(instances(1)), "1 instances of 1 is not"),
            (3, rolling(instances(2)), "2 instances of 3 is not"),
            (30, rolling(instances(1)), "1 instances of 30 is not"),
            (4, rolling(percent(4)), "MaximumBatchSize must be between 5 and 50"),
            (4, rolling(percent(51)), "MaximumBatchSize must be between 5 and 50"),
            (1, blue_green("CANARY", CanarySize=instances(1)), "CanarySize must be between 1 and 50 percent"),
            (4, blue_green("CANARY", CanarySize=instances(3)), "3 instances of 4 is not"),
            (20, blue_green("LINEAR", LinearStepSize=instances(1)), "LinearStepSize must be between 10 and 50"),
            (1, blue_green("LINEAR", LinearStepSize=percent(9)), "LinearStepSize must be between 10 and 50"),
            (1, blue_green("LINEAR", CanarySize=percent(10)), "LinearStepSize must be set"),
            (1, blue_green("ALL_AT_ONCE", CanarySize=percent(10)), "CanarySize cannot be set"),
            (2, {**canary(), **rolling(percent(50))}, "cannot both be set"),
        ],
    )
    def test_sizes(self, client: Any, count: int, deployment: dict[str, Any], fragment: str) -> None:
        fleet(client, count)
        asked = {"EndpointName": "e", "EndpointConfigName": "d", "DeploymentConfig": deployment}
        code, message = refused(client.update_endpoint, **asked)
        assert code == "ValidationException"
        assert fragment in message
        assert describe(client)["EndpointStatus"] == "InService"

    def test_the_time_limit_holds_all_waits(self, client: Any) -> None:
        serving(client)
        deployment = canary(wait=400, termination=300)
        deployment["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 700
        asked = {"EndpointName": "e", "EndpointConfigName": "d", "DeploymentConfig": deployment}
        assert "must be larger than the total waiting time" in refused(client.update_endpoint, **asked)[1]
        deployment["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 701
        update(client, deployment)
        assert settled(client)["LastDeploymentConfig"] == deployment

    def test_a_rolling_time_limit_is_accepted(self, client: Any, unchecked: Any) -> None:
        fleet(client, 2)
        deployment = rolling(percent(50))
        deployment["RollingUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 599
        asked = {"EndpointName": "e", "EndpointConfigName": "d", "DeploymentConfig": deployment}
        assert "greater than or equal to 600" in refused(unchecked.update_endpoint, **asked)[1]
        deployment["RollingUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 600
        update(client, deployment)
        assert settled(client)["LastDeploymentConfig"] == deployment

    def test_the_variant_keeps_its_name(self, client: Any) -> None:
        serving(client)
        config(client, "renamed", "n", VariantName="Other")
        asked = {"EndpointName": "e", "EndpointConfigName": "renamed"}
        code, message = refused(client.update_endpoint, **asked, DeploymentConfig=canary())
        assert code == "ValidationException"
        assert "same production variant names" in message
        client.update_endpoint(**asked)
        assert settled(client)["ProductionVariants"][0]["VariantName"] == "Other"

    def test_several_variants_do_not_roll(self, client: Any) -> None:
        serving(client)
        for name in ("two", "two-more"):
            both = [
                variant(InitialInstanceCount=2),
                variant(VariantName="Second", InitialInstanceCount=2),
            ]
            client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=both)
        update(client, config_name="two")
        settled(client)
        asked = {"EndpointName": "e", "EndpointConfigName": "two-more", "DeploymentConfig": rolling(percent(50))}
        assert "multiple variants" in refused(client.update_endpoint, **asked)[1]
        update(client, canary(), "two-more")
        assert settled(client)["EndpointConfigName"] == "two-more"

    def test_rolling_takes_less_quota_than_blue_green(self, sagemaker: LocalSageMaker, client: Any) -> None:
        fleet(client, 4)
        sagemaker.set_quota("ml.g5.2xlarge", 5)
        asked = {"EndpointName": "e", "EndpointConfigName": "d", "DeploymentConfig": canary()}
        assert refused(client.update_endpoint, **asked)[0] == "ResourceLimitExceeded"
        sagemaker.hold()
        update(client, rolling(instances(1)))
        config(client, "other")
        asked = {"EndpointName": "other", "EndpointConfigName": "other"}
        assert "utilization of 5 Instances" in refused(client.create_endpoint, **asked)[1]
