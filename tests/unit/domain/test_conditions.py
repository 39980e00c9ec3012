"""From a verdict to conditions, and from two lists of conditions to what is worth an event."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slipway.api.v1alpha1.common import Condition
from slipway.domain.conditions import (
    MESSAGE_LIMIT,
    Finding,
    Health,
    Transition,
    announcements,
    conditions,
    timestamp,
    transitions,
)
from tests.unit.domain.builders import NOW

LATER = NOW + timedelta(hours=1)
FINE, BUSY, STUCK = Finding("Serving", "serves"), Finding("Updating", "at work"), Finding("InvalidSpec", "mend it")


def told(health: Health, before: list[Condition] | None = None, now: datetime = NOW) -> list[Condition]:
    return conditions(health, before or [], generation=7, now=now)


def statuses(found: list[Condition]) -> dict[str, tuple[str, str]]:
    return {condition.type: (condition.status, condition.reason) for condition in found}


class TestConditions:
    @pytest.mark.parametrize(
        ("health", "expected"),
        [
            (Health(True, FINE), {"Ready": ("True", "Serving")}),
            (
                Health(False, BUSY, reconciling=BUSY),
                {"Ready": ("False", "Updating"), "Reconciling": ("True", "Updating")},
            ),
            (
                Health(True, FINE, stalled=STUCK, warnings=(("UnpinnedReference", Finding("Unpinned", "")),)),
                {
                    "Ready": ("True", "Serving"),
                    "Stalled": ("True", "InvalidSpec"),
                    "UnpinnedReference": ("True", "Unpinned"),
                },
            ),
        ],
    )
    def test_ready_is_always_there_and_the_others_only_while_true(
        self, health: Health, expected: dict[str, tuple[str, str]]
    ) -> None:
        assert statuses(told(health)) == expected

    def test_they_say_what_they_answer(self) -> None:
        (ready,) = told(Health(True, FINE))
        assert ready.to_api() == {
            "type": "Ready",
            "status": "True",
            "reason": "Serving",
            "message": "serves",
            "lastTransitionTime": "2026-11-05T12:00:00Z",
            "observedGeneration": 7,
        }

    def test_a_condition_that_is_true_no_more_is_gone(self) -> None:
        before = told(Health(False, BUSY, reconciling=BUSY, stalled=STUCK))
        assert statuses(told(Health(True, FINE), before)) == {"Ready": ("True", "Serving")}

    def test_conditions_of_other_managers_are_left_to_them(self) -> None:
        foreign = Condition(type="Approved", status="True", reason="ByHand", last_transition_time=timestamp(NOW))
        assert statuses(told(Health(True, FINE), [foreign])) == {"Ready": ("True", "Serving")}

    @given(st.booleans(), st.booleans(), st.sampled_from([FINE, BUSY]), st.sampled_from([FINE, BUSY]))
    def test_the_time_of_a_transition_moves_only_with_the_status(
        self, was: bool, becomes: bool, said: Finding, says: Finding
    ) -> None:
        (ready,) = told(Health(becomes, says), told(Health(was, said)), LATER)
        assert ready.last_transition_time == timestamp(NOW if was == becomes else LATER)
        assert (ready.reason, ready.message) == (says.reason, says.message)

    def test_each_condition_has_a_time_of_its_own(self) -> None:
        before = told(Health(True, FINE))
        after = told(Health(True, FINE, reconciling=BUSY), before, LATER)
        assert [c.last_transition_time for c in after] == [timestamp(NOW), timestamp(LATER)]

    @given(
        st.booleans(),
        st.none() | st.sampled_from([BUSY, STUCK]),
        st.none() | st.sampled_from([BUSY, STUCK]),
        st.booleans(),
    )
    def test_the_same_verdict_again_changes_nothing(
        self, ready: bool, reconciling: Finding | None, stalled: Finding | None, warns: bool
    ) -> None:
        warnings = (("UnpinnedReference", STUCK),) if warns else ()
        health = Health(ready, FINE, reconciling, stalled, warnings)
        before = told(health)
        assert told(health, before, LATER) == before

    @given(st.text(max_size=3 * MESSAGE_LIMIT))
    @example("x" * MESSAGE_LIMIT)
    @example("x" * (MESSAGE_LIMIT + 1))
    def test_a_message_is_whole_or_visibly_cut(self, message: str) -> None:
        (ready,) = told(Health(True, Finding("Serving", message)))
        assert len(ready.message) <= MESSAGE_LIMIT
        if len(message) <= MESSAGE_LIMIT:
            assert ready.message == message
        else:
            assert ready.message == message[: MESSAGE_LIMIT - 1] + "…"


class TestTimestamp:
    def test_it_has_whole_seconds(self) -> None:
        assert timestamp(NOW.replace(microsecond=999_999)) == "2026-11-05T12:00:00Z"

    @given(st.integers(-14, 14))
    def test_it_is_in_utc_whatever_the_zone_of_the_moment(self, hours: int) -> None:
        zone = timezone(timedelta(hours=hours))
        assert timestamp(NOW.astimezone(zone)) == "2026-11-05T12:00:00Z"


class TestTransitions:
    def test_nothing_is_told_where_only_words_or_times_have_changed(self) -> None:
        before = told(Health(True, FINE))
        after = told(Health(True, Finding("Serving", "other words")), before, LATER)
        assert transitions(before, after) == []

    def test_a_changed_status_a_changed_reason_and_what_is_new_are_told(self) -> None:
        before = told(Health(True, FINE, reconciling=BUSY))
        after = told(Health(False, FINE, reconciling=Finding("Creating", "new"), stalled=STUCK), before)
        assert transitions(before, after) == [
            Transition("Ready", "False", "Serving", "serves"),
            Transition("Reconciling", "True", "Creating", "new"),
            Transition("Stalled", "True", "InvalidSpec", "mend it"),
        ]

    @pytest.mark.parametrize(
        ("kind", "status", "warns"),
        [
            ("Ready", "True", False),
            ("Ready", "False", False),
            ("Reconciling", "True", False),
            ("Stalled", "True", True),
            ("UnpinnedReference", "True", True),
        ],
    )
    def test_what_somebody_should_look_at_is_a_warning(self, kind: str, status: str, warns: bool) -> None:
        assert Transition(kind, status, "Reason", "").is_warning is warns


class TestAnnouncements:
    def test_conditions_that_say_the_same_are_one_event_the_most_serious(self) -> None:
        ready, stalled = Transition("Ready", "False", "Why", "words"), Transition("Stalled", "True", "Why", "words")
        assert announcements([ready, stalled]) == announcements([stalled, ready]) == [stalled]
        reconciling = Transition("Reconciling", "True", "Why", "words")
        assert announcements([ready, reconciling]) == [ready]

    def test_what_says_something_else_is_told_too(self) -> None:
        ready, stalled = Transition("Ready", "True", "Serving", "x"), Transition("Stalled", "True", "Why", "words")
        other_words = Transition("UnpinnedReference", "True", "Why", "other words")
        assert announcements([ready, stalled, other_words]) == [ready, stalled, other_words]

    def test_nothing_is_told_of_nothing(self) -> None:
        assert announcements([]) == []
