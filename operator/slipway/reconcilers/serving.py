"""A pass over a Deployment that should serve: gather, plan, execute one step, report."""

from collections.abc import Hashable
from dataclasses import replace

from slipway.api.v1alpha1 import FINALIZER
from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain.checks.chain import Checked, checked
from slipway.domain.checks.image import image_of
from slipway.domain.checks.inputs import Problem
from slipway.domain.checks.placement import placement_of
from slipway.domain.deployments import Result
from slipway.domain.errors import OutsideError, Rejected
from slipway.domain.sagemaker import alarms, attempts, progress
from slipway.domain.sagemaker import check as checking
from slipway.domain.sagemaker.desired import Desired, desired
from slipway.domain.sagemaker.observation import InventoryWish, Observation, Question
from slipway.domain.sagemaker.permissions import needed
from slipway.domain.sagemaker.plan import plan
from slipway.domain.sagemaker.quiet import at_rest
from slipway.domain.sagemaker.situation import Plan, Situation
from slipway.domain.sagemaker.steps import VARIANT
from slipway.domain.sagemaker.tags import remembered_tags, tags_due
from slipway.reconcilers.sagemaker_pass import SageMakerPass


class ServingPass(SageMakerPass):
    """A pass over a Deployment that should serve."""

    async def run(self) -> float | None:
        """Seconds until the next pass."""
        model_versions = await self.model_versions()
        checks = checked(self.inputs(model_versions, account=None))
        if checks.served is None and self.deployment.status.placement is None:
            await self.report(_with_problem(Result(), checks.problem))
            return None  # no call is made for a spec that cannot be acted on
        circumstances = self.circumstances(checks)
        held = self.tools.retries.holding(self.key, circumstances)
        if held:
            await self.report(self.refused(Result(), held[0]))
            return held[1]
        try:
            account = await self.account()
            checks = checked(self.inputs(model_versions, account=account))
            if checks.served is None and self.deployment.status.placement is None:
                await self.report(_with_problem(Result(), checks.problem))
                return self.timing.rejected_longest  # the account may be another one then
            placement = placement_of(self.deployment, account)
            wanted = self._desired(checks, placement)
            await self._check_permissions(placement, wanted)
            elsewhere = placement is not None and placement.account != account
            seen = await self._look(placement, wanted) if placement and not elsewhere else None
        except OutsideError as error:
            return await self.failed(circumstances, error, Result())
        if placement is None or wanted is None or seen is None:
            return await self._stopped(checks, seen)
        return await self._proceed(circumstances, checks, placement, wanted, seen)

    async def _check_permissions(self, placement: Placement | None, wanted: Desired | None) -> None:
        """Before anything is created: whether the identity may do what it will have to.

        Raises Rejected with the reason PermissionMissing.
        """
        spec = self.deployment.spec
        if self.deployment.status.placement or placement is None or wanted is None or spec.target.sage_maker is None:
            return
        asked = needed(
            spec,
            spec.target.sage_maker,
            owner=self.owner,
            account=placement.account,
            endpoint=placement.endpoint_name,
            config=wanted.config.name,
            model=wanted.model.name,
        )
        lacking = await self.target.lacking(placement, self.owner, asked)
        if lacking:
            raise Rejected("PermissionMissing", lacking.message())

    async def _stopped(self, checks: Checked, seen: Observation | None) -> float | None:
        """The spec cannot be acted on; what serves goes on serving, and its state is still reported."""
        seen = seen.without_others(self.owner) if seen else None
        status, unproven = self.deployment.status, self._unproven()
        revision = progress.revised(status, seen, None, self.owner, self.now, unproven) if seen else None
        await self.report(_with_problem(Result(seen=seen, revision=revision), checks.problem))
        moving = seen is not None and seen.endpoint is not None and seen.endpoint.state.is_moving
        return self.timing.poll_moving if moving else None

    async def _proceed(
        self,
        circumstances: Hashable,
        checks: Checked,
        placement: Placement,
        wanted: Desired,
        seen: Observation,
    ) -> float | None:
        if FINALIZER not in self.deployment.metadata.finalizers:
            await self.set_finalizers([*self.deployment.metadata.finalizers, FINALIZER])
            return 0.0
        ours = seen.without_others(self.owner)
        status, spec = self.deployment.status, self.deployment.spec
        unproven = self._unproven()
        revision = progress.revised(status, ours, wanted, self.owner, self.now, unproven)
        situation = Situation(
            owner=self.owner,
            endpoint_name=placement.endpoint_name,
            desired=wanted,
            seen=seen,
            attempt=status.attempt,
            revision=revision,
            now=self.now,
            capacity_delay=self.timing.capacity_delay,
            trigger=self.trigger,
            checked=status.check,
            scaling=status.scaling,
            adopt=spec.target.sage_maker is not None and spec.target.sage_maker.adopt,
            drift=spec.drift,
            settled=self._settled(wanted),
            made_alarms=tuple(status.alarms or ()),
            remembered=self.deployment.status.endpoint,
        )
        steps = plan(situation)
        if attempts.gives_up(steps.attempt, status.attempt):
            after = status.model_copy(update={"attempt": steps.attempt})
            revision = progress.revised(after, ours, wanted, self.owner, self.now, unproven)
        result = _with_problem(
            Result(
                seen=ours,
                placement=_adopting(placement, steps),
                attempt=steps.attempt,
                scaling=steps.scaling,
                image=wanted.image,
                config=wanted.config.name,
                revision=revision,
                reconciling=steps.reconciling,
                stalled=steps.stalled,
                drifted=steps.drifted,
                alarms=alarms.remembered(situation, steps),
                settled=wanted.content if steps.at_rest else None,
                unsettled=bool(steps.steps) and not situation.settled,
                tags=remembered_tags(self.deployment.status.endpoint, wanted.tags, done=steps.tagged),
            ),
            checks.problem,
        )
        return await self.act(circumstances, placement, steps, result)

    def _unproven(self) -> frozenset[str]:
        """The configs that do not count as serving, whatever the endpoint says."""
        status = self.deployment.status
        return checking.unproven(self.deployment.spec.rollout.check, status.attempt, status.check)

    def _settled(self, wanted: Desired) -> bool:
        """Whether everything was once as it is wanted now."""
        return self.deployment.status.settled == wanted.content

    def _desired(self, checks: Checked, placement: Placement | None) -> Desired | None:
        target = self.deployment.spec.target.sage_maker
        if checks.served is None or target is None or placement is None:
            return None
        return desired(
            self.deployment.spec,
            target,
            checks.served,
            image_of(self.deployment, self.tools.catalogue),
            self.owner,
            endpoint_name=placement.endpoint_name,
            variant=placement.variant,
        )

    async def _look(self, placement: Placement, wanted: Desired | None) -> Observation:
        """What is there; from the shared poller alone, if that shows that nothing has moved."""
        summary = await self.target.summary(placement)
        resting = at_rest(self.deployment, wanted, summary, self.owner, self.trigger)
        if resting:
            return resting
        status = self.deployment.status
        known = (status.revision.serving, status.revision.previous, status.attempt)
        question = Question(
            owner=self.owner,
            endpoint_name=placement.endpoint_name,
            config=wanted.config.name if wanted else None,
            model=wanted.model.name if wanted else None,
            known_configs=frozenset(entry.config for entry in known if entry),
            inventory=InventoryWish.SETTLED if self._must_tidy(wanted) else InventoryWish.NEVER,
            alarms=tuple({*(wanted.watched if wanted else ()), *(status.alarms or ())}),
            fallback=status.attempt.replaces if status.attempt and (status.check or status.attempt.reason) else None,
        )
        return await self.target.observe(placement, question)

    def _must_tidy(self, wanted: Desired | None) -> bool:
        """Whether leftovers may exist: until an attempt is marked as succeeded, which tidying up precedes.

        Or other tags than the spec's.
        """
        attempt = self.deployment.status.attempt
        if wanted is None:
            return False
        unfinished = attempt is None or attempt.config != wanted.config.name or attempt.outcome != "Succeeded"
        return unfinished or tags_due(self.deployment.status.endpoint, wanted.tags)


def _adopting(placement: Placement, steps: Plan) -> Placement:
    """The variant of an endpoint that is taken over is part of where the Deployment lives."""
    if steps.adopts is None:
        return placement
    return placement.model_copy(update={"variant": None if steps.adopts == VARIANT else steps.adopts})


def _with_problem(result: Result, problem: Problem | None) -> Result:
    """Add what the checks found, unless the plan has something more urgent to say."""
    if problem is None:
        return result
    if problem.passing:
        return replace(result, reconciling=result.reconciling or problem.finding)
    return replace(result, stalled=result.stalled or problem.finding)
