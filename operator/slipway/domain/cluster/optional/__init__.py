"""What a Deployment may have beside its pods, where the cluster knows it: routes, pools, monitors, autoscalers."""

from collections.abc import Mapping

from slipway.api.v1alpha1.cluster_target import ClusterTarget, Expose
from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.domain.cluster import apis
from slipway.domain.cluster.looks.observation import Api
from slipway.domain.cluster.manifests.service import canary_service
from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.optional.autoscalers import autoscaler
from slipway.domain.cluster.optional.missing import skipped
from slipway.domain.cluster.optional.monitors import monitor
from slipway.domain.cluster.optional.pools import pool, routed
from slipway.domain.cluster.optional.problems import problem
from slipway.domain.cluster.optional.routes import public_url, route
from slipway.domain.cluster.subject import Subject

__all__ = ["APIS", "autoscaler", "canary", "manifests", "problem", "public_url", "routed", "skipped"]

APIS: Mapping[str, Api] = {
    api.kind: api
    for api in (
        apis.HTTP_ROUTE,
        apis.INFERENCE_POOL,
        apis.POD_MONITOR,
        apis.SERVICE_MONITOR,
        apis.AUTOSCALER,
        apis.SCALED_OBJECT,
    )
}
"""Every kind that is optional."""


def manifests(
    subject: Subject, spec: DeploymentSpec, target: ClusterTarget, missing: frozenset[str] = frozenset()
) -> tuple[Manifest, ...]:
    """Everything optional that the spec asks for, without the autoscaler, which needs the revision that serves.

    `missing`: kinds that the cluster lacks. They are made all the same, so that it can be said what is left out; but
    nothing else relies on them.
    """
    exposed, found = target.expose, list[Manifest]()
    if exposed.http_route:
        found.append(route(subject, exposed.http_route, to_pool=_has_pool(exposed, missing)))
    if exposed.inference_pool:
        found.append(pool(subject, exposed.inference_pool))
    if target.monitoring:
        found.append(monitor(subject, target.monitoring))
    return tuple(found)


def canary(subject: Subject, target: ClusterTarget, missing: frozenset[str] = frozenset()) -> Manifest | None:
    """The Service of a canary, without selector; None: there is no route that could lead a share of the requests there.

    A route to a pool leads nowhere else: the pool has the pods of both revisions then, as the Service has.
    """
    if target.expose.http_route is None or apis.HTTP_ROUTE.kind in missing or _has_pool(target.expose, missing):
        return None
    return canary_service(subject)


def _has_pool(exposed: Expose, missing: frozenset[str]) -> bool:
    return exposed.inference_pool is not None and apis.INFERENCE_POOL.kind not in missing
