"""A route of the Gateway API to the endpoint: https://gateway-api.sigs.k8s.io/api-types/httproute/"""

from fractions import Fraction
from typing import Any

from slipway.api.v1alpha1.cluster_target import HttpRoute
from slipway.domain.cluster.apis import HTTP_ROUTE, INFERENCE_POOL
from slipway.domain.cluster.marks import SERVICE_PORT, Manifest, canary_name
from slipway.domain.cluster.subject import Subject, marked


def route(subject: Subject, wanted: HttpRoute, *, to_pool: bool = False) -> Manifest:
    """The HTTPRoute `<name>`: everything for these host names goes to the Service, or to the pool of the same name.

    It says nothing of time limits: `timeouts` came into the standard channel with Gateway API 1.2, and a server that
    does not know a field refuses the whole object.
    """
    spec: dict[str, Any] = {
        "parentRefs": [dict(parent) for parent in wanted.parent_refs],
        "rules": [{"backendRefs": [_pool(subject) if to_pool else _service(subject.name)]}],
    }
    if wanted.hostnames:
        spec["hostnames"] = list(wanted.hostnames)
    return marked(
        {
            "apiVersion": HTTP_ROUTE.api_version,
            "kind": HTTP_ROUTE.kind,
            "metadata": subject.metadata(subject.name),
            "spec": spec,
        }
    )


def public_url(wanted: HttpRoute) -> str | None:
    """Base URL for OpenAI clients outside; None where the route names no host."""
    return f"{wanted.scheme}://{wanted.hostnames[0]}/v1" if wanted.hostnames else None


def divided(manifest: Manifest, subject: Subject, weight: Fraction) -> Manifest:
    """The route to the Service, with this share of the requests led to that of the canary; whole percents.

    https://gateway-api.sigs.k8s.io/guides/traffic-splitting/
    """
    percent = round(weight * 100)
    refs = [
        _service(subject.name) | {"weight": 100 - percent},
        _service(canary_name(subject.name)) | {"weight": percent},
    ]
    return marked(manifest | {"spec": manifest["spec"] | {"rules": [{"backendRefs": refs}]}})


def weight_of(manifest: Manifest, service: str) -> Fraction:
    """The share of the requests by a route that goes to this Service; 0 where no rule names it."""
    refs = _refs(manifest)
    total = sum(ref.get("weight", 1) for ref in refs)
    own = sum(ref.get("weight", 1) for ref in refs if ref.get("name") == service)
    return Fraction(own, total) if total else Fraction(0)


def leads_to(manifest: Manifest, service: str) -> bool:
    """Whether any rule of a route names this Service, be it for no request at all."""
    return any(ref.get("name") == service for ref in _refs(manifest))


def _refs(manifest: Manifest) -> list[dict[str, Any]]:
    return [ref for rule in manifest["spec"].get("rules") or [] for ref in rule.get("backendRefs") or []]


def _service(name: str) -> dict[str, Any]:
    return {"name": name, "port": SERVICE_PORT}


def _pool(subject: Subject) -> dict[str, Any]:
    """https://gateway-api-inference-extension.sigs.k8s.io/api-types/inferencepool/"""
    return {"group": INFERENCE_POOL.group, "kind": INFERENCE_POOL.kind, "name": subject.name}
