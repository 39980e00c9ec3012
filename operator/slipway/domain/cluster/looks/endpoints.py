"""Which pods a Service's endpoints route to."""

from collections.abc import Iterable
from typing import Any

from slipway.domain.cluster.marks import Manifest

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
"""On every EndpointSlice: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#ownership"""


def routed_by_slices(slices: Iterable[Manifest], service: str) -> frozenset[str]:
    """Names of the pods that requests to the Service may reach.

    An endpoint without the condition `ready` counts as ready. One that is terminating and still serves gets requests
    where no ready one is left, so it counts, too:
    https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions
    """
    of_service = (one for one in slices if one["metadata"]["labels"][SERVICE_NAME_LABEL] == service)
    found = (endpoint for one in of_service for endpoint in one.get("endpoints") or [] if _may_be_reached(endpoint))
    return _pods(found)


def routed_by_endpoints(endpoints: Iterable[Manifest], service: str) -> frozenset[str]:
    """The same from the Endpoints of a cluster that has no discovery.k8s.io/v1, which have the Service's name. They
    leave out what is not ready, and what is terminating."""
    of_service = (one for one in endpoints if one["metadata"]["name"] == service)
    subsets = (subset for one in of_service for subset in one.get("subsets") or [])
    return _pods(address for subset in subsets for address in subset.get("addresses") or [])


def _may_be_reached(endpoint: dict[str, Any]) -> bool:
    conditions = endpoint.get("conditions") or {}
    if conditions.get("ready") is not False:
        return True
    return conditions.get("terminating") is True and conditions.get("serving") is True


def _pods(found: Iterable[dict[str, Any]]) -> frozenset[str]:
    targets = (one.get("targetRef") or {} for one in found)
    return frozenset(str(target["name"]) for target in targets if target.get("kind") == "Pod")
