"""Passes over a Deployment whose time is over: what is called, what is said, what is left."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain.errors import Rejected
from slipway.domain.names import Owner
from slipway.domain.sagemaker.observation import EndpointState
from slipway.domain.sagemaker.steps import DeleteEndpoint, DeleteEndpointConfig, DeleteModel, Step
from tests.unit.domain.builders import A, B
from tests.unit.reconcilers.harness import MV, SDEP, Harness
from tests.unit.reconcilers.world import Fault, WorldEndpoint

ENDPOINT = "ml-twin"
HOUR = 3600.0
EXPIRED = {"Ready": ("False", "Expired"), "Stalled": ("True", "Expired")}


def serving(**spec: Any) -> Harness:
    """Commit A serves, and does so for an hour after its creation."""
    harness = Harness()
    harness.apply(A, **{**spec, "expireAfter": None})
    harness.calm()  # which skips all waiting: it would go on beyond the hour
    harness.edit(expireAfter=spec.get("expireAfter", "1h"))
    for _ in range(2):
        harness.deliver()
        harness.one_pass()
    assert harness.conditions()["Ready"] == ("True", "Serving")
    return harness


def expire(harness: Harness) -> None:
    """Time passes until it is over, and everything comes to rest."""
    harness.clock.seconds = max(harness.clock.seconds, HOUR)
    harness.calm()


def left(harness: Harness) -> list[str]:
    world = harness.world
    return [*world.endpoints, *world.configs, *world.models]


class TestExpiry:
    def test_everything_goes_in_the_order_of_a_deletion_and_the_object_stays(self) -> None:
        harness = serving()
        before = len(harness.world.sent)
        expire(harness)
        assert left(harness) == []
        steps = [type(step) for step in harness.world.sent[before:]]
        assert steps == [DeleteEndpoint, DeleteEndpointConfig, DeleteModel]
        assert harness.conditions() == EXPIRED
        status = harness.live.status
        assert status.placement
        assert status.placement.endpoint_name == ENDPOINT
        assert (status.endpoint, status.revision.serving, status.attempt, status.replicas) == (None, None, None, 0)
        assert [(entry.outcome, entry.until is not None) for entry in status.history] == [("Expired", True)]
        assert harness.live.metadata.finalizers

    def test_the_time_is_shown_from_the_start_and_goes_with_the_field(self) -> None:
        harness = Harness()
        harness.apply(A, expireAfter="1h")
        harness.deliver()
        harness.one_pass()
        harness.deliver()
        harness.one_pass()
        assert harness.live.status.expires_at == "2026-11-05T13:00:00Z"
        harness.edit(expireAfter=None)
        harness.calm()
        assert harness.live.status.expires_at is None

    def test_what_rests_is_due_at_the_very_second(self) -> None:
        harness = serving()
        writes, sent = harness.kube.writes, len(harness.world.sent)
        harness.clock.seconds = 600.0
        assert harness.one_pass() == HOUR - 600.0
        harness.clock.seconds = HOUR - 0.25
        assert harness.one_pass() == 0.25
        assert (harness.kube.writes, len(harness.world.sent)) == (writes, sent)
        assert harness.conditions() == {"Ready": ("True", "Serving")}
        harness.clock.seconds = HOUR
        harness.one_pass()
        assert isinstance(harness.world.sent[-1], DeleteEndpoint)

    def test_a_new_process_knows_when_it_is_due(self) -> None:
        harness = serving()
        harness.clock.seconds = 600.0
        harness.start()
        assert harness.one_pass() == HOUR - 600.0

    def test_what_would_be_looked_at_earlier_still_is(self) -> None:
        harness = Harness()
        harness.apply(A, expireAfter="1h")
        while not harness.world.endpoints:
            harness.deliver()
            harness.one_pass()
        harness.deliver()
        assert harness.one_pass() == harness.timing.poll_moving

    def test_once_it_is_gone_nothing_is_asked_written_or_done(self, monkeypatch: pytest.MonkeyPatch) -> None:
        harness = serving()
        expire(harness)
        self._forbid_aws(harness, monkeypatch)
        writes = harness.kube.writes
        for restart in (False, True):
            if restart:
                harness.start()
            harness.clock.seconds += HOUR
            assert harness.one_pass() is None
        assert harness.kube.writes == writes

    def test_where_nothing_was_ever_placed_aws_is_not_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        harness = Harness()
        self._forbid_aws(harness, monkeypatch)
        harness.apply(None, expireAfter="1h")
        harness.deliver()
        assert harness.one_pass() == HOUR - harness.clock.seconds
        assert harness.conditions()["Stalled"] == ("True", "ModelVersionNotFound")
        expire(harness)
        assert harness.conditions() == EXPIRED

    def _forbid_aws(self, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
        async def asked(*_: object) -> None:
            raise AssertionError("AWS was asked")

        for method in ("account", "observe", "summary", "execute"):
            monkeypatch.setattr(harness.world, method, asked)

    def test_the_message_says_since_when_and_what_to_do(self) -> None:
        harness = serving()
        expire(harness)
        for kind in ("Ready", "Stalled"):
            assert "2026-11-05T13:00:00Z" in harness.message(kind)
            assert "raise or remove spec.expireAfter" in harness.message(kind)

    def test_an_endpoint_in_motion_is_waited_for(self) -> None:
        harness = Harness()
        harness.apply(A, expireAfter="1h")
        while not harness.world.endpoints:
            harness.deliver()
            harness.one_pass()
        harness.clock.seconds = HOUR
        harness.deliver()
        assert harness.one_pass() == harness.timing.poll_moving
        assert harness.conditions() == {
            "Ready": ("False", "Expired"),
            "Reconciling": ("True", "WaitingToDelete"),
        }
        assert harness.world.endpoints[ENDPOINT].state is EndpointState.CREATING
        harness.calm()
        assert (harness.conditions(), left(harness)) == (EXPIRED, [])

    def test_while_it_is_being_removed_it_does_not_look_stalled(self) -> None:
        harness = serving()
        harness.clock.seconds = HOUR
        harness.one_pass()
        assert harness.conditions() == {"Ready": ("False", "Expired"), "Reconciling": ("True", "Deleting")}


class TestItWins:
    def test_over_a_model_version_that_is_gone(self) -> None:
        harness = serving()
        harness.resolve(None)
        harness.calm()
        expire(harness)
        assert (harness.conditions(), left(harness)) == (EXPIRED, [])

    @pytest.mark.parametrize(
        "change",
        [
            {"target": {"sageMaker": {"region": "us-east-1"}}},
            {"target": {"sageMaker": {"executionRoleArn": "arn:aws:iam::123456789012:role/not-allowed"}}},
            {"engine": {"maxInputTokens": 9, "maxTotalTokens": 8}},
        ],
    )
    def test_over_a_spec_that_is_refused(self, change: dict[str, Any]) -> None:
        harness = serving()
        harness.edit(**change)
        harness.deliver()
        harness.one_pass()
        assert "Stalled" in harness.conditions()
        expire(harness)
        assert (harness.conditions(), left(harness)) == (EXPIRED, [])

    def test_over_a_spec_that_cannot_be_read(self) -> None:
        harness = serving()
        harness.edit(engine={"name": "AnEngineOfTheFuture"})
        harness.deliver()
        harness.clock.seconds = 600.0
        assert harness.one_pass() == HOUR - 600.0
        assert SDEP in harness.kube.objects
        harness.clock.seconds = HOUR
        for _ in range(20):
            harness.deliver()
            harness.one_pass()
            harness.world.tick(ENDPOINT)
        assert left(harness) == []
        conditions = harness.kube.objects[SDEP]["status"]["conditions"]
        assert {one["type"]: one["reason"] for one in conditions} == {"Ready": "Expired", "Stalled": "Expired"}

    def test_over_retain_which_is_about_deletion(self) -> None:
        harness = serving(deletionPolicy="Retain")
        expire(harness)
        assert (harness.conditions(), left(harness)) == (EXPIRED, [])

    def test_over_a_refusal_that_is_being_waited_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        harness = serving()

        async def refuse(placement: Placement, step: Step) -> None:
            raise Rejected("QuotaExceeded", "no more")

        with monkeypatch.context() as patch:
            patch.setattr(harness.world, "execute", refuse)
            harness.clock.seconds = HOUR - 1
            harness.edit(replicas=3)
            harness.deliver()
            assert harness.one_pass() == 1.0
            assert harness.conditions()["Stalled"] == ("True", "QuotaExceeded")
        harness.clock.seconds = HOUR
        harness.one_pass()
        assert isinstance(harness.world.sent[-1], DeleteEndpoint)

    def test_but_not_over_a_deletion(self) -> None:
        harness = serving(deletionPolicy="Retain")
        harness.clock.seconds = HOUR
        harness.delete()
        harness.calm()
        assert harness.deployment is None
        assert ENDPOINT in harness.world.endpoints

    def test_over_a_status_that_was_lost(self) -> None:
        harness = serving()
        harness.kube.put(SDEP, {**harness.kube.objects[SDEP], "status": {}})
        expire(harness)
        assert (harness.conditions(), left(harness)) == (EXPIRED, [])


class TestRefusals:
    def test_what_is_refused_is_reported_and_tried_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        harness = serving()

        async def refuse(placement: Placement, step: Step) -> None:
            raise Rejected("AccessDenied", "not authorized to perform: sagemaker:DeleteEndpoint")

        with monkeypatch.context() as patch:
            patch.setattr(harness.world, "execute", refuse)
            harness.clock.seconds = HOUR
            harness.deliver()
            assert harness.one_pass()
            assert harness.conditions() == {"Ready": ("False", "Expired"), "Stalled": ("True", "AccessDenied")}
        harness.calm()
        assert (harness.conditions(), left(harness)) == (EXPIRED, [])

    def test_in_another_account_nothing_is_looked_for(self) -> None:
        harness = serving()
        harness.world.current_account = "999999999999"
        expire(harness)
        assert harness.conditions() == {"Ready": ("False", "Expired"), "Stalled": ("True", "PlacementChanged")}
        assert ENDPOINT in harness.world.endpoints


class TestOthers:
    def test_somebody_elses_endpoint_stays(self) -> None:
        harness = Harness()
        harness.world.outside_config("theirs", B)
        harness.world.outside_endpoint(ENDPOINT, Owner("here", "other", "twin", "uid-9").tags(), "theirs")
        harness.apply(A, expireAfter="1h")
        harness.calm()
        expire(harness)
        assert harness.conditions() == EXPIRED
        assert left(harness) == [ENDPOINT, "theirs", "theirs"]
        assert harness.world.violations == []

    def test_what_a_predecessor_retained_and_nobody_took_over_stays(self) -> None:
        harness = serving(deletionPolicy="Retain", expireAfter="9h")
        harness.delete()
        harness.calm()
        retained = left(harness)
        harness.apply(A, expireAfter="1s")
        harness.clock.seconds += HOUR
        harness.calm()
        assert harness.conditions() == EXPIRED
        assert left(harness) == retained


class TestBackToService:
    @pytest.mark.parametrize("change", [None, "99h"])
    def test_raising_or_removing_it_serves_again_under_the_same_name(self, change: str | None) -> None:
        harness = serving()
        expire(harness)
        harness.edit(expireAfter=change)
        harness.deliver()
        harness.one_pass()
        assert harness.conditions()["Reconciling"] == ("True", "Creating")
        for _ in range(12):
            harness.deliver()
            harness.one_pass()
            harness.world.tick(ENDPOINT)
        assert harness.conditions() == {"Ready": ("True", "Serving")}
        assert list(harness.world.endpoints) == [ENDPOINT]
        outcomes = [entry.outcome for entry in harness.live.status.history]
        assert outcomes == ["Serving", "Expired"]

    def test_in_the_middle_of_the_removal_too(self) -> None:
        harness = serving()
        harness.clock.seconds = HOUR
        harness.one_pass()
        harness.edit(expireAfter=None)
        harness.calm()
        assert harness.conditions() == {"Ready": ("True", "Serving")}

    def test_one_that_is_set_to_what_has_passed_waits_for_an_endpoint_that_does_not_show_yet(self) -> None:
        harness = Harness(endpoint_visible=60.0)
        harness.apply(A)
        harness.clock.seconds = 5 * HOUR
        while not harness.world.endpoints:
            harness.deliver()
            harness.one_pass()
        hidden: WorldEndpoint = harness.world.endpoints.pop(ENDPOINT)
        harness.edit(expireAfter="1h")
        for _ in range(3):
            harness.deliver()
            assert harness.one_pass() == harness.timing.poll_moving
        assert harness.conditions()["Reconciling"] == ("True", "WaitingToDelete")
        assert datetime.fromisoformat(harness.live.status.expires_at or "") == harness.clock.now()
        harness.world.endpoints[ENDPOINT] = hidden
        harness.calm()
        assert (harness.conditions(), left(harness)) == (EXPIRED, [])


FAULT = st.sampled_from([None, *Fault.__args__])  # type: ignore[attr-defined]
KILL = st.sampled_from([None, None, "before", "after"])


@settings(max_examples=150, deadline=None)
@given(
    passes=st.integers(0, 12),
    disturbances=st.lists(st.tuples(FAULT, KILL, st.booleans()), max_size=12),
    commit=st.sampled_from([None, A, B]),
    back=st.booleans(),
)
def test_whenever_it_expires_and_whatever_goes_wrong_nothing_is_left_and_it_can_come_back(
    passes: int, disturbances: list[tuple[Fault | None, str | None, bool]], commit: str | None, back: bool
) -> None:
    """`passes` before it expires; then a fault, a kill and the end of a transition for each of several passes."""
    harness = Harness()
    harness.apply(A, expireAfter="1h")
    for _ in range(passes):
        harness.deliver()
        harness.one_pass()
        harness.world.tick(ENDPOINT)
    harness.clock.seconds = HOUR
    harness.resolve(commit)
    for fault, kill, ends in disturbances:
        harness.world.faults = [fault] if fault else []
        harness.kube.kill = kill
        harness.deliver()
        harness.one_pass()
        if ends:
            harness.world.tick(ENDPOINT)
    harness.calm()
    assert left(harness) == []
    assert harness.conditions() == EXPIRED
    assert harness.world.violations == []
    if back:
        harness.resolve(A)
        harness.edit(expireAfter=None)
        harness.calm()
        assert harness.conditions() == {"Ready": ("True", "Serving")}
        assert MV in harness.kube.objects
