"""What passes over a Deployment in the cluster share."""

import logging
from dataclasses import replace

from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import DeploymentStatus
from slipway.domain.binding import Bound
from slipway.domain.cluster.apis import BY_KIND
from slipway.domain.cluster.report import Report, next_status
from slipway.domain.cluster.rolls.steps import Step
from slipway.domain.cluster.subject import Subject
from slipway.domain.errors import Conflict, OutsideError
from slipway.loop.keys import Key
from slipway.loop.store import Object
from slipway.reconcilers.deployment_pass import DeploymentPass, Outdated, Tools, as_findings

log = logging.getLogger(__name__)

MADE_KINDS = frozenset(BY_KIND) - {"Pod", "Endpoints", "EndpointSlice"}
"""Kinds of objects that are made for a Deployment; the others follow from these."""


class ClusterPass(DeploymentPass[Report]):
    """One pass over one Deployment in the cluster."""

    def __init__(self, tools: Tools, key: Key, raw: Object, deployment: Deployment) -> None:
        super().__init__(tools, key, raw, deployment)
        self.target = tools.cluster
        self.subject = Subject.of(deployment.metadata)

    def status_after(self, conclusion: Report, bound: Bound | None = None) -> DeploymentStatus:
        """The status that follows."""
        return next_status(self.deployment, replace(conclusion, bound=bound) if bound else conclusion, self.now)

    def has_clients(self, conclusion: Report) -> bool:
        """Whether the Secret for clients is still wanted."""
        return self.deployment.metadata.deletion_timestamp is None

    def refused(self, conclusion: Report, error: OutsideError) -> Report:
        """The conclusion of a pass that ended in an error. What a check of the spec has found stays."""
        reconciling, stalled = as_findings(error)
        return replace(conclusion, reconciling=reconciling, stalled=stalled or conclusion.stalled)

    async def execute(self, steps: tuple[Step, ...]) -> None:
        """Carry out the steps in their order.

        Raises Outdated where an object is not as it was seen, and the other errors of `slipway.domain.errors`.
        """
        for step in steps:
            log.info("step: %s", type(step).__name__, extra={"step": repr(step)[:500]})
            try:
                await self.target.execute(self.key.namespace, step)
            except Conflict as changed:
                raise Outdated(str(changed)) from changed
            self.tools.metrics.kube_writes.labels("children").inc()
