"""When a Deployment expires, and what is shown and remembered of it."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import DeploymentStatus, HistoryEntry
from slipway.domain import expiry, revisions
from slipway.domain.conditions import timestamp
from slipway.domain.deployments import Result, next_status
from tests.unit.domain.builders import NOW, attempt, deployment_json, merged, served, wanted

HOUR = timedelta(hours=1)


def made(after: str | None, *, age: timedelta = timedelta(), shown: datetime | None = None) -> Deployment:
    """A Deployment that was created `age` before NOW, whose status shows `shown`."""
    raw = merged(deployment_json({"expireAfter": after}), {"metadata": {"creationTimestamp": timestamp(NOW - age)}})
    found = Deployment.model_validate(raw)
    return found.model_copy(update={"status": DeploymentStatus(expires_at=timestamp(shown) if shown else None)})


class TestWhen:
    @pytest.mark.parametrize(
        ("after", "age", "left"),
        [
            (None, HOUR, None),
            ("2h", HOUR, 3600.0),
            ("1h1s", HOUR, 1.0),
            ("1h", HOUR, 0.0),
            ("59m", HOUR, 0.0),
        ],
    )
    def test_it_counts_from_the_creation(self, after: str | None, age: timedelta, left: float | None) -> None:
        found = made(after, age=age)
        assert expiry.seconds_left(found, NOW) == left
        assert expiry.has_expired(found, NOW) is (left == 0.0)

    def test_without_a_creation_it_does_not_expire(self) -> None:
        raw = merged(deployment_json({"expireAfter": "1s"}), {"metadata": {"creationTimestamp": None}})
        assert expiry.due_at(Deployment.model_validate(raw)) is None

    @given(st.integers(0, 10**8 - 1), st.integers(0, 10**8), st.floats(0, 10**8))
    def test_it_has_expired_from_the_second_on_at_which_nothing_is_left(
        self, after: int, age: int, later: float
    ) -> None:
        found, now = made(f"{after}s", age=timedelta(seconds=age)), NOW + timedelta(seconds=later)
        left = expiry.seconds_left(found, now)
        assert left is not None
        assert expiry.has_expired(found, now) is (left == 0.0)
        assert expiry.has_expired(found, now + timedelta(seconds=left))


class TestShown:
    def test_from_the_start(self) -> None:
        assert expiry.expires_at(made("2h"), NOW) == NOW + 2 * HOUR
        assert expiry.expires_at(made(None), NOW) is None

    def test_a_lengthened_time_is_shown_whatever_was_shown_before(self) -> None:
        found = made("5h", age=HOUR, shown=NOW - timedelta(minutes=1))
        assert expiry.expires_at(found, NOW) == NOW + 4 * HOUR

    def test_one_that_is_set_to_what_has_passed_ends_the_service_now(self) -> None:
        now = NOW + timedelta(milliseconds=700)
        for shown in (None, NOW + 9 * HOUR):
            assert expiry.expires_at(made("1h", age=5 * HOUR, shown=shown), now) == NOW

    def test_when_it_ended_does_not_change_any_more(self) -> None:
        """Neither with time, nor for an operator that was away at that moment."""
        for ended in (NOW - 3 * HOUR, NOW - 4 * HOUR):
            assert expiry.expires_at(made("1h", age=5 * HOUR, shown=ended), NOW) == ended

    @given(st.integers(1, 10**6), st.integers(0, 10**6), st.lists(st.floats(0, 10**5), max_size=5))
    def test_it_is_the_same_in_every_pass_after_the_first(self, after: int, age: int, waits: list[float]) -> None:
        found, now = made(f"{after}s", age=timedelta(seconds=age)), NOW + timedelta(seconds=after)
        first = expiry.expires_at(found, now)
        for wait in waits:
            assert first
            found = found.model_copy(update={"status": DeploymentStatus(expires_at=timestamp(first))})
            now += timedelta(seconds=wait)
            assert expiry.expires_at(found, now) == first
            assert first <= now


class TestStatus:
    def test_the_message_says_since_when_and_what_to_do(self) -> None:
        said = expiry.finding(made("1h", age=HOUR), NOW, removed=True)
        assert said.reason == "Expired"
        for word in ("spec.expireAfter (1h)", timestamp(NOW), "raise or remove spec.expireAfter", "delete"):
            assert word in said.message

    def test_only_a_pass_that_has_seen_that_nothing_is_left_says_that_it_is_removed(self) -> None:
        found = made("1h", age=HOUR)
        said = expiry.finding(found, NOW, removed=False)
        under_way = next_status(found, Result(expired=said, reconciling=said), NOW)
        assert not expiry.is_removed(under_way)
        assert [(one.type, one.status, one.reason) for one in under_way.conditions] == [
            ("Ready", "False", "Expired"),
            ("Reconciling", "True", "Expired"),
        ]
        assert expiry.is_removed(next_status(found, Result(expired=said, stalled=said, removed=True), NOW))

    def test_nothing_is_remembered_of_what_is_gone_but_the_history(self) -> None:
        of = wanted()
        before = DeploymentStatus(
            attempt=attempt(of, "Succeeded"),
            history=revisions.history([], served(of), None, NOW),
        )
        found = made("1h", age=HOUR).model_copy(update={"status": before})
        after = next_status(found, Result(removed=True), NOW)
        assert after.attempt is None
        entry = before.history[0]
        expected = HistoryEntry(
            revision=entry.revision, config=entry.config, since=entry.since, until=timestamp(NOW), outcome="Expired"
        )
        assert after.history == [expected]

    def test_the_time_goes_with_the_field(self) -> None:
        assert next_status(made("2h"), Result(), NOW).expires_at == timestamp(NOW + 2 * HOUR)
        assert next_status(made(None, shown=NOW), Result(), NOW).expires_at is None
