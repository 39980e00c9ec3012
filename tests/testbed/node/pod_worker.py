"""One pod on its node, from the binding to the deletion of its object.

https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/kubelet/pod_workers.go
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.testbed.node.api import STRATEGIC, Api, ApiError, pod_path
from tests.testbed.node.container import Container
from tests.testbed.node.environment import Surroundings
from tests.testbed.node.events import Events, now
from tests.testbed.node.images import Image
from tests.testbed.node.machine import Machine
from tests.testbed.node.mounts import MountFailed, Volume, volumes
from tests.testbed.node.pod_status import ContainerState, status
from tests.testbed.node.runtime import Pace, Sandbox
from tests.testbed.node.surrounding import Surrounding

Object = dict[str, Any]
_AGAIN = 5.0
"""Seconds until volumes that are not there are tried again."""
_SETTLE = 0.01
"""Seconds in which several changes become one write."""


@dataclass(frozen=True)
class Place:
    """What a pod finds on its node."""

    api: Api
    events: Events
    session: aiohttp.ClientSession
    machine: Machine
    host_address: str
    pace: Pace
    hub: str
    folder: Path
    logs: Path
    pull: Callable[[str], Awaitable[tuple[Image | None, bool]]]
    claimed: Callable[[Object, str], Awaitable[Path]]
    """The folder of a claim. Raises MountFailed."""


class PodWorker:
    """What the kubelet does for one pod."""

    def __init__(self, place: Place, pod: Object, address: str) -> None:
        self._place = place
        self.pod = pod
        self.address = address
        self._folder = place.folder / pod["metadata"]["uid"]
        self._dirty = asyncio.Event()
        self._deleted = asyncio.Event()
        self._gone = False
        self._start = now()
        self._init: list[Container] = []
        self._main: list[Container] = []
        self._written: Object | None = None

    @property
    def uid(self) -> str:
        return str(self.pod["metadata"]["uid"])

    @property
    def containers(self) -> list[Container]:
        return [*self._init, *self._main]

    def update(self, pod: Object) -> None:
        """A newer version of the pod was seen."""
        self.pod = pod
        if pod["metadata"].get("deletionTimestamp"):
            self._deleted.set()

    def vanished(self) -> None:
        """The pod's object is gone: it was deleted without grace."""
        self._gone = True
        self._deleted.set()

    async def run(self) -> None:
        """Until the pod's object is gone, and everything that it had on this node."""
        writer = asyncio.create_task(self._write())
        try:
            await self._live()
        finally:
            writer.cancel()
            for container in self.containers:
                container.kill_now()
            await asyncio.gather(*(container.gone() for container in self.containers))
            _remove(self._folder)

    async def _live(self) -> None:
        living = asyncio.create_task(self._containers())
        deleted = asyncio.create_task(self._deleted.wait())
        try:
            await deleted
            await self._end()
        finally:
            living.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await living

    async def _containers(self) -> None:
        """All of them, one after the other where they are init containers."""
        mounted = await self._mounted()
        place, spec = self._place, self.pod["spec"]
        sandbox = Sandbox(self.pod, self.address, place.machine, self._folder, place.pace, place.hub)
        around = Surrounding(
            sandbox,
            Surroundings(place.api, self.pod, self.address, place.host_address),
            mounted,
            place.session,
            place.pull,
            lambda kind, reason, message: place.events.say(self.pod, kind, reason, message),
            self._dirty.set,
            place.logs / self.pod["metadata"]["name"],
        )
        policy = spec.get("restartPolicy", "Always")
        self._main = [Container(around, each, policy) for each in spec["containers"]]
        self._init = [
            Container(around, each, "OnFailure" if policy == "Always" else policy)
            for each in spec.get("initContainers") or []
        ]
        for container in self._main if self._init else []:
            container.state.waiting = ("PodInitializing", "")
        for container in self._init:
            self._dirty.set()
            await container.run()
            if container.state.exit_code != 0:
                return
        self._dirty.set()
        await asyncio.gather(*(container.run() for container in self._main))

    async def _mounted(self) -> dict[str, Volume]:
        self._dirty.set()
        while True:
            try:
                return await volumes(
                    self._place.api,
                    self.pod,
                    self._folder / "volumes",
                    lambda name: self._place.claimed(self.pod, name),
                )
            except MountFailed as problem:
                reason = "FailedAttachVolume" if "Multi-Attach" in str(problem) else "FailedMount"
                await self._place.events.say(self.pod, "Warning", reason, str(problem))
                await asyncio.sleep(self._place.pace.real(_AGAIN))

    async def _end(self) -> None:
        """The containers within the grace period, then the object."""
        meta = self.pod["metadata"]
        grace = 0.0 if self._gone else float(meta.get("deletionGracePeriodSeconds") or 0)
        await asyncio.gather(*(container.stop(grace) for container in self.containers))
        for container in self.containers:
            container.state.finished = True
        if self._gone:
            return
        await self._write_once()
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
        await self._place.api.delete(pod_path(self.pod), body)

    async def _write(self) -> None:
        while True:
            await self._dirty.wait()
            await asyncio.sleep(_SETTLE)
            self._dirty.clear()
            await self._write_once()

    async def _write_once(self) -> None:
        spec = self.pod["spec"]
        current = status(
            self.pod,
            [each.state for each in self._init],
            [each.state for each in self._main] or _to_come(spec["containers"]),
            addresses=(self.address, self._place.host_address),
            start=self._start,
            now=now(),
            deleting=self._deleted.is_set(),
        )
        if current == self._written:
            return
        self._written = current
        with contextlib.suppress(ApiError):  # what it is about has gone
            await self._place.api.patch(f"{pod_path(self.pod)}/status", {"status": current}, STRATEGIC)


def _to_come(containers: list[Object]) -> list[ContainerState]:
    """Before anything is known of them."""
    return [ContainerState(each["name"], each["image"]) for each in containers]


def _remove(folder: Path) -> None:
    """With the folders in it that may not be written to."""
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)
