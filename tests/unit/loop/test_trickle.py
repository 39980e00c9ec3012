"""A pace without bursts, on virtual time."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from slipway.loop.trickle import Trickle
from tests.unit.loop.fakes import FakeClock


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.clock = FakeClock(0.0)

    async def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)


@given(st.floats(0.01, 100), st.lists(st.tuples(st.floats(0, 500), st.integers(1, 3)), min_size=1, max_size=30))
async def test_however_it_is_asked_the_calls_of_each_turn_are_paid_for(
    spacing: float, turns: list[tuple[float, int]]
) -> None:
    """Each turn: the idle time before it, and its number of calls. Saved-up time makes no burst."""
    time = Time()
    trickle, before = Trickle(spacing, time.clock, time.sleep), None
    for idle, calls in turns:
        time.clock.advance(idle)
        await trickle.turn(calls)
        now = time.clock.monotonic()
        if before is not None:
            began, cost = before
            assert now - began >= cost - 1e-6
        before = now, calls * spacing


async def test_the_first_turn_is_at_once_and_a_late_one_does_not_wait() -> None:
    time = Time()
    trickle = Trickle(10.0, time.clock, time.sleep)
    await trickle.turn()
    assert time.clock.monotonic() == 0.0
    time.clock.advance(25.0)
    await trickle.turn()
    assert time.clock.monotonic() == 25.0


async def test_those_who_wait_together_go_one_after_the_other() -> None:
    clock, woken = FakeClock(0.0), list[float]()

    async def sleep(seconds: float) -> None:
        woken.append(seconds)

    trickle = Trickle(10.0, clock, sleep)
    await asyncio.gather(*(trickle.turn() for _ in range(4)))
    assert woken == [10.0, 20.0, 30.0]
