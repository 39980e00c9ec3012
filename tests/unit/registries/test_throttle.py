"""Patience per endpoint after a 429."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.registries.throttle import LONGEST_HOLD, SHORTEST_HOLD, Throttle

HUB, MIRROR = "https://huggingface.co", "https://mirror.example"


class Time:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def throttle(time: Time) -> Throttle:
    return Throttle(time)


def test_nobody_is_held_at_first(throttle: Throttle) -> None:
    assert throttle.seconds_left(HUB) == 0


def test_an_endpoint_is_held_as_long_as_it_asked_for(throttle: Throttle, time: Time) -> None:
    assert throttle.hold(HUB, 30) == 30
    assert throttle.seconds_left(HUB) == 30
    time.seconds += 29
    assert throttle.seconds_left(HUB) == 1
    time.seconds += 1
    assert throttle.seconds_left(HUB) == 0
    time.seconds += 1000
    assert throttle.seconds_left(HUB) == 0


def test_other_endpoints_are_not(throttle: Throttle) -> None:
    throttle.hold(HUB, 30)
    assert throttle.seconds_left(MIRROR) == 0


@pytest.mark.parametrize(("asked", "taken"), [(0, SHORTEST_HOLD), (-5, SHORTEST_HOLD), (1e9, LONGEST_HOLD)])
def test_no_server_makes_us_hammer_it_or_silences_us_for_ever(throttle: Throttle, asked: float, taken: float) -> None:
    assert throttle.hold(HUB, asked) == taken
    assert throttle.seconds_left(HUB) == taken


def test_a_later_answer_never_shortens_the_pause(throttle: Throttle, time: Time) -> None:
    throttle.hold(HUB, 100)
    throttle.hold(HUB, 5)
    assert throttle.seconds_left(HUB) == 100
    time.seconds += 60
    throttle.hold(HUB, 50)
    assert throttle.seconds_left(HUB) == 50


HOLDS = st.lists(st.tuples(st.sampled_from([HUB, MIRROR]), st.floats(-10, 5000), st.floats(0, 100)), max_size=8)


@given(HOLDS)
def test_each_endpoint_is_held_until_the_latest_moment_that_it_named(holds: list[tuple[str, float, float]]) -> None:
    time = Time()
    throttle = Throttle(time)
    until = {HUB: 0.0, MIRROR: 0.0}
    for endpoint, asked, pause in holds:
        taken = throttle.hold(endpoint, asked)
        assert SHORTEST_HOLD <= taken <= LONGEST_HOLD
        until[endpoint] = max(until[endpoint], time.seconds + taken)
        time.seconds += pause
    for endpoint, moment in until.items():
        assert throttle.seconds_left(endpoint) == max(0.0, moment - time.seconds)
