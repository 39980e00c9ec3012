"""One poller for an identity and a region notices what moves, for all Deployments together.

Every few seconds it asks which endpoints were modified lately. Meanwhile it lists all of them, again and again, a page
now and a page then, which also shows what was deleted behind our back. Only the first list is made in one go: everybody
waits for it. The poller only wakes: no step is planned on what it saw, except for doing nothing.
"""

import asyncio
import contextlib
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.domain.errors import OutsideError, RateLimited, Transient
from slipway.domain.sagemaker.full_list import FullList
from slipway.domain.sagemaker.observation import EndpointState, EndpointSummary
from slipway.targets.sagemaker.clients import AwsSession

_PAGE = 100
_STALE_SWEEPS = 2
"""Times of a full list without an answer, or overdue, after which nothing may be concluded from the last one."""
_CLOCKS_DIFFER = timedelta(minutes=5)
"""How much this machine's clock may differ from the service's. AWS refuses requests that are signed with a clock that
differs by more: https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html"""
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
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`wake` is called with (region, endpoint name) for every endpoint that changed, appeared or vanished.

        `interval` is the time between two looks at what changed, `sweep_interval` what a list of everything takes, in
        seconds. After each look, `wanted` says whether anybody still needs another; `ended` is called when it was
        stopped. `account` is for messages. `clock` gives seconds, as `sleep` takes them.
        """
        self._clients = clients
        self._region = region
        self._place = f"{region} of account {account}" if account else region
        self._wanted, self._ended = wanted, ended
        self._wake = wake
        self._interval = interval
        self._sweep_interval = sweep_interval
        self._endpoints: dict[str, EndpointSummary] = {}
        self._clock, self._sleep = clock, sleep
        self._full: FullList | None = None
        self._following: dict[str, str] = {}
        """NextToken of the full list that is under way."""
        self._pages_due, self._counted_at = 0.0, clock()
        self._at_once = False
        """Whether all pages of a full list are asked for one right after the other."""
        self._listed = False
        self._completed_at = clock()
        self._answered_at = clock()
        self._stale = False
        self._answered = asyncio.Event()
        self._problem: OutsideError | None = None
        self._began, self._began_at = datetime.now(UTC), clock()
        self._newest = self._began
        self._looked = self._began
        """When the last look at what changed began, by the clock of this machine."""
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
        return self._clock() - self._answered_at

    async def _run(self) -> None:
        while True:
            try:
                await self._turn()
                self._problem, self._stale, self._answered_at = None, False, self._clock()
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
            await self._sleep(delay * random.uniform(0.9, 1.1))  # noqa: S311  # jitter, not cryptography

    async def _turn(self) -> None:
        """A look at what changed, and the pages of the full list that are due. Where nothing is known, all of them."""
        if self._listed and not self._stale:
            self._take(await self._modified_lately())
            await self._due_pages()
        else:
            while not await self._next_page():
                pass
            self._pages_due, self._counted_at = 0.0, self._clock()

    def _notice_staleness(self) -> None:
        """Wake everybody once when the list has become old: what rests must not look healthy for ever."""
        age = max(self.age(), self._clock() - self._completed_at - self._sweep_interval)  # which a list takes anyway
        if self._listed and not self._stale and age > _STALE_SWEEPS * self._sweep_interval:
            self._stale = True
            self._begin_anew()
            for name in self._endpoints:
                self._wake(self._region, name)

    async def _due_pages(self) -> None:
        """Keep the pace at which a full list takes `sweep_interval`; what was missed for long is not made up for."""
        pages = max(1, math.ceil(len(self._endpoints) / _PAGE))
        spacing, portion = self._sweep_interval / pages, pages if self._at_once else 1
        now = self._clock()
        due = self._pages_due + (now - self._counted_at) / spacing
        self._pages_due, self._counted_at = min(due, portion + self._interval / spacing), now
        while self._pages_due >= portion:
            while not await self._next_page() and self._at_once:
                pass
            self._pages_due -= portion

    async def _next_page(self) -> bool:
        """The next page of the full list. Whether it was the last one."""
        if self._full is None:
            self._full = FullList(self._endpoints.values())
        full = self._full
        try:
            page, following = await self._page(**self._following)
        except (Transient, RateLimited):
            raise  # to go on from here
        except Exception:
            # It may be the token that is refused. How long one is good for is not documented: take no more chances.
            self._at_once = self._at_once or bool(self._following)
            self._begin_anew()
            raise
        self._take(page)
        for name in full.page(list(page.values()), last=not following):
            del self._endpoints[name]
            self._wake(self._region, name)
        self._following = following
        if following:
            return False
        self._full, self._listed, self._completed_at = None, True, self._clock()
        return True

    def _begin_anew(self) -> None:
        self._full, self._following = None, {}

    def _take(self, found: dict[str, EndpointSummary]) -> None:
        first = not self._listed
        if self._full:
            self._full.met(found)
        for name, summary in found.items():
            changed = self._endpoints.get(name) != summary
            self._endpoints[name] = summary
            if changed and not first:
                self._wake(self._region, name)

    async def _modified_lately(self) -> dict[str, EndpointSummary]:
        result: dict[str, EndpointSummary] = {}
        began = self._began + timedelta(seconds=self._clock() - self._began_at)
        # By the newest change alone, a thousand endpoints that were rolled together would be listed for ever.
        asked: dict[str, Any] = {"LastModifiedTimeAfter": max(self._newest - _OVERLAP, self._looked - _CLOCKS_DIFFER)}
        while True:
            page, following = await self._page(**asked)
            result |= page
            if not following:
                self._looked = began
                return result
            asked |= following

    async def _page(self, **asked: Any) -> tuple[dict[str, EndpointSummary], dict[str, str]]:
        """Rows by name in lower case, the newest endpoint first, and what to ask for the next page; empty: no more."""
        page = await self._clients.call(
            "sagemaker",
            self._region,
            "list_endpoints",
            SortBy="CreationTime",
            SortOrder="Descending",
            MaxResults=_PAGE,
            **asked,
        )
        found: dict[str, EndpointSummary] = {}
        for row in page["Endpoints"]:
            modified = row["LastModifiedTime"].astimezone(UTC)
            self._newest = max(self._newest, modified)
            found[row["EndpointName"].lower()] = EndpointSummary(
                name=row["EndpointName"],
                state=EndpointState(row["EndpointStatus"]),
                last_modified=modified.isoformat(timespec="microseconds"),
                arn=row["EndpointArn"],
                created=row["CreationTime"].astimezone(UTC).isoformat(timespec="microseconds"),
            )
        return found, {"NextToken": page["NextToken"]} if page.get("NextToken") else {}
