"""Slipway's loop with a reconciler that sets the same status field as the plain kopf operator, and nothing else.

Everything that the operator has around its reconcilers is there: watches, store, queue, workers, sweep, metrics,
health. There is no target and no registry, so nothing is asked for an object but the one status write.
"""

import asyncio
import time

from slipway.controller import Controller
from slipway.domain.conditions import Finding
from slipway.kube import Kube, load_configuration
from slipway.loop.clock import SystemClock
from slipway.loop.keys import Key
from slipway.loop.queue import WorkQueue
from slipway.loop.store import Store
from slipway.settings import Settings
from slipway.telemetry import logs
from slipway.telemetry.events import EventRecorder
from slipway.telemetry.metrics import Metrics


class StatusField:
    """Sets status.observedGeneration where it is not current."""

    def __init__(self, kube: Kube, store: Store) -> None:
        self._kube = kube
        self._store = store

    async def reconcile(self, key: Key) -> None:
        """One pass."""
        raw = self._store.get(key)
        if raw is None:
            return
        generation = raw["metadata"]["generation"]
        if (raw.get("status") or {}).get("observedGeneration") == generation:
            return
        version = raw["metadata"]["resourceVersion"]
        written = await self._kube.apply_status(key, version, {"observedGeneration": generation})
        self._store.put(key, written)


async def _report(key: Key, finding: Finding) -> None:
    raise AssertionError(f"{key}: {finding.message}")


async def run(settings: Settings) -> None:
    """Run until the process is told to end."""
    configuration = await load_configuration(settings.workers)
    kube = Kube(configuration, timeout=settings.request_timeout)
    metrics, clock, queue, store = Metrics(), SystemClock(), WorkQueue(), Store()
    reconcile = StatusField(kube, store).reconcile
    controller = Controller(
        configuration=configuration,
        kube=kube,
        settings=settings,
        store=store,
        queue=queue,
        events=EventRecorder(kube, clock, metrics),
        metrics=metrics,
        clock=clock,
        reconcilers={"ModelVersion": reconcile, "Deployment": reconcile},
        related=lambda key: (),
        report=_report,
    )
    print(f"bench: started {time.time()}", flush=True)
    try:
        await controller.run(asyncio.Event())
    finally:
        await kube.close()


if __name__ == "__main__":
    logs.set_up("INFO")
    asyncio.run(run(Settings()))
