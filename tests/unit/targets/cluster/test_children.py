"""Watches that wake, against an API server whose streams a test ends, breaks and fills."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, cast

import pytest

from slipway.domain.cluster.apis import DEPLOYMENT, POD
from slipway.domain.cluster.looks.observation import Api
from slipway.domain.cluster.marks import labels
from slipway.domain.errors import OutsideError, Rejected, Transient
from slipway.kube import Change, Resources
from slipway.targets.cluster.children import SELECTOR, Children

BROKEN = Transient("ApiServerUnreachable", "the API server did not answer")


class ApiServer:
    """Objects of one namespace, and streams of changes from a resourceVersion on."""

    def __init__(self) -> None:
        self.version = 100
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.history: list[tuple[str, int, str, dict[str, Any]]] = []
        self.oldest = 0
        self.refuse: OutsideError | None = None
        self.lists: list[str] = []
        self.watches: list[tuple[str, str]] = []
        """(plural, resourceVersion) of each watch that was begun."""
        self.ends: list[asyncio.Future[None]] = []
        self.changed = asyncio.Condition()

    async def put(self, api: Api, name: str, deployment: str | None = "twin") -> None:
        self.version += 1
        key = (api.plural, name)
        type_ = "MODIFIED" if key in self.objects else "ADDED"
        metadata = {"name": name, "namespace": "ml", "resourceVersion": str(self.version)}
        self.objects[key] = metadata | {"labels": labels(deployment) if deployment else {}}
        await self._tell(api, type_, self.objects[key])

    async def delete(self, api: Api, name: str) -> None:
        self.version += 1
        gone = self.objects.pop((api.plural, name))
        await self._tell(api, "DELETED", gone | {"resourceVersion": str(self.version)})

    async def bookmark(self, api: Api) -> None:
        self.version += 1
        await self._tell(api, "BOOKMARK", {"resourceVersion": str(self.version)})

    async def _tell(self, api: Api, type_: str, metadata: dict[str, Any]) -> None:
        self.history.append((api.plural, self.version, type_, metadata))
        async with self.changed:
            self.changed.notify_all()

    async def metadata(self, api: Api, namespace: str | None, selector: str) -> tuple[list[dict[str, Any]], str]:
        assert selector == SELECTOR
        self.lists.append(api.plural)
        if self.refuse:
            raise self.refuse
        found = [metadata for (plural, _), metadata in self.objects.items() if plural == api.plural]
        return found, str(self.version)

    async def watch(
        self, api: Api, namespace: str | None, selector: str, resource_version: str, seconds: float
    ) -> AsyncGenerator[Change, None]:
        if self.refuse:
            raise self.refuse
        self.watches.append((api.plural, resource_version))
        if int(resource_version) < self.oldest:
            raise Transient("ApiServerError", "the watch ended: 410 too old resource version")
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ends.append(end)
        seen = int(resource_version)
        while True:
            for plural, version, type_, metadata in list(self.history):
                if plural == api.plural and version > seen:
                    seen = version
                    yield Change(type_, metadata)
            if end.done():
                end.result()
                return
            async with self.changed:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await self.changed.wait()

    def cut(self, failure: OutsideError | None = None) -> None:
        """Every stream ends, as the server ends it, or with a failure."""
        for end in self.ends:
            if not end.done():
                end.set_exception(failure) if failure else end.set_result(None)
        self.ends.clear()


class Time:
    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.001)


class Bench:
    def __init__(self, server: ApiServer, children: Children, woken: list[str], time: Time) -> None:
        self.server, self.children, self.woken, self.time = server, children, woken, time

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110  # what is waited for has no event
                await asyncio.sleep(0.002)

    async def watching(self) -> None:
        """Both watches are under way, and the first wake-ups are over."""
        await self.until(lambda: len(self.server.ends) == 2)
        await asyncio.sleep(0.02)
        self.woken.clear()


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
async def bench(server: ApiServer) -> AsyncIterator[Bench]:
    async with running(server) as bench:
        yield bench


@contextlib.asynccontextmanager
async def running(server: ApiServer, coalesced: float = 0.001) -> AsyncIterator[Bench]:
    woken: list[str] = []
    time = Time()
    children = Children(
        cast(Resources, server),
        namespaces=[],
        apis=(DEPLOYMENT, POD),
        wake=lambda namespace, deployment: woken.append(f"{namespace}/{deployment}"),
        coalesced=coalesced,
        clock=time,
        sleep=time.sleep,
    )
    task = asyncio.create_task(children.run())
    try:
        yield Bench(server, children, woken, time)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_everything_that_is_there_at_the_start_is_looked_at_once(server: ApiServer) -> None:
    for number in range(5):
        await server.put(POD, f"twin-{number}")
    await server.put(DEPLOYMENT, "twin-abc")
    await server.put(DEPLOYMENT, "other-abc", "other")
    async with running(server, coalesced=0.05) as bench:
        await bench.until(lambda: bench.woken != [])
        await asyncio.sleep(0.1)
        assert bench.woken == ["ml/other", "ml/twin"]


async def test_what_appears_changes_and_vanishes_wakes_its_deployment(bench: Bench) -> None:
    await bench.watching()
    for change in (bench.server.put, bench.server.put, bench.server.delete):
        before = bench.children.mark("ml", "twin")
        await change(POD, "twin-1")
        await bench.until(lambda: bench.woken != [])
        assert bench.woken == ["ml/twin"]
        assert bench.children.mark("ml", "twin") != before
        bench.woken.clear()
    assert bench.children.mark("ml", "other") == 0


async def test_changes_of_one_moment_are_one_wake_up(server: ApiServer) -> None:
    async with running(server, coalesced=0.1) as bench:
        await bench.watching()
        for number in range(20):
            await server.put(POD, f"twin-{number}")
            await server.put(DEPLOYMENT, "other", "other")
        await bench.until(lambda: bench.woken != [])
        await asyncio.sleep(0.15)
        assert bench.woken == ["ml/other", "ml/twin"]


async def test_a_bookmark_wakes_nobody_and_a_watch_goes_on_from_it(bench: Bench) -> None:
    await bench.watching()
    await bench.server.bookmark(POD)
    bookmarked = str(bench.server.version)
    bench.time.now += 60  # or it would count as a server that ends watches at once
    await bench.until(lambda: bench.children.age() == 60)  # of Deployments there was no word
    bench.server.cut()
    await bench.until(lambda: len(bench.server.watches) == 4)
    assert ("pods", bookmarked) in bench.server.watches
    assert bench.server.lists.count("pods") == 1
    assert bench.woken == []


async def test_nothing_is_missed_between_two_watches(bench: Bench) -> None:
    await bench.watching()
    bench.time.now += 60
    bench.server.cut()
    await bench.server.put(POD, "twin-1")
    await bench.until(lambda: bench.woken == ["ml/twin"])
    assert bench.server.lists.count("pods") == 1


async def test_a_watch_that_broke_off_lists_anew_and_finds_what_was_deleted_meanwhile(bench: Bench) -> None:
    await bench.server.put(POD, "twin-1")
    await bench.server.put(POD, "other-1", "other")
    await bench.watching()
    bench.server.refuse = BROKEN
    bench.server.cut(BROKEN)
    await bench.until(lambda: bench.children.mark("ml", "twin") is None)
    del bench.server.objects["pods", "twin-1"]
    await bench.until(lambda: len(bench.time.slept) > 10)
    bench.server.refuse = None
    await bench.until(lambda: bench.woken != [])
    assert bench.woken == ["ml/twin"]
    assert bench.children.mark("ml", "twin") is not None


async def test_a_version_that_is_too_old_lists_anew(bench: Bench) -> None:
    await bench.watching()
    bench.time.now += 60
    bench.server.history.clear()
    bench.server.version += 100
    bench.server.oldest = bench.server.version
    bench.server.cut()
    await bench.until(lambda: bench.server.lists.count("pods") == 2)
    await bench.server.put(POD, "twin-1")
    await bench.until(lambda: bench.woken == ["ml/twin"])


async def test_a_relabelled_object_wakes_its_former_owner_and_the_new_one(bench: Bench) -> None:
    await bench.watching()
    await bench.server.put(POD, "pod")
    await bench.until(lambda: bench.woken != [])
    bench.woken.clear()
    await bench.server.put(POD, "pod", "other")
    await bench.until(lambda: len(bench.woken) == 2)
    assert bench.woken == ["ml/other", "ml/twin"]


async def test_what_carries_no_deployments_label_is_nobodys(bench: Bench) -> None:
    await bench.watching()
    await bench.server.put(POD, "stray", None)
    await bench.server.put(POD, "twin-1")
    await bench.until(lambda: bench.woken != [])
    assert bench.woken == ["ml/twin"]


async def test_what_is_refused_is_tried_ever_more_slowly(server: ApiServer) -> None:
    server.refuse = Rejected("ApiServerRefused", 'pods is forbidden: User "x" cannot list resource "pods"')
    async with running(server) as bench:
        await bench.until(lambda: len(bench.time.slept) > 30)
        assert max(bench.time.slept) > 10
        assert max(bench.time.slept) <= 30
        assert bench.children.mark("ml", "twin") is None


async def test_who_has_no_right_to_watch_is_healthy_all_the_same(server: ApiServer) -> None:
    server.refuse = Rejected("ApiServerRefused", 'pods is forbidden: User "x" cannot list resource "pods"')
    async with running(server) as bench:
        await bench.until(lambda: len(bench.time.slept) > 2)
        bench.time.now += 3600
        await bench.until(lambda: bench.children.problem() is None)
        server.refuse = BROKEN
        slept = len(bench.time.slept)
        await bench.until(lambda: len(bench.time.slept) > slept + 5)
        bench.time.now += 3600
        assert bench.children.problem() is not None


async def test_a_server_that_ends_every_watch_at_once_is_not_hammered(bench: Bench) -> None:
    await bench.watching()
    for _ in range(5):
        slept = len(bench.time.slept)
        bench.server.cut()
        await bench.until(lambda slept=slept: len(bench.time.slept) >= slept + 2)  # type: ignore[misc]
        await bench.until(lambda: len(bench.server.ends) == 2)
    assert min(bench.time.slept) >= 0.25


async def test_a_watch_without_a_word_counts_as_deaf(bench: Bench) -> None:
    await bench.watching()
    assert bench.children.problem() is None
    bench.time.now += 601
    assert bench.children.problem() == "no word from the watches of deployments (601 s), pods (601 s)"
    assert bench.children.mark("ml", "twin") is None
    await bench.server.bookmark(POD)
    await bench.until(lambda: "pods" not in (bench.children.problem() or ""))


async def test_a_defect_ends_no_other_watch(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    await bench.watching()
    bench.server.version += 1
    await bench.server._tell(POD, "ADDED", {"name": "no namespace", "resourceVersion": "1"})
    await bench.until(lambda: bench.server.lists.count("pods") == 2)
    assert "a defect of Slipway" in caplog.text
    await bench.server.put(DEPLOYMENT, "twin-abc")
    await bench.until(lambda: bench.woken == ["ml/twin"])


def test_each_kind_holds_a_connection_in_each_namespace() -> None:
    assert Children.connections([]) == 4
    assert Children.connections(["a", "b", "c"]) == 12
