"""Rollouts as AWS takes them: the policy of an update, the alarms, and the check, over HTTP."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from slipway.api.v1alpha1.deployment_status import Placement
from slipway.api.v1alpha1.rollout import Rollout
from slipway.domain.checks.rollout import rollout_problem, shape_problem
from slipway.domain.errors import OutsideError, Rejected, Transient
from slipway.domain.identity import OWN, Identity
from slipway.domain.prompt_check import CheckAnswer
from slipway.domain.sagemaker import rollout as rolling
from slipway.domain.sagemaker.check import CheckRequest, judged, request
from slipway.domain.sagemaker.observation import Observation, Question
from slipway.domain.sagemaker.rollout import AlarmRequest
from slipway.domain.sagemaker.steps import DeleteAlarms, PutAlarm, UpdateEndpoint
from slipway.targets.sagemaker.act import Act
from slipway.targets.sagemaker.check import check
from slipway.targets.sagemaker.clients import AwsClients, AwsSession
from slipway.targets.sagemaker.look import Look
from tests.testbed.sagemaker import ACCOUNT, HF_VLLM_IMAGE, REGION, VLLM_IMAGE, LocalSageMaker, Outcome
from tests.unit.domain.builders import ENDPOINT, NOW, OWNER, A, B, deployment
from tests.unit.loop.fakes import until

PLACEMENT = Placement(target="SageMaker", account=ACCOUNT, region=REGION, endpoint_name=ENDPOINT)
INSTANTLY = dict.fromkeys(
    ("Creating", "Updating", "ActivatingTraffic", "Baking", "Terminating", "Scaling", "RollingBack", "Deleting"), 0.0
)
PAGER = "the team's pager"
LATENCY = {"metric": "ModelLatency", "threshold": 5e6}


@pytest.fixture
def sagemaker(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSageMaker]:
    """An endpoint with the config `first` in service, and a config `second`."""
    with LocalSageMaker(durations=INSTANTLY) as local:
        monkeypatch.setenv("AWS_ENDPOINT_URL", local.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        local.seed([ENDPOINT], config_name=lambda _: "first", model_name=lambda _: "m", revision=A, count=2)
        local.seed(["other"], config_name=lambda _: "second", model_name=lambda _: "n", revision=B, count=2)
        yield local


@pytest.fixture
def aws(sagemaker: LocalSageMaker) -> Iterator[AwsSession]:
    found = AwsClients(timeout=10, concurrency=4, requests_per_second=500)
    yield found.session(OWN)
    found.close()


def rollout(**fields: Any) -> Rollout:
    return Rollout.model_validate(fields)


def alarms_of(wanted: Rollout) -> tuple[AlarmRequest, ...]:
    return rolling.alarm_requests(wanted, OWNER, ENDPOINT, "AllTraffic")


def update(wanted: Rollout, config: str = "second") -> UpdateEndpoint:
    """The step of a roll to `config`, as the plan has it."""
    watched = rolling.alarm_names(wanted, OWNER, ENDPOINT, "AllTraffic")
    return UpdateEndpoint(ENDPOINT, config, rolling.policy(wanted, watched))


async def look(aws: AwsSession, *alarms: str) -> Observation:
    return await Look(aws, PLACEMENT, Question(OWNER, ENDPOINT, alarms=alarms)).observation()


def make_alarm(sagemaker: LocalSageMaker, name: str) -> Any:
    """As people make one. Returns a client of CloudWatch."""
    client = sagemaker.client("cloudwatch")
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


def sent(sagemaker: LocalSageMaker) -> Any:
    """The DeploymentConfig of the last update; None if it had none."""
    (*_, call) = [call for call in sagemaker.mutations(effective=True) if call.operation == "UpdateEndpoint"]
    return call.params.get("DeploymentConfig")


class TestPolicies:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({}, None),
            (
                {"timeout": "1h"},
                {
                    "BlueGreenUpdatePolicy": {
                        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
                        "TerminationWaitInSeconds": 0,
                        "MaximumExecutionTimeoutInSeconds": 3600,
                    }
                },
            ),
            (
                {"blueGreen": {"shift": "Canary", "stepPercent": 10, "stepInterval": "10m", "terminationWait": "2m"}},
                {
                    "BlueGreenUpdatePolicy": {
                        "TrafficRoutingConfiguration": {
                            "Type": "CANARY",
                            "WaitIntervalInSeconds": 600,
                            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
                        },
                        "TerminationWaitInSeconds": 120,
                    }
                },
            ),
            (
                {"blueGreen": {"shift": "Linear", "stepPercent": 25}},
                {
                    "BlueGreenUpdatePolicy": {
                        "TrafficRoutingConfiguration": {
                            "Type": "LINEAR",
                            "WaitIntervalInSeconds": 300,
                            "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 25},
                        },
                        "TerminationWaitInSeconds": 300,
                    }
                },
            ),
            (
                {"strategy": "Rolling", "rolling": {"batchPercent": 50, "batchInterval": "1m"}, "timeout": "2h"},
                {
                    "RollingUpdatePolicy": {
                        "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                        "WaitIntervalInSeconds": 60,
                        "MaximumExecutionTimeoutInSeconds": 7200,
                    }
                },
            ),
        ],
        ids=["default", "timeout", "canary", "linear", "rolling"],
    )
    async def test_each_strategy(
        self, sagemaker: LocalSageMaker, aws: AwsSession, fields: dict[str, Any], expected: Any
    ) -> None:
        await Act(aws, PLACEMENT).do(update(rollout(**fields)))
        assert sent(sagemaker) == expected
        described = sagemaker.client().describe_endpoint(EndpointName=ENDPOINT)
        assert described["EndpointConfigName"] == "second"
        assert described.get("LastDeploymentConfig") == expected

    async def test_the_alarms_that_are_watched_are_named(self, sagemaker: LocalSageMaker, aws: AwsSession) -> None:
        make_alarm(sagemaker, PAGER)
        wanted = rollout(alarms=[{"name": PAGER}, LATENCY])
        (made,) = alarms_of(wanted)
        await Act(aws, PLACEMENT).do(PutAlarm(OWNER, made))
        await Act(aws, PLACEMENT).do(update(wanted))
        watched = sent(sagemaker)["AutoRollbackConfiguration"]["Alarms"]
        assert watched == [{"AlarmName": PAGER}, {"AlarmName": made.name}]

    async def test_one_that_is_gone_is_refused_with_its_name(self, sagemaker: LocalSageMaker, aws: AwsSession) -> None:
        """It may go between the look and the update."""
        with pytest.raises(Rejected, match=PAGER) as refused:
            await Act(aws, PLACEMENT).do(update(rollout(alarms=[{"name": PAGER}])))
        assert refused.value.reason == "ValidationFailed"

    async def test_a_roll_in_steps_is_seen_on_its_way(self, sagemaker: LocalSageMaker, aws: AwsSession) -> None:
        sagemaker.hold(ENDPOINT)
        await Act(aws, PLACEMENT).do(update(rollout(blueGreen={"shift": "Canary", "stepPercent": 10})))
        stages = []
        while (endpoint := (await look(aws)).endpoint) and endpoint.state.is_moving:
            assert endpoint.config == "first"
            stages.append(endpoint.stage)
            sagemaker.release_step(ENDPOINT)
        assert stages == ["Creating", "ActivatingTraffic", "Baking", "ActivatingTraffic", "Baking", "Deleting"]
        assert endpoint
        assert (endpoint.config, endpoint.stage) == ("second", None)


ALARMS = st.one_of(
    st.just({"name": PAGER}),
    st.fixed_dictionaries(
        {"metric": st.sampled_from(["ModelLatency", "Invocation5XXErrors"]), "threshold": st.floats(0, 1e12)},
        optional={
            "statistic": st.sampled_from(["Average", "Sum", "Maximum", "p50", "p99"]),
            "period": st.sampled_from(["1m", "90s", "1h"]),
            "periods": st.integers(1, 60),
        },
    ),
)
WAITS = st.sampled_from(["0s", "1s", "5m", "10m", "30m", "1h", "61m"])
COMMON = {
    "alarms": st.lists(ALARMS, max_size=10),
    "timeout": st.sampled_from(["9m", "10m", "30m", "1h", "2h", "8h", "481m"]),
}
ROLLOUTS = st.one_of(
    st.fixed_dictionaries(
        {
            "blueGreen": st.fixed_dictionaries(
                {"shift": st.sampled_from(["AllAtOnce", "Canary", "Linear"])},
                optional={"stepPercent": st.integers(1, 50), "stepInterval": WAITS, "terminationWait": WAITS},
            )
        },
        optional=COMMON,
    ),
    st.fixed_dictionaries(
        {"strategy": st.just("Rolling")},
        optional={
            "rolling": st.fixed_dictionaries({}, optional={"batchPercent": st.integers(5, 50), "batchInterval": WAITS}),
            **COMMON,
        },
    ),
    st.fixed_dictionaries({}, optional=COMMON),
)
"""Whatever the schema lets through, and of it some that SageMaker refuses."""


def test_what_passes_our_checks_sagemaker_accepts(sagemaker: LocalSageMaker) -> None:
    """Alarms, the update, and the way back after a failed check."""
    make_alarm(sagemaker, PAGER)
    client = sagemaker.client()
    clients = AwsClients(timeout=10, concurrency=4, requests_per_second=10_000)
    act = Act(clients.session(OWN), PLACEMENT)

    def in_service() -> str:
        return str(client.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"])

    async def roll(wanted: Rollout) -> None:
        for alarm in alarms_of(wanted):
            await act.do(PutAlarm(OWNER, alarm))
        for policy in (update(wanted).policy, rolling.way_back(wanted)):
            other = "second" if in_service() == "first" else "first"
            await act.do(UpdateEndpoint(ENDPOINT, other, policy))
            assert in_service() == other

    with asyncio.Runner() as runner:

        @settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
        @given(fields=ROLLOUTS, instances=st.integers(1, 12))
        def accepted(fields: dict[str, Any], instances: int) -> None:
            wanted = rollout(**fields)
            problem = shape_problem(wanted) or rollout_problem(wanted, instances)
            event(problem or f"passes: {wanted.strategy}")
            assume(problem is None)
            sagemaker.change_count(ENDPOINT, instances)
            runner.run(roll(wanted))

        accepted()
        clients.close()


class TestAlarms:
    @pytest.mark.parametrize("statistic", ["Average", "Sum", "Maximum", "p50", "p90", "p95", "p99"])
    async def test_one_is_made_of_a_threshold(self, sagemaker: LocalSageMaker, aws: AwsSession, statistic: str) -> None:
        alarm = {**LATENCY, "statistic": statistic, "period": "5m", "periods": 3}
        (wanted,) = alarms_of(rollout(alarms=[alarm]))
        await Act(aws, PLACEMENT).do(PutAlarm(OWNER, wanted, {"team": "search"}))
        cloudwatch = sagemaker.client("cloudwatch")
        (made,) = cloudwatch.describe_alarms(AlarmNames=[wanted.name])["MetricAlarms"]
        kind, other = ("ExtendedStatistic", "Statistic") if statistic[0] == "p" else ("Statistic", "ExtendedStatistic")
        assert made[kind] == statistic
        assert other not in made
        assert (made["Namespace"], made["MetricName"]) == ("AWS/SageMaker", "ModelLatency")
        assert {one["Name"]: one["Value"] for one in made["Dimensions"]} == {
            "EndpointName": ENDPOINT,
            "VariantName": "AllTraffic",
        }
        assert (made["Period"], made["EvaluationPeriods"], made["Threshold"]) == (300, 3, 5e6)
        assert (made["ComparisonOperator"], made["TreatMissingData"]) == ("GreaterThanThreshold", "notBreaching")
        tags = cloudwatch.list_tags_for_resource(ResourceARN=made["AlarmArn"])["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in tags} == {**OWNER.tags(), "team": "search"}

    async def test_a_look_shows_the_state_of_those_that_exist(self, sagemaker: LocalSageMaker, aws: AwsSession) -> None:
        (ours,) = alarms_of(rollout(alarms=[LATENCY]))
        assert (await look(aws, ours.name, PAGER)).alarms == {}
        await Act(aws, PLACEMENT).do(PutAlarm(OWNER, ours))
        cloudwatch = make_alarm(sagemaker, PAGER)
        cloudwatch.set_alarm_state(AlarmName=PAGER, StateValue="ALARM", StateReason="a test says so")
        cloudwatch.set_alarm_state(AlarmName=ours.name, StateValue="OK", StateReason="a test says so")
        assert (await look(aws, ours.name, PAGER, "gone")).alarms == {ours.name: "OK", PAGER: "ALARM"}
        assert (await look(aws)).alarms is None

    async def test_none_is_asked_about_while_the_endpoint_moves(
        self, sagemaker: LocalSageMaker, aws: AwsSession
    ) -> None:
        sagemaker.hold(ENDPOINT)
        await Act(aws, PLACEMENT).do(update(rollout()))
        sagemaker.clear_calls()
        assert (await look(aws, PAGER)).alarms is None
        assert "DescribeAlarms" not in {call.operation for call in sagemaker.calls}

    async def test_ours_are_removed_and_those_that_are_gone_keep_none(
        self, sagemaker: LocalSageMaker, aws: AwsSession
    ) -> None:
        ours = alarms_of(rollout(alarms=[LATENCY, {**LATENCY, "threshold": 1}]))
        cloudwatch = make_alarm(sagemaker, PAGER)
        for alarm in ours:
            await Act(aws, PLACEMENT).do(PutAlarm(OWNER, alarm))
        first, second = (alarm.name for alarm in ours)
        step = DeleteAlarms((first, "gone already", second))
        await Act(aws, PLACEMENT).do(step)
        await Act(aws, PLACEMENT).do(step)
        assert [one["AlarmName"] for one in cloudwatch.describe_alarms()["MetricAlarms"]] == [PAGER]

    async def test_a_missing_permission_is_named(self, sagemaker: LocalSageMaker, aws: AwsSession) -> None:
        (wanted,) = alarms_of(rollout(alarms=[LATENCY]))
        sagemaker.deny("cloudwatch:PutMetricAlarm")
        with pytest.raises(Rejected, match="cloudwatch:PutMetricAlarm") as refused:
            await Act(aws, PLACEMENT).do(PutAlarm(OWNER, wanted))
        assert refused.value.reason == "AccessDenied"


def question(patience: str = "30s", engine: str = "TGI") -> CheckRequest:
    """One that may take so long."""
    found = rollout(check={"prompt": "Are you there?", "maxTokens": 8, "timeout": patience}).check
    assert found
    return request(found, deployment({"engine": {"name": engine}}).spec.engine, ENDPOINT, "first")


async def asked(aws: AwsSession, patience: str = "30s") -> CheckAnswer:
    return await check(aws, PLACEMENT, question(patience))


def outcome(answer: CheckAnswer, engine: str = "TGI") -> tuple[str, str | None]:
    """What the status says of an answer: outcome and message."""
    record = judged(question(engine=engine), answer, None, NOW)
    return record.outcome, record.message


class TestCheck:
    async def test_text_passes(self, sagemaker: LocalSageMaker, aws: AwsSession) -> None:
        answer = await asked(aws)
        assert answer.problem is None
        assert b"look-alike" in answer.body
        assert answer.latency > 0
        assert outcome(answer) == ("Passed", None)
        assert not sagemaker.mutations()

    @pytest.mark.parametrize("image", [VLLM_IMAGE, HF_VLLM_IMAGE])
    async def test_vllm_is_asked_in_its_own_words(self, sagemaker: LocalSageMaker, aws: AwsSession, image: str) -> None:
        model = {"SM_VLLM_MODEL": "acme/model", "SM_VLLM_REVISION": A}
        sagemaker.seed([ENDPOINT], image=image, environment=model, instance_type="ml.g6.2xlarge")
        answer = await check(aws, PLACEMENT, question(engine="vLLM"))
        assert outcome(answer, "vLLM") == ("Passed", None)
        assert outcome(await asked(aws))[0] == "Retrying"

    @pytest.mark.parametrize(
        ("scripted", "fragment"),
        [
            ("empty", 'the answer holds no text: [{"generated_text": ""}]'),
            ("not-json", "the answer holds no text: <html>"),
            ((500, "CUDA out of memory"), 'Received server error (500) from primary with message "CUDA out of memory"'),
            ((422, "`inputs` cannot be empty"), "Received client error (422)"),
            ("timed-out", "timed out while waiting for a response from container"),
        ],
        ids=["empty", "not JSON", "server error", "client error", "timed out"],
    )
    async def test_what_the_container_does_is_an_answer(
        self, sagemaker: LocalSageMaker, aws: AwsSession, scripted: Outcome, fragment: str
    ) -> None:
        sagemaker.script_invocation(ENDPOINT, scripted)
        word, message = outcome(await asked(aws))
        assert word == "Retrying"
        assert fragment in (message or "")

    async def test_silence_is_an_answer(self, sagemaker: LocalSageMaker, aws: AwsSession) -> None:
        sagemaker.script_invocation(ENDPOINT, "slow")
        answer = await asked(aws, patience="1s")
        assert answer.problem == "no answer within 1 s"
        assert answer.latency >= 1
        assert outcome(answer) == ("Retrying", "no answer within 1 s")

    async def test_endpoints_that_hang_do_not_fail_others(self, sagemaker: LocalSageMaker) -> None:
        """More of them than there are threads: who waits for its turn has not been asked yet."""
        clients = AwsClients(timeout=10, concurrency=2, requests_per_second=500)
        hung = [f"hung-{number}" for number in range(4)]
        sagemaker.seed([*hung, "good"])
        for name in hung:
            sagemaker.script_invocation(name, "slow", times=None)
        session = clients.session(OWN)
        questions = [replace(question("1s"), endpoint=name) for name in [*hung, "good"]]
        *silent, good = await asyncio.gather(*(check(session, PLACEMENT, one) for one in questions))
        assert [answer.problem for answer in silent] == ["no answer within 1 s"] * 4
        assert good.problem is None
        assert good.latency < min(answer.latency for answer in silent)
        clients.close()

    async def test_a_question_holds_a_thread_no_longer_than_its_timeout(
        self, sagemaker: LocalSageMaker, aws: AwsSession
    ) -> None:
        """Even if the pass that asked has been cancelled."""
        sagemaker.script_invocation(ENDPOINT, "slow", times=None)
        abandoned = [asyncio.create_task(asked(aws, "1s")) for _ in range(4)]
        await until(lambda: sum(call.operation == "InvokeEndpoint" for call in sagemaker.calls) == 4)
        for task in abandoned:
            task.cancel()
        await asyncio.wait(abandoned)
        sagemaker.clear_invocations()
        async with asyncio.timeout(10):  # as long as AwsClients' own time-out
            assert (await asked(aws, "5s")).problem is None

    async def test_a_role_that_cannot_be_assumed_in_time_is_no_answer(self, sagemaker: LocalSageMaker) -> None:
        role = f"arn:aws:iam::{ACCOUNT}:role/serving"
        sagemaker.trust(role, None)
        sagemaker.fail("AssumeRole", times=None, error="timeout")
        clients = AwsClients(timeout=1, concurrency=2, requests_per_second=500)
        with pytest.raises(Transient) as found:
            await asked(clients.session(Identity(role)), "30s")
        assert found.value.reason == "AwsUnreachable"
        clients.close()

    async def test_an_endpoint_that_the_runtime_does_not_know_yet(
        self, sagemaker: LocalSageMaker, aws: AwsSession
    ) -> None:
        sagemaker.remove_endpoint(ENDPOINT)
        with pytest.raises(Transient, match=ENDPOINT) as found:
            await asked(aws)
        assert found.value.reason == "EndpointNotVisible"

    async def test_a_missing_permission_is_not_the_containers_fault(
        self, sagemaker: LocalSageMaker, aws: AwsSession
    ) -> None:
        sagemaker.deny("InvokeEndpoint")
        with pytest.raises(Rejected, match="sagemaker:InvokeEndpoint") as found:
            await asked(aws)
        assert found.value.reason == "AccessDenied"

    @pytest.mark.parametrize(
        ("scripted", "reason"),
        [("unavailable", "AwsUnavailable"), ("internal", "AwsUnavailable"), ("not-ready", "ModelNotReady")],
    )
    async def test_nor_are_failures_of_sagemaker(
        self, sagemaker: LocalSageMaker, aws: AwsSession, scripted: Outcome, reason: str
    ) -> None:
        sagemaker.script_invocation(ENDPOINT, scripted)
        with pytest.raises(OutsideError) as found:
            await asked(aws)
        assert isinstance(found.value, Transient)
        assert found.value.reason == reason
        assert outcome(await asked(aws)) == ("Passed", None)
