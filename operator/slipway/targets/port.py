"""What the operator asks of a place where models are served.

Every method raises the errors of `slipway.domain.errors` only. Looking never modifies.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from slipway.api.v1alpha1.deployment import Placement
from slipway.domain.sagemaker.observation import EndpointSummary, Observation, Question
from slipway.domain.sagemaker.orphans import Place, Resource, Site, Tags
from slipway.domain.sagemaker.steps import Step


class Target(Protocol):
    """One kind of target, in every account and region."""

    async def account(self, region: str) -> str:
        """The account that the identity in use belongs to."""
        ...

    async def observe(self, placement: Placement, question: Question) -> Observation:
        """What is there."""
        ...

    async def execute(self, placement: Placement, step: Step) -> None:
        """Carry out one step. Finding that it was carried out before is success."""
        ...

    async def summary(self, placement: Placement) -> EndpointSummary | None:
        """What the shared poller saw last; None if there is no such endpoint. Waits for the first full list."""
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
