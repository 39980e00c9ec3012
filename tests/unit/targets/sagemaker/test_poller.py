"""The shared poller of a region: what it shows, and whom it wakes."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from slipway.domain.errors import OutsideError, RateLimited, Rejected, Transient
from slipway.domain.sagemaker.observation import EndpointState, EndpointSummary
from slipway.targets.sagemaker.clients import AwsSession
from slipway.targets.sagemaker.poller import EndpointPoller
from tests.unit.loop.fakes import until

REGION = "eu-central-1"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class Endpoints:
    """What ListEndpoints would answer."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, datetime]] = {}
        self.error: OutsideError | None = None
        self.page = 2
        self.looks = 0
        self.sweeps = 0

    def put(self, name: str, state: str = "InService", modified: datetime | None = None) -> None:
        self.rows[name] = (state, modified or datetime.now(UTC))

    async def call(self, service: str, region: str, operation: str, **asked: Any) -> dict[str, Any]:
        assert (service, region, operation) == ("sagemaker", REGION, "list_endpoints")
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        after, start = asked.get("LastModifiedTimeAfter"), int(asked.get("NextToken", 0))
        if not start:
            self.looks += after is not None
            self.sweeps += after is None
        names = [name for name, (_, modified) in sorted(self.rows.items()) if after is None or modified > after]
        rows = [self.row(name) for name in names[start : start + self.page]]
        more = {"NextToken": str(start + self.page)} if start + self.page < len(names) else {}
        return {"Endpoints": rows, **more}

    def row(self, name: str) -> dict[str, Any]:
        state, modified = self.rows[name]
        return {
            "EndpointName": name,
            "EndpointArn": f"arn:aws:sagemaker:{REGION}:123456789012:endpoint/{name.lower()}",
            "EndpointStatus": state,
            "CreationTime": LONG_AGO,
            "LastModifiedTime": modified,
        }


class Bench:
    def __init__(self) -> None:
        self.endpoints, self.woken = Endpoints(), list[str]()
        self.pollers: list[EndpointPoller] = []

    def poller(
        self,
        *,
        sweep_interval: float = 3600,
        interval: float = 0.001,
        wanted: Callable[[], bool] = lambda: True,
        ended: Callable[[], None] = lambda: None,
    ) -> EndpointPoller:
        made = EndpointPoller(
            cast(AwsSession, self.endpoints),
            REGION,
            wake=lambda region, name: self.woken.append(f"{region}/{name}"),
            interval=interval,
            sweep_interval=sweep_interval,
            wanted=wanted,
            ended=ended,
        )
        self.pollers.append(made)
        return made

    async def looked(self, times: int = 2) -> None:
        before = self.endpoints.looks + self.endpoints.sweeps
        await until(lambda: self.endpoints.looks + self.endpoints.sweeps >= before + times)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    for poller in made.pollers:
        await poller.close()


async def state_of(poller: EndpointPoller, name: str) -> str | None:
    summary = await poller.summary(name)
    return summary.state.value if summary else None


async def becomes(poller: EndpointPoller, name: str, state: str | None) -> None:
    async with asyncio.timeout(5):
        while await state_of(poller, name) != state:  # noqa: ASYNC110  # as in `until`
            await asyncio.sleep(0.0005)


class TestSummary:
    async def test_it_is_the_row_of_an_endpoint_however_its_name_is_written(self, bench: Bench) -> None:
        bench.endpoints.put("ML-Twin", modified=LONG_AGO)
        expected = EndpointSummary("ML-Twin", EndpointState.IN_SERVICE, "2026-01-01T00:00:00.000000+00:00")
        poller = bench.poller()
        assert await poller.summary("ml-twin") == expected
        assert await poller.summary("ML-TWIN") == expected

    async def test_of_an_endpoint_that_does_not_exist_there_is_none(self, bench: Bench) -> None:
        assert await bench.poller().summary("ml-twin") is None

    async def test_all_of_them_can_be_had_with_what_tells_one_from_its_successor(self, bench: Bench) -> None:
        bench.endpoints.put("ML-Twin", "Updating")
        bench.endpoints.put("other")
        rows = {row.name: row for row in await bench.poller().summaries()}
        assert set(rows) == {"ML-Twin", "other"}
        assert rows["ML-Twin"].state is EndpointState.UPDATING
        assert rows["ML-Twin"].arn.endswith(":endpoint/ml-twin")
        assert rows["ML-Twin"].created == "2026-01-01T00:00:00.000000+00:00"

    async def test_every_page_is_read(self, bench: Bench) -> None:
        for number in range(5):
            bench.endpoints.put(f"e{number}")
        poller = bench.poller()
        assert [await state_of(poller, f"e{number}") for number in range(5)] == ["InService"] * 5

    async def test_a_hundred_questions_at_the_start_share_one_list(self, bench: Bench) -> None:
        bench.endpoints.put("ml-twin")
        poller = bench.poller(interval=3600)
        answers = await asyncio.gather(*(poller.summary("ml-twin") for _ in range(100)))
        assert len({*answers}) == 1
        assert (bench.endpoints.sweeps, bench.endpoints.looks) == (1, 0)

    async def test_an_error_that_keeps_the_first_list_from_coming_is_raised_and_passes(self, bench: Bench) -> None:
        bench.endpoints.error = Rejected("AccessDenied", "add the permission")
        bench.endpoints.put("ml-twin")
        poller = bench.poller()
        with pytest.raises(Rejected, match="AccessDenied"):
            await poller.summary("ml-twin")
        bench.endpoints.error = None
        await until_it_works(poller)
        assert await state_of(poller, "ml-twin") == "InService"

    async def test_somebody_elses_endpoint_in_a_state_that_aws_has_just_invented_stops_nobody(
        self, bench: Bench
    ) -> None:
        bench.endpoints.put("foreign", "Hibernating")
        bench.endpoints.put("ml-twin")
        async with asyncio.timeout(0.2):
            assert await state_of(bench.poller(), "ml-twin") == "InService"

    async def test_a_later_error_leaves_what_was_seen(self, bench: Bench) -> None:
        bench.endpoints.put("ml-twin")
        poller = bench.poller()
        await poller.summary("ml-twin")
        bench.endpoints.error = RateLimited("AwsThrottled", "later", 0)
        await asyncio.sleep(0.005)
        assert await state_of(poller, "ml-twin") == "InService"


async def until_it_works(poller: EndpointPoller) -> None:
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(OutsideError):
                await poller.summary("any")
                return
            await asyncio.sleep(0.0005)


class TestStaleness:
    async def test_a_list_that_has_become_old_is_believed_no_more_and_everybody_learns_of_it(
        self, bench: Bench
    ) -> None:
        bench.endpoints.put("resting", modified=LONG_AGO)
        poller = bench.poller(sweep_interval=0.01)
        assert await state_of(poller, "resting") == "InService"
        bench.endpoints.error = Rejected("AccessDenied", "ListEndpoints: not authorized")
        await until(lambda: bench.woken == [f"{REGION}/resting"])
        with pytest.raises(Rejected, match="AccessDenied"):
            await poller.summary("resting")
        bench.endpoints.error = None
        async with asyncio.timeout(5):
            while True:
                with contextlib.suppress(Rejected):
                    assert await state_of(poller, "resting") == "InService"
                    break
                await asyncio.sleep(0.001)


class TestWaking:
    async def test_the_first_list_wakes_nobody(self, bench: Bench) -> None:
        bench.endpoints.put("ml-twin")
        await bench.poller().summary("ml-twin")
        await bench.looked()
        assert bench.woken == []

    async def test_what_has_changed_appeared_or_vanished_is_woken_once(self, bench: Bench) -> None:
        for name in ("changes", "stays", "vanishes"):
            bench.endpoints.put(name, modified=LONG_AGO)
        poller = bench.poller(sweep_interval=0.001)
        await poller.summary("stays")
        bench.endpoints.put("changes", "Updating")
        bench.endpoints.put("appears", "Creating")
        del bench.endpoints.rows["vanishes"]
        await becomes(poller, "vanishes", None)
        await bench.looked(4)
        assert sorted(bench.woken) == [f"{REGION}/{name}" for name in ("appears", "changes", "vanishes")]
        assert await state_of(poller, "changes") == "Updating"

    async def test_between_two_full_lists_only_what_was_modified_lately_is_asked_for(self, bench: Bench) -> None:
        bench.endpoints.put("old", modified=LONG_AGO)
        poller = bench.poller()
        await poller.summary("old")
        bench.endpoints.put("new", modified=datetime.now(UTC) - timedelta(seconds=30))
        await becomes(poller, "new", "InService")
        assert bench.woken == [f"{REGION}/new"]
        assert bench.endpoints.sweeps == 1

    async def test_what_was_modified_by_a_clock_that_is_ahead_keeps_nothing_else_from_being_seen(
        self, bench: Bench
    ) -> None:
        poller = bench.poller()
        bench.endpoints.put("ahead", modified=datetime.now(UTC) + timedelta(seconds=50))
        await poller.summary("ahead")
        bench.endpoints.put("now")
        await becomes(poller, "now", "InService")

    async def test_a_burst_of_changes_is_not_listed_for_ever(self) -> None:
        hours, endpoints = Hours(end=1000), Endpoints()
        endpoints.page = 100
        rolled = datetime.now(UTC)
        for number in range(300):
            endpoints.put(f"e{number}", modified=rolled)
        listed = list[int]()
        call = endpoints.call

        async def counted(*args: Any, **asked: Any) -> dict[str, Any]:
            answer = await call(*args, **asked)
            if "LastModifiedTimeAfter" in asked:
                listed.append(len(answer["Endpoints"]))
            return answer

        endpoints.call = counted  # type: ignore[method-assign]
        poller = EndpointPoller(
            cast(AwsSession, endpoints),
            REGION,
            wake=lambda region, name: None,
            interval=10,
            sweep_interval=1e9,
            clock=hours.clock,
            sleep=hours.sleep,
        )
        poller.start()
        await hours.over.wait()
        await poller.close()
        assert sum(listed) > 0
        assert sum(listed[-50:]) == 0  # more than eight minutes later


class TestEnd:
    async def test_it_ends_when_nobody_needs_it_but_not_before_it_has_answered(self, bench: Bench) -> None:
        ended = list[str]()
        bench.endpoints.put("ml-twin")
        poller = bench.poller(wanted=lambda: False, ended=lambda: ended.append("ended"))
        with pytest.raises(Transient, match="not listed any more"):
            await poller.summary("ml-twin")
        assert bench.endpoints.sweeps == 1
        assert poller.has_ended
        assert ended == ["ended"]

    async def test_a_role_that_is_gone_is_not_asked_for_ever(self, bench: Bench) -> None:
        needed = True
        bench.endpoints.error = Rejected("AssumeRoleDenied", "AssumeRole: not authorized")
        poller = bench.poller(wanted=lambda: needed)
        with pytest.raises(Rejected, match="AssumeRoleDenied"):
            await poller.summary("ml-twin")
        needed = False
        await until(lambda: poller.has_ended)
        with pytest.raises(Transient):
            await poller.summary("ml-twin")

    async def test_whoever_waits_for_a_poller_that_is_stopped_learns_of_it(self, bench: Bench) -> None:
        arrived, release = asyncio.Event(), asyncio.Event()

        class Slow(Endpoints):
            async def call(self, service: str, region: str, operation: str, **asked: Any) -> dict[str, Any]:
                arrived.set()
                await release.wait()
                return await super().call(service, region, operation, **asked)

        bench.endpoints = Slow()
        poller = bench.poller()
        waiting = asyncio.create_task(poller.summary("ml-twin"))
        await arrived.wait()
        poller.stop()
        with pytest.raises(Transient, match="not listed any more"):
            await waiting


class Hours:
    """Time that passes only where somebody sleeps, until `end`; then nobody wakes any more."""

    def __init__(self, end: float) -> None:
        self.now, self.end, self.over = 0.0, end, asyncio.Event()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)
        if self.now >= self.end:
            self.over.set()
            await asyncio.Event().wait()


class TimedEndpoints(Endpoints):
    """Endpoints that were created one after the other, in pages as large as the service's; notes when it was asked."""

    def __init__(self, hours: Hours) -> None:
        super().__init__()
        self.hours, self.page = hours, 100
        self.calls: list[tuple[float, bool]] = []
        """(when, whether it was about what was modified lately)"""
        self.given: dict[str, float] = {}
        """When each token was given."""
        self.deeds: list[tuple[float, Callable[[], None]]] = []
        self.refuse: Callable[[dict[str, Any]], OutsideError | None] = lambda asked: None

    def fill(self, number: int) -> None:
        for index in range(number):
            self.put(f"e{index:04}", modified=LONG_AGO)

    async def call(self, service: str, region: str, operation: str, **asked: Any) -> dict[str, Any]:
        for deed in [deed for deed in self.deeds if deed[0] <= self.hours.now]:
            self.deeds.remove(deed)
            deed[1]()
        self.calls.append((self.hours.now, "LastModifiedTimeAfter" in asked))
        if refusal := self.refuse(asked):
            raise refusal
        assert (asked["SortBy"], asked["SortOrder"], asked["MaxResults"]) == ("CreationTime", "Descending", 100)
        after, token = asked.get("LastModifiedTimeAfter"), asked.get("NextToken", "f")
        names = sorted(self.rows, reverse=True)  # a token says where the last page has ended
        found = [name for name in names if name < token and (after is None or self.rows[name][1] > after)]
        page = found[: self.page]
        if len(found) <= self.page:
            return {"Endpoints": [self.row(name) for name in page]}
        self.given[page[-1]] = self.hours.now
        return {"Endpoints": [self.row(name) for name in page], "NextToken": page[-1]}

    def row(self, name: str) -> dict[str, Any]:
        return {**super().row(name), "CreationTime": LONG_AGO + timedelta(seconds=int(name[1:]))}

    def in_the_busiest_minute(self) -> int:
        times = [at for at, _ in self.calls]
        return max(sum(at <= other < at + 60 for other in times) for at in times)


class TestPace:
    """With the settings' own intervals, over hours of a clock of the test's own."""

    INTERVAL, SWEEP = 10.0, 240.0

    async def watch(self, hours: Hours, endpoints: TimedEndpoints) -> list[tuple[float, str]]:
        """Poll until the end. Returns who was woken, and when."""
        woken: list[tuple[float, str]] = []
        poller = EndpointPoller(
            cast(AwsSession, endpoints),
            REGION,
            wake=lambda region, name: woken.append((hours.now, name)),
            interval=self.INTERVAL,
            sweep_interval=self.SWEEP,
            clock=hours.clock,
            sleep=hours.sleep,
        )
        poller.start()
        await hours.over.wait()
        await poller.close()
        return woken

    @pytest.mark.parametrize(("number", "most"), [(50, 9), (1000, 12), (5000, 23)])
    async def test_a_full_list_is_never_a_burst_but_the_first_one(self, number: int, most: int) -> None:
        hours = Hours(3600)
        endpoints = TimedEndpoints(hours)
        endpoints.fill(number)
        assert await self.watch(hours, endpoints) == []
        pages = -(-number // 100)
        first, rest = endpoints.calls[:pages], endpoints.calls[pages:]
        assert first == [(0.0, False)] * pages
        endpoints.calls = rest
        assert endpoints.in_the_busiest_minute() <= most
        lists = sum(not lately for _, lately in rest) / pages
        assert lists == pytest.approx(3600 / self.SWEEP, abs=1)

    @pytest.mark.parametrize("number", [50, 1000, 5000])
    async def test_what_is_deleted_is_missed_within_five_minutes_wherever_it_stands(self, number: int) -> None:
        hours = Hours(3600)
        endpoints = TimedEndpoints(hours)
        endpoints.fill(number)
        gone = {f"e{number * which // 24:04}": 150.0 * which for which in range(1, 21)}
        endpoints.deeds = [(at, lambda name=name: endpoints.rows.pop(name)) for name, at in gone.items()]  # type: ignore[misc]
        woken = await self.watch(hours, endpoints)
        assert sorted(name for _, name in woken) == sorted(gone)
        assert max(at - gone[name] for at, name in woken) < 280

    async def test_what_changes_is_seen_by_the_next_look_while_a_list_is_under_way(self) -> None:
        hours = Hours(1200)
        endpoints = TimedEndpoints(hours)
        endpoints.fill(1000)
        names = {f"e{number:04}": 300.0 + number for number in range(0, 400, 40)}
        now = datetime.now(UTC)
        endpoints.deeds = [
            (at, lambda name=name, at=at: endpoints.put(name, "Updating", now + timedelta(seconds=at)))  # type: ignore[misc]
            for name, at in names.items()
        ]
        woken = await self.watch(hours, endpoints)
        assert sorted(name for _, name in woken) == sorted(names)
        assert max(at - names[name] for at, name in woken) <= 11.1

    async def test_a_page_that_does_not_come_is_asked_for_again(self) -> None:
        hours = Hours(3600)
        endpoints = TimedEndpoints(hours)
        endpoints.fill(1000)
        asked = list[str]()

        def refuse(question: dict[str, Any]) -> OutsideError | None:
            asked.append(question.get("NextToken", ""))
            return Transient("AwsUnreachable", "no") if hours.now and len(asked) % 3 == 0 else None

        endpoints.refuse = refuse
        assert await self.watch(hours, endpoints) == []
        beginnings = sum(not token for token, (_, lately) in zip(asked, endpoints.calls, strict=True) if not lately)
        assert beginnings <= 3600 / self.SWEEP + 8  # the first page of a list may be what fails

    async def test_where_tokens_do_not_live_long_lists_are_made_in_one_go_and_nothing_is_missed(self) -> None:
        hours = Hours(3600)
        endpoints = TimedEndpoints(hours)
        endpoints.fill(1000)

        def refuse(question: dict[str, Any]) -> OutsideError | None:
            late = "NextToken" in question and hours.now > endpoints.given[question["NextToken"]]
            return Rejected("ValidationFailed", "NextToken") if late else None

        endpoints.refuse = refuse
        gone = {f"e{500 + which:04}": 150.0 * which for which in range(1, 21)}
        endpoints.deeds = [(at, lambda name=name: endpoints.rows.pop(name)) for name, at in gone.items()]  # type: ignore[misc]
        woken = await self.watch(hours, endpoints)
        assert sorted(name for _, name in woken) == sorted(gone)
        assert max(at - gone[name] for at, name in woken) < 280
        together = Counter(at for at, lately in endpoints.calls if not lately)
        assert sorted(together.values())[:2] == [1, 1]
        assert set(sorted(together.values())[2:]) == {10}

    async def test_a_list_that_can_never_be_finished_is_believed_no_more(self) -> None:
        hours = Hours(1200)
        endpoints = TimedEndpoints(hours)
        endpoints.fill(1000)

        def refuse(question: dict[str, Any]) -> OutsideError | None:
            no = hours.now and "LastModifiedTimeAfter" not in question and question.get("NextToken", "f") < "e0600"
            return Rejected("ValidationFailed", "NextToken") if no else None

        endpoints.refuse = refuse
        woken = await self.watch(hours, endpoints)
        assert len(woken) == 1000
        assert {3 * self.SWEEP < at < 3 * self.SWEEP + 40 for at, _ in woken} == {True}

    async def test_an_outage_is_everybodys_matter_after_two_lists_and_no_sooner(self) -> None:
        hours = Hours(1200)
        endpoints = TimedEndpoints(hours)
        endpoints.fill(1000)
        endpoints.refuse = lambda asked: Transient("AwsUnreachable", "no") if 200 < hours.now < 660 else None
        assert await self.watch(hours, endpoints) == []
        hours = endpoints.hours = Hours(1200)
        endpoints.refuse = lambda asked: Transient("AwsUnreachable", "no") if 200 < hours.now < 720 else None
        assert len(await self.watch(hours, endpoints)) == 1000
