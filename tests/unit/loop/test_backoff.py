"""Pauses after failures, and the memory of what was refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.loop.backoff import Backoff, Refusals
from tests.unit.loop.fakes import FakeClock, key

A, B = key("a"), key("b")
FIRSTS = st.floats(0.001, 100)
LONGESTS = st.floats(100, 10_000)
FAILURES = st.integers(1, 10**9)


class TestBackoff:
    def test_each_pause_is_twice_the_one_before_up_to_the_longest(self) -> None:
        backoff = Backoff(first=2, longest=20)
        assert [backoff.delay(n, lambda: 1.0) for n in range(1, 7)] == [2, 4, 8, 16, 20, 20]

    @given(FIRSTS, LONGESTS, FAILURES, st.floats(0, 1, exclude_max=True))
    def test_half_of_a_pause_is_fixed_and_none_exceeds_the_longest(
        self, first: float, longest: float, failures: int, unit: float
    ) -> None:
        backoff = Backoff(first, longest)
        full = backoff.delay(failures, lambda: 1.0)
        assert full / 2 <= backoff.delay(failures, lambda: unit) <= full <= longest

    def test_keys_that_failed_together_do_not_come_back_together(self) -> None:
        backoff = Backoff(first=60, longest=60)
        assert len({backoff.delay(1) for _ in range(20)}) == 20


class Refused(Exception):
    pass


NO, STILL_NO = Refused("no"), Refused("still no")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def refusals(clock: FakeClock) -> Refusals[Refused]:
    return Refusals(clock)


class TestRefusals:
    def test_nothing_is_held_at_first(self, refusals: Refusals[Refused]) -> None:
        assert refusals.holding(A, 1) is None

    def test_what_was_refused_is_held_with_its_error_until_its_time(
        self, refusals: Refusals[Refused], clock: FakeClock
    ) -> None:
        assert refusals.record(A, 1, NO, lambda failures: 10) == 10
        clock.advance(4)
        assert refusals.holding(A, 1) == (NO, 6)
        clock.advance(6)
        assert refusals.holding(A, 1) is None

    def test_it_stands_even_when_it_is_time_to_try_again(self, refusals: Refusals[Refused], clock: FakeClock) -> None:
        refusals.record(A, 1, NO, lambda failures: 10)
        clock.advance(10)
        assert refusals.standing(A, 1) == NO
        assert (refusals.standing(A, 2), refusals.standing(B, 1)) == (None, None)
        refusals.clear(A)
        assert refusals.standing(A, 1) is None

    def test_changed_circumstances_permit_a_try_at_once(self, refusals: Refusals[Refused]) -> None:
        refusals.record(A, 1, NO, lambda failures: 10)
        assert refusals.holding(A, 2) is None

    def test_other_objects_are_not_held(self, refusals: Refusals[Refused]) -> None:
        refusals.record(A, 1, NO, lambda failures: 10)
        assert refusals.holding(B, 1) is None

    def test_failures_count_on_under_the_same_circumstances_and_anew_under_others(
        self, refusals: Refusals[Refused]
    ) -> None:
        taken = [refusals.record(A, circumstances, NO, float) for circumstances in (1, 1, 1, 2, 2, 1)]
        assert taken == [1, 2, 3, 1, 2, 1]

    def test_failures_are_counted_for_each_object(self, refusals: Refusals[Refused]) -> None:
        assert [refusals.record(k, 1, NO, float) for k in (A, B, A, B)] == [1, 1, 2, 2]

    def test_the_latest_error_is_the_one_that_counts(self, refusals: Refusals[Refused]) -> None:
        refusals.record(A, 1, NO, lambda failures: 10)
        refusals.record(A, 1, STILL_NO, lambda failures: 20)
        assert refusals.holding(A, 1) == (STILL_NO, 20)

    def test_a_success_clears_the_memory(self, refusals: Refusals[Refused]) -> None:
        refusals.record(A, 1, NO, float)
        refusals.clear(A)
        refusals.clear(B)
        assert refusals.holding(A, 1) is None
        assert refusals.record(A, 1, NO, float) == 1
