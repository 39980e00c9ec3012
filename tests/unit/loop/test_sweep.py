"""The comparison with a fresh list: what a watch missed, what was deleted, and whether a watch is deaf."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest

from slipway.domain.errors import OutsideError, Transient
from slipway.loop.keys import Key
from slipway.loop.store import Object, Store
from slipway.loop.sweep import Sweeper
from tests.unit.loop.fakes import FakeClock, key, stored, until

A, B, C = key("a"), key("b"), key("c")
DOWN = Transient("ApiServerUnreachable", "no answer")


class Cluster:
    """A list of objects, and what befalls somebody who asks for it."""

    def __init__(self) -> None:
        self.objects: dict[str, list[Object]] = {"Deployment": [], "ModelVersion": []}
        self.fails: set[tuple[str, str | None]] = set()
        self.meanwhile: Callable[[], Any] = lambda: None
        self.listed = 0

    async def each(self, kind: str, namespace: str | None) -> AsyncIterator[Object]:
        page = [raw for raw in self.objects[kind] if namespace in (None, raw["metadata"]["namespace"])]
        await asyncio.sleep(0)
        self.listed += 1
        self.meanwhile()
        for raw in page:
            yield raw
        if (kind, namespace) in self.fails:
            raise DOWN


class Bench:
    def __init__(self, namespaces: tuple[str, ...] = (), interval: float = 3600) -> None:
        self.cluster, self.store, self.clock = Cluster(), Store(), FakeClock()
        self.missed: list[tuple[str, int]] = []
        self.failures: list[OutsideError] = []
        self.sweeper = Sweeper(
            self.store,
            self.cluster.each,
            self.clock,
            kinds=("Deployment", "ModelVersion"),
            namespaces=namespaces,
            interval=interval,
            on_missed=lambda kind, number: self.missed.append((kind, number)),
            on_failure=self.failures.append,
        )

    def know(self, *known: Key) -> None:
        for one in known:
            self.store.put(one, stored(one.name, namespace=one.namespace))

    def exist(self, *objects: Object) -> None:
        self.cluster.objects["Deployment"] = [*objects]

    def holds(self, version: int) -> bool:
        return self.store.get(A) == stored("a", version)

    def known(self) -> set[Key]:
        return {*self.store.uids("Deployment"), *self.store.uids("ModelVersion")}


@pytest.fixture
def bench() -> Bench:
    return Bench()


class TestSweep:
    async def test_where_nothing_was_missed_nothing_changes(self, bench: Bench) -> None:
        bench.know(A, B)
        bench.exist(stored("a"), stored("b"))
        changed = list[Key]()
        bench.store.on_change(changed.append)
        await bench.sweeper.sweep()
        assert (changed, bench.missed) == ([], [])

    async def test_what_a_watch_missed_is_found(self, bench: Bench) -> None:
        bench.know(A, B)
        bench.exist(stored("a"), stored("b", 2), stored("c"))
        await bench.sweeper.sweep()
        assert bench.known() == {A, B, C}
        assert bench.store.get(B) == stored("b", 2)
        assert bench.missed == [("Deployment", 2)]

    async def test_what_was_deleted_is_forgotten(self, bench: Bench) -> None:
        bench.know(A, B)
        bench.exist(stored("a"))
        await bench.sweeper.sweep()
        assert bench.known() == {A}
        assert bench.missed == [("Deployment", 1)]

    async def test_what_was_deleted_and_made_anew_is_replaced(self, bench: Bench) -> None:
        bench.know(A)
        bench.exist(stored("a", 5, uid="another"))
        await bench.sweeper.sweep()
        assert bench.store.get(A) == stored("a", 5, uid="another")

    async def test_each_kind_is_swept_on_its_own(self, bench: Bench) -> None:
        same_name = key("a", "ModelVersion")
        bench.know(A, same_name)
        bench.exist(stored("a"))
        await bench.sweeper.sweep()
        assert bench.known() == {A}
        assert bench.missed == [("ModelVersion", 1)]

    async def test_what_the_watch_brings_during_the_sweep_is_neither_lost_nor_made_older(self, bench: Bench) -> None:
        bench.know(A)
        bench.exist(stored("a"))

        def meanwhile() -> None:
            bench.store.put(A, stored("a", 7))
            bench.store.put(B, stored("b"))

        bench.cluster.meanwhile = meanwhile
        await bench.sweeper.sweep()
        assert bench.store.get(A) == stored("a", 7)
        assert bench.known() == {A, B}
        assert bench.missed == []

    async def test_an_object_made_anew_during_the_sweep_stays(self, bench: Bench) -> None:
        bench.know(A)

        def meanwhile() -> None:
            bench.store.discard(A)
            bench.store.put(A, stored("a", 9, uid="another"))

        bench.cluster.meanwhile = meanwhile
        await bench.sweeper.sweep()
        assert bench.store.get(A) == stored("a", 9, uid="another")

    async def test_a_list_that_breaks_off_deletes_nothing(self, bench: Bench) -> None:
        bench.know(A, B)
        bench.exist(stored("a"))
        bench.cluster.fails.add(("Deployment", None))
        with pytest.raises(Transient):
            await bench.sweeper.sweep()
        assert bench.known() == {A, B}


class TestNamespaces:
    async def test_only_the_watched_ones_are_listed(self) -> None:
        bench = Bench(("ml", "lab"))
        bench.exist(stored("a"), stored("b", namespace="lab"), stored("c", namespace="other"))
        await bench.sweeper.sweep()
        assert bench.known() == {A, key("b", namespace="lab")}

    async def test_an_object_of_the_second_namespace_is_not_taken_for_deleted(self) -> None:
        bench = Bench(("ml", "lab"))
        bench.know(A, key("b", namespace="lab"))
        bench.exist(stored("a"), stored("b", namespace="lab"))
        await bench.sweeper.sweep()
        assert bench.missed == []

    async def test_one_that_cannot_be_listed_keeps_all_from_being_taken_for_deleted(self) -> None:
        bench = Bench(("ml", "lab"))
        bench.know(A, key("b", namespace="lab"))
        bench.cluster.fails.add(("Deployment", "lab"))
        with pytest.raises(Transient):
            await bench.sweeper.sweep()
        assert bench.known() == {A, key("b", namespace="lab")}


class TestAge:
    async def test_it_counts_from_the_start_and_then_from_the_last_success(self, bench: Bench) -> None:
        bench.clock.advance(30)
        assert bench.sweeper.age() == 30
        await bench.sweeper.sweep()
        bench.clock.advance(5)
        assert bench.sweeper.age() == 5

    async def test_half_a_sweep_is_no_success(self, bench: Bench) -> None:
        bench.cluster.fails.add(("ModelVersion", None))
        bench.clock.advance(30)
        with pytest.raises(Transient):
            await bench.sweeper.sweep()
        assert bench.sweeper.age() == 30


class TestDeafness:
    async def change_and_sweep(self, bench: Bench, version: int) -> None:
        bench.clock.advance(100)
        bench.exist(stored("a", version))
        await bench.sweeper.sweep()

    async def test_a_watch_that_missed_something_once_is_not_called_deaf(self, bench: Bench) -> None:
        await self.change_and_sweep(bench, 1)
        assert bench.sweeper.deaf() == frozenset()

    async def test_one_that_misses_things_twice_and_brings_nothing_in_between_is(self, bench: Bench) -> None:
        await self.change_and_sweep(bench, 1)
        await self.change_and_sweep(bench, 2)
        assert bench.sweeper.deaf() == {"Deployment"}

    async def test_one_that_brought_something_in_between_is_not(self, bench: Bench) -> None:
        await self.change_and_sweep(bench, 1)
        bench.clock.advance(50)
        bench.sweeper.watch_event("Deployment")
        await self.change_and_sweep(bench, 2)
        assert bench.sweeper.deaf() == frozenset()

    async def test_what_another_kind_brings_does_not_count(self, bench: Bench) -> None:
        await self.change_and_sweep(bench, 1)
        bench.clock.advance(50)
        bench.sweeper.watch_event("ModelVersion")
        await self.change_and_sweep(bench, 2)
        assert bench.sweeper.deaf() == {"Deployment"}

    async def test_one_that_hears_again_is_deaf_no_more(self, bench: Bench) -> None:
        await self.change_and_sweep(bench, 1)
        await self.change_and_sweep(bench, 2)
        bench.sweeper.watch_event("Deployment")
        assert bench.sweeper.deaf() == frozenset()

    async def test_silence_without_changes_is_not_deafness(self, bench: Bench) -> None:
        await self.change_and_sweep(bench, 1)
        for _ in range(3):
            await self.change_and_sweep(bench, 1)
        assert bench.sweeper.deaf() == frozenset()


@contextlib.asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    task = asyncio.create_task(bench.sweeper.run())
    try:
        async with asyncio.timeout(5):
            yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class TestRun:
    async def test_watches_that_listed_anew_bring_one_sweep_soon(self, bench: Bench) -> None:
        bench.exist(stored("a"))
        async with running(bench):
            bench.sweeper.reconnected()
            bench.sweeper.reconnected()
            await until(bench.known)
            await asyncio.sleep(0.005)
        assert bench.cluster.listed == len(("Deployment", "ModelVersion"))

    async def test_without_a_reason_nothing_is_listed_before_the_interval_is_over(self, bench: Bench) -> None:
        bench.exist(stored("a"))
        async with running(bench):
            await asyncio.sleep(0.005)
        assert bench.known() == set()

    async def test_sweeps_come_again_and_again(self) -> None:
        bench = Bench(interval=0.001)
        async with running(bench):
            for version in (1, 2, 3):
                bench.exist(stored("a", version))
                await until(partial(bench.holds, version))

    async def test_a_failure_is_reported_and_the_next_sweep_comes_all_the_same(self) -> None:
        bench = Bench(interval=0.001)
        bench.cluster.fails.add(("ModelVersion", None))
        async with running(bench):
            await until(lambda: bench.failures)
            bench.cluster.fails.clear()
            bench.clock.advance(100)
            await until(lambda: bench.sweeper.age() == 0)
        assert bench.failures[0] == DOWN
