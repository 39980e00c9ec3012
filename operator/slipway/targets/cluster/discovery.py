"""Which kinds the cluster has. Each group is asked about now and then, by one pass for all."""

from collections.abc import Collection

from slipway.domain.cluster.apis import BY_KIND
from slipway.domain.cluster.looks.observation import Api
from slipway.kube import Resources
from slipway.targets.answers import Answers
from slipway.targets.cluster.together import together

LIFETIME = 180.0
"""Seconds for which an answer holds. CRDs are installed and removed while the operator runs."""


class Discovery:
    """The API server's own list of kinds: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api"""

    def __init__(self, kube: Resources, *, lifetime: float = LIFETIME) -> None:
        """`lifetime`: seconds for which an answer holds."""
        self._kube = kube
        self._lifetime = lifetime
        self._answers: Answers[frozenset[str]] = Answers()

    async def missing(self, kinds: Collection[str]) -> frozenset[str]:
        """Those of the kinds that the cluster does not have, in the version that is used of them.

        Raises the errors of `slipway.domain.errors`, Transient where an aggregated API does not answer: nobody knows
        then whether it has the kind.
        """
        asked = [BY_KIND[kind] for kind in sorted(set(kinds)) if BY_KIND[kind].group]  # the core group is always there
        served = await together(self._kinds(api) for api in asked)
        return frozenset(
            api.kind for api, kinds_there in zip(asked, served, strict=True) if api.kind not in kinds_there
        )

    def forget(self, api: Api) -> None:
        """A request was answered 404 that would not have been if the cluster had this kind."""
        self._answers.forget((api.group, api.version))

    async def _kinds(self, api: Api) -> frozenset[str]:
        async def ask() -> tuple[frozenset[str], float]:
            return await self._kube.kinds_served(api.group, api.version) or frozenset(), self._lifetime

        return await self._answers.get((api.group, api.version), ask)
