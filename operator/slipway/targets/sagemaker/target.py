"""The port `Targets` for Amazon SageMaker."""

from collections.abc import Callable

from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain.identity import Identity
from slipway.domain.names import Owner
from slipway.domain.prompt_check import CheckAnswer
from slipway.domain.sagemaker.check import CheckRequest
from slipway.domain.sagemaker.observation import EndpointSummary, Observation, Question
from slipway.domain.sagemaker.permissions import Lacking, Permission
from slipway.domain.sagemaker.steps import Step
from slipway.targets.answers import Answers
from slipway.targets.sagemaker.act import Act
from slipway.targets.sagemaker.check import check
from slipway.targets.sagemaker.clients import AwsClients
from slipway.targets.sagemaker.look import Look
from slipway.targets.sagemaker.poller import EndpointPoller
from slipway.targets.sagemaker.preflight import Caller, Preflight

_CALLER_KEPT = 300.0
"""Seconds. The identity may change while the process runs: a role is associated anew, credentials are rotated."""

MakePoller = Callable[[Identity, str, str], EndpointPoller]
"""Makes the shared poller of an identity, its account and a region."""


class SageMaker:
    """Endpoints, endpoint configs and models, in any account and region."""

    def __init__(self, clients: AwsClients, *, poller: MakePoller, preflight: Preflight) -> None:
        self.clients = clients
        self.preflight = preflight
        self._make_poller = poller
        self._pollers: dict[tuple[Identity, str], tuple[str, EndpointPoller]] = {}
        self._callers: Answers[Caller] = Answers()

    def under(self, identity: Identity) -> "SageMakerUnder":
        """SageMaker with the rights of this identity."""
        return SageMakerUnder(self, identity)

    async def close(self) -> None:
        """Stop the pollers."""
        for _, poller in list(self._pollers.values()):
            await poller.close()

    def poller(self, identity: Identity, account: str, region: str) -> EndpointPoller:
        """The shared poller. A list of another account than the identity's present one must answer nobody."""
        listed, found = self._pollers.get((identity, region), ("", None))
        if found and listed != account:
            found.stop()
        if found is None or found.has_ended:
            self._pollers = {name: pair for name, pair in self._pollers.items() if not pair[1].has_ended}
            found = self._make_poller(identity, account, region)
            self._pollers[identity, region] = account, found
        return found

    def running_poller(self, identity: Identity, region: str) -> EndpointPoller | None:
        """The shared poller of an identity and a region, if anybody needs one."""
        _, found = self._pollers.get((identity, region), ("", None))
        return found if found and not found.has_ended else None

    async def caller(self, identity: Identity, region: str) -> Caller:
        """Who an identity is for AWS. Asked every few minutes for a region, by one caller for all."""

        async def ask() -> tuple[Caller, float]:
            found = await self.clients.call(identity, "sts", region, "get_caller_identity")
            return Caller(found["Account"], found["Arn"]), _CALLER_KEPT

        return await self._callers.get((identity, region), ask)


class SageMakerUnder:
    """Looks at and changes SageMaker under one identity, in any region."""

    def __init__(self, sagemaker: SageMaker, identity: Identity) -> None:
        self._sagemaker = sagemaker
        self._identity = identity
        self._session = sagemaker.clients.session(identity)

    async def account(self, region: str) -> str:
        """The account of the identity."""
        return (await self._sagemaker.caller(self._identity, region)).account

    async def lacking(self, placement: Placement, owner: Owner, needed: tuple[Permission, ...]) -> Lacking | None:
        """Which of these permissions the identity has not. None: it has all, or nobody can tell beforehand."""
        caller = await self._sagemaker.caller(self._identity, placement.region)
        return await self._sagemaker.preflight.lacking(self._session, placement.region, owner, caller, needed)

    async def summary(self, placement: Placement) -> EndpointSummary | None:
        """What the poller saw last."""
        poller = self._sagemaker.poller(self._identity, placement.account, placement.region)
        return await poller.summary(placement.endpoint_name)

    async def observe(self, placement: Placement, question: Question) -> Observation:
        """Look at everything that the question asks about. Changes nothing."""
        look = Look(self._session, placement, question)
        return await look.observation()

    async def execute(self, placement: Placement, step: Step) -> None:
        """Carry out one step."""
        await Act(self._session, placement).do(step)

    async def check(self, placement: Placement, question: CheckRequest) -> CheckAnswer:
        """Ask the endpoint as its clients do."""
        return await check(self._session, placement, question)
