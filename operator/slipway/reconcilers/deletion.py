"""A pass over a Deployment that is being deleted."""

import logging
from collections.abc import Hashable
from dataclasses import replace
from datetime import datetime

from slipway.api.v1alpha1 import FINALIZER
from slipway.domain.deployments import Result
from slipway.domain.errors import OutsideError
from slipway.reconcilers.removal import RemovalPass

log = logging.getLogger(__name__)


class DeletionPass(RemovalPass):
    """A pass over a Deployment that is being deleted."""

    async def run(self) -> float | None:
        """Seconds until the next pass."""
        if self.has_nothing():
            return await self._let_go()
        circumstances: Hashable = (
            self.deployment.metadata.uid,
            self.deployment.metadata.generation,
            self.trigger,
        )
        held = self.tools.retries.holding(self.key, circumstances)
        if held:
            await self.report(self.refused(Result(deleting=True), held[0]))
            return held[1]
        try:
            placement, seen = await self.look()
        except OutsideError as error:
            return await self.failed(circumstances, error, Result(deleting=True))
        retain = self.deployment.spec.deletion_policy == "Retain"
        steps = self.plan(placement, seen, retain=retain, age=self._age())
        if steps is None:
            return await self._let_go()
        result = Result(
            seen=seen.without_others(self.owner), deleting=True, reconciling=steps.reconciling, stalled=steps.stalled
        )
        return await self.act(circumstances, placement, steps, result)

    def _age(self) -> float:
        """Seconds since the deletion was asked for."""
        began = self.deployment.metadata.deletion_timestamp
        return (self.now - datetime.fromisoformat(began)).total_seconds() if began else 0.0

    def refused(self, conclusion: Result, error: OutsideError) -> Result:
        """Add what a person can do about a deletion that is stuck."""
        advice = ". Deletion goes on when this is mended; to leave the endpoint behind, "
        if self.deployment.spec.deletion_policy == "Retain":
            advice += "take the finalizer away as docs/uninstall.md says"
        else:
            advice += "set spec.deletionPolicy to Retain"
        return super().refused(conclusion, replace(error, message=error.message.rstrip(".") + advice))

    async def _let_go(self) -> float | None:
        """Nothing is left: let the object go."""
        others = [name for name in self.deployment.metadata.finalizers if name != FINALIZER]
        await self.set_finalizers(others)
        log.info("deleted")
        return None
