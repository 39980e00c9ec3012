"""A pass over a Deployment in the cluster that has expired: its pods go, the object stays."""

from slipway.domain import expiry
from slipway.domain.cluster.report import Report
from slipway.domain.cluster.rolls.removal import plan_removal
from slipway.domain.errors import OutsideError
from slipway.reconcilers.cluster_pass import MADE_KINDS, ClusterPass


class ClusterExpiryPass(ClusterPass):
    """A pass over a Deployment in the cluster that must not serve any more."""

    async def run(self) -> float | None:
        """Seconds until the next pass."""
        expired = expiry.finding(self.deployment, self.now, removed=False)
        metadata, status = self.deployment.metadata, self.deployment.status
        if expiry.is_removed(status) or status.placement is None:
            return await self._rest()
        circumstances = (metadata.uid, metadata.generation, self.trigger, expiry.EXPIRED)
        held = self.tools.retries.holding(self.key, circumstances)
        if held:
            await self.report(self.refused(Report(expired=expired), held[0]))
            return held[1]
        try:
            seen = await self.target.observe(metadata.namespace, metadata.name, (), MADE_KINDS)
            plan = plan_removal(seen, metadata.uid)
            if plan is None:
                self.tools.retries.clear(self.key)
                return await self._rest()
            if not await self.report(Report(plan=plan, expired=expired)):
                await self.check_alive()
            await self.execute(plan.steps)
        except OutsideError as error:
            return await self.failed(circumstances, error, Report(expired=expired))
        self.tools.retries.clear(self.key)
        return plan.look_again

    async def _rest(self) -> float | None:
        """Nothing is left."""
        expired = expiry.finding(self.deployment, self.now, removed=True)
        await self.report(Report(expired=expired, stalled=expired, removed=True))
        return None
