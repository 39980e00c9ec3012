"""The kubelets of all machines in one: a worker for each pod that is bound to one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from tests.testbed.node.addresses import PodNetwork
from tests.testbed.node.api import Api, Informer
from tests.testbed.node.events import Events, now
from tests.testbed.node.images import Image, find
from tests.testbed.node.machine import Machine
from tests.testbed.node.mounts import MountFailed
from tests.testbed.node.pod_worker import Place, PodWorker
from tests.testbed.node.runtime import Pace
from tests.testbed.node.storage import Provisioner

Object = dict[str, Any]
HEARTBEAT = 10.0
"""Seconds, never shortened: the control plane calls a node dead that is silent for 40 of its own."""
_OVER = ("Succeeded", "Failed")


class Kubelet:
    """Machines by the names of their nodes, and the pods on them."""

    def __init__(
        self,
        api: Api,
        pods: Informer,
        claims: Informer,
        storage: Provisioner,
        machines: Mapping[str, Machine],
        network: PodNetwork,
        pace: Pace,
        hub: str,
        folder: Path,
        tools: Collection[str],
    ) -> None:
        self._api = api
        self._pods = pods
        self._claims = claims
        self._storage = storage
        self._machines = machines
        self._network = network
        self._pace = pace
        self._hub = hub
        self._folder = folder
        self._tools = tools
        self._events = Events(api, "kubelet")
        self._addresses = {name: network.node(number) for number, name in enumerate(machines)}
        self._present: dict[str, set[str]] = {name: set() for name in machines}
        """Images by node."""
        self._uses: dict[str, set[str]] = {}
        """Uids of pods by volume."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.workers: dict[str, PodWorker] = {}
        self.wake = asyncio.Event()

    async def register(self) -> None:
        """Make the Node objects, and report them ready."""
        for name, machine in self._machines.items():
            await self._api.create("/api/v1/nodes", machine.manifest(name))
            status = machine.status(self._addresses[name], now())
            await self._api.patch(f"/api/v1/nodes/{name}/status", {"status": status})

    async def unregister(self) -> None:
        """Delete the Node objects."""
        for name in self._machines:
            await self._api.delete(f"/api/v1/nodes/{name}")

    async def beat(self) -> None:
        """Tell for ever that the nodes live."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            for name, machine in self._machines.items():
                status = machine.status(self._addresses[name], now())
                beats = [each | {"lastTransitionTime": None} for each in status["conditions"]]
                conditions = [{key: value for key, value in each.items() if value is not None} for each in beats]
                await self._api.patch(
                    f"/api/v1/nodes/{name}/status",
                    {"status": {"conditions": conditions}},
                    "application/strategic-merge-patch+json",
                )

    async def run(self) -> None:
        """For ever; ends all workers when it is cancelled."""
        await self._pods.synced.wait()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as session:
            try:
                while True:
                    await self.wake.wait()
                    self.wake.clear()
                    self._look(session)
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    def _look(self, session: aiohttp.ClientSession) -> None:
        ours = {
            pod["metadata"]["uid"]: pod
            for pod in self._pods.objects.values()
            if pod["spec"].get("nodeName") in self._machines
        }
        for uid, pod in ours.items():
            worker = self.workers.get(uid)
            over = (pod.get("status") or {}).get("phase") in _OVER
            if worker is None and (not over or pod["metadata"].get("deletionTimestamp")):
                worker = self._start(pod, session)
            if worker is not None:
                worker.update(pod)
        for uid, worker in self.workers.items():
            if uid not in ours:
                worker.vanished()

    def _start(self, pod: Object, session: aiohttp.ClientSession) -> PodWorker:
        node = pod["spec"]["nodeName"]
        place = Place(
            self._api,
            self._events,
            session,
            self._machines[node],
            self._addresses[node],
            self._pace,
            self._hub,
            self._folder / "pods",
            self._folder / "logs",
            lambda image: self._pull(node, image),
            self._claimed,
        )
        worker = PodWorker(place, pod, self._network.take())
        self.workers[worker.uid] = worker
        task = asyncio.create_task(worker.run(), name=f"pod {pod['metadata']['name']}")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, worker))
        return worker

    def _ended(self, task: asyncio.Task[None], worker: PodWorker) -> None:
        self._tasks.discard(task)
        self.workers.pop(worker.uid, None)
        self._network.give_back(worker.address)
        for users in self._uses.values():
            users.discard(worker.uid)
        if not task.cancelled() and (problem := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler({"message": task.get_name(), "exception": problem})

    async def _pull(self, node: str, name: str) -> tuple[Image | None, bool]:
        """Each node has to pull an image once."""
        image = find(name, self._tools)
        if image is None or name in self._present[node]:
            return image, False
        await asyncio.sleep(self._pace.real(self._pace.pull_seconds))
        self._present[node].add(name)
        return image, True

    async def _claimed(self, pod: Object, name: str) -> Path:
        """The folder of a claim's volume, if it can be attached to the pod's node. Raises MountFailed."""
        claim = self._claims.get(pod["metadata"]["namespace"], name)
        volume = (claim or {"spec": {}})["spec"].get("volumeName")
        if claim is None or not volume:
            raise MountFailed(f'persistentvolumeclaim "{name}" not found' if claim is None else f"{name} is not bound")
        users = self._uses.setdefault(volume, set())
        if claim["spec"]["accessModes"] == ["ReadWriteOnce"]:
            elsewhere = sorted(
                worker.pod["metadata"]["name"]
                for uid, worker in self.workers.items()
                if uid in users and worker.pod["spec"]["nodeName"] != pod["spec"]["nodeName"]
            )
            if elsewhere:
                # https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/controller/volume/attachdetach/reconciler/
                # reconciler.go (reportMultiAttachError)
                raise MountFailed(
                    f'Multi-Attach error for volume "{volume}" Volume is already used by pod(s) {", ".join(elsewhere)}'
                )
        users.add(pod["metadata"]["uid"])
        return self._storage.folder(volume)
