"""Which pass a Deployment needs: to serve, to expire, or to be deleted."""

import logging

from pydantic import ValidationError

from slipway.api.v1alpha1 import FINALIZER
from slipway.api.v1alpha1.deployment import Deployment
from slipway.domain import expiry
from slipway.loop.keys import Key
from slipway.loop.store import Object
from slipway.reconcilers import optional_steps
from slipway.reconcilers.cluster_expiry import ClusterExpiryPass
from slipway.reconcilers.cluster_serving import ClusterServingPass
from slipway.reconcilers.deletion import DeletionPass
from slipway.reconcilers.deployment_pass import Outdated, Tools
from slipway.reconcilers.expiry import ExpiryPass
from slipway.reconcilers.reporting import report_invalid
from slipway.reconcilers.serving import ServingPass

log = logging.getLogger(__name__)


class DeploymentReconciler:
    """Passes over Deployments."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def reconcile(self, key: Key) -> float | None:
        """One pass; seconds until the next one."""
        tools = self._tools
        raw = tools.store.get(key)
        if raw is None:
            tools.retries.clear(key)
            optional_steps.forget(tools.retries, key)
            return None
        deleting = raw["metadata"].get("deletionTimestamp") is not None
        deployment: Deployment | None
        try:
            deployment = Deployment.model_validate(raw)
        except ValidationError as invalid:
            deployment = _readable(raw, "deletionPolicy" if deleting else "expireAfter")
            if deployment is None or not (deleting or expiry.has_expired(deployment, tools.clock.now())):
                await report_invalid(tools.reporter, key, raw, invalid, tools.clock.now())
                return expiry.seconds_left(deployment, tools.clock.now()) if deployment else None
        if deleting and FINALIZER not in deployment.metadata.finalizers:
            return None
        try:
            return await self._pass(key, raw, deployment, deleting=deleting)
        except Outdated as changed:
            log.info("the pass is void and will be done again: %s", changed)
            return await self._refresh(key, deployment.metadata.uid)

    async def _pass(self, key: Key, raw: Object, deployment: Deployment, *, deleting: bool) -> float | None:
        """The pass that its state asks for. What rests until it expires is looked at again right then."""
        tools = self._tools
        in_cluster = _is_in_cluster(deployment)
        if deleting:
            return await DeletionPass(tools, key, raw, deployment).run()
        if expiry.has_expired(deployment, tools.clock.now()):
            expired = ClusterExpiryPass if in_cluster else ExpiryPass
            return await expired(tools, key, raw, deployment).run()
        serving = (ClusterServingPass if in_cluster else ServingPass)(tools, key, raw, deployment)
        again = serving.binding.sooner(await serving.run())
        left = expiry.seconds_left(deployment, tools.clock.now())
        return min((delay for delay in (again, left) if delay is not None), default=None)

    async def _refresh(self, key: Key, uid: str) -> float | None:
        live = await self._tools.kube.get(key)
        if live is None:
            self._tools.store.discard(key, uid)
        else:
            self._tools.store.put(key, live)
        return 0.0


def _is_in_cluster(deployment: Deployment) -> bool:
    """Where it lives decides; before it lives anywhere, the spec."""
    placement = deployment.status.placement
    return placement.target == "Cluster" if placement else deployment.spec.target.cluster is not None


def _readable(raw: Object, needed: str) -> Deployment | None:
    """A Deployment whose spec cannot be read as a whole, with the one field of it that its end depends on.

    None if not even that can be read.
    """
    spec = {"modelRef": {"name": "unknown"}, "engine": {"name": "TGI"}, "target": {}}
    kept = {needed: raw["spec"][needed]} if needed in raw["spec"] else {}
    try:
        return Deployment.model_validate({**raw, "spec": {**spec, **kept}})
    except ValidationError:
        return None
