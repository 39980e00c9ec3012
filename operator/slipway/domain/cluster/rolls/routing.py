"""The Service as it is applied: who gets requests now, and how far a roll is, in one write."""

from slipway.domain.cluster.looks import views
from slipway.domain.cluster.looks.comparison import differs, is_foreign_change
from slipway.domain.cluster.looks.memory import Progress, written
from slipway.domain.cluster.marks import NOBODY, ROLLOUT, SERVING, Manifest
from slipway.domain.cluster.rolls.situation import Situation
from slipway.domain.cluster.rolls.steps import Apply, Step


def routed_service(
    situation: Situation, *, selected: str | None, serving: str | None, progress: Progress | None
) -> Apply:
    """The Service with this selector and this memory.

    `selected`: digest of the revision that gets requests, NOBODY, or None for all revisions that have pods.
    `serving`: digest of the revision that has proved itself.
    """
    known = situation.routing
    remembered = {SERVING: serving, ROLLOUT: written(progress) if progress else None}
    selector = views.selector(situation.subject.name, selected)
    manifest = with_route(situation.wanted.service, selector, {k: v for k, v in remembered.items() if v is not None})
    if known is None:
        return Apply(manifest)
    version, is_foreign = str(known.manifest["metadata"]["resourceVersion"]), _is_to_be_corrected(situation)
    return Apply(manifest, version, whole=is_foreign)


def corrected_service(situation: Situation) -> list[Step]:
    """The Service itself. Who gets requests is a matter of the roll and is left as it is."""
    routing = situation.routing
    serving = situation.serving
    if routing is None and serving:
        return [routed_service(situation, selected=serving.revision, serving=serving.revision, progress=None)]
    if routing is None:
        return [routed_service(situation, selected=NOBODY, serving=None, progress=None)]
    there, wanted = routing.manifest, situation.wanted.service
    if not differs(there, wanted) or (situation.drift == "Report" and is_foreign_change(there, wanted)):
        return []
    return [routed_service(situation, selected=routing.selected, serving=routing.serving, progress=routing.progress)]


def _is_to_be_corrected(situation: Situation) -> bool:
    known = situation.routing
    return known is not None and is_foreign_change(known.manifest, situation.wanted.service)


def with_route(service: Manifest, selector: dict[str, str], remembered: dict[str, str]) -> Manifest:
    """A Service with a selector and further annotations."""
    metadata = service["metadata"]
    annotations = {**(metadata.get("annotations") or {}), **remembered}
    return service | {
        "metadata": metadata | {"annotations": annotations},
        "spec": service["spec"] | {"selector": selector},
    }


def is_about_service(step: Step, situation: Situation) -> bool:
    """Whether a step applies the Service."""
    if not isinstance(step, Apply) or step.manifest["kind"] != "Service":
        return False
    return bool(step.manifest["metadata"]["name"] == situation.subject.name)
