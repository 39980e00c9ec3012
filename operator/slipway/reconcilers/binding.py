"""Keeping the Secret that clients read, beside the status that names it.

It is read by its name in every pass over what serves, and a pass comes now and then for it alone: the operator may not
watch Secrets (docs/decisions/0005-secrets-by-get.md). It is written only when it differs.
"""

import logging

from slipway.api.v1alpha1.common import ObjectMeta
from slipway.api.v1alpha1.deployment_status import Binding, DeploymentStatus
from slipway.domain import binding
from slipway.domain.binding import Bound
from slipway.domain.conditions import Finding
from slipway.domain.errors import Conflict, NotFound, OutsideError
from slipway.domain.installation import Timing
from slipway.domain.ownership import is_owned
from slipway.kube import Kube
from slipway.telemetry.metrics import Metrics

log = logging.getLogger(__name__)


class BindingKeeper:
    """The binding Secret of one Deployment, for one pass."""

    def __init__(self, kube: Kube, metrics: Metrics, owner: ObjectMeta, timing: Timing, *, recheck: float) -> None:
        """`recheck`: seconds until the next look at a Secret that is as it should be."""
        self._kube = kube
        self._metrics = metrics
        self._owner = owner
        self._timing = timing
        self._recheck = recheck
        self._again: float | None = None

    async def keep(self, status: DeploymentStatus) -> Bound | None:
        """Make the Secret what the status says; None if there is nothing to bind to.

        No failure is raised: what serves, serves without a Secret as well. The Secret is written before the status
        that names it, and without proof that its owner is still there: it would be collected as garbage if not.
        """
        content = binding.entries(status)
        if content is None:
            return None
        self._again = self._recheck
        try:
            return await self._applied(binding.manifest(self._owner, content))
        except (Conflict, NotFound) as changed:
            log.info("the binding Secret has changed meanwhile, and is looked at again: %s", changed)
            self._again = self._timing.retry_first
            return Bound(status.binding)
        except OutsideError as error:
            self._again = self._timing.secret_recheck
            log.warning("the binding Secret could not be kept: %s", error)
            text = f"the Secret {binding.binding_name(self._owner.name)} for clients could not be kept: {error.message}"
            return Bound(status.binding, Finding(error.reason, text))

    async def _applied(self, wanted: binding.Secret) -> Bound:
        name = wanted["metadata"]["name"]
        there = await self._kube.secret(self._owner.namespace, name)
        if there is not None and not is_owned(there, self._owner.uid):
            self._again = self._timing.secret_recheck
            return Bound(None, binding.conflict(self._owner.name))
        if there is None or binding.differs(there, wanted):
            await self._kube.apply_secret(wanted, there["metadata"]["resourceVersion"] if there else None)
            self._metrics.kube_writes.labels("secrets").inc()
            log.info("the binding Secret %s was %s", name, "changed" if there else "created")
        return Bound(Binding(name=name))

    def sooner(self, again: float | None) -> float | None:
        """Seconds until the next pass: those of the pass, or until the Secret has to be looked at."""
        return min((seconds for seconds in (again, self._again) if seconds is not None), default=None)
