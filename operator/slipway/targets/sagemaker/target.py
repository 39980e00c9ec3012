"""The port `Target` for Amazon SageMaker."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable

from slipway.api.v1alpha1.deployment import Placement
from slipway.domain.sagemaker.observation import EndpointSummary, Observation, Question
from slipway.domain.sagemaker.steps import Step
from slipway.targets.sagemaker.act import Act
from slipway.targets.sagemaker.clients import AwsClients
from slipway.targets.sagemaker.look import Look
from slipway.targets.sagemaker.poller import EndpointPoller

_ACCOUNT_KEPT = 300.0
"""Seconds. The identity may change while the process runs: a role is associated anew, credentials are rotated."""


class SageMaker:
    """Looks at and changes endpoints, endpoint configs and models, in any region."""

    def __init__(self, clients: AwsClients, *, poller: Callable[[str], EndpointPoller]) -> None:
        """`poller` makes the shared poller of a region."""
        self._clients = clients
        self._make_poller = poller
        self._pollers: dict[str, EndpointPoller] = {}
        self._accounts: dict[str, tuple[str, float]] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def _poller(self, region: str) -> EndpointPoller:
        if region not in self._pollers:
            self._pollers[region] = self._make_poller(region)
        return self._pollers[region]

    def running_poller(self, region: str) -> EndpointPoller | None:
        """The shared poller of a region, if anybody needed it yet."""
        return self._pollers.get(region)

    async def close(self) -> None:
        """Stop the pollers."""
        for poller in self._pollers.values():
            await poller.close()

    async def account(self, region: str) -> str:
        """The account of the operator's credentials. Asked every few minutes a region, by one caller for all."""
        async with self._asking[region]:
            account, until = self._accounts.get(region, ("", 0.0))
            if time.monotonic() >= until:
                identity = await self._clients.call("sts", region, "get_caller_identity")
                account = identity["Account"]
                self._accounts[region] = (account, time.monotonic() + _ACCOUNT_KEPT)
        return account

    async def summary(self, placement: Placement) -> EndpointSummary | None:
        """What the poller saw last."""
        return await self._poller(placement.region).summary(placement.endpoint_name)

    async def observe(self, placement: Placement, question: Question) -> Observation:
        """Look at everything that the question asks about. Changes nothing."""
        look = Look(self._clients, placement, question)
        return await look.observation()

    async def execute(self, placement: Placement, step: Step) -> None:
        """Carry out one step."""
        await Act(self._clients, placement).do(step)
