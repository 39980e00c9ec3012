"""Removing orphans, each on the word of AWS and of the API server at that very moment."""

import logging
from collections.abc import Callable, Sequence
from functools import partial

from slipway.domain.errors import OutsideError
from slipway.domain.sagemaker.orphans import (
    Judged,
    Jurisdiction,
    Kind,
    Place,
    Resource,
    Site,
    Tags,
    Verdict,
    judge,
    plan_removal,
)
from slipway.kube import Kube
from slipway.loop.keys import Key
from slipway.targets.port import Survey

log = logging.getLogger(__name__)


class OrphanRemoval:
    """Carries out what `plan_removal` permits."""

    def __init__(self, jurisdiction: Jurisdiction, kube: Kube, survey: Survey) -> None:
        self._jurisdiction = jurisdiction
        self._kube = kube
        self._survey = survey

    async def remove(
        self, place: Place, site: Site, judged: Sequence[Judged], is_due: Callable[[Resource], bool]
    ) -> None:
        """Remove from one site what may go. A refusal is logged, and holds up what comes later of the same owner."""
        stuck: set[tuple[str, str]] = set()
        for one in await self._unused(place, site, plan_removal(judged, is_due), judged):
            owner = one.owner
            if owner is None or (owner.namespace, owner.name) in stuck:
                continue  # what comes later of this owner needs what comes first to be gone
            try:
                removed = await self._survey.remove(place, site, one.resource, partial(self._still, site, one.resource))
            except OutsideError as refused:
                log.warning("the orphaned %s %s was not removed: %s", one.resource.kind, one.resource.name, refused)
                removed = False
            if removed:
                log.warning("removed the orphaned %s %s in %s", one.resource.kind, one.resource.name, site)
            else:
                stuck.add((owner.namespace, owner.name))

    async def _unused(
        self, place: Place, site: Site, removals: Sequence[Judged], judged: Sequence[Judged]
    ) -> list[Judged]:
        """Those that no endpoint of ours serves from. One that was adopted has its maker's config for a while.

        What living Deployments are known to use is in none of these lists.
        """
        endpoints = [one for one in removals if one.resource.kind is Kind.ENDPOINT]
        if len(endpoints) == len(removals):
            return endpoints
        used: set[str] = set()
        try:
            for one in judged:
                if one.owner and one.resource.kind is Kind.ENDPOINT:
                    used |= await self._survey.uses(place, site, one.resource)
        except OutsideError as failure:
            log.warning("no orphaned config or model in %s is removed: %s", site, failure)
            return endpoints
        return [one for one in removals if one.resource.name not in used]

    async def _still(self, site: Site, resource: Resource, tags: Tags | None) -> bool:
        """Whether it is an orphan right now, by its tags as they are and by what the API server knows.

        Raises an OutsideError if the API server does not tell.
        """
        if judge(resource, tags, self._jurisdiction, site, {}).verdict is not Verdict.ORPHANED:
            return False
        owner = self._jurisdiction.owner(resource, tags or {})
        return owner is not None and await self._kube.get(Key("Deployment", owner.namespace, owner.name)) is None
