"""Passes over the queue: side by side, one a key, and none of them able to stop the others."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from slipway.loop.backoff import Backoff
from slipway.loop.keys import Key
from slipway.loop.queue import WorkQueue
from slipway.loop.workers import Reconcile, Workers
from tests.unit.loop.fakes import key, until

A, B, C = key("a"), key("b"), key("c")
SOON = Backoff(first=0.001, longest=0.001)
LATER = Backoff(first=3600, longest=3600)


class Defects:
    def __init__(self) -> None:
        self.seen: list[tuple[Key, Exception]] = []

    async def note(self, failed: Key, defect: Exception) -> None:
        self.seen.append((failed, defect))


@asynccontextmanager
async def working(
    queue: WorkQueue,
    reconcile: Reconcile,
    *,
    count: int = 2,
    on_defect: Callable[[Key, Exception], Awaitable[None]] | None = None,
    backoff: Backoff = LATER,
    limit: float = 60.0,
) -> AsyncIterator[None]:
    workers = Workers(queue, reconcile, on_defect=on_defect or Defects().note, backoff=backoff, timeout=limit)
    running = asyncio.create_task(workers.run(count))
    try:
        async with asyncio.timeout(5):
            yield
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def settled(queue: WorkQueue) -> None:
    """Until nothing is due or in work."""
    await asyncio.sleep(0)
    await until(lambda: queue.is_idle)


async def test_as_many_passes_run_side_by_side_as_there_are_workers_and_no_more() -> None:
    queue, running, most, gate = WorkQueue(), 0, 0, asyncio.Event()

    async def reconcile(_: Key) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1

    for number in range(10):
        queue.add(key(str(number)))
    async with working(queue, reconcile, count=3):
        await until(lambda: queue.in_work == 3)
        gate.set()
        await settled(queue)
    assert most == 3


async def test_one_object_is_never_worked_on_twice_at_the_same_time() -> None:
    queue, passes, running, most = WorkQueue(), Counter[Key](), Counter[Key](), 0

    async def reconcile(found: Key) -> None:
        nonlocal most
        running[found] += 1
        most = max(most, running[found])
        if passes[found] < 3:
            queue.add(found)
        await asyncio.sleep(0)
        passes[found] += 1
        running[found] -= 1

    for added in (A, B):
        queue.add(added)
    async with working(queue, reconcile, count=5):
        await settled(queue)
    assert most == 1
    assert passes == {A: 4, B: 4}


async def test_a_change_during_a_pass_brings_another_pass() -> None:
    queue, seen, gate = WorkQueue(), list[str](), asyncio.Event()
    state = "old"

    async def reconcile(_: Key) -> None:
        seen.append(state)
        await gate.wait()

    queue.add(A)
    async with working(queue, reconcile):
        await until(lambda: seen)
        state = "new"
        queue.add(A)
        gate.set()
        await settled(queue)
    assert seen == ["old", "new"]


async def test_a_pass_that_asks_for_another_one_gets_it() -> None:
    queue, wishes, over = WorkQueue(), [0.001, 0, None], asyncio.Event()

    async def reconcile(_: Key) -> float | None:
        wish = wishes.pop(0)
        if not wishes:
            over.set()
        return wish

    queue.add(A)
    async with working(queue, reconcile):
        await over.wait()
        await settled(queue)
    assert wishes == []


class TestFailures:
    async def test_a_failing_pass_does_not_stop_other_objects(self) -> None:
        queue, done, defects = WorkQueue(), list[Key](), Defects()

        async def reconcile(found: Key) -> None:
            if found == A:
                raise ValueError("a defect")
            done.append(found)

        for added in (A, B, C):
            queue.add(added)
        async with working(queue, reconcile, count=1, on_defect=defects.note):
            await settled(queue)
        assert done == [B, C]
        assert [(failed, str(defect)) for failed, defect in defects.seen] == [(A, "a defect")]

    async def test_it_is_tried_again_until_it_works(self) -> None:
        queue, results, worked = WorkQueue(), iter([False, False, True]), asyncio.Event()

        async def reconcile(_: Key) -> None:
            if not next(results):
                raise ValueError
            worked.set()

        queue.add(A)
        async with working(queue, reconcile, backoff=SOON):
            await worked.wait()

    async def test_it_is_not_tried_again_before_its_time(self) -> None:
        queue, passes = WorkQueue(), Counter[Key]()

        async def reconcile(found: Key) -> None:
            passes[found] += 1
            raise ValueError

        queue.add(A)
        async with working(queue, reconcile, backoff=LATER):
            await settled(queue)
        assert passes[A] == 1

    async def test_the_pauses_grow_with_each_failure_in_a_row_and_a_success_starts_anew(self) -> None:
        class Recorded(Backoff):
            def delay(self, failures: int, random_unit: Callable[[], float] = lambda: 0.0) -> float:
                asked.append(failures)
                return 0

        asked: list[int] = []
        queue, results, over = WorkQueue(), iter([False, False, True, False, True]), asyncio.Event()

        async def reconcile(_: Key) -> float | None:
            if not next(results):
                raise ValueError
            if len(asked) == 3:
                over.set()
                return None
            return 0

        queue.add(A)
        async with working(queue, reconcile, backoff=Recorded(0, 0)):
            await over.wait()
        assert asked == [1, 2, 1]

    async def test_a_pass_that_takes_too_long_is_cancelled_and_reported(self) -> None:
        queue, defects, cancelled, done = WorkQueue(), Defects(), asyncio.Event(), asyncio.Event()

        async def reconcile(found: Key) -> None:
            if found == B:
                done.set()
                return
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

        queue.add(A)
        queue.add(B)
        async with working(queue, reconcile, count=1, on_defect=defects.note, limit=0.001):
            await cancelled.wait()
            await done.wait()
        assert [(failed, type(defect)) for failed, defect in defects.seen] == [(A, TimeoutError)]

    async def test_at_the_end_every_pass_is_cancelled_and_every_key_given_back(self) -> None:
        queue, cancelled = WorkQueue(), Counter[Key]()

        async def reconcile(found: Key) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled[found] += 1
                raise

        queue.add(A)
        queue.add(B)
        async with working(queue, reconcile):
            await until(lambda: queue.in_work == 2)
        assert cancelled == {A: 1, B: 1}
        assert queue.in_work == 0
