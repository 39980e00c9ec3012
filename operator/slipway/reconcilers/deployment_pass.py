"""What passes over a Deployment share: the record before the step, the step, the report after it."""

import logging
import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime

from slipway.api.v1alpha1 import RECONCILE_NOW
from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain import binding, deployments
from slipway.domain.conditions import Finding
from slipway.domain.deployments import Result
from slipway.domain.errors import Conflict, NotFound, OutsideError, RateLimited, Transient
from slipway.domain.identity import identity_of
from slipway.domain.installation import Installation
from slipway.domain.names import Owner
from slipway.domain.sagemaker import check as checking
from slipway.domain.sagemaker.catalogue import Catalogue
from slipway.domain.sagemaker.check import CheckRequest
from slipway.domain.sagemaker.situation import Plan
from slipway.domain.sagemaker.steps import CreateEndpoint
from slipway.kube import Kube
from slipway.loop.clock import Clock
from slipway.loop.keys import Key
from slipway.loop.store import Object, Store
from slipway.reconcilers.binding import BindingKeeper
from slipway.reconcilers.reporting import Reporter
from slipway.reconcilers.retries import Retries
from slipway.targets.port import Targets
from slipway.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

_CREATION_SHOWS = 1.0
"""Seconds until an endpoint that was asked for can be expected in DescribeEndpoint."""


class Outdated(Exception):  # nothing went wrong: the pass is void and will be done again
    """The object is not the one that the pass started from any more."""


@dataclass(frozen=True)
class Tools:
    """What every pass works with."""

    kube: Kube
    store: Store
    reporter: Reporter
    target: Targets
    catalogue: Catalogue
    installation: Installation
    retries: Retries
    clock: Clock
    metrics: Metrics
    chance: Callable[[], float] = random.random
    """A number from 0 to 1, another one each time: what is not urgent must not all be done in the same moment."""


class DeploymentPass:
    """One pass over one Deployment; nothing of it outlives the pass.

    Every method raises Outdated when the object has changed or gone meanwhile.
    """

    def __init__(self, tools: Tools, key: Key, raw: Object, deployment: Deployment) -> None:
        self.tools = tools
        self.target = tools.target.under(identity_of(raw))
        self.key = key
        self.raw = raw
        self.deployment = deployment
        self.timing = tools.installation.timing
        self.now: datetime = tools.clock.now()
        metadata = deployment.metadata
        self.owner = Owner(tools.installation.identifier, metadata.namespace, metadata.name, metadata.uid)
        self.trigger = metadata.annotations.get(RECONCILE_NOW)
        recheck = binding.recheck_after(self.timing.binding_recheck, len(tools.store), tools.chance())
        self.binding = BindingKeeper(tools.kube, tools.metrics, metadata, self.timing, recheck=recheck)

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
            await self._check_alive()
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

    async def _check_alive(self) -> None:
        """The first mutation of a pass needs proof that the object is still the one that was planned for.

        Where the status was just written under its resourceVersion, that was the proof already.
        """
        live = await self.tools.kube.get(self.key)
        if live is None:
            raise Outdated("the object is gone")
        mine, now = self.raw["metadata"], live["metadata"]
        if (mine["uid"], mine["resourceVersion"]) != (now["uid"], now["resourceVersion"]):
            raise Outdated("the object was changed")

    def _next_look(self, plan: Plan) -> float | None:
        if plan.adopts:
            return 0.0
        if plan.not_before:
            return max(0.1, (plan.not_before - self.now).total_seconds())
        if plan.look_again:
            return self.timing.poll_moving
        return self.timing.rejected_longest if plan.stalled else None

    async def report(self, result: Result) -> bool:
        """Write the status, if it changed, and before it the Secret that it names. Whether the status changed."""
        before = self.raw
        status = deployments.next_status(self.deployment, result, self.now)
        bound = None if result.deleting else await self.binding.keep(status)
        if bound:
            status = deployments.next_status(self.deployment, replace(result, bound=bound), self.now)
        try:
            self.raw = await self.tools.reporter.report(self.key, self.raw, status.to_api())
        except (Conflict, NotFound) as changed:
            raise Outdated(str(changed)) from changed
        self.deployment = self.deployment.model_copy(update={"status": status})
        return self.raw is not before

    async def set_finalizers(self, finalizers: list[str]) -> None:
        """Replace the finalizers."""
        version = self.raw["metadata"]["resourceVersion"]
        try:
            self.raw = await self.tools.kube.set_finalizers(self.key, version, finalizers)
        except (Conflict, NotFound) as changed:
            raise Outdated(str(changed)) from changed
        self.tools.metrics.kube_writes.labels("finalizers").inc()
        metadata = self.deployment.metadata
        if metadata.deletion_timestamp and not finalizers:
            # The watch may have told already; the answer would bring the object back until the next sweep.
            self.tools.store.discard(self.key, metadata.uid)
        else:
            self.tools.store.put(self.key, self.raw)

    async def failed(self, circumstances: Hashable, error: OutsideError, result: Result) -> float:
        """Report what the outside world refused. Seconds until the next try."""
        delay = self.tools.retries.record(self.key, circumstances, error)
        log.warning("%s; next try in %.0f s", error, delay)
        await self.report(self.refused(result, error))
        return delay

    def refused(self, result: Result, error: OutsideError) -> Result:
        """The result of a pass that ended in an error, which passes by itself or stalls."""
        finding = Finding(error.reason, error.message)
        passing = isinstance(error, Transient | RateLimited | Conflict)
        return replace(result, reconciling=finding if passing else None, stalled=None if passing else finding)
