"""A pass over a Deployment that should serve in the cluster: look, plan, report, carry out the steps."""

from slipway.domain.checks.chain import checked
from slipway.domain.checks.inputs import Problem
from slipway.domain.cluster.report import Report
from slipway.domain.errors import OutsideError
from slipway.reconcilers.cluster_pass import ClusterPass

_IDENTITY_TIMEOUT = 10.0
"""Seconds for the engine's own word on what it serves, which it has at hand."""


class ClusterServingPass(ClusterPass):
    """A pass over a Deployment that should serve in the cluster."""

    async def run(self) -> float | None:
        """Seconds until the next pass."""
        checks = checked(self.inputs(await self.model_versions(), account=None))
        circumstances = self.circumstances(checks)
        held = self.tools.retries.holding(self.key, circumstances)
        if held:
            await self.report(self.refused(Report(), held[0]))
            return held[1]
        if checks.served is None:
            return await self._stopped(checks.problem)
        wanted = self._wanted(checks)
        try:
            seen = await self._look(wanted)
        except OutsideError as error:
            return await self.failed(circumstances, error, Report())
        situation = self._situation(wanted, seen)
        return await self._proceed(circumstances, situation, _with_problem(self._report(situation), checks.problem))

    async def _stopped(self, problem: Problem | None) -> float | None:
        """The spec cannot be acted on; what serves goes on serving."""
        await self.report(_with_problem(Report(), problem))
        return None
