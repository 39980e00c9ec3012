"""What counts as ill, and that the probe says so."""

from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
import pytest
from kubernetes.aio.client import Configuration
from prometheus_client import CollectorRegistry

from slipway.controller import Controller
from slipway.domain.conditions import Finding
from slipway.kube import Kube
from slipway.loop.keys import Key
from slipway.loop.queue import WorkQueue
from slipway.loop.store import Object, Store
from slipway.settings import Settings
from slipway.telemetry import server
from slipway.telemetry.events import EventRecorder
from slipway.telemetry.health import Health
from slipway.telemetry.metrics import Metrics
from tests.unit.loop.fakes import FakeClock, key, stored

A = key("a")


def test_without_checks_everything_is_well() -> None:
    assert Health().problems() == []


def test_each_problem_is_told_as_long_as_it_lasts() -> None:
    health, wrong = Health(), dict.fromkeys(["first", "second"], "")
    health.add(lambda: wrong["first"] or None)
    health.add(lambda: wrong["second"] or None)
    assert health.problems() == []
    wrong |= {"first": "one is stuck", "second": "so is two"}
    assert health.problems() == ["one is stuck", "so is two"]
    wrong["first"] = ""
    assert health.problems() == ["so is two"]


class Lists:
    """The API server, as far as a sweep asks it."""

    def __init__(self) -> None:
        self.version = 1

    async def each(self, kind: str, _: str | None) -> AsyncIterator[Object]:
        if kind == "Deployment":
            yield stored("a", self.version)


class Process:
    """A controller whose clock stands still, with settings of 100 s for a pass and a sweep."""

    def __init__(self) -> None:
        self.clock, self.store, self.lists = FakeClock(), Store(), Lists()
        self.queue = WorkQueue(self.clock)
        kube, metrics = cast(Kube, self.lists), Metrics()

        async def nothing(_: Key) -> None:
            pass

        async def unsaid(_: Key, finding: Finding) -> None:
            raise AssertionError(finding.message)

        self.controller = Controller(
            configuration=Configuration(),
            kube=kube,
            settings=Settings(pass_timeout=100, sweep_interval=100),
            store=self.store,
            queue=self.queue,
            events=EventRecorder(kube, self.clock, metrics),
            metrics=metrics,
            clock=self.clock,
            reconcilers={"Deployment": nothing, "ModelVersion": nothing},
            related=lambda _: (),
            report=unsaid,
        )

    @property
    def problems(self) -> list[str]:
        return self.controller.health.problems()

    async def a_pass_ends(self) -> None:
        await self.controller._reconcile(key("another"))

    async def sweep(self) -> None:
        await self.controller._sweeper.sweep()

    async def change_that_the_watch_misses(self) -> None:
        self.clock.advance(50)
        self.lists.version += 1
        await self.sweep()


@pytest.fixture
def process() -> Process:
    return Process()


class TestVerdicts:
    def test_a_process_that_has_just_started_is_well(self, process: Process) -> None:
        assert process.problems == []

    async def test_three_sweeps_without_a_list_are_too_many(self, process: Process) -> None:
        process.clock.advance(300)
        assert process.problems == []
        process.clock.advance(1)
        assert process.problems == ["no successful list for 301 s"]
        await process.sweep()
        assert process.problems == []

    async def test_a_deaf_watch_is_ill_until_it_hears_again(self, process: Process) -> None:
        for _ in range(2):
            await process.change_that_the_watch_misses()
        assert process.problems == ["the watch is deaf: Deployment"]
        process.controller.on_event(A, stored("a", 99), "MODIFIED")
        assert process.problems == []

    async def test_a_queue_in_which_nothing_moves_for_five_minutes_is_stuck(self, process: Process) -> None:
        process.queue.add(A)
        process.clock.advance(301)
        await process.sweep()
        assert process.problems == ["objects wait for a worker, and no pass has ended for 301 s"]
        await process.a_pass_ends()
        assert process.problems == []

    async def test_neither_a_long_wait_under_load_nor_a_long_rest_is(self, process: Process) -> None:
        process.queue.add(A)
        process.clock.advance(290)
        await process.a_pass_ends()
        process.clock.advance(290)
        await process.sweep()
        assert process.problems == []
        process.queue.done(await process.queue.get())
        process.clock.advance(290)
        assert process.problems == []
        process.queue.add(A)
        assert process.problems == []

    async def test_a_pass_that_takes_twice_its_time_out_is_stuck(self, process: Process) -> None:
        process.queue.add(A)
        await process.queue.get()
        process.clock.advance(200)
        assert process.problems == []
        process.clock.advance(1)
        assert process.problems == ["a pass has taken 201 s"]
        process.queue.done(A)
        assert process.problems == []


async def asked(health: Health, registry: CollectorRegistry, path: str) -> tuple[int, str, str]:
    runner = await server.serve("127.0.0.1", 0, health, registry)
    try:
        host, port = runner.addresses[0][:2]
        async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}{path}") as answer:
            return answer.status, answer.content_type, await answer.text()
    finally:
        await runner.cleanup()


class TestServer:
    @pytest.mark.parametrize(
        ("problem", "answer"),
        [
            (None, (200, "application/json", '{"problems": []}')),
            ("one is stuck", (503, "application/json", '{"problems": ["one is stuck"]}')),
        ],
    )
    async def test_healthz_says_whether_and_what_is_wrong(self, problem: str | None, answer: Any) -> None:
        health = Health()
        health.add(lambda: problem)
        assert await asked(health, CollectorRegistry(), "/healthz") == answer

    async def test_metrics_are_those_of_the_process_and_of_the_moment(self) -> None:
        metrics, queue = Metrics(), WorkQueue(FakeClock())
        metrics.watch_queue(queue)
        queue.add(A)
        metrics.passes.labels("Deployment", "done").inc()
        status, content_type, text = await asked(Health(), metrics.registry, "/metrics")
        assert (status, content_type) == (200, "text/plain")
        lines = text.splitlines()
        assert "slipway_queue_depth 1.0" in lines
        assert 'slipway_reconcile_total{kind="Deployment",result="done"} 1.0' in lines

    async def test_there_is_nothing_else(self) -> None:
        status, _, _ = await asked(Health(), CollectorRegistry(), "/")
        assert status == 404
