"""One poller for an identity and a region notices what moves, for all Deployments together.

Every few seconds it asks which endpoints were modified lately; now and then it lists all of them, which also shows
what was deleted behind our back. It only wakes: no step is planned on what it saw, except for doing nothing.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.domain.errors import OutsideError, RateLimited, Transient
from slipway.domain.sagemaker.observation import EndpointState, EndpointSummary
from slipway.targets.sagemaker.clients import AwsSession

_PAGE = 100
_STALE_SWEEPS = 2
"""Missed full lists after which nothing may be concluded from the last one."""
_OVERLAP = timedelta(seconds=60)
"""How far each question reaches back, for clocks that differ and lists that lag."""

log = logging.getLogger(__name__)


class EndpointPoller:
    """The endpoints of one account and region, as of the last look."""

    def __init__(
        self,
        clients: AwsSession,
        region: str,
        *,
        wake: Callable[[str, str], None],
        interval: float,
        sweep_interval: float,
        wanted: Callable[[], bool] = lambda: True,
        ended: Callable[[], None] = lambda: None,
        account: str | None = None,
    ) -> None:
        """`wake` is called with (region, endpoint name) for every endpoint that changed, appeared or vanished.

        `interval` and `sweep_interval` are seconds between two looks at what changed, and at everything. After each,
        `wanted` says whether anybody still needs another; `ended` is called when it was stopped. `account` is for
        messages.
        """
        self._clients = clients
        self._region = region
        self._place = f"{region} of account {account}" if account else region
        self._wanted, self._ended = wanted, ended
        self._wake = wake
        self._interval = interval
        self._sweep_interval = sweep_interval
        self._endpoints: dict[str, EndpointSummary] = {}
        self._listed = False
        self._listed_at = time.monotonic()
        self._stale = False
        self._answered = asyncio.Event()
        self._problem: OutsideError | None = None
        self._newest = datetime.now(UTC)
        self._task: asyncio.Task[None] | None = None
        self.has_ended = False
        """Whether it was stopped for good."""

    def start(self) -> None:
        """Begin to poll, if that has not begun."""
        if self.has_ended:
            return
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"endpoint-poller-{self._region}")

    def stop(self) -> None:
        """End. Whoever still waits for a list learns that none will come."""
        self.has_ended = True
        self._listed, self._problem = False, Transient("EndpointsNotListed", f"{self._place} is not listed any more")
        self._answered.set()
        self._ended()
        if self._task and self._task is not asyncio.current_task():
            self._task.cancel()

    async def close(self) -> None:
        """Stop polling."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def summary(self, name: str) -> EndpointSummary | None:
        """What was seen last. Waits for the first full list.

        Raises the error that keeps a list from coming, at the start or since long.
        """
        await self._current()
        return self._endpoints.get(name.lower())

    async def summaries(self) -> list[EndpointSummary]:
        """All that was seen last; like `summary`."""
        await self._current()
        return list(self._endpoints.values())

    async def _current(self) -> None:
        self.start()
        await self._answered.wait()
        if not self._listed or self._stale:
            raise self._problem or Transient("EndpointsNotListed", f"no list of endpoints of {self._place} yet")

    def age(self) -> float:
        """Seconds since the last list that succeeded (at first: since the start)."""
        return time.monotonic() - self._listed_at

    async def _run(self) -> None:
        next_sweep = 0.0
        while True:
            try:
                if time.monotonic() >= next_sweep:
                    await self._sweep()
                    next_sweep = time.monotonic() + self._sweep_interval * random.uniform(0.9, 1.1)  # noqa: S311
                else:
                    await self._look()
                self._problem, self._stale, self._listed_at = None, False, time.monotonic()
                delay = self._interval
            except OutsideError as problem:
                if self._problem is None:
                    log.warning("cannot list the endpoints of %s: %s", self._place, problem)
                self._problem = problem
                delay = max(self._interval, problem.retry_after if isinstance(problem, RateLimited) else 0)
            except Exception as defect:  # a whole region waits for this task: it must not end
                log.exception("a look at the endpoints of %s failed in a way that is a defect of Slipway", self._place)
                self._problem = Transient("EndpointsNotListed", f"{type(defect).__name__}: see the operator's log")
                delay = self._interval
            self._answered.set()
            self._notice_staleness()
            if not self._wanted():  # never before the first answer: somebody waits for that
                log.info("nobody has endpoints in %s any more", self._place)
                self.stop()
                return
            await asyncio.sleep(delay * random.uniform(0.9, 1.1))  # noqa: S311  # jitter, not cryptography

    def _notice_staleness(self) -> None:
        """Wake everybody once when the list has become old: what rests must not look healthy for ever."""
        if self._listed and not self._stale and self.age() > _STALE_SWEEPS * self._sweep_interval:
            self._stale = True
            for name in self._endpoints:
                self._wake(self._region, name)

    async def _sweep(self) -> None:
        """List everything; what is missing was deleted."""
        found = await self._list()
        vanished = self._endpoints.keys() - found.keys()
        for name in vanished:
            del self._endpoints[name]
            self._wake(self._region, name)
        self._take(found)
        self._listed = True

    async def _look(self) -> None:
        """List what was modified lately."""
        self._take(await self._list(LastModifiedTimeAfter=self._newest - _OVERLAP))

    def _take(self, found: dict[str, EndpointSummary]) -> None:
        first = not self._listed
        for name, summary in found.items():
            changed = self._endpoints.get(name) != summary
            self._endpoints[name] = summary
            if changed and not first:
                self._wake(self._region, name)

    async def _list(self, **filters: Any) -> dict[str, EndpointSummary]:
        result: dict[str, EndpointSummary] = {}
        following: dict[str, str] = {}
        while True:
            page = await self._clients.call(
                "sagemaker",
                self._region,
                "list_endpoints",
                SortBy="CreationTime",
                MaxResults=_PAGE,
                **filters,
                **following,
            )
            for row in page["Endpoints"]:
                modified = row["LastModifiedTime"].astimezone(UTC)
                self._newest = max(self._newest, modified)
                result[row["EndpointName"].lower()] = EndpointSummary(
                    name=row["EndpointName"],
                    state=EndpointState(row["EndpointStatus"]),
                    last_modified=modified.isoformat(timespec="microseconds"),
                    arn=row["EndpointArn"],
                    created=row["CreationTime"].astimezone(UTC).isoformat(timespec="microseconds"),
                )
            if not page.get("NextToken"):
                return result
            following = {"NextToken": page["NextToken"]}
