"""Watches over a real API server: what changes wakes, and at rest nothing is asked."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from slipway.domain.cluster.looks.observation import ObjectRef
from slipway.domain.cluster.rolls.steps import Apply, Create, Delete, Scale
from slipway.domain.errors import Conflict
from slipway.targets.cluster.children import Children
from slipway.targets.cluster.target import Cluster
from tests.integration.cluster_port.worlds import (
    CHILD,
    KINDS,
    NAME,
    RealWorld,
    account,
    connected,
    service,
    there,
    version,
    workload,
)
from tests.testbed.controlplane import ControlPlane


class Watched:
    """A world with watches, and whom they have woken."""

    def __init__(self, world: RealWorld, children: Children) -> None:
        self.world, self.children = world, children
        self.woken: list[tuple[str, str]] = []
        self.target = Cluster(world.kube, noticed=children)

    async def until(self, condition: Callable[[], bool], within: float = 20.0) -> None:
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, f"not so within {within} s; woken: {self.woken}"
            await asyncio.sleep(0.02)

    async def quiet(self) -> None:
        """Until the controllers have written what they had to."""
        await self.until(lambda: self.children.mark("", "") is not None, within=30)
        while True:
            self.woken.clear()
            await asyncio.sleep(0.7)
            if not self.woken:
                return


@contextlib.asynccontextmanager
async def watching(
    world: RealWorld, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, *, period: float = 240.0
) -> AsyncIterator[Watched]:
    async with connected(kubeconfig, monkeypatch) as kube:
        woken: list[Watched] = []
        children = Children(
            kube,
            namespaces=[world.namespace],
            wake=lambda namespace, deployment: woken[0].woken.append((namespace, deployment)),
            period=period,
        )
        watched = Watched(world, children)
        woken.append(watched)
        task = asyncio.create_task(children.run())
        try:
            yield watched
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert task.done()


@pytest.fixture
async def watched(real: RealWorld, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    async with watching(real, plane.admin_kubeconfig, monkeypatch) as found:
        yield found


@pytest.fixture
def owned(plane: ControlPlane) -> ControlPlane:
    """A control plane that may be stopped."""
    if not plane.owned:
        pytest.skip(f"stops the API server, which is not ours: {plane.origin}")
    return plane


async def test_what_is_made_changed_and_deleted_wakes(watched: Watched) -> None:
    world = watched.world
    await watched.quiet()
    await world.target.execute(world.namespace, Create(workload(world, replicas=1)))
    await watched.until(lambda: watched.woken != [])
    await watched.quiet()
    seen = await watched.target.observe(world.namespace, NAME, [], KINDS)
    (pod,) = seen.pods
    await world.ready(pod["metadata"]["name"])
    await watched.until(lambda: watched.woken != [])
    await watched.quiet()
    await world.remove("Deployment", CHILD)
    await watched.until(lambda: watched.woken != [])
    assert set(watched.woken) == {(world.namespace, NAME)}


async def test_what_is_somebody_elses_wakes_nobody(watched: Watched) -> None:
    world = watched.world
    await watched.quiet()
    foreign = service(world)
    foreign["metadata"]["labels"] = {"app": "mine"}
    await world.create(foreign)
    await world.create(account(world))  # ours, and not watched
    await asyncio.sleep(1)
    assert watched.woken == []


async def test_at_rest_nothing_is_asked_until_something_changes(watched: Watched) -> None:
    world = watched.world
    await world.target.execute(world.namespace, Create(workload(world, replicas=1)))
    await world.target.execute(world.namespace, Apply(service(world)))
    await watched.quiet()

    async def look() -> int:
        world.kube.sent.clear()
        seen = await watched.target.observe(world.namespace, NAME, [], KINDS, at_rest=True)
        assert ObjectRef("Deployment", CHILD) in seen.objects
        return world.kube.sent.total()

    assert await look() >= len(KINDS)
    assert [await look() for _ in range(5)] == [0] * 5
    await world.change("Deployment", CHILD, {"metadata": {"annotations": {"acme.org/team": "ml"}}})
    await watched.until(lambda: watched.woken != [])
    await watched.quiet()
    assert await look() >= len(KINDS)
    assert await look() == 0
    seen = await there(world, "Deployment", CHILD)
    await watched.target.execute(world.namespace, Scale(CHILD, 0, version(seen)))
    assert await look() >= len(KINDS), "after a step of our own, whether or not the watch has brought it"


async def test_a_watch_goes_on_after_the_server_has_ended_it(
    real: RealWorld, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(real, plane.admin_kubeconfig, monkeypatch, period=2.0) as watched:
        await watched.quiet()
        for _ in range(3):
            await asyncio.sleep(2.5)
            watched.woken.clear()
            await real.target.execute(real.namespace, Apply(service(real)))
            await watched.until(lambda: watched.woken != [])
            seen = await there(real, "Service", NAME)
            await real.target.execute(real.namespace, Delete("Service", NAME, seen["metadata"]["uid"]))
            assert watched.children.age() < 5
            assert watched.children.problem() is None


async def test_an_api_server_that_was_killed_loses_no_change(watched: Watched, owned: ControlPlane) -> None:
    world = watched.world
    await world.target.execute(world.namespace, Apply(service(world)))
    await watched.quiet()
    owned.stop_apiserver()
    try:
        await watched.until(lambda: watched.children.mark("", "") is None)
    finally:
        owned.start_apiserver()
    await _deleted(world)
    await watched.until(lambda: watched.woken != [], within=60)
    assert set(watched.woken) == {(world.namespace, NAME)}
    await watched.until(lambda: watched.children.mark("", "") is not None, within=60)
    watched.woken.clear()
    await world.target.execute(world.namespace, Apply(service(world)))
    await watched.until(lambda: watched.woken != [], within=60)


async def test_a_frozen_api_server_shows_in_the_age(
    real: RealWorld, owned: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(real, owned.admin_kubeconfig, monkeypatch, period=1.0) as watched:
        await watched.quiet()
        owned.freeze_apiserver()
        try:
            await watched.until(lambda: watched.children.problem() is not None)
            assert watched.children.mark("", "") is None
        finally:
            owned.thaw_apiserver()
        await watched.until(lambda: watched.children.problem() is None, within=60)
        watched.woken.clear()
        await real.target.execute(real.namespace, Apply(service(real)))
        await watched.until(lambda: watched.woken != [], within=60)


async def _deleted(world: RealWorld) -> None:
    seen = await there(world, "Service", NAME)
    with contextlib.suppress(Conflict):
        await world.target.execute(world.namespace, Delete("Service", NAME, seen["metadata"]["uid"]))
