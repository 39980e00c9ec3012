"""What a Gateway's controller says of a route in its status.

https://gateway-api.sigs.k8s.io/reference/spec/#routeparentstatus
"""

from __future__ import annotations

from typing import Any

from tests.testbed.node.routing import Home, Objects, Unresolved, refusal, resolved

Object = dict[str, Any]
CONTROLLER = "slipway.dev/test-gateway"


def parents(route: Object, home: Home, services: Objects, now: str) -> list[Object]:
    """The route's status.parents: ours anew, those of other controllers as they are.

    `now` is RFC 3339; a condition whose status stays keeps its time.
    """
    before: list[Object] = (route.get("status") or {}).get("parents") or []
    others = [each for each in before if each["controllerName"] != CONTROLLER]
    ours = [
        {
            "parentRef": ref,
            "controllerName": CONTROLLER,
            "conditions": [
                _dated(condition, ref, before, now)
                for condition in (_accepted(ref, route), _resolved_refs(route, services))
            ],
        }
        for ref in home.named(route)
    ]
    return others + ours


def _accepted(ref: Object, route: Object) -> Object:
    refused = refusal(ref, route)
    if refused:
        return _condition(route, "Accepted", "False", *refused)
    return _condition(route, "Accepted", "True", "Accepted", "The Gateway takes this route.")


def _resolved_refs(route: Object, services: Objects) -> Object:
    """Of all rules. That a Service has no endpoint is no business of this condition."""
    namespace = route["metadata"]["namespace"]
    refs = [ref for rule in route["spec"].get("rules") or [] for ref in rule.get("backendRefs") or []]
    found = [resolved(ref, namespace, services, {}) for ref in refs]
    wrong = [each for each in found if isinstance(each, Unresolved) and each.reason]
    if wrong:
        message = " ".join(each.message for each in wrong)
        return _condition(route, "ResolvedRefs", "False", wrong[0].reason, message)
    return _condition(route, "ResolvedRefs", "True", "ResolvedRefs", "All references are resolved.")


def _condition(route: Object, kind: str, status: str, reason: str, message: str) -> Object:
    generation = route["metadata"]["generation"]
    return {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": generation}


def _dated(condition: Object, ref: Object, before: list[Object], now: str) -> Object:
    """With the time since when it has this status."""
    same = (
        old["lastTransitionTime"]
        for each in before
        if (each["controllerName"], each["parentRef"]) == (CONTROLLER, ref)
        for old in each.get("conditions") or []
        if (old["type"], old["status"]) == (condition["type"], condition["status"])
    )
    return condition | {"lastTransitionTime": next(same, now)}
