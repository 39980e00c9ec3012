"""Which HTTPRoute takes a request and what its backendRefs come to, as the Gateway API has it.

https://gateway-api.sigs.k8s.io/reference/spec/#httproute; fields that are not mentioned here are refused (`unknown`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.testbed.node.endpoints import Endpoint, ready_endpoints, service_port

Object = dict[str, Any]
Objects = Mapping[tuple[str, str], Object]
"""By namespace and name."""
GROUP = "gateway.networking.k8s.io"
LISTENER, LISTENER_PORT = "http", 80
"""The one listener of the Gateway, for all hosts."""
_ALL = {"path": {"type": "PathPrefix", "value": "/"}}
_KNOWN = {
    "spec": {"parentRefs", "hostnames", "rules"},
    "rule": {"matches", "backendRefs"},
    "backendRef": {"group", "kind", "namespace", "name", "port", "weight"},
}


@dataclass(frozen=True)
class Unresolved:
    """A backendRef that leads nowhere: its requests are answered with `code`."""

    code: int
    reason: str
    """Of the condition ResolvedRefs; empty where the reference itself is good."""
    message: str


@dataclass(frozen=True)
class Home:
    """Where the Gateway is that routes name in their parentRefs."""

    namespace: str
    name: str

    def named(self, route: Object) -> list[Object]:
        """The parentRefs of a route that mean this Gateway."""
        return [each for each in route["spec"].get("parentRefs") or [] if self._is(each, route)]

    def _is(self, ref: Object, route: Object) -> bool:
        kind = ref.get("group", GROUP), ref.get("kind", "Gateway")
        place = ref.get("namespace", route["metadata"]["namespace"]), ref["name"]
        return (kind, place) == ((GROUP, "Gateway"), (self.namespace, self.name))


def refusal(ref: Object, route: Object) -> tuple[str, str] | None:
    """Why a route does not attach by one of its parentRefs: reason and message of the condition Accepted."""
    if ref.get("sectionName", LISTENER) != LISTENER or ref.get("port", LISTENER_PORT) != LISTENER_PORT:
        return "NoMatchingParent", f"The Gateway's only listener is {LISTENER!r} with port {LISTENER_PORT}."
    strange = sorted(unknown(route["spec"]))
    if strange:
        return "UnsupportedValue", f"This Gateway does not know: {', '.join(strange)}."
    return None


def unknown(spec: Object) -> Iterator[str]:
    """Paths of what this Gateway does not do: a route with any of that must not look as if it worked."""
    yield from (f"spec.{name}" for name in spec.keys() - _KNOWN["spec"])
    for number, rule in enumerate(spec.get("rules") or []):
        path = f"spec.rules[{number}]"
        yield from (f"{path}.{name}" for name in rule.keys() - _KNOWN["rule"])
        if any(match != _ALL for match in rule.get("matches") or []):
            yield f"{path}.matches"
        for place, ref in enumerate(rule.get("backendRefs") or []):
            yield from (f"{path}.backendRefs[{place}].{name}" for name in ref.keys() - _KNOWN["backendRef"])


def attached(routes: Objects, home: Home, host: str) -> Object | None:
    """The route that takes requests for a host: of the most specific hostname, then the oldest, then by name.

    https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule (precedence)
    """
    found = []
    for route in routes.values():
        taken = any(refusal(ref, route) is None for ref in home.named(route))
        fit = _fit(route["spec"].get("hostnames") or [], host)
        if taken and fit is not None:
            meta = route["metadata"]
            found.append(((-fit[0], -fit[1], meta["creationTimestamp"], meta["name"]), route))
    return min(found, key=lambda each: each[0])[1] if found else None


def _fit(hostnames: list[str], host: str) -> tuple[int, int] | None:
    """How closely a route's hostnames fit: exact before wildcard before none, the longer the better; None: not."""
    if not hostnames:
        return (0, 0)
    fits = [(2, len(name)) for name in hostnames if name == host]
    fits += [(1, len(name)) for name in hostnames if name.startswith("*.") and host.endswith(name[1:])]
    return max(fits, default=None)


def backends(route: Object) -> list[Object]:
    """The backendRefs of a route's first rule. No other gets a request: each rule here takes all requests."""
    rules = route["spec"].get("rules") or [{}]
    found: list[Object] = rules[0].get("backendRefs") or []
    return found


def weight(ref: Object) -> int:
    """The share of a backendRef: 1 unless it says otherwise."""
    return int(ref.get("weight", 1))


def resolved(ref: Object, namespace: str, services: Objects, endpoints: Objects) -> list[Endpoint] | Unresolved:
    """The ready endpoints of a backendRef; at least one.

    What is not there gets its share of the requests nevertheless, and is answered for with 500, or with 503 where
    only a ready endpoint is lacking: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule (backendRefs)
    """
    name, number = ref["name"], ref.get("port")
    if (ref.get("group", ""), ref.get("kind", "Service")) != ("", "Service"):
        return Unresolved(
            500, "InvalidKind", f"{ref.get('kind')} {name}: this Gateway sends requests to Services only."
        )
    if ref.get("namespace", namespace) != namespace:
        return Unresolved(500, "RefNotPermitted", f"No ReferenceGrant allows Service {ref['namespace']}/{name}.")
    service = services.get((namespace, name))
    port = service_port(service, number) if service and number is not None else None
    if port is None:
        lacks = f"has no port {number}" if service else "does not exist"
        return Unresolved(500, "BackendNotFound", f"Service {namespace}/{name} {lacks}.")
    ready = ready_endpoints(endpoints.get((namespace, name)), port.get("name"))
    return ready or Unresolved(503, "", f"Service {namespace}/{name} has no ready endpoint.")
