"""Shared answers: one request for all who ask, remembered as long as each of them accepts."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from slipway.domain.errors import NotFound, OutsideError
from slipway.registries.lookups import SharedLookups
from tests.unit.loop.fakes import FakeClock, until


class Registry:
    """Answers with the number of the question, when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.ended = 0
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def fetch(self) -> int:
        self.asked += 1
        number = self.asked
        try:
            await self.open.wait()
            if self.error:
                raise self.error
            return number
        finally:
            self.ended += 1


class Bench:
    def __init__(self, size: int = 100) -> None:
        self.registry, self.clock = Registry(), FakeClock()
        self.lookups: SharedLookups[str, int] = SharedLookups(size=size, clock=self.clock.monotonic)

    async def get(self, key: str = "main", *, max_age: float = 60) -> int:
        return await self.lookups.get(key, self.registry.fetch, max_age=max_age)

    def asking(self, key: str = "main", *, max_age: float = 60) -> "asyncio.Task[int]":
        return asyncio.ensure_future(self.get(key, max_age=max_age))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    made.registry.open.set()
    await made.lookups.close()


class TestCache:
    async def test_an_answer_is_shared_until_it_is_too_old_for_the_one_who_asks(self, bench: Bench) -> None:
        assert await bench.get() == 1
        bench.clock.advance(59)
        assert await bench.get() == 1
        assert await bench.get(max_age=59) == 2
        bench.clock.advance(60)
        assert await bench.get() == 3

    async def test_no_age_at_all_means_a_fresh_answer(self, bench: Bench) -> None:
        assert [await bench.get(max_age=0) for _ in range(3)] == [1, 2, 3]

    async def test_age_counts_from_the_question(self, bench: Bench) -> None:
        bench.registry.open.clear()
        asking = bench.asking()
        await until(lambda: bench.registry.asked)
        bench.clock.advance(50)
        bench.registry.open.set()
        assert await asking == 1
        bench.clock.advance(10)
        assert await bench.get() == 2

    async def test_other_questions_have_other_answers(self, bench: Bench) -> None:
        assert [await bench.get(key) for key in ("main", "dev", "main", "dev")] == [1, 2, 1, 2]

    async def test_what_was_not_asked_for_longest_is_forgotten_first(self) -> None:
        bench = Bench(size=2)
        for key in ("a", "b", "a", "c"):
            await bench.get(key)
        assert [await bench.get(key) for key in ("a", "c", "b")] == [1, 3, 4]

    async def test_an_error_is_not_remembered(self, bench: Bench) -> None:
        bench.registry.error = NotFound("RepositoryNotFound", "check the spelling")
        with pytest.raises(NotFound):
            await bench.get()
        bench.registry.error = None
        assert await bench.get() == 2

    async def test_an_error_leaves_the_older_answer_for_those_who_accept_it(self, bench: Bench) -> None:
        await bench.get()
        bench.registry.error = NotFound("RepositoryNotFound", "check the spelling")
        with pytest.raises(NotFound):
            await bench.get(max_age=0)
        assert await bench.get() == 1


class TestSingleFlight:
    async def test_all_who_ask_meanwhile_share_one_request(self, bench: Bench) -> None:
        bench.registry.open.clear()
        asking = [bench.asking(max_age=0) for _ in range(100)]
        await until(lambda: bench.registry.asked)
        bench.registry.open.set()
        assert await asyncio.gather(*asking) == [1] * 100

    async def test_its_error_reaches_all_of_them_as_a_copy_of_their_own(self, bench: Bench) -> None:
        bench.registry.error = NotFound("RepositoryNotFound", "check the spelling")
        found = await asyncio.gather(*(bench.get() for _ in range(3)), return_exceptions=True)
        assert bench.registry.asked == 1
        assert [str(error) for error in found] == ["RepositoryNotFound: check the spelling"] * 3
        assert len({id(error) for error in found}) == 3
        assert all(isinstance(error, OutsideError) for error in found)

    async def test_a_defect_reaches_them_too(self, bench: Bench) -> None:
        bench.registry.error = ZeroDivisionError("a defect")
        with pytest.raises(ZeroDivisionError):
            await bench.get()

    async def test_who_gives_up_waiting_leaves_the_request_to_the_others(self, bench: Bench) -> None:
        bench.registry.open.clear()
        impatient, patient = bench.asking(), bench.asking()
        await until(lambda: bench.registry.asked)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        bench.registry.open.set()
        assert await patient == 1
        assert impatient.cancelled()

    async def test_a_request_that_nobody_waits_for_any_more_still_answers_the_next(self, bench: Bench) -> None:
        bench.registry.open.clear()
        asking = bench.asking()
        await until(lambda: bench.registry.asked)
        asking.cancel()
        bench.registry.open.set()
        await until(lambda: bench.registry.ended)
        assert await bench.get() == 1

    async def test_closing_ends_what_is_in_flight(self, bench: Bench) -> None:
        bench.registry.open.clear()
        asking = bench.asking()
        await until(lambda: bench.registry.asked)
        async with asyncio.timeout(5):
            await bench.lookups.close()
        assert bench.registry.ended == 1
        await asyncio.gather(asking, return_exceptions=True)
        assert asking.cancelled()
