"""What the API server does not take of what is optional: which steps that is about, and what is said of it.

Such an object is worth a warning and no more: the pods and their Service do without, and a roll must not stand still
because a route is refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from slipway.domain.cluster import apis
from slipway.domain.cluster.looks.observation import ObjectRef, Observation
from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.rolls.steps import Apply, Delete, Step
from slipway.domain.cluster.subject import content_of
from slipway.domain.conditions import MESSAGE_LIMIT, Finding

CONDITION = "OptionalRefused"
FIELDS: Mapping[str, str] = {
    apis.HTTP_ROUTE.kind: "spec.target.cluster.expose.httpRoute",
    apis.INFERENCE_POOL.kind: "spec.target.cluster.expose.inferencePool",
    apis.POD_MONITOR.kind: "spec.target.cluster.monitoring",
    apis.SERVICE_MONITOR.kind: "spec.target.cluster.monitoring",
    apis.AUTOSCALER.kind: "spec.autoscaling",
    apis.SCALED_OBJECT.kind: "spec.autoscaling",
}
"""Every kind that is optional, with the field that asks for it."""
_AUTOSCALERS = (apis.AUTOSCALER.kind, apis.SCALED_OBJECT.kind)
_WORDS = MESSAGE_LIMIT - 400
"""Characters for the API server's words, all objects together: what to do must still be there."""


@dataclass(frozen=True)
class OptionalStep:
    """A step that may be refused without holding up anything else."""

    ref: ObjectRef
    mark: str
    """Changes with what is asked for: the same would only be refused again."""
    removal: bool = False


@dataclass(frozen=True)
class Refused:
    """One that was refused."""

    what: OptionalStep
    words: str
    """The API server's own."""


def as_optional(step: Step) -> OptionalStep | None:
    """None: everything else depends on this step.

    So it does on the removal of an autoscaler: where one that should be gone stays, it and we would set the same count
    against each other.
    """
    if isinstance(step, Apply) and step.manifest["kind"] in FIELDS:
        ref = ObjectRef(step.manifest["kind"], step.manifest["metadata"]["name"])
        return OptionalStep(ref, content_of(step.manifest) or "")
    if isinstance(step, Delete) and step.kind in FIELDS and step.kind not in _AUTOSCALERS:
        return OptionalStep(ObjectRef(step.kind, step.name), step.uid, removal=True)
    return None


def refused_lists(forbidden: Mapping[str, str], wanted: Iterable[Manifest]) -> tuple[Refused, ...]:
    """What is wanted of the kinds that may not be listed. `forbidden`: the API server's words by kind."""
    found = (manifest for manifest in wanted if manifest["kind"] in forbidden)
    refs = (ObjectRef(manifest["kind"], manifest["metadata"]["name"]) for manifest in found)
    return tuple(Refused(OptionalStep(ref, ""), forbidden[ref.kind]) for ref in refs)


def out_of_sight(seen: Observation, canary: str) -> str | None:
    """Why nothing may be planned from this look, in the API server's words; None: it may.

    `canary`: name of the Service of a canary. While it is there, a route may lead requests to it, past the Service; and
    where routes may not be listed, nobody could tell when its pods and itself may go.
    """
    return seen.forbidden.get(apis.HTTP_ROUTE.kind) if ObjectRef("Service", canary) in seen.objects else None


def finding(refused: Iterable[Refused]) -> Finding | None:
    """The warning; None: nothing is refused."""
    found = sorted(refused, key=lambda one: one.what.ref)
    if not found:
        return None
    sentences = "; ".join(_sentence(one, _WORDS // len(found)) for one in found)
    text = (
        f"{sentences}. Mend the field, or what refuses it: a policy of the cluster, or a right that the operator lacks "
        "(docs/rbac.md; this version's chart has them all). It is tried again by itself. The endpoint itself does not "
        "depend on it"
    )
    return Finding(CONDITION, text)


def _sentence(refused: Refused, longest: int) -> str:
    (kind, name), field = refused.what.ref, FIELDS[refused.what.ref.kind]
    words = refused.words if len(refused.words) <= longest else refused.words[: longest - 1] + "…"
    if refused.what.removal:
        return f"the {kind} {name} is not wanted any more ({field}), and the API server does not delete it: {words}"
    return f"the API server does not take the {kind} {name} ({field}): {words}"
