"""What the operator asks of the cluster for one Deployment.

Every method raises the errors of `slipway.domain.errors` only, `ask` none at all. Looking never modifies.
"""

from collections.abc import Collection
from typing import Protocol

from slipway.domain.cluster.looks.observation import ObjectRef, Observation
from slipway.domain.cluster.questions import Answer, PodRequest
from slipway.domain.cluster.rolls.steps import Step


class ClusterTarget(Protocol):
    """Objects and pods in any namespace."""

    async def observe(
        self,
        namespace: str,
        deployment: str,
        names: Collection[ObjectRef],
        kinds: Collection[str],
        *,
        at_rest: bool = False,
    ) -> Observation:
        """What is there of a Deployment.

        Of `kinds`: every object that carries its label. Of `names`: also what does not. Services and pods are always
        looked at. `kinds` and `names` may hold what the cluster does not have: that comes back as `missing`. What is
        optional and may not be listed comes back as `forbidden`; any other list that is refused is Rejected.

        `at_rest`: nothing is under way as far as the caller knows, so that a former look will do where nothing has been
        noticed since. What is not watched may then be as old as `slipway.targets.cluster.target.REST`.
        """
        ...

    async def execute(self, namespace: str, step: Step) -> None:
        """Carry out one step.

        Raises Conflict if the object is not the one that was seen: changed, made anew, gone, or there by now. Rejected
        if the API server does not take it, in its own words, with the object's kind and name.
        """
        ...

    async def last_log(self, namespace: str, pod: str) -> str:
        """The last lines of the engine that ran before the one that runs now; empty where nobody may read them."""
        ...

    async def ask(self, pod_ip: str, request: PodRequest, within: float) -> Answer:
        """Put a question to a pod, on the container's port. Whatever the pod does is an answer.

        `within`: seconds for all of it, at most.
        """
        ...
