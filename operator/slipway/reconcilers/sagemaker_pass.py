"""What passes over a Deployment on SageMaker share: the record before the step, the step, the report after it."""

import logging
from collections.abc import Hashable
from dataclasses import replace

from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import DeploymentStatus, Placement
from slipway.domain import deployments
from slipway.domain.binding import Bound
from slipway.domain.deployments import Result
from slipway.domain.errors import OutsideError
from slipway.domain.identity import identity_of
from slipway.domain.names import Owner
from slipway.domain.sagemaker import check as checking
from slipway.domain.sagemaker.check import CheckRequest
from slipway.domain.sagemaker.situation import Plan
from slipway.domain.sagemaker.steps import CreateEndpoint
from slipway.loop.keys import Key
from slipway.loop.store import Object
from slipway.reconcilers.deployment_pass import DeploymentPass, Tools, as_findings

log = logging.getLogger(__name__)

_CREATION_SHOWS = 1.0
"""Seconds until an endpoint that was asked for can be expected in DescribeEndpoint."""


class SageMakerPass(DeploymentPass[Result]):
    """One pass over one Deployment on SageMaker."""

    def __init__(self, tools: Tools, key: Key, raw: Object, deployment: Deployment) -> None:
        super().__init__(tools, key, raw, deployment)
        self.target = tools.target.under(identity_of(raw))
        metadata = deployment.metadata
        self.owner = Owner(tools.installation.identifier, metadata.namespace, metadata.name, metadata.uid)

    async def account(self) -> str:
        """The AWS account in use, that of a role that is assumed. Raises the errors of `slipway.domain.errors`."""
        target, placement = self.deployment.spec.target.sage_maker, self.deployment.status.sage_maker
        region = placement.region if placement else target.region if target else ""
        return await self.target.account(region)

    async def act(self, circumstances: Hashable, placement: Placement, plan: Plan, result: Result) -> float | None:
        """Execute the first step of a plan, if it has one, and report. Seconds until the next pass.

        The report comes before the step. It holds the placement and the attempt, so that a crash loses nothing, and
        what serves and what served before, so that nothing is tidied away that the stored status still promises.
        What was refused stays reported until a try succeeds: each retry would else be two changes of the status.
        """
        if plan.check:
            return await self._check(circumstances, placement, plan.check, result)
        if not plan.steps:
            self.tools.retries.clear(self.key)
            await self.report(result)
            return self._next_look(plan)
        standing = self.tools.retries.standing(self.key, circumstances)
        recorded = await self.report(self.refused(result, standing) if standing else result)
        if not recorded:
            await self.check_alive()
        step = plan.steps[0]
        log.info("step: %s", type(step).__name__, extra={"step": repr(step)})
        try:
            await self.target.execute(placement, step)
        except OutsideError as error:
            return await self.failed(circumstances, error, result)
        self.tools.retries.clear(self.key)
        return _CREATION_SHOWS if isinstance(step, CreateEndpoint) else 0.0

    async def _check(
        self, circumstances: Hashable, placement: Placement, question: CheckRequest, result: Result
    ) -> float:
        """Ask the endpoint, and store what came of it. What follows from it is the next pass' matter."""
        standing = self.tools.retries.standing(self.key, circumstances)
        await self.report(self.refused(result, standing) if standing else result)
        try:
            answer = await self.target.check(placement, question)
        except OutsideError as error:
            return await self.failed(circumstances, error, result)
        self.tools.retries.clear(self.key)
        checked = checking.judged(question, answer, self.deployment.status.check, self.tools.clock.now())
        log.info("check: %s", checked.outcome, extra={"latency_ms": checked.latency_ms, "tries": checked.tries})
        await self.report(replace(result, checked=checked))
        return self.timing.retry_first * checked.tries if checked.outcome == "Retrying" else 0.0

    def _next_look(self, plan: Plan) -> float | None:
        if plan.adopts:
            return 0.0
        if plan.not_before:
            return max(0.1, (plan.not_before - self.now).total_seconds())
        if plan.look_again:
            return self.timing.poll_moving
        return self.timing.rejected_longest if plan.stalled else None

    def status_after(self, conclusion: Result, bound: Bound | None = None) -> DeploymentStatus:
        """The status that follows."""
        result = replace(conclusion, bound=bound) if bound else conclusion
        return deployments.next_status(self.deployment, result, self.now)

    def has_clients(self, conclusion: Result) -> bool:
        """Whether the Secret for clients is still wanted."""
        return not conclusion.deleting

    def refused(self, conclusion: Result, error: OutsideError) -> Result:
        """The result of a pass that ended in an error, which passes by itself or stalls."""
        reconciling, stalled = as_findings(error)
        return replace(conclusion, reconciling=reconciling, stalled=stalled)
