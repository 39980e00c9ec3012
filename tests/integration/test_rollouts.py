"""How a new revision comes into service, and how Slipway lives with others, as users see it."""

import json
from collections import Counter
from typing import Any

import pytest

from tests.testbed.sagemaker import ALARM_REASON, IMAGE, ROLE
from tests.testbed.workbench import REGION, Workbench

PAGER = "the team's pager"
CHECK = {"prompt": "Are you there?", "maxTokens": 8}
WAITS = {"stepInterval": "1s", "terminationWait": "1s"}


def serving(bench: Workbench, commit: str, **spec: Any) -> None:
    """A Deployment with this spec, in service."""
    bench.model_version()
    bench.deployment(**spec)
    bench.wait_serving(commit)


def improved(bench: Workbench) -> str:
    """The next commit."""
    return bench.hub.commit("acme/twin", {"README.md": b"# better\n"})


def message(bench: Workbench, condition: str) -> str:
    return str(bench.condition("Deployment", "twin", condition).get("message", ""))


def wait_message(bench: Workbench, condition: str, *fragments: str) -> str:
    """Until the message of a condition has all of these in it. Returns the message."""

    def look() -> str:
        found = message(bench, condition)
        return found if all(fragment in found for fragment in fragments) else ""

    return bench.wait(look, f"{condition}: {' … '.join(fragments)}")


def answers(bench: Workbench, questions: int, *commits: str) -> list[int]:
    """By how many of so many questions each of these commits was reached."""
    runtime = bench.sagemaker.client("sagemaker-runtime", region=REGION)
    found: Counter[str] = Counter()
    for _ in range(questions):
        answer = runtime.invoke_endpoint(
            EndpointName=bench.endpoint, ContentType="application/json", Body=json.dumps({"inputs": "Who?"}).encode()
        )
        text = answer["Body"].read().decode()
        found.update(commit for commit in commits if commit in text)
    return [found[commit] for commit in commits]


def updates(bench: Workbench) -> list[Any]:
    """The DeploymentConfig of each update that was accepted; None where there was none."""
    calls = [call for call in bench.sagemaker.mutations(effective=True) if call.operation == "UpdateEndpoint"]
    return [call.params.get("DeploymentConfig") for call in calls]


def pager(bench: Workbench, state: str) -> None:
    """The team's own alarm, in this state."""
    client = bench.sagemaker.client("cloudwatch", region=REGION)
    client.put_metric_alarm(
        AlarmName=PAGER,
        Namespace="team",
        MetricName="unhappiness",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    client.set_alarm_state(AlarmName=PAGER, StateValue=state, StateReason="a test says so")


def again(bench: Workbench, value: str = "now") -> None:
    """Ask for another try."""
    bench.plane.kubectl(
        "annotate", "sdep/twin", f"slipway.dev/reconcile-now={value}", "--overwrite", "-n", bench.namespace
    )


def shown(bench: Workbench, path: str) -> str:
    """What `kubectl get sdep twin -o jsonpath=…` shows."""
    return bench.plane.kubectl("get", "sdep", "twin", "-n", bench.namespace, "-o", f"jsonpath={{{path}}}").stdout


class TestStrategies:
    @pytest.mark.parametrize(
        ("shift", "percent", "of_twenty", "steps"), [("Canary", 10, 2, 2), ("Linear", 25, 5, 4)], ids=str
    )
    def test_traffic_moves_in_steps_that_can_be_watched(
        self, bench: Workbench, commit: str, shift: str, percent: int, of_twenty: int, steps: int
    ) -> None:
        with bench.operator():
            serving(bench, commit, rollout={"blueGreen": {"shift": shift, "stepPercent": percent, **WAITS}})
            bench.sagemaker.hold(bench.endpoint)
            second = improved(bench)
            seen = []
            for stage in ("Creating", *["ActivatingTraffic", "Baking"] * steps, "Deleting"):
                wait_message(bench, "Reconciling", "the old revision serves", f"the new fleet: {stage})")
                assert bench.serving() == commit
                if stage == "Baking":
                    seen.append(answers(bench, 20, commit, second))
                bench.sagemaker.release_step(bench.endpoint)
            bench.sagemaker.release()
            bench.wait_serving(second)
        assert seen[0] == [20 - of_twenty, of_twenty]
        assert seen[-1] == [0, 20]
        assert len(updates(bench)) == 1

    def test_rolling_needs_room_for_a_batch_only(self, bench: Workbench, commit: str) -> None:
        bench.sagemaker.set_quota("ml.g5.2xlarge", 3)
        with bench.operator():
            rollout = {"strategy": "Rolling", "rolling": {"batchPercent": 50, "batchInterval": "1s"}}
            serving(bench, commit, replicas=2, rollout=rollout)
            bench.sagemaker.hold(bench.endpoint, at="Baking")
            second = improved(bench)
            wait_message(bench, "Reconciling", "the new fleet: Baking)")
            assert answers(bench, 20, commit, second) == [10, 10]
            bench.sagemaker.release()
            bench.wait_serving(second)
            assert bench.status("Deployment")["readyReplicas"] == 2

            # A second fleet would not have fitted.
            change = {"spec": {"rollout": {"strategy": "BlueGreen", "rolling": None}}}
            bench.cluster.patch("Deployment", bench.namespace, "twin", change)
            third = bench.hub.commit("acme/twin", {"README.md": b"# best\n"})
            bench.wait_reason("Deployment", "twin", "Stalled", "QuotaExceeded")
            assert bench.serving() == second
            bench.sagemaker.set_quota("ml.g5.2xlarge", 4)
            bench.wait_serving(third)


class TestAlarms:
    def test_one_that_trips_rolls_back_and_is_reported(self, bench: Workbench, commit: str) -> None:
        pager(bench, "OK")
        with bench.operator():
            steps = {"shift": "Canary", "stepPercent": 10, **WAITS}
            serving(bench, commit, rollout={"blueGreen": steps, "alarms": [{"name": PAGER}]})
            assert "alarms" not in bench.status("Deployment")  # it is theirs
            bench.sagemaker.hold(bench.endpoint, at="Baking")
            second = improved(bench)
            wait_message(bench, "Reconciling", "the new fleet: Baking)")
            pager(bench, "ALARM")
            bench.wait_reason("Deployment", "twin", "Stalled", "RolloutFailed")
            said = wait_message(bench, "Stalled", second, ALARM_REASON.format(alarms=PAGER), "still serves")
            assert "slipway.dev/reconcile-now" in said
            assert bench.serving() == commit
            assert answers(bench, 10, commit, second) == [10, 0]
            attempt = bench.status("Deployment")["attempt"]
            assert (attempt["outcome"], attempt["reason"]) == ("Failed", "AlarmRaised")
            history = bench.status("Deployment")["history"]
            assert [(entry["revision"], entry["outcome"]) for entry in history] == [
                (second, "Failed"),
                (commit, "Serving"),
            ]

            # Asked for, it is tried again, but not before the alarm is over.
            bench.sagemaker.release()
            again(bench)
            bench.wait_reason("Deployment", "twin", "Reconciling", "AlarmRaised")
            assert PAGER in message(bench, "Reconciling")
            assert len(updates(bench)) == 1
            pager(bench, "OK")
            bench.wait_serving(second)
            bench.cluster.delete("Deployment", bench.namespace, "twin")
            bench.wait_gone("Deployment")
        alarms = bench.sagemaker.client("cloudwatch", region=REGION).describe_alarms(AlarmNames=[PAGER])
        assert len(alarms["MetricAlarms"]) == 1

    def test_one_that_is_missing_is_named_before_anything_is_sent(self, bench: Workbench, commit: str) -> None:
        with bench.operator():
            serving(bench, commit, rollout={"alarms": [{"name": "misspelt"}]})
            second = improved(bench)
            bench.wait_reason("Deployment", "twin", "Stalled", "AlarmNotFound")
            assert "misspelt" in message(bench, "Stalled")
            assert (bench.serving(), updates(bench)) == (commit, [])
            bench.cluster.patch("Deployment", bench.namespace, "twin", {"spec": {"rollout": {"alarms": None}}})
            bench.wait_serving(second)


class TestCheck:
    def test_one_that_passes_says_how_long_it_took(self, bench: Workbench, commit: str) -> None:
        with bench.operator():
            bench.sagemaker.script_invocation(bench.endpoint, (503, "loading"))  # a moment of silence is forgiven
            serving(bench, commit, rollout={"check": CHECK})
            check = bench.status("Deployment")["check"]
            assert (check["outcome"], check["tries"]) == ("Passed", 2)
            assert check["latencyMs"] >= 0
            assert "message" not in check
            (config,) = bench.sagemaker.names("endpoint-config")
            assert check["config"] == config

    def test_a_revision_that_fails_it_goes_and_the_one_before_is_back(self, bench: Workbench, commit: str) -> None:
        with bench.operator():
            serving(bench, commit, rollout={"check": CHECK})
            second = improved(bench)
            out_of_memory = bench.sagemaker.script_invocation(
                bench.endpoint, (500, "CUDA out of memory"), times=None, revision=second
            )
            bench.wait_reason("Deployment", "twin", "Stalled", "CheckFailed")
            said = message(bench, "Stalled")
            assert all(part in said for part in (second, "CUDA out of memory", "(3 tries)", "serves again"))
            assert bench.serving() == commit
            assert answers(bench, 5, commit, second) == [5, 0]
            check = bench.status("Deployment")["check"]
            assert (check["outcome"], check["tries"]) == ("Failed", 3)
            assert "CUDA out of memory" in check["message"]
            assert len(updates(bench)) == 2

            out_of_memory.cancel()
            again(bench)
            bench.wait_serving(second)
            assert bench.status("Deployment")["check"]["outcome"] == "Passed"
            assert len(updates(bench)) == 3

    def test_a_first_revision_that_fails_it_is_not_ready_and_the_bill_is_mentioned(
        self, bench: Workbench, commit: str
    ) -> None:
        with bench.operator():
            bench.sagemaker.script_invocation(bench.endpoint, "empty", times=3)
            bench.model_version()
            bench.deployment(rollout={"check": CHECK})
            bench.wait_reason("Deployment", "twin", "Ready", "CheckFailed")
            assert "and costs" in message(bench, "Stalled")
            assert bench.serving() is None
            again(bench)
            bench.wait_serving(commit)


def another_config(bench: Workbench) -> str:
    """Somebody makes a config of their own for the same model, and brings it into service."""
    client = bench.sagemaker.client(region=REGION)
    wanted = client.describe_endpoint(EndpointName=bench.endpoint)["EndpointConfigName"]
    variants = client.describe_endpoint_config(EndpointConfigName=wanted)["ProductionVariants"]
    client.create_endpoint_config(EndpointConfigName="by-hand", ProductionVariants=variants)
    client.update_endpoint(EndpointName=bench.endpoint, EndpointConfigName="by-hand")
    return str(wanted)


def events(bench: Workbench, reason: str) -> list[str]:
    """Messages of the events with this reason."""
    found = bench.cluster.list("Event", bench.namespace)
    return [str(event.get("message") or event.get("note")) for event in found if event["reason"] == reason]


class TestDrift:
    def test_it_is_corrected_and_said(self, bench: Workbench, commit: str) -> None:
        with bench.operator():
            serving(bench, commit, replicas=2)
            wanted = another_config(bench)
            client = bench.sagemaker.client(region=REGION)
            bench.wait(lambda: len(updates(bench)) == 2, "it is brought back")
            bench.wait_serving(commit)
            assert client.describe_endpoint(EndpointName=bench.endpoint)["EndpointConfigName"] == wanted
            difference = f"the endpoint config is by-hand (acme/twin at {commit}), wanted is {wanted}"
            bench.wait(lambda: any(difference in said for said in events(bench, "ChangedOutside")), "an event")

            change = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 1}]
            client.update_endpoint_weights_and_capacities(
                EndpointName=bench.endpoint, DesiredWeightsAndCapacities=change
            )
            difference = "the number of instances is 1, wanted is 2"
            bench.wait(lambda: any(difference in said for said in events(bench, "ChangedOutside")), "an event")
            bench.wait_serving(commit)
            assert bench.status("Deployment")["readyReplicas"] == 2
            # What somebody made is theirs.
            assert "by-hand" in bench.sagemaker.names("endpoint-config")

    def test_it_is_only_reported_until_somebody_asks(self, bench: Workbench, commit: str) -> None:
        with bench.operator():
            serving(bench, commit, drift="Report")
            wanted = another_config(bench)
            said = wait_message(bench, "Drifted", "the endpoint config is by-hand", f"wanted is {wanted}")
            assert "spec.drift is Report" in said
            assert bench.serving() == commit
            assert bench.status("Deployment")["revision"]["serving"]["config"] == "by-hand"
            assert len(updates(bench)) == 1

            again(bench)
            bench.wait_serving(commit)
            assert bench.status("Deployment")["revision"]["serving"]["config"] == wanted
            assert len(updates(bench)) == 2

    def test_an_endpoint_that_is_gone_stays_away(self, bench: Workbench, commit: str) -> None:
        with bench.operator():
            serving(bench, commit, drift="Report")
            bench.sagemaker.remove_endpoint(bench.endpoint)
            bench.wait_reason("Deployment", "twin", "Drifted", "EndpointMissing")
            assert bench.condition("Deployment", "twin", "Ready")["status"] == "False"
            assert bench.sagemaker.names("endpoint") == []
            bench.cluster.patch("Deployment", bench.namespace, "twin", {"spec": {"drift": "Correct"}})
            bench.wait_serving(commit)


def foreign_endpoint(bench: Workbench, *variants: str) -> None:
    """An endpoint as somebody makes one with boto3, in service with the branch main."""
    client = bench.sagemaker.client(region=REGION)
    environment = {"HF_MODEL_ID": "acme/twin", "HF_MODEL_REVISION": "main"}
    container = {"Image": IMAGE, "Environment": environment}
    client.create_model(ModelName="theirs", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    made = [
        {"VariantName": name, "ModelName": "theirs", "InstanceType": "ml.g5.2xlarge", "InitialInstanceCount": 1}
        for name in variants
    ]
    client.create_endpoint_config(EndpointConfigName="theirs", ProductionVariants=made)
    tags = [{"Key": "team", "Value": "search"}]
    client.create_endpoint(EndpointName=bench.endpoint, EndpointConfigName="theirs", Tags=tags)
    bench.wait(lambda: client.describe_endpoint(EndpointName=bench.endpoint)["EndpointStatus"] == "InService", "theirs")


class TestAdoption:
    def test_an_endpoint_is_taken_over_under_the_eyes_of_its_clients(self, bench: Workbench, commit: str) -> None:
        foreign_endpoint(bench, "primary")
        bench.allow_adoption()
        bench.sagemaker.clear_calls()
        with bench.operator():
            bench.model_version()
            bench.deployment()
            bench.wait_reason("Deployment", "twin", "Stalled", "NameConflict")
            assert "adopt to true" in shown(bench, '.status.conditions[?(@.type=="Stalled")].message')
            assert bench.sagemaker.mutations() == []

            bench.sagemaker.hold(bench.endpoint)
            patch = '{"spec": {"target": {"sageMaker": {"adopt": true}}}}'
            bench.plane.kubectl("patch", "sdep/twin", "--type=merge", "-p", patch, "-n", bench.namespace)
            bench.wait_reason("Deployment", "twin", "Reconciling", "Updating")
            # Ours already, and what it serves is what they gave it.
            assert shown(bench, ".status.revision.serving.revision") == "main"
            assert shown(bench, ".status.revision.serving.config") == "theirs"
            assert shown(bench, '.status.conditions[?(@.type=="Ready")].status') == "True"
            assert shown(bench, ".status.placement.variant") == "primary"
            bench.sagemaker.release()
            bench.wait_serving(commit)
            path = "jsonpath={.status.revision.serving.revision}"
            bench.plane.kubectl("wait", "sdep/twin", f"--for={path}={commit}", "--timeout=30s", "-n", bench.namespace)
            client = bench.sagemaker.client(region=REGION)
            described = client.describe_endpoint(EndpointName=bench.endpoint)
            assert [one["VariantName"] for one in described["ProductionVariants"]] == ["primary"]
            tags = {tag["Key"]: tag["Value"] for tag in client.list_tags(ResourceArn=described["EndpointArn"])["Tags"]}
            assert (tags["team"], tags["slipway.dev/name"]) == ("search", "twin")
            assert len(updates(bench)) == 1
            assert "CreateEndpoint" not in {call.operation for call in bench.sagemaker.mutations()}

            bench.plane.kubectl("delete", "sdep/twin", "-n", bench.namespace, "--wait=true", "--timeout=30s")
        assert bench.sagemaker.names("endpoint") == []
        assert bench.sagemaker.names("endpoint-config") == bench.sagemaker.names("model") == ["theirs"]

    def test_none_is_taken_over_that_the_installation_does_not_name(self, bench: Workbench, commit: str) -> None:
        foreign_endpoint(bench, "primary")
        bench.sagemaker.clear_calls()
        with bench.operator():
            bench.model_version()
            bench.deployment(target={"adopt": True})
            bench.wait_reason("Deployment", "twin", "Stalled", "PlacementNotAllowed")
            assert f"spec.target.sageMaker.adopt for the endpoint {bench.endpoint}" in message(bench, "Stalled")
        assert bench.sagemaker.mutations() == []

    def test_one_with_several_variants_is_left_alone(self, bench: Workbench, commit: str) -> None:
        foreign_endpoint(bench, "a", "b")
        bench.allow_adoption()
        bench.sagemaker.clear_calls()
        with bench.operator():
            bench.model_version()
            bench.deployment(target={"adopt": True})
            bench.wait_reason("Deployment", "twin", "Stalled", "NotAdoptable")
            assert "2 production variants (a, b)" in message(bench, "Stalled")
            bench.cluster.delete("Deployment", bench.namespace, "twin")
            bench.wait_gone("Deployment")
        assert bench.sagemaker.mutations() == []
        assert bench.sagemaker.names("endpoint") == [bench.endpoint]
