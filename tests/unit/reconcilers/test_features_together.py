"""Checks, alarms, drift, counts and deletions at the same time: what one of them must not do to another."""

from typing import Any

import pytest

from slipway.domain.errors import Rejected
from slipway.domain.names import Owner
from slipway.domain.sagemaker.observation import EndpointState
from slipway.domain.sagemaker.steps import CreateEndpoint, UpdateEndpoint
from tests.unit.domain.builders import A, B, C
from tests.unit.reconcilers.harness import ADOPTERS, Harness

ENDPOINT = "ml-twin"
CHECK = {"prompt": "Are you there?"}
LATENCY = {"metric": "ModelLatency", "threshold": 5e6}


def serving(**spec: Any) -> Harness:
    """Commit A serves and everything is at rest."""
    harness = Harness(rules=(ADOPTERS,))
    harness.apply(A, **spec)
    harness.calm()
    return harness


def step(harness: Harness) -> None:
    harness.deliver()
    harness.one_pass()


def until(harness: Harness, state: EndpointState) -> None:
    """Passes until the endpoint is in a state; transitions do not end meanwhile."""
    for _ in range(10):
        if harness.world.endpoints[ENDPOINT].state is state:
            return
        step(harness)
    raise AssertionError(harness.describe())


def until_checked(harness: Harness, times: int) -> None:
    for _ in range(30):
        if harness.world.checks >= times:
            return
        step(harness)
        harness.world.tick(ENDPOINT)
    raise AssertionError(harness.describe())


def meddle(harness: Harness) -> None:
    """Somebody else brings a config of theirs into service."""
    harness.world.outside_config("other", "main")
    assert harness.world.outside_update(ENDPOINT, "other")


def updates(harness: Harness) -> int:
    return sum(isinstance(sent, UpdateEndpoint) for sent in harness.world.sent)


def commits(harness: Harness) -> tuple[str | None, str | None]:
    """What serves, and what served before."""
    revision = harness.live.status.revision
    return (
        revision.serving.revision if revision.serving else None,
        revision.previous.revision if revision.previous else None,
    )


class TestAModelVersionThatIsGone:
    def test_does_not_roll_out_what_somebody_else_brought_in(self) -> None:
        harness = serving(drift="Report")
        meddle(harness)
        harness.calm()
        sent = len(harness.world.sent)
        harness.resolve(None)
        harness.calm()
        assert len(harness.world.sent) == sent

    def test_nor_what_an_adopted_endpoint_had_before(self) -> None:
        harness = Harness(rules=(ADOPTERS,))
        harness.world.may_adopt = lambda: True
        harness.world.outside_config("theirs", "main")
        harness.world.outside_endpoint(ENDPOINT, {}, "theirs")
        harness.world.mute.add(A)
        harness.apply(A, target={"sageMaker": {"adopt": True}}, rollout={"check": CHECK})
        harness.calm()
        sent = len(harness.world.sent)
        harness.resolve(None)
        harness.calm()
        assert len(harness.world.sent) == sent
        assert harness.world.endpoints[ENDPOINT].config == "theirs"


class TestARevisionThatDidNotPassItsCheck:
    def test_left_for_another_commit_it_never_counts_as_serving(self) -> None:
        harness = serving(rollout={"check": CHECK})
        harness.resolve(B)
        until(harness, EndpointState.UPDATING)
        harness.world.tick(ENDPOINT)
        harness.world.mute.add(B)
        until_checked(harness, 2)
        harness.resolve(C)
        seen = set()
        for _ in range(12):
            step(harness)
            seen.add(commits(harness)[0])
            harness.world.tick(ENDPOINT)
        harness.calm()
        assert B not in seen
        assert commits(harness) == (C, A)

    def test_without_a_way_back_it_does_not_become_ready_because_another_commit_comes(self) -> None:
        harness = Harness()
        harness.world.mute.add(A)
        harness.apply(A, rollout={"check": CHECK})
        harness.calm()
        harness.resolve(B)
        until(harness, EndpointState.UPDATING)
        assert harness.conditions()["Ready"][0] == "False"

    def test_nor_is_it_gone_back_to(self) -> None:
        harness = Harness()
        harness.world.mute |= {A, B}
        harness.apply(A, rollout={"check": CHECK})
        harness.calm()
        harness.resolve(B)
        harness.calm()
        assert harness.conditions()["Ready"] == ("False", "CheckFailed")
        assert updates(harness) == 1

    def test_an_edit_of_the_prompt_while_it_is_asked_does_not_bring_it_in_twice(self) -> None:
        harness = serving(rollout={"check": CHECK})
        harness.world.mute.add(B)
        harness.resolve(B)
        until_checked(harness, 2)
        harness.edit(rollout={"check": {"prompt": "Really?"}})
        harness.calm()
        assert updates(harness) == 2
        assert harness.conditions()["Stalled"] == ("True", "CheckFailed")


class TestTheCheckInTheStatus:
    @pytest.mark.parametrize("change", ["annotation", "prompt"])
    def test_it_stays_when_nothing_is_tried_anew(self, change: str) -> None:
        harness = serving(rollout={"check": CHECK})
        before = harness.live.status.check
        assert before
        if change == "annotation":
            harness.trigger("1")
        else:
            harness.edit(rollout={"check": {"prompt": "Really?"}})
        harness.calm()
        assert harness.live.status.check == before

    def test_a_check_that_is_refused_is_reported_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        harness = serving(rollout={"check": CHECK})
        harness.resolve(B)
        until(harness, EndpointState.UPDATING)
        harness.world.tick(ENDPOINT)

        async def refused(*_: Any) -> None:
            raise Rejected("AccessDenied", "InvokeEndpoint: not authorized")

        monkeypatch.setattr(harness.world, "check", refused)
        step(harness)
        step(harness)
        before = harness.kube.writes
        for _ in range(5):
            harness.clock.seconds += 600
            step(harness)
        assert harness.kube.writes == before
        assert harness.conditions()["Stalled"] == ("True", "AccessDenied")


class TestAlarms:
    def test_they_go_with_retain_also_while_the_endpoint_moves(self) -> None:
        harness = serving(rollout={"alarms": [LATENCY]}, deletionPolicy="Retain")
        harness.resolve(B)
        until(harness, EndpointState.UPDATING)
        harness.delete()
        for _ in range(10):
            if harness.deployment:
                step(harness)
        assert harness.deployment is None
        assert harness.world.alarms == {}

    def test_they_go_with_a_deployment_whose_status_was_lost(self) -> None:
        harness = serving(rollout={"alarms": [LATENCY]})
        harness.resolve(B)
        harness.calm()
        assert harness.world.alarms
        live = next(raw for key, raw in harness.kube.objects.items() if key.kind == "Deployment")
        live["status"] = {}
        harness.delete()
        harness.calm()
        assert harness.world.alarms == {}

    def test_edits_of_thresholds_while_a_roll_has_failed_do_not_pile_up(self) -> None:
        alarms = [{**LATENCY, "threshold": number} for number in range(10)]
        harness = serving(rollout={"alarms": alarms})
        harness.world.bad.add(B)
        harness.resolve(B)
        harness.calm()
        for start in range(10, 60, 10):
            changed = [{**LATENCY, "threshold": start + number} for number in range(10)]
            harness.edit(rollout={"alarms": changed})
            harness.calm()
        assert len(harness.live.status.alarms or ()) <= 20


class TestDrift:
    def test_it_stays_reported_as_long_as_it_lasts(self) -> None:
        harness = serving(drift="Report", target={"sageMaker": {"tags": {"team": "a"}}})
        harness.world.endpoints[ENDPOINT].tags["team"] = "theirs"
        harness.world._touch(harness.world.endpoints[ENDPOINT])
        for _ in range(4):
            step(harness)
            assert harness.conditions()["Drifted"] == ("True", "ChangedOutside")
        assert "the tag team is theirs, wanted is a" in harness.message("Drifted")

    def test_and_through_its_correction_also_where_that_is_refused(self) -> None:
        harness = serving()
        meddle(harness)
        harness.world.faults = ["refused", "refused"]
        for _ in range(4):
            step(harness)
            assert "Drifted" in harness.conditions()
        harness.calm()
        assert harness.conditions() == {"Ready": ("True", "Serving")}

    def test_an_edit_that_has_nothing_to_do_with_it_corrects_nothing(self) -> None:
        harness = serving(drift="Report")
        meddle(harness)
        harness.calm()
        harness.edit(deletionPolicy="Retain")
        harness.calm()
        assert updates(harness) == 0
        assert "Drifted" in harness.conditions()

    def test_what_somebody_brings_in_after_a_failed_roll_is_said(self) -> None:
        harness = serving()
        harness.world.bad.add(B)
        harness.resolve(B)
        harness.calm()
        meddle(harness)
        harness.calm()
        assert harness.conditions()["Drifted"] == ("True", "ChangedOutside")
        assert harness.conditions()["Stalled"] == ("True", "RolloutFailed")


class TestAnEndpointThatIsDeletedAfterAFailedRoll:
    @pytest.mark.parametrize("check", [None, CHECK])
    def test_comes_back_with_what_served_before(self, check: dict[str, Any] | None) -> None:
        harness = serving(rollout={"check": check} if check else {})
        before = harness.world.endpoints[ENDPOINT].config
        harness.world.bad.add(B)
        harness.world.mute.add(B)
        harness.resolve(B)
        harness.calm()
        del harness.world.endpoints[ENDPOINT]
        harness.calm()
        assert harness.world.endpoints[ENDPOINT].config == before
        assert commits(harness)[0] == A

    def test_unless_that_cannot_be_created_either(self) -> None:
        harness = serving()
        harness.world.bad.add(B)
        harness.resolve(B)
        harness.calm()
        harness.world.bad |= {A, B}
        del harness.world.endpoints[ENDPOINT]
        harness.calm()
        assert harness.conditions()["Stalled"] == ("True", "EndpointFailed")
        assert sum(isinstance(sent, CreateEndpoint) for sent in harness.world.sent) == 3


class TestTheNumberOfInstances:
    def test_a_rolling_update_grows_to_two_before_it_begins(self) -> None:
        harness = serving(replicas=1)
        harness.edit(replicas=2, rollout={"strategy": "Rolling"})
        harness.resolve(B)
        harness.calm()
        kinds = [type(sent).__name__ for sent in harness.world.sent]
        assert kinds.index("SetInstanceCount") < kinds.index("UpdateEndpoint")
        assert commits(harness) == (B, A)

    def test_it_changes_while_a_roll_waits_for_an_alarm(self) -> None:
        harness = serving(replicas=1, rollout={"alarms": [{"name": "pager"}]})
        harness.world.alarms["pager"] = "ALARM"
        harness.resolve(B)
        step(harness)
        harness.edit(replicas=3)
        for _ in range(4):
            step(harness)
            harness.world.tick(ENDPOINT)
        assert harness.world.endpoints[ENDPOINT].current == 3
        assert updates(harness) == 0

    def test_it_changes_while_a_failed_check_has_nothing_to_go_back_to(self) -> None:
        harness = Harness()
        harness.world.mute.add(A)
        harness.apply(A, replicas=3, rollout={"check": CHECK})
        harness.calm()
        harness.edit(replicas=1)
        harness.calm()
        assert harness.world.endpoints[ENDPOINT].current == 1


def test_a_deletion_shows_nothing_of_an_endpoint_that_is_somebody_elses() -> None:
    harness = serving()
    harness.world.endpoints[ENDPOINT].tags["slipway.dev/installation"] = "elsewhere"
    harness.delete()
    step(harness)
    if harness.deployment:
        assert harness.live.status.endpoint is None


def test_a_former_owner_removes_nothing_from_which_an_adopter_serves() -> None:
    harness = serving(deletionPolicy="Retain")
    config = harness.world.endpoints[ENDPOINT].config
    harness.delete()
    harness.calm()
    harness.world.endpoints[ENDPOINT].tags = Owner("here", "ml", "adopter", "uid-9").tags()
    harness.apply(A)
    harness.calm()
    assert harness.conditions()["Stalled"] == ("True", "NameConflict")
    harness.delete()
    harness.calm()
    assert harness.deployment is None
    assert config in harness.world.configs
    assert harness.world.violations == []
