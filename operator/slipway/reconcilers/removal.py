"""What the passes share that remove everything a Deployment has: of a deletion, and of an expiry."""

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain.checks.placement import other_account, placement_of, placement_refusal
from slipway.domain.errors import Rejected
from slipway.domain.sagemaker.deletion import plan_deletion
from slipway.domain.sagemaker.observation import InventoryWish, Observation, Question
from slipway.domain.sagemaker.rollout import alarm_requests
from slipway.domain.sagemaker.situation import Plan
from slipway.domain.sagemaker.steps import VARIANT
from slipway.reconcilers.sagemaker_pass import SageMakerPass


class RemovalPass(SageMakerPass):
    """A pass that needs no ModelVersion, no Secret and no valid spec."""

    def has_nothing(self) -> bool:
        """Whether nothing can have been created, so that nobody needs to be asked.

        Without a stored placement the spec says where to look, but no role is assumed for it that the installation
        does not allow: whoever may write the finalizer could else have any role assumed.
        """
        target, installation = self.deployment.spec.target.sage_maker, self.tools.installation
        if self.deployment.status.placement is not None:
            return False
        if target is None or target.assume_role is None:
            return target is None
        rules, default = installation.placement_rules, installation.default_rule("")
        return placement_refusal(self.deployment, None, rules, default) is not None

    async def look(self) -> tuple[Placement, Observation]:
        """Where the Deployment lives, and everything that it has there.

        Called only where there is a placement or a target. Raises Rejected with the reason PlacementChanged where the
        identity in use belongs to another account, and the errors of the target.
        """
        account = await self.account()
        placement = placement_of(self.deployment, account)
        if placement is None:
            raise AssertionError("there is a placement or a target, so there is a placement")
        if placement.account != account:
            raise Rejected("PlacementChanged", other_account(placement, account))
        question = Question(
            owner=self.owner,
            endpoint_name=placement.endpoint_name,
            inventory=InventoryWish.ALWAYS,
            alarms=tuple({*(self.deployment.status.alarms or ()), *self._alarms_of_the_spec(placement)}),
        )
        return placement, await self.target.observe(placement, question)

    def _alarms_of_the_spec(self, placement: Placement) -> list[str]:
        """Names of the alarms that were made, if the status that knew them was lost."""
        variant = placement.variant or VARIANT
        found = alarm_requests(self.deployment.spec.rollout, self.owner, placement.endpoint_name, variant)
        return [alarm.name for alarm in found]

    def plan(self, placement: Placement, seen: Observation, *, retain: bool, age: float) -> Plan | None:
        """The next steps; None when nothing is left to do. `age`: seconds since the removal was asked for."""
        return plan_deletion(
            self.owner,
            placement.endpoint_name,
            seen,
            self.deployment.status.attempt,
            retain=retain,
            startup_timeout=seconds(self.deployment.spec.rollout.startup_timeout),
            may_still_appear=age < self.timing.endpoint_visible,
        )
