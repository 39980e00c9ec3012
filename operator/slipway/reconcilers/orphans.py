"""The orphan sweep: finds what this installation left in AWS, says so, and removes it where that is asked for.

It runs beside the passes and at a pace of its own, and nothing waits for it: neither a pass nor /healthz.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from slipway.domain.errors import OutsideError
from slipway.domain.names import Owner
from slipway.domain.sagemaker.orphans import (
    ORPHANS,
    Claims,
    Home,
    Homes,
    Judged,
    Jurisdiction,
    Kind,
    Place,
    Resource,
    Site,
    Verdict,
    finding,
    judge,
)
from slipway.kube import Kube
from slipway.loop.clock import Clock
from slipway.loop.keys import Key
from slipway.loop.store import Store
from slipway.reconcilers.homes import home_of
from slipway.reconcilers.orphan_removal import OrphanRemoval
from slipway.reconcilers.sightings import Sightings
from slipway.targets.port import Survey
from slipway.telemetry.events import EventRecorder
from slipway.telemetry.metrics import Metrics

FIRST = 300.0
"""Seconds until the first search, if it is not sooner by its interval: the start has other things to do."""
QUESTIONS = 100
"""So many resources are asked for their tags in one search of one site. Where thousands of strangers live, they take
several searches to become known, and what is ours is found meanwhile."""
_HOMES_AT_ONCE = 200

Sync = Callable[[], Awaitable[None]]
"""Brings the store up to date with fresh lists of all watched namespaces. Raises an OutsideError if it cannot."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Policy:
    """What the installation says about orphans. Times are in seconds."""

    jurisdiction: Jurisdiction
    regions: frozenset[str]
    """Where to look, beside the regions in which Deployments live."""
    removes: bool
    interval: float
    grace: float


class OrphanSweep:
    """One process's search for orphans."""

    def __init__(
        self,
        policy: Policy,
        *,
        kube: Kube,
        store: Store,
        survey: Survey,
        events: EventRecorder,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._policy = policy
        self._store = store
        self._survey = survey
        self._removal = OrphanRemoval(policy.jurisdiction, kube, survey)
        self._events = events
        self._metrics = metrics
        self._clock = clock
        self._remembered: dict[tuple[str, str | None], Place] = {}
        """By region and role: where Deployments live or have lived, with the external id that worked last."""
        self._sightings: dict[Site, Sightings] = {}
        self._problems: dict[Place, str] = {}
        """What was last wrong in a place: it is logged once, not in every search."""

    async def run(self, sync: Sync) -> None:
        """Search until cancelled."""
        delay = min(FIRST, self._policy.interval)
        while True:
            await asyncio.sleep(delay * random.uniform(0.9, 1.1))  # noqa: S311  # jitter, not cryptography
            delay = self._policy.interval
            try:
                await sync()
                await self.sweep()
            except OutsideError as failure:
                log.warning("orphans cannot be searched for: the objects could not be listed: %s", failure)
            except Exception:  # nothing waits for this task, and nothing would start it again
                log.exception("the search for orphans failed in a way that is a defect of Slipway")

    async def sweep(self) -> None:
        """Search once, on a store that is up to date."""
        homes = await self._homes()
        named = {Place(region) for region in self._policy.regions}
        named |= {Place(home.site.region, home.identity) for home in homes.values() if home.site}
        sites = await self._sites(named)
        await asyncio.gather(*(self._any_place_of(site, places, homes) for site, places in sites.items()))

    async def _homes(self) -> dict[tuple[str, str], Home]:
        homes: dict[tuple[str, str], Home] = {}
        for number, key in enumerate(self._store.uids("Deployment")):
            if number % _HOMES_AT_ONCE == 0:
                await asyncio.sleep(0)  # thousands of objects are read: let others work in between
            raw = self._store.get(key)
            if raw:
                homes[key.namespace, key.name] = home_of(raw)
        return homes

    async def _sites(self, named: set[Place]) -> dict[Site, list[Place]]:
        """Each account and region once, with every identity that may look there.

        Where Deployments have lived is remembered, until its role may not be assumed any more.
        """
        sites: dict[Site, list[Place]] = {}
        for place in named:
            self._remembered.setdefault(_role_there(place), place)
        current = {_role_there(place) for place in named}
        places = named | {place for there, place in self._remembered.items() if there not in current}
        for place in sorted(places, key=lambda place: (place.region, place.identity.role_arn or "")):
            try:
                account = await self._survey.account(place)
            except OutsideError as failure:
                self._note(place, failure.reason, failure)
                if failure.reason == "AssumeRoleDenied" and place not in named:
                    del self._remembered[_role_there(place)]
                continue
            self._remembered[_role_there(place)] = place
            sites.setdefault(Site(account, place.region), []).append(place)
        return sites

    async def _any_place_of(self, site: Site, places: list[Place], homes: Homes) -> None:
        """Search one site with the first identity that may. What goes wrong here does not stop the other sites."""
        for place in places:
            try:
                await self._search(place, site, homes)
            except OutsideError as failure:
                self._note(place, failure.reason, failure)
                continue
            except Exception:  # of this site alone
                log.exception("the search for orphans in %s failed in a way that is a defect of Slipway", site.region)
                self._metrics.orphan_sweeps.labels(site.region, "defect").inc()
                return
            self._note(place, "ok", None)
            return

    def _note(self, place: Place, outcome: str, failure: OutsideError | None) -> None:
        self._metrics.orphan_sweeps.labels(place.region, outcome).inc()
        if failure is None:
            self._problems.pop(place, None)
        elif self._problems.get(place) != str(failure):
            self._problems[place] = str(failure)
            log.warning("orphans cannot be searched for in %s with %s: %s", place.region, place.identity, failure)

    async def _search(self, place: Place, site: Site, homes: Homes) -> None:
        sightings = self._sightings.setdefault(site, Sightings(self._clock))
        jurisdiction = self._policy.jurisdiction
        claims = Claims.of(jurisdiction, site, homes)
        in_doubt = [one for one in await self._survey.resources(place, site) if not claims.hold(one)]
        sightings.keep_only(in_doubt)
        for one in sightings.questions(in_doubt, QUESTIONS):
            tags = await self._survey.tags(place, site, one)
            sightings.answered(one, tags, is_ours=jurisdiction.owner(one, tags or {}) is not None)
        # Who was made meanwhile may have what is in doubt; who is gone meanwhile had it until now.
        homes = {**self._newcomers(in_doubt, sightings), **homes}
        judged = [
            Judged(one, Verdict.FOREIGN)
            if sightings.is_stranger(one)
            else judge(one, sightings.tags(one), jurisdiction, site, homes)
            for one in in_doubt
        ]
        sightings.saw(judged)
        self._count(site, judged)
        self._say(site, judged, sightings)
        if self._policy.removes:
            await self._removal.remove(place, site, judged, lambda one: sightings.age(one) > self._policy.grace)

    def _newcomers(self, in_doubt: list[Resource], sightings: Sightings) -> Homes:
        """The owners of what is in doubt that are in the store now."""
        owners = (self._policy.jurisdiction.owner(one, sightings.tags(one) or {}) for one in in_doubt)
        keys = {Key("Deployment", owner.namespace, owner.name) for owner in owners if owner}
        found = ((key, self._store.get(key)) for key in keys)
        return {(key.namespace, key.name): home_of(raw) for key, raw in found if raw}

    def _count(self, site: Site, judged: list[Judged]) -> None:
        for kind in Kind:
            for state, verdicts in (("orphaned", ORPHANS), ("retained", {Verdict.RETAINED})):
                number = sum(one.resource.kind is kind and one.verdict in verdicts for one in judged)
                self._metrics.orphans.labels(kind.value, site.account, site.region, state).set(number)

    def _say(self, site: Site, judged: list[Judged], sightings: Sightings) -> None:
        """One line and one event for each owner."""
        by_owner: dict[Owner, list[Judged]] = {}
        for one in judged:
            if one.owner and one.verdict in ORPHANS:
                by_owner.setdefault(replace(one.owner, uid=""), []).append(one)
        for orphans in by_owner.values():
            owner = orphans[0].owner
            if owner is None or not sightings.must_be_said(orphans):
                continue
            said = finding(orphans, site, removed_after=self._policy.grace if self._policy.removes else None)
            log.warning("%s: %s", said.reason, said.message)
            self._events.warn(Key("Deployment", owner.namespace, owner.name), owner.uid, said)


def _role_there(place: Place) -> tuple[str, str | None]:
    return place.region, place.identity.role_arn
