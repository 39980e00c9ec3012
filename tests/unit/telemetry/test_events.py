"""Kubernetes events: one for each transition, sent beside the work."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from slipway.domain.conditions import Finding, Transition
from slipway.domain.errors import NotFound, OutsideError
from slipway.kube import Kube
from slipway.telemetry.events import EventRecorder
from slipway.telemetry.metrics import Metrics
from tests.unit.loop.fakes import START, FakeClock, key, until

A = key("twin")
STALLED = Transition("Stalled", "True", "InvalidSpec", "mend it")
READY = Transition("Ready", "True", "Serving", "serves")


class Events:
    """The API server, as far as events go."""

    def __init__(self) -> None:
        self.created: list[dict[str, Any]] = []
        self.refusals: list[OutsideError] = []
        self.open = asyncio.Event()
        self.open.set()

    async def create_event(self, namespace: str, event: dict[str, Any]) -> None:
        await self.open.wait()
        if self.refusals:
            raise self.refusals.pop()
        assert namespace == event["metadata"]["namespace"] == event["involvedObject"]["namespace"]
        self.created.append(event)


class Bench:
    def __init__(self) -> None:
        self.events, self.metrics, self.clock = Events(), Metrics(), FakeClock()
        self.recorder = EventRecorder(cast(Kube, self.events), self.clock, self.metrics)

    def record(self, *transitions: Transition) -> None:
        for transition in transitions:
            self.recorder.record(A, "uid-1", transition)

    @property
    def dropped(self) -> float | None:
        return self.metrics.registry.get_sample_value("slipway_events_dropped_total")

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[Callable[[Callable[[], object]], Any]]:
        task = asyncio.create_task(self.recorder.run())
        try:
            async with asyncio.timeout(5):
                yield until
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_an_event_names_the_object_what_happened_and_when(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTNAME", "slipway-0")
    bench.clock.seconds = 0
    bench.record(STALLED)
    async with bench.sending() as until_:
        await until_(lambda: bench.events.created)
    assert bench.events.created == [
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": "twin-", "namespace": "ml"},
            "involvedObject": {
                "apiVersion": "slipway.dev/v1alpha1",
                "kind": "Deployment",
                "namespace": "ml",
                "name": "twin",
                "uid": "uid-1",
            },
            "type": "Warning",
            "reason": "InvalidSpec",
            "message": "mend it",
            "source": {"component": "slipway"},
            "reportingComponent": "slipway",
            "reportingInstance": "slipway-0",
            "firstTimestamp": START.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lastTimestamp": START.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "count": 1,
        }
    ]


async def test_good_news_are_no_warning_and_events_keep_their_order(bench: Bench) -> None:
    bench.record(READY, STALLED, READY)
    async with bench.sending() as until_:
        await until_(lambda: len(bench.events.created) == 3)
    assert [event["type"] for event in bench.events.created] == ["Normal", "Warning", "Normal"]


async def test_a_warning_may_be_about_an_object_that_is_gone(bench: Bench) -> None:
    bench.recorder.warn(A, "uid-gone", Finding("Orphaned", "left in AWS"))
    async with bench.sending() as until_:
        await until_(lambda: bench.events.created)
    (event,) = bench.events.created
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "Orphaned", "left in AWS")
    assert (event["involvedObject"]["uid"], event["involvedObject"]["kind"]) == ("uid-gone", "Deployment")


async def test_a_message_is_one_that_the_api_server_takes(bench: Bench) -> None:
    bench.record(Transition("Stalled", "True", "InvalidSpec", "x" * 5000))
    async with bench.sending() as until_:
        await until_(lambda: bench.events.created)
    assert 500 < len(bench.events.created[0]["message"]) <= 1024


async def test_recording_never_waits_and_what_is_too_much_is_dropped_and_counted(bench: Bench) -> None:
    bench.record(*[READY] * 1234)
    assert bench.dropped == 234
    async with bench.sending() as until_:
        await until_(lambda: len(bench.events.created) == 1000)
        bench.record(STALLED)
        await until_(lambda: len(bench.events.created) == 1001)
    assert bench.dropped == 234


async def test_an_event_that_is_refused_is_counted_and_the_next_ones_are_sent(bench: Bench) -> None:
    bench.events.refusals.append(NotFound("NotFound", "the namespace is being deleted"))
    bench.record(READY, STALLED)
    async with bench.sending() as until_:
        await until_(lambda: bench.events.created)
    assert [event["reason"] for event in bench.events.created] == ["InvalidSpec"]
    assert bench.dropped == 1


async def test_an_api_server_that_hangs_holds_up_nobody_who_records(bench: Bench) -> None:
    bench.events.open.clear()
    async with bench.sending() as until_:
        bench.record(READY, STALLED)
        await asyncio.sleep(0)
        assert bench.events.created == []
        bench.events.open.set()
        await until_(lambda: len(bench.events.created) == 2)
