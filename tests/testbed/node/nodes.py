"""Nodes for a control plane of our own: scheduler, kubelet, storage, in a thread of this process.

    with Nodes(plane.admin_kubeconfig, tmp_path / "nodes", namespace, machines=(Machine("a", gpus=2),)) as nodes:
        ...

Pods of the namespace are scheduled to these machines and run, with whoever makes them: nothing here knows Slipway.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Callable, Collection, Coroutine, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.testbed.node.addresses import PodNetwork
from tests.testbed.node.api import Api, Informer
from tests.testbed.node.kubelet import Kubelet
from tests.testbed.node.machine import Machine
from tests.testbed.node.runtime import Pace
from tests.testbed.node.scheduler import Scheduler
from tests.testbed.node.storage import Provisioner

T = TypeVar("T")
Object = dict[str, Any]
_START_WITHIN = 60.0
_STOP_WITHIN = 15.0


class Nodes:
    """A context manager: nodes that are ready when it is entered, and no process, route or Node when it is left."""

    def __init__(
        self,
        kubeconfig: Path,
        folder: Path,
        namespace: str,
        *,
        machines: Sequence[Machine] = (Machine(),),
        pace: Pace = Pace(),  # noqa: B008 - it cannot change
        hub: str = "https://huggingface.co",
        tools: Collection[str] = (),
    ) -> None:
        """`folder`: for logs, volumes and scratch; `hub`: where the name huggingface.co leads to; `tools`: further
        repositories that the registry has, of images with Python and a shell.
        """
        suffix = secrets.token_hex(3)
        self.machines = {f"{machine.name}-{suffix}": machine for machine in machines}
        """By the names of their nodes, which are this object's own: nodes belong to no namespace."""
        self.folder = folder
        self.pace = pace
        self._kubeconfig = kubeconfig
        self._namespace = namespace
        self._hub = hub
        self._tools = tools
        self._network = PodNetwork()
        self._thread = threading.Thread(target=self._live, name="nodes", daemon=True)
        self._ready = threading.Event()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kubelet: Kubelet | None = None
        self.problems: list[str] = []
        """What went wrong in here; leaving raises it."""

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._network.__enter__()
        self._thread.start()
        if not self._ready.wait(_START_WITHIN):
            self.__exit__(None, None, None)
            raise RuntimeError(f"the nodes were not ready within {_START_WITHIN:.0f} s: {self.problems}")
        if self.problems:
            self.__exit__(None, None, None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_WITHIN + 5)
        self._network.__exit__(kind, error, traceback)
        if self._thread.is_alive():
            self.problems.append("the nodes' thread does not end")
        if self.problems and error is None:
            raise RuntimeError("the nodes failed: " + "; ".join(self.problems))

    # What tests ask

    def logs(self, pod: str, container: str = "engine") -> str:
        """Everything that a pod's container has said, its former lives first."""
        files = sorted((self.folder / "logs" / pod).glob(f"{container}-*.log"), key=lambda file: file.stat().st_mtime)
        return "\n".join(file.read_text(errors="replace") for file in files)

    def processes(self) -> dict[str, list[int]]:
        """Process ids of containers by pod."""

        async def look() -> dict[str, list[int]]:
            workers = self._kubelet.workers.values() if self._kubelet else ()
            return {
                worker.pod["metadata"]["name"]: [each.pid for each in worker.containers if each.pid is not None]
                for worker in workers
            }

        return self._inside(look)

    def volume(self, name: str) -> Path:
        """What stands for a PersistentVolume on this machine."""
        return self.folder / "volumes" / name

    def _inside(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if self._loop is None:
            raise RuntimeError("the nodes were not started")
        return asyncio.run_coroutine_threadsafe(ask(), self._loop).result(10)

    # In the thread

    def _live(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as problem:  # it is raised where the nodes are left
            self.problems.append(f"{type(problem).__name__}: {problem}")
        finally:
            self._ready.set()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(self._note)
        async with Api(self._kubeconfig) as api:
            kubelet, tasks = self._assemble(api)
            self._kubelet = kubelet
            try:
                async with asyncio.timeout(_START_WITHIN):
                    await kubelet.register()
                    await self._until_ready(api)
                self._ready.set()
                stopped = asyncio.create_task(self._stop.wait())
                await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    if task.done() and not task.cancelled() and (problem := task.exception()):
                        raise problem
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                with contextlib.suppress(TimeoutError):  # the API server may be gone by now
                    async with asyncio.timeout(_STOP_WITHIN):
                        await self._leave(api, kubelet)

    def _assemble(self, api: Api) -> tuple[Kubelet, list[asyncio.Task[None]]]:
        base = f"/api/v1/namespaces/{self._namespace}"
        wakes: list[asyncio.Event] = []

        def changed() -> None:
            for wake in wakes:
                wake.set()

        pods = Informer(api, f"{base}/pods", changed)
        claims = Informer(api, f"{base}/persistentvolumeclaims", changed)
        nodes = Informer(api, "/api/v1/nodes", changed)
        storage = Provisioner(api, claims, self.folder / "volumes")
        scheduler = Scheduler(api, pods, claims, nodes, lambda node: node["metadata"]["name"] in self.machines)
        kubelet = Kubelet(
            api, pods, claims, storage, self.machines, self._network, self.pace, self._hub, self.folder, self._tools
        )
        wakes.extend([scheduler.wake, kubelet.wake, storage.wake])
        loops = [pods.run, claims.run, nodes.run, storage.run, scheduler.run, kubelet.run, kubelet.beat]
        return kubelet, [asyncio.create_task(each(), name=each.__qualname__) for each in loops]

    async def _until_ready(self, api: Api) -> None:
        """Until the control plane has taken the taints of new nodes away."""
        for name in self.machines:
            while True:
                node = await api.get(f"/api/v1/nodes/{name}") or {"spec": {}}
                taints = node["spec"].get("taints") or []
                if not any(taint["key"].startswith("node.kubernetes.io/") for taint in taints):
                    break
                await asyncio.sleep(0.05)

    async def _leave(self, api: Api, kubelet: Kubelet) -> None:
        """Nobody else would end pods whose kubelet is gone."""
        await kubelet.unregister()
        await api.delete(f"/api/v1/namespaces/{self._namespace}/pods", None, gracePeriodSeconds="0")

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        problem = context.get("exception")
        self.problems.append(f"{context.get('message')}: {type(problem).__name__}: {problem}")
