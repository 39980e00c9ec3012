"""The running loop: watches fill the store and the queue, workers reconcile, a sweep repairs, HTTP tells.

Knows the kinds that are watched, but nothing of models: what a pass does is given by `reconcilers`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from kubernetes.aio.client import Configuration

from slipway import watches
from slipway.domain.conditions import Finding
from slipway.domain.errors import OutsideError
from slipway.kube import PLURALS, Kube
from slipway.loop.backoff import Backoff, Refusals
from slipway.loop.clock import Clock
from slipway.loop.keys import Key
from slipway.loop.queue import WorkQueue
from slipway.loop.store import Object, Store
from slipway.loop.sweep import Sweeper
from slipway.loop.workers import Reconcile, Workers
from slipway.settings import Settings
from slipway.telemetry import server
from slipway.telemetry.events import EventRecorder
from slipway.telemetry.health import Health
from slipway.telemetry.logs import during_pass
from slipway.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

_STALE_SWEEPS = 3
"""Missed sweeps after which the watches count as stale."""
_QUEUE_STUCK = 300.0
"""Seconds that a due object may wait for a worker while no pass ends."""
_DEFECT_BACKOFF = Backoff(first=5.0, longest=600.0)
_UNFINISHED_BACKOFF = Backoff(first=1.0, longest=120.0)

Report = Callable[[Key, Finding], Awaitable[None]]
"""Adds a finding to what an object's status says."""
Sync = Callable[[], Awaitable[None]]
"""Compares the store with fresh lists. Raises an OutsideError if these cannot be had."""
Related = Callable[[Key], Iterable[Key]]
"""Which other objects must be looked at when this one has changed."""


class Controller:
    """One process's loop."""

    def __init__(
        self,
        *,
        configuration: Configuration,
        kube: Kube,
        settings: Settings,
        store: Store,
        queue: WorkQueue,
        events: EventRecorder,
        metrics: Metrics,
        clock: Clock,
        reconcilers: Mapping[str, Reconcile],
        related: Related,
        report: Report,
        beside: Sequence[Callable[[Sync], Coroutine[Any, Any, None]]] = (),
    ) -> None:
        """`report` tells the user of an object what `reconcilers` could not. `beside` runs as long as the passes do."""
        self._configuration = configuration
        self._settings = settings
        self._store = store
        self._queue = queue
        self._events = events
        self._metrics = metrics
        self._reconcilers = reconcilers
        self._related = related
        self._report = report
        self._beside = beside
        self._clock = clock
        self._unfinished: Refusals[OutsideError] = Refusals(clock)
        self._last_finished = clock.monotonic()
        self.health = Health()
        self._sweeper = Sweeper(
            store,
            kube.each,
            clock,
            kinds=tuple(PLURALS),
            namespaces=settings.namespaces,
            interval=settings.sweep_interval,
            on_missed=self._missed,
            on_failure=lambda failure: log.warning("the sweep could not list: %s", failure),
        )
        store.on_change(self._changed)
        metrics.watch_queue(queue)
        self._add_health_checks()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set or the process is told to end (kopf handles the signals)."""
        settings = self._settings
        runner = await server.serve(settings.http_host, settings.http_port, self.health, self._metrics.registry)
        workers = Workers(
            self._queue,
            self._reconcile,
            on_defect=self._defect,
            backoff=_DEFECT_BACKOFF,
            timeout=settings.pass_timeout,
        )
        tasks = [
            asyncio.create_task(workers.run(settings.workers), name="workers"),
            asyncio.create_task(self._sweeper.run(), name="sweeper"),
            asyncio.create_task(self._events.run(), name="events"),
        ]
        tasks += [asyncio.create_task(beside(self._sweeper.sweep), name="beside") for beside in self._beside]
        watching = asyncio.create_task(
            watches.watch(self._configuration, settings.namespaces, self.on_event, stop), name="watches"
        )
        try:
            await asyncio.wait([*tasks, watching], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.set()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            await runner.cleanup()
        for problem in ended:
            if isinstance(problem, Exception):
                raise problem

    def on_event(self, key: Key, raw: Object, kind_of_event: str | None) -> None:
        """Take one event of a watch."""
        self._sweeper.watch_event(key.kind)
        if kind_of_event == "DELETED":
            self._store.discard(key, raw["metadata"].get("uid"))
            return
        if kind_of_event is None and key in self._store:
            self._sweeper.reconnected()  # a watch lists anew: deletions in between are lost
        self._store.put(key, raw)

    def _changed(self, key: Key) -> None:
        self._queue.add(key)
        for other in self._related(key):
            self._queue.add(other)

    async def _reconcile(self, key: Key) -> float | None:
        started = self._clock.monotonic()
        with during_pass(key):
            try:
                again = await self._reconcilers[key.kind](key)
            except OutsideError as failure:  # of the API server itself: there is no status to write it to
                log.warning("the pass could not be finished: %s", failure)
                self._metrics.passes.labels(key.kind, "unfinished").inc()
                again = self._unfinished.record(key, None, failure, _UNFINISHED_BACKOFF.delay)
            else:
                self._unfinished.clear(key)
                self._metrics.passes.labels(key.kind, "done").inc()
            finally:
                self._last_finished = self._clock.monotonic()
                self._metrics.seconds.labels(key.kind).observe(self._last_finished - started)
        return again

    async def _defect(self, key: Key, defect: Exception) -> None:
        self._metrics.passes.labels(key.kind, "defect").inc()
        with during_pass(key):
            if isinstance(defect, TimeoutError):
                text = f"a pass took longer than {self._settings.pass_timeout:.0f} s and was cancelled; it is repeated"
                finding = Finding("PassTimedOut", text)
                log.error(text)
            else:
                # The exception's own words stay in the log: nobody has checked what they hold.
                text = f"{type(defect).__name__}, a defect of Slipway: see the operator's log, and please report it"
                finding = Finding("InternalError", text)
                log.error("a pass failed in a way that is a defect of Slipway", exc_info=defect)
            try:
                await self._report(key, finding)
            except Exception:  # the report is a courtesy, and the worker must live on
                log.exception("the defect could not be reported in the object's status")

    def _missed(self, kind: str, number: int) -> None:
        self._metrics.missed.labels(kind).inc(number)
        log.info("the sweep found changes that the watch had not delivered: %s %s", number, kind)

    def _add_health_checks(self) -> None:
        oldest_sweep = _STALE_SWEEPS * self._settings.sweep_interval

        def swept() -> str | None:
            age = self._sweeper.age()
            return f"no successful list for {age:.0f} s" if age > oldest_sweep else None

        def watching() -> str | None:
            deaf = ", ".join(sorted(self._sweeper.deaf()))
            return f"the watch is deaf: {deaf}" if deaf else None

        def queue_moves() -> str | None:
            # Under load an object may wait long; the queue is stuck when no pass ends meanwhile.
            wait = min(self._queue.longest_wait(), self._clock.monotonic() - self._last_finished)
            return f"objects wait for a worker, and no pass has ended for {wait:.0f} s" if wait > _QUEUE_STUCK else None

        def passes_end() -> str | None:
            longest = self._queue.longest_work()
            stuck = longest > 2 * self._settings.pass_timeout
            return f"a pass has taken {longest:.0f} s" if stuck else None

        for check in (swept, watching, queue_moves, passes_end):
            self.health.add(check)
