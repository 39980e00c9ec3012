"""A pass over a Deployment that has expired: its endpoint goes as in a deletion, the object stays."""

from collections.abc import Hashable

from slipway.api.v1alpha1 import FINALIZER
from slipway.api.v1alpha1.deployment_status import Placement, RevisionStatus
from slipway.domain import expiry
from slipway.domain.conditions import Finding
from slipway.domain.deployments import Result
from slipway.domain.errors import OutsideError
from slipway.domain.sagemaker import progress
from slipway.domain.sagemaker.observation import Observation
from slipway.reconcilers.removal import RemovalPass


class ExpiryPass(RemovalPass):
    """A pass over a Deployment that must not serve any more."""

    async def run(self) -> float | None:
        """Seconds until the next pass."""
        expired = expiry.finding(self.deployment, self.now, removed=False)
        metadata, status = self.deployment.metadata, self.deployment.status
        if expiry.is_removed(status) or not self._may_have_something():
            return await self._rest()
        circumstances: Hashable = (metadata.uid, metadata.generation, self.trigger, expiry.EXPIRED)
        held = self.tools.retries.holding(self.key, circumstances)
        if held:
            await self.report(self.refused(Result(expired=expired), held[0]))
            return held[1]
        try:
            placement, seen = await self.look()
        except OutsideError as error:
            return await self.failed(circumstances, error, Result(expired=expired))
        return await self._remove(circumstances, placement, seen, expired)

    def _may_have_something(self) -> bool:
        """Whether anything was ever asked for. The finalizer comes before the placement, and a status may be lost."""
        if self.deployment.status.placement:
            return True
        return FINALIZER in self.deployment.metadata.finalizers and not self.has_nothing()

    async def _remove(
        self, circumstances: Hashable, placement: Placement, seen: Observation, expired: Finding
    ) -> float | None:
        steps = self.plan(placement, seen, retain=False, age=self._age())
        if steps is None:
            self.tools.retries.clear(self.key)
            return await self._rest()
        ours = seen.without_others(self.owner)
        result = Result(
            seen=ours,
            placement=placement,
            revision=progress.revised(self.deployment.status, ours, None, self.owner, self.now),
            reconciling=steps.reconciling,
            stalled=steps.stalled,
            expired=expired,
        )
        return await self.act(circumstances, placement, steps, result)

    async def _rest(self) -> float | None:
        """Nothing is left. What the status remembers of an endpoint would mislead the one that is made later."""
        expired = expiry.finding(self.deployment, self.now, removed=True)
        nothing = RevisionStatus(desired=self.deployment.status.revision.desired)
        await self.report(
            Result(seen=Observation(endpoint=None), revision=nothing, expired=expired, stalled=expired, removed=True)
        )
        return None

    def _age(self) -> float:
        """Seconds since it stopped serving."""
        since = expiry.expires_at(self.deployment, self.now) or self.now
        return (self.now - since).total_seconds()
