"""Where a Service leads: the pods behind it that are ready, as its Endpoints say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class Endpoint:
    """An address that takes connections."""

    address: str
    port: int
    pod: str | None
    """Name of the pod; None where the address is no pod's."""


def service_port(service: Object, number: int) -> Object | None:
    """The port of a Service with this number; None where it has no such port."""
    return next((each for each in service["spec"].get("ports") or [] if each["port"] == number), None)


def ready_endpoints(endpoints: Object | None, port: str | None) -> list[Endpoint]:
    """The ready addresses of Endpoints for a Service's port of that name, which is None where it has none."""
    found = []
    for subset in (endpoints or {}).get("subsets") or []:
        for each in subset.get("ports") or []:
            if each.get("name") == port:
                found += [
                    Endpoint(one["ip"], each["port"], (one.get("targetRef") or {}).get("name"))
                    for one in subset.get("addresses") or []
                ]
    return found
