"""A container's probes, and what they make of it: started, ready, to be restarted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tests.testbed.node.pod_status import ContainerState
from tests.testbed.node.probes import Prober
from tests.testbed.node.surrounding import Surrounding


@dataclass(frozen=True)
class Watch:
    """The probes of one life of a container. Readiness goes on being asked for while it is ended."""

    state: ContainerState
    prober: Prober
    around: Surrounding
    unhealthy: Callable[[str], None]
    """Told `startup` or `liveness` when that probe has failed too often."""

    async def run(self) -> None:
        """Until it is cancelled."""
        if self.prober.has("startupProbe"):
            await self._startup()
        self.state.started = True
        self.state.ready = not self.prober.has("readinessProbe")
        self.around.changed()
        async with asyncio.TaskGroup() as tasks:
            if self.prober.has("readinessProbe"):
                tasks.create_task(self.prober.watch("readinessProbe", self._readiness))
            if self.prober.has("livenessProbe"):
                tasks.create_task(self.prober.watch("livenessProbe", self._liveness))

    async def _startup(self) -> None:
        """Until it has succeeded; the others are not asked before."""
        up = asyncio.Event()

        async def changed(good: bool, message: str) -> None:
            if good:
                up.set()
            else:
                await self._failed("startup", message)

        asking = asyncio.create_task(self.prober.watch("startupProbe", changed))
        try:
            await up.wait()
        finally:
            asking.cancel()

    async def _readiness(self, good: bool, message: str) -> None:
        if message:
            await self.around.say("Warning", "Unhealthy", message)
        elif self.state.ready != good:
            self.state.ready = good
            self.around.changed()

    async def _liveness(self, good: bool, message: str) -> None:
        if not good:
            await self._failed("liveness", message)

    async def _failed(self, kind: str, message: str) -> None:
        if message:
            await self.around.say("Warning", "Unhealthy", message)
        else:
            self.unhealthy(kind)
