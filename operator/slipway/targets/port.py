"""What the operator asks of a place where models are served.

Every method raises the errors of `slipway.domain.errors` only. Looking never modifies.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain.identity import Identity
from slipway.domain.names import Owner
from slipway.domain.prompt_check import CheckAnswer
from slipway.domain.sagemaker.check import CheckRequest
from slipway.domain.sagemaker.observation import EndpointSummary, Observation, Question
from slipway.domain.sagemaker.orphans import Place, Resource, Site, Tags
from slipway.domain.sagemaker.permissions import Lacking, Permission
from slipway.domain.sagemaker.steps import Step


class Target(Protocol):
    """One kind of target under one identity, in every region."""

    async def account(self, region: str) -> str:
        """The account that the identity in use belongs to."""
        ...

    async def lacking(self, placement: Placement, owner: Owner, needed: tuple[Permission, ...]) -> Lacking | None:
        """Which of these permissions the identity has not. None: it has all, or nobody can tell beforehand."""
        ...

    async def observe(self, placement: Placement, question: Question) -> Observation:
        """What is there."""
        ...

    async def execute(self, placement: Placement, step: Step) -> None:
        """Carry out one step. Finding that it was carried out before is success."""
        ...

    async def check(self, placement: Placement, question: CheckRequest) -> CheckAnswer:
        """Put a question to the endpoint. That its container does not answer well is an answer, not an error."""
        ...

    async def summary(self, placement: Placement) -> EndpointSummary | None:
        """What the shared poller saw last; None if there is no such endpoint. Waits for the first full list."""
        ...


class Targets(Protocol):
    """One kind of target, under any identity."""

    def under(self, identity: Identity) -> Target:
        """The target with the rights of this identity."""
        ...


class Survey(Protocol):
    """What the orphan sweep asks. It may wait long for its turn: it must not slow down anything else."""

    async def account(self, place: Place) -> str:
        """The account that the identity in use there belongs to."""
        ...

    async def resources(self, place: Place, site: Site) -> list[Resource]:
        """Every endpoint, and every model and config whose name begins as ours do. Endpoints come last."""
        ...

    async def tags(self, place: Place, site: Site, resource: Resource) -> Tags | None:
        """The tags of a resource; None if it is gone, or not visible yet."""
        ...

    async def uses(self, place: Place, site: Site, endpoint: Resource) -> frozenset[str]:
        """Names of the configs and models that an endpoint serves from, or is about to."""
        ...

    async def remove(
        self, place: Place, site: Site, resource: Resource, still: Callable[[Tags | None], Awaitable[bool]]
    ) -> bool:
        """Delete it if `still` says so of the tags that it has right now. Whether that was asked for."""
        ...
