"""A new revision comes into service: in steps, watched by alarms, and only after it has answered."""

from typing import Any

import pytest

from slipway.domain.sagemaker.steps import PutAlarm, UpdateEndpoint
from tests.unit.domain.builders import A, B, C
from tests.unit.reconcilers.harness import Harness

ENDPOINT = "ml-twin"
CHECK = {"prompt": "Are you there?", "maxTokens": 8}
LATENCY = {"metric": "ModelLatency", "threshold": 5e6, "statistic": "p95"}


def serving(**rollout: Any) -> Harness:
    """Commit A serves and everything is at rest."""
    harness = Harness()
    harness.apply(A, rollout=rollout)
    harness.calm()
    return harness


def updates(harness: Harness) -> list[UpdateEndpoint]:
    return [step for step in harness.world.sent if isinstance(step, UpdateEndpoint)]


def revisions(harness: Harness) -> tuple[str | None, str | None]:
    """Commits that serve and served before."""
    revision = harness.live.status.revision
    return (
        revision.serving.revision if revision.serving else None,
        revision.previous.revision if revision.previous else None,
    )


def there_and_back(left: int) -> list[UpdateEndpoint]:
    """The updates where B fails its check, and so many instances are left by then."""
    harness = Harness()
    harness.apply(A, replicas=2, rollout={"strategy": "Rolling", "check": CHECK})
    harness.calm()
    harness.edit(replicas=None)
    harness.calm()
    harness.world.mute.add(B)
    harness.resolve(B)
    while harness.world.checks < 2:
        harness.world.tick(ENDPOINT)
        harness.deliver()
        harness.one_pass()
    endpoint = harness.world.endpoints[ENDPOINT]
    endpoint.desired = endpoint.current = left
    harness.calm()
    assert revisions(harness)[0] == A
    return updates(harness)


class TestCheck:
    def test_the_first_revision_is_not_ready_before_it_has_answered(self) -> None:
        harness = Harness()
        harness.apply(A, rollout={"check": CHECK})
        seen = []
        while harness.world.checks == 0:
            harness.deliver()
            harness.one_pass()
            seen.append(harness.conditions().get("Ready", ("False",))[0])
            harness.world.tick(ENDPOINT)
        assert set(seen) == {"False"}
        harness.calm()
        assert harness.conditions() == {"Ready": ("True", "Serving")}

    def test_outcome_and_latency_are_in_the_status(self) -> None:
        harness = serving(check=CHECK)
        check = harness.live.status.check
        assert check
        assert (check.outcome, check.latency_ms, check.tries) == ("Passed", 250, 1)
        assert harness.live.status.revision.serving
        assert check.config == harness.live.status.revision.serving.config

    def test_it_is_asked_once_a_revision_and_never_at_rest(self) -> None:
        harness = serving(check=CHECK)
        for _ in range(5):
            harness.deliver()
            harness.one_pass()
        assert harness.world.checks == 1
        harness.start()
        harness.calm()
        assert harness.world.checks == 1
        harness.resolve(B)
        harness.calm()
        assert harness.world.checks == 2

    def test_a_revision_does_not_count_as_serving_before_it_has_answered(self) -> None:
        harness = serving(check=CHECK)
        harness.resolve(B)
        during = []
        while harness.world.checks == 1:
            harness.deliver()
            during.append(revisions(harness)[0])
            harness.one_pass()
            harness.world.tick(ENDPOINT)
        assert set(during) == {A}
        harness.calm()
        assert revisions(harness) == (B, A)

    def test_one_that_does_not_answer_is_taken_out_of_service(self) -> None:
        harness = serving(check=CHECK)
        first = harness.world.endpoints[ENDPOINT].config
        harness.world.mute.add(B)
        harness.resolve(B)
        harness.calm()
        assert harness.world.endpoints[ENDPOINT].config == first
        assert revisions(harness) == (A, None)
        assert harness.conditions() == {"Ready": ("True", "Serving"), "Stalled": ("True", "CheckFailed")}
        assert "it mumbles" in harness.message("Stalled")
        assert [(entry.revision, entry.outcome) for entry in harness.live.status.history] == [
            (B, "Failed"),
            (A, "Serving"),
        ]
        check = harness.live.status.check
        assert check
        assert (check.outcome, check.tries) == ("Failed", 3)

    def test_what_failed_its_check_is_not_tried_again_by_itself(self) -> None:
        harness = serving(check=CHECK)
        harness.world.mute.add(B)
        harness.resolve(B)
        harness.calm()
        tries = len(updates(harness))
        harness.start()
        harness.calm()
        assert len(updates(harness)) == tries

    @pytest.mark.parametrize("change", ["annotation", "another prompt", "another commit"])
    def test_it_is_tried_again_when_something_that_matters_changes(self, change: str) -> None:
        harness = serving(check=CHECK)
        harness.world.mute.add(B)
        harness.resolve(B)
        harness.calm()
        harness.world.mute.clear()
        if change == "annotation":
            harness.trigger("again")
        elif change == "another prompt":
            harness.edit(rollout={"check": {"prompt": "Really?"}})
        else:
            harness.resolve(C)
        harness.calm()
        assert revisions(harness) == (C if change == "another commit" else B, A)
        assert harness.conditions() == {"Ready": ("True", "Serving")}

    def test_a_moment_of_silence_is_forgiven(self) -> None:
        harness = serving(check=CHECK)
        harness.world.mute.add(B)
        harness.resolve(B)
        while harness.world.checks < 3:
            harness.deliver()
            harness.one_pass()
            harness.world.tick(ENDPOINT)
        harness.world.mute.clear()
        harness.calm()
        assert revisions(harness) == (B, A)
        assert len(updates(harness)) == 1

    def test_the_first_revision_has_nothing_to_go_back_to_and_the_bill_is_mentioned(self) -> None:
        harness = Harness()
        harness.world.mute.add(A)
        harness.apply(A, rollout={"check": CHECK})
        harness.calm()
        assert harness.conditions() == {"Ready": ("False", "CheckFailed"), "Stalled": ("True", "CheckFailed")}
        assert "nothing to go back to" in harness.message("Stalled")
        assert "costs" in harness.message("Stalled")
        assert revisions(harness) == (None, None)
        harness.world.mute.clear()
        harness.trigger("now")
        harness.calm()
        assert revisions(harness) == (A, None)

    def test_where_the_config_before_is_gone_the_status_does_not_pretend(self) -> None:
        harness = serving(check=CHECK)
        before = harness.world.endpoints[ENDPOINT].config
        harness.world.mute.add(B)
        harness.resolve(B)
        while harness.world.checks < 2:
            harness.deliver()
            harness.one_pass()
            harness.world.tick(ENDPOINT)
        del harness.world.configs[before]
        harness.calm()
        assert harness.conditions()["Ready"] == ("False", "CheckFailed")
        assert before in harness.message("Stalled")
        assert revisions(harness)[0] is None

    def test_a_way_back_that_sagemaker_takes_back_is_repeated_after_a_pause(self) -> None:
        harness = serving(check=CHECK)
        first = harness.world.endpoints[ENDPOINT].config
        harness.world.mute.add(B)
        harness.resolve(B)
        while len(updates(harness)) < 2:
            harness.world.tick(ENDPOINT)
            harness.deliver()
            harness.one_pass()
        harness.world.shortages = 1  # for the fleet of the way back
        harness.world.tick(ENDPOINT)
        for _ in range(5):
            harness.deliver()
            harness.one_pass()
        assert len(updates(harness)) == 2
        assert harness.conditions()["Reconciling"] == ("True", "RollingBack")
        harness.calm()
        assert harness.world.endpoints[ENDPOINT].config == first
        assert len(updates(harness)) == 3

    def test_what_already_serves_is_not_asked_because_a_check_was_added(self) -> None:
        harness = serving()
        harness.edit(rollout={"check": CHECK})
        harness.calm()
        assert harness.world.checks == 0
        assert harness.conditions() == {"Ready": ("True", "Serving")}

    def test_a_crash_between_the_answer_and_its_record_asks_once_more(self) -> None:
        harness = serving(check=CHECK)
        harness.resolve(B)
        while harness.world.checks == 1:
            harness.deliver()
            harness.world.faults = ["killed after"] if harness.live.status.check is None else []
            harness.one_pass()
            harness.world.tick(ENDPOINT)
        harness.calm()
        assert revisions(harness) == (B, A)


class TestStrategies:
    def test_the_default_says_nothing_to_sagemaker(self) -> None:
        harness = serving()
        harness.resolve(B)
        harness.calm()
        assert [step.policy for step in updates(harness)] == [None]

    def test_a_change_of_the_strategy_alone_rolls_nothing(self) -> None:
        harness = serving()
        harness.edit(rollout={"blueGreen": {"shift": "Canary", "stepPercent": 10}})
        harness.calm()
        assert updates(harness) == []
        harness.resolve(B)
        harness.calm()
        (step,) = updates(harness)
        assert step.policy
        assert (step.policy.shift, step.policy.step_percent) == ("CANARY", 10)

    def test_the_way_back_from_a_failed_check_does_not_linger(self) -> None:
        harness = serving(check=CHECK, blueGreen={"shift": "Linear", "stepPercent": 10}, alarms=[LATENCY])
        harness.world.mute.add(B)
        harness.resolve(B)
        harness.calm()
        there, back = updates(harness)
        assert there.policy
        assert there.policy.shift == "LINEAR"
        assert back.policy is None

    def test_the_way_back_is_rolled_where_it_can_be(self) -> None:
        assert [step.policy.shift for step in there_and_back(2) if step.policy] == ["ROLLING", "ROLLING"]

    def test_one_instance_goes_back_at_once(self) -> None:
        """A rolling update needs two, and somebody has scaled in since."""
        there, back = there_and_back(1)
        assert there.policy
        assert back.policy is None


class TestAlarms:
    def test_one_is_made_of_a_threshold_before_the_roll_that_it_watches(self) -> None:
        harness = serving(alarms=[LATENCY])
        harness.resolve(B)
        harness.calm()
        kinds = [type(step) for step in harness.world.sent]
        assert kinds.index(PutAlarm) < kinds.index(UpdateEndpoint)
        (step,) = updates(harness)
        assert step.policy
        assert set(step.policy.alarms) == set(harness.world.alarms)
        assert harness.live.status.alarms == list(step.policy.alarms)

    def test_it_goes_when_the_spec_no_longer_asks_for_it_and_a_new_threshold_is_a_new_one(self) -> None:
        harness = serving(alarms=[LATENCY])
        (first,) = harness.world.alarms
        harness.edit(rollout={"alarms": [{**LATENCY, "threshold": 1e6}]})
        harness.calm()
        (second,) = harness.world.alarms
        assert second != first
        harness.edit(rollout={"alarms": []})
        harness.calm()
        assert harness.world.alarms == {}
        assert harness.live.status.alarms is None

    @pytest.mark.parametrize("policy", ["Delete", "Retain"])
    def test_it_goes_with_the_deployment(self, policy: str) -> None:
        harness = serving(alarms=[LATENCY])
        harness.world.alarms["pager"] = "OK"
        harness.edit(deletionPolicy=policy)
        harness.delete()
        harness.calm()
        assert harness.deployment is None
        assert list(harness.world.alarms) == ["pager"]

    def test_a_roll_back_by_an_alarm_is_reported_and_not_repeated(self) -> None:
        harness = serving(alarms=[LATENCY])
        harness.world.alarm_trips = True
        harness.resolve(B)
        harness.calm()
        assert harness.conditions() == {"Ready": ("True", "Serving"), "Stalled": ("True", "RolloutFailed")}
        attempt = harness.live.status.attempt
        assert attempt
        assert attempt.reason == "AlarmRaised"
        assert revisions(harness) == (A, None)
        harness.start()
        harness.calm()
        assert len(updates(harness)) == 1

    def test_a_roll_waits_while_an_alarm_is_raised_and_says_which(self) -> None:
        harness = serving(alarms=[{"name": "pager"}])
        harness.world.alarms["pager"] = "ALARM"
        harness.resolve(B)
        for _ in range(3):
            harness.deliver()
            assert harness.one_pass()
        assert harness.conditions()["Reconciling"] == ("True", "AlarmRaised")
        assert "pager" in harness.message("Reconciling")
        assert updates(harness) == []
        harness.world.alarms["pager"] = "OK"
        harness.calm()
        assert revisions(harness) == (B, A)

    def test_one_that_does_not_exist_is_named(self) -> None:
        harness = serving(alarms=[{"name": "typo"}])
        harness.resolve(B)
        harness.calm()
        assert harness.conditions() == {"Ready": ("True", "Serving"), "Stalled": ("True", "AlarmNotFound")}
        assert "typo" in harness.message("Stalled")
        harness.world.alarms["typo"] = "OK"
        harness.trigger("now")
        harness.calm()
        assert revisions(harness) == (B, A)
