"""The keyed queue: what is handed out, to whom, and when."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from slipway.loop.keys import Key
from slipway.loop.queue import WorkQueue
from tests.unit.loop.fakes import FakeClock, key

A, B, C = key("a"), key("b"), key("c")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> WorkQueue:
    return WorkQueue(clock)


async def take(queue: WorkQueue) -> Key | None:
    """The next key, None if a worker would have to wait."""
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    if waiting.done():
        return waiting.result()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return None


async def drain(queue: WorkQueue) -> list[Key]:
    """Everything that is due, each key worked on to its end."""
    taken: list[Key] = []
    while (found := await take(queue)) and len(taken) < 10:
        taken.append(found)
        queue.done(found)
    return taken


async def test_keys_come_in_the_order_in_which_they_were_added(queue: WorkQueue) -> None:
    for added in (B, A, C):
        queue.add(added)
    assert await drain(queue) == [B, A, C]


async def test_a_key_that_is_added_often_waits_once(queue: WorkQueue) -> None:
    for added in (A, B, A, A):
        queue.add(added)
    assert queue.depth == 2
    assert await drain(queue) == [A, B]


async def test_a_key_in_work_is_not_handed_to_a_second_worker(queue: WorkQueue) -> None:
    queue.add(A)
    assert await take(queue) == A
    queue.add(A)
    assert await take(queue) is None


async def test_a_key_added_while_in_work_comes_again_once(queue: WorkQueue) -> None:
    queue.add(A)
    await take(queue)
    queue.add(A)
    queue.add(A)
    queue.done(A)
    assert await drain(queue) == [A]


async def test_a_key_that_was_not_added_again_does_not_come_again(queue: WorkQueue) -> None:
    queue.add(A)
    assert await drain(queue) == [A]
    assert await take(queue) is None


async def test_a_key_that_keeps_coming_again_lets_the_others_pass(queue: WorkQueue) -> None:
    for added in (A, B, C):
        queue.add(added)
    order = []
    for _ in range(6):
        found = await take(queue)
        assert found
        order.append(found)
        queue.add(found)
        queue.done(found)
    assert order == [A, B, C, A, B, C]


async def test_a_waiting_worker_gets_the_key_as_soon_as_it_is_added(queue: WorkQueue) -> None:
    waiting = [asyncio.ensure_future(queue.get()) for _ in range(2)]
    await asyncio.sleep(0)
    queue.add(A)
    queue.add(B)
    async with asyncio.timeout(5):
        assert {await worker for worker in waiting} == {A, B}


async def test_a_worker_that_gives_up_waiting_takes_no_key_with_it(queue: WorkQueue) -> None:
    assert await take(queue) is None
    queue.add(A)
    assert await take(queue) == A


class TestDelays:
    async def test_a_delayed_key_comes_when_its_time_has_come(self, queue: WorkQueue, clock: FakeClock) -> None:
        queue.add_after(A, 10)
        clock.advance(9.9)
        assert await take(queue) is None
        clock.advance(0.1)
        assert await take(queue) == A

    @pytest.mark.parametrize("delays", [(10, 5), (5, 10), (5, 10, 7)])
    async def test_the_earliest_time_wins_and_the_others_are_void(
        self, queue: WorkQueue, clock: FakeClock, delays: tuple[float, ...]
    ) -> None:
        for delay in delays:
            queue.add_after(A, delay)
        clock.advance(5)
        assert await drain(queue) == [A]
        clock.advance(100)
        assert await drain(queue) == []

    async def test_delayed_keys_come_in_the_order_of_their_times(self, queue: WorkQueue, clock: FakeClock) -> None:
        for delayed, delay in ((A, 3), (B, 1), (C, 2)):
            queue.add_after(delayed, delay)
        clock.advance(5)
        assert await drain(queue) == [B, C, A]

    async def test_an_earlier_hand_out_replaces_the_delayed_one(self, queue: WorkQueue, clock: FakeClock) -> None:
        queue.add_after(A, 5)
        queue.add(A)
        assert await drain(queue) == [A]
        clock.advance(100)
        assert await drain(queue) == []

    async def test_a_delay_asked_for_after_a_replaced_one_holds(self, queue: WorkQueue, clock: FakeClock) -> None:
        queue.add_after(A, 5)
        queue.add(A)
        await drain(queue)
        queue.add_after(A, 8)
        clock.advance(5)
        assert await drain(queue) == []
        clock.advance(3)
        assert await drain(queue) == [A]

    async def test_a_key_that_is_due_already_needs_no_later_hand_out(self, queue: WorkQueue, clock: FakeClock) -> None:
        queue.add(A)
        queue.add_after(A, 5)
        assert await drain(queue) == [A]
        clock.advance(100)
        assert await drain(queue) == []

    async def test_a_delay_that_ends_while_the_key_is_in_work_waits_for_the_worker(
        self, queue: WorkQueue, clock: FakeClock
    ) -> None:
        queue.add(A)
        await take(queue)
        queue.add_after(A, 5)
        clock.advance(5)
        assert await take(queue) is None
        queue.done(A)
        assert await drain(queue) == [A]

    @pytest.mark.parametrize("delay", [0, -1])
    async def test_no_delay_means_at_once(self, queue: WorkQueue, delay: float) -> None:
        queue.add_after(A, delay)
        assert await take(queue) == A

    async def test_a_forgotten_key_does_not_come(self, queue: WorkQueue, clock: FakeClock) -> None:
        queue.add_after(A, 5)
        queue.add_after(B, 6)
        queue.forget(A)
        clock.advance(10)
        assert await drain(queue) == [B]

    async def test_a_waiting_worker_wakes_for_a_delay_shorter_than_the_one_it_waits_for(self) -> None:
        queue = WorkQueue()
        queue.add_after(A, 3600)
        waiting = asyncio.ensure_future(queue.get())
        await asyncio.sleep(0)
        queue.add_after(B, 0.001)
        async with asyncio.timeout(5):
            assert await waiting == B


class TestFigures:
    async def test_the_oldest_due_key_tells_how_long_it_has_waited(self, queue: WorkQueue, clock: FakeClock) -> None:
        assert queue.longest_wait() == 0
        queue.add(A)
        clock.advance(2)
        queue.add(B)
        clock.advance(3)
        assert queue.longest_wait() == 5
        await take(queue)
        assert queue.longest_wait() == 3

    async def test_adding_a_key_again_does_not_make_it_younger(self, queue: WorkQueue, clock: FakeClock) -> None:
        queue.add(A)
        clock.advance(5)
        queue.add(A)
        assert queue.longest_wait() == 5

    async def test_the_oldest_key_in_work_tells_how_long_it_takes(self, queue: WorkQueue, clock: FakeClock) -> None:
        assert queue.longest_work() == 0
        queue.add(A)
        queue.add(B)
        await take(queue)
        clock.advance(2)
        await take(queue)
        clock.advance(3)
        assert (queue.longest_work(), queue.in_work) == (5, 2)
        queue.done(A)
        assert (queue.longest_work(), queue.in_work) == (3, 1)

    async def test_a_queue_is_idle_when_nothing_is_due_or_in_work(self, queue: WorkQueue) -> None:
        queue.add_after(B, 5)
        assert queue.is_idle
        queue.add(A)
        assert not queue.is_idle
        await take(queue)
        assert not queue.is_idle
        queue.done(A)
        assert queue.is_idle


KEYS = st.sampled_from([A, B, C])


class QueueIsLikeItsModel(RuleBasedStateMachine):
    """Any sequence of calls, beside lists and dictionaries that say plainly what should happen."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FakeClock()
        self.queue = WorkQueue(self.clock)
        self.due: list[Key] = []
        self.in_work: list[Key] = []
        self.again: set[Key] = set()
        self.delayed: dict[Key, tuple[float, int]] = {}
        self.calls = 0

    def teardown(self) -> None:
        self.loop.close()

    def expect_soon(self, added: Key) -> None:
        self.delayed.pop(added, None)
        if added in self.in_work:
            self.again.add(added)
        elif added not in self.due:
            self.due.append(added)

    def expected(self) -> Iterator[Key]:
        for at, _, delayed in sorted((at, order, delayed) for delayed, (at, order) in self.delayed.items()):
            if at <= self.clock.seconds:
                self.expect_soon(delayed)
        yield from self.due

    @rule(added=KEYS)
    def add(self, added: Key) -> None:
        self.queue.add(added)
        self.expect_soon(added)

    @rule(delayed=KEYS, delay=st.integers(1, 5))
    def add_after(self, delayed: Key, delay: int) -> None:
        self.queue.add_after(delayed, delay)
        self.calls += 1
        at = self.clock.seconds + delay
        if delayed not in self.due and delayed not in self.again:
            self.delayed[delayed] = min(self.delayed.get(delayed, (at, self.calls)), (at, self.calls))

    @rule(seconds=st.integers(1, 3))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule()
    def take(self) -> None:
        found = self.loop.run_until_complete(take(self.queue))
        assert found == next(self.expected(), None)
        if found:
            assert found not in self.in_work
            self.due.remove(found)
            self.in_work.append(found)

    @precondition(lambda self: self.in_work)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        finished = data.draw(st.sampled_from(self.in_work))
        self.queue.done(finished)
        self.in_work.remove(finished)
        if finished in self.again:
            self.again.remove(finished)
            self.expect_soon(finished)

    @rule(gone=KEYS)
    def forget(self, gone: Key) -> None:
        self.queue.forget(gone)
        self.delayed.pop(gone, None)

    @invariant()
    def figures_agree(self) -> None:
        assert (self.queue.depth, self.queue.in_work) == (len(self.due), len(self.in_work))


TestAnySequenceOfCalls = QueueIsLikeItsModel.TestCase
