"""Watches of what Deployments have in the cluster: they only wake.

The server filters by label and sends metadata alone. No object is kept, only its resourceVersion: a pass looks for
itself. Why not with kopf: docs/decisions/0017-watching-children.md.
"""

import asyncio
import contextlib
import itertools
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any

from slipway.domain.cluster.apis import WATCHED
from slipway.domain.cluster.looks.observation import Api
from slipway.domain.cluster.marks import DEPLOYMENT_LABEL, MANAGED_BY, MANAGED_BY_LABEL
from slipway.domain.errors import OutsideError, Rejected
from slipway.kube import Change, Resources
from slipway.loop.backoff import Backoff

SELECTOR = f"{MANAGED_BY_LABEL}={MANAGED_BY}"
PERIOD = 240.0
"""Seconds after which the API server is asked to end a watch, which then goes on from where it was."""
COALESCED = 0.2
"""Seconds for which changes are gathered: a pod that becomes ready changes four objects at once."""
_SILENT = 2.5
"""Periods without a word after which a watch counts as deaf. Bookmarks come about once a minute:
https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks"""
_BACKOFF = Backoff(first=0.5, longest=30.0)

Subject = tuple[str, str]
"""Namespace and name of a Deployment."""
log = logging.getLogger(__name__)


class Children:
    """All the watches, and what they have noticed. Implements `slipway.targets.cluster.looks.Noticed`."""

    def __init__(
        self,
        kube: Resources,
        *,
        namespaces: Sequence[str],
        wake: Callable[[str, str], None],
        apis: Collection[Api] = WATCHED,
        period: float = PERIOD,
        coalesced: float = COALESCED,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`namespaces`: empty for all. `wake` is called with the namespace and the name of each Deployment of which
        something has changed, appeared or vanished: at the start with all of them.

        `kube` needs `connections` connections of its own: a watch holds one for as long as it lasts.
        """
        self._wake = wake
        self._coalesced = coalesced
        self._marks: dict[Subject, int] = {}
        self._numbers = itertools.count(1)
        self._pending: set[Subject] = set()
        self._flush: asyncio.TimerHandle | None = None
        self._watches = [
            _Watch(kube, api, namespace, noticed=self._noticed, period=period, clock=clock, sleep=sleep)
            for namespace in namespaces or (None,)
            for api in apis
        ]

    @staticmethod
    def connections(namespaces: Sequence[str], apis: Collection[Api] = WATCHED) -> int:
        """How many connections the watches hold."""
        return max(1, len(namespaces)) * len(apis)

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for watch in self._watches:
                    tasks.create_task(watch.run(), name=f"watch-{watch.what}")
        finally:
            if self._flush:
                self._flush.cancel()

    def mark(self, namespace: str, deployment: str) -> int | None:
        """Another number whenever something of a Deployment has changed. None while a watch is not connected."""
        if not all(watch.live and not watch.is_deaf() for watch in self._watches):
            return None
        return self._marks.get((namespace, deployment), 0)

    def age(self) -> float:
        """Seconds since the word of the watch that has been silent longest (at first: since the start)."""
        return max(watch.age() for watch in self._watches)

    def problem(self) -> str | None:
        """What is wrong, for /healthz; None: nothing."""
        deaf = [f"{watch.what} ({watch.age():.0f} s)" for watch in self._watches if watch.is_deaf()]
        return f"no word from the watches of {', '.join(deaf)}" if deaf else None

    def _noticed(self, subjects: Iterable[Subject]) -> None:
        for subject in subjects:
            self._marks[subject] = next(self._numbers)
            self._pending.add(subject)
        if self._pending and self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(self._coalesced, self._tell)

    def _tell(self) -> None:
        self._flush, pending, self._pending = None, self._pending, set()
        for namespace, deployment in sorted(pending):
            self._wake(namespace, deployment)


class _Watch:
    """One kind in one namespace, or in all."""

    def __init__(
        self,
        kube: Resources,
        api: Api,
        namespace: str | None,
        *,
        noticed: Callable[[Iterable[Subject]], None],
        period: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.what = f"{api.plural} in {namespace}" if namespace else api.plural
        self.live = False
        """Listed, and connected as far as anybody knows."""
        self._kube = kube
        self._api = api
        self._namespace = namespace
        self._noticed = noticed
        self._period = period
        self._clock = clock
        self._sleep = sleep
        self._known: dict[tuple[str, str], tuple[Subject, str]] = {}
        """By namespace and name of an object: whose it is, and its resourceVersion."""
        self._answered = clock()
        self._failures = 0

    def age(self) -> float:
        """Seconds since the last answer."""
        return self._clock() - self._answered

    def is_deaf(self) -> bool:
        """Whether nothing has come for so long that something must be wrong."""
        return self.age() > _SILENT * self._period

    async def run(self) -> None:
        """List, then watch, for ever. What broke off begins with a new list: changes in between are lost."""
        while True:
            try:
                version = await self._list()
                while True:
                    version = await self._follow(version)
            except OutsideError as failure:
                if isinstance(failure, Rejected):
                    self._answered = self._clock()  # it has answered; whoever serves SageMaker only needs no such right
                if self._failures == 0:
                    log.warning("the watch of %s broke off, and begins anew: %s", self.what, failure)
            except Exception:  # the others must go on, and this one, too
                log.exception("the watch of %s failed in a way that is a defect of Slipway", self.what)
            self.live = False
            self._failures += 1
            await self._sleep(_BACKOFF.delay(self._failures))

    async def _list(self) -> str:
        found, version = await self._kube.metadata(self._api, self._namespace, SELECTOR)
        before, self._known = self._known, {}
        for metadata in found:
            self._remember(metadata)
        changed = {
            subject
            for name in before.keys() | self._known.keys()
            if before.get(name) != self._known.get(name)
            for subject, _ in filter(None, (before.get(name), self._known.get(name)))
        }
        self._answered, self.live = self._clock(), True
        self._noticed(changed)
        return version

    async def _follow(self, version: str) -> str:
        """Watch until the server ends it; the resourceVersion to go on from."""
        began = self._clock()
        period = self._period * random.uniform(0.8, 1.2)  # noqa: S311  # not all of them at once
        changes = self._kube.watch(self._api, self._namespace, SELECTOR, version, period)
        async with contextlib.aclosing(changes):
            async for change in changes:
                self._answered, self._failures = self._clock(), 0
                version = change.metadata["resourceVersion"]
                if change.type != "BOOKMARK":
                    self._take(change)
        self._answered = self._clock()
        if self._answered - began < 1.0:
            await self._sleep(1.0)  # a server, or something before it, that ends watches at once
        else:
            self._failures = 0
        return version

    def _take(self, change: Change) -> None:
        name = _name(change.metadata)
        before = self._known.pop(name, None)
        if change.type != "DELETED":
            self._remember(change.metadata)
        now = self._known.get(name)
        if before != now:
            self._noticed({subject for subject, _ in filter(None, (before, now))})

    def _remember(self, metadata: dict[str, Any]) -> None:
        deployment = (metadata.get("labels") or {}).get(DEPLOYMENT_LABEL)
        if deployment:
            subject = metadata["namespace"], deployment
            self._known[_name(metadata)] = subject, metadata["resourceVersion"]


def _name(metadata: dict[str, Any]) -> tuple[str, str]:
    return metadata["namespace"], metadata["name"]
