"""What the operator asks of a model registry.

Errors raised by every method: `Rejected`, `Transient`, `RateLimited` and `NotFound` of `slipway.domain.errors`,
never the exceptions of a client library.
"""

from typing import Protocol

from slipway.domain.models import ModelFacts, ModelSource, RegistryToken


class Registry(Protocol):
    """A place that holds models under moving names (refs) and immutable ones (commits)."""

    async def resolve(self, source: ModelSource, token: RegistryToken | None, *, max_age: float) -> str:
        """The commit (40 lower-case hex digits) that `source.revision` names now.

        `max_age` (seconds) accepts an answer that another caller obtained so long ago: everyone who follows the
        same (endpoint, repo, ref, token) shares one request.
        """
        ...

    async def describe(self, source: ModelSource, commit: str, token: RegistryToken | None) -> ModelFacts:
        """Facts about one commit. They never change, except for access."""
        ...
