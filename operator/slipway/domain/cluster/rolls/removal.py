"""Taking everything away that a Deployment has in the cluster, while the Deployment itself stays: when it expires."""

from slipway.domain.cluster.looks.observation import Observation
from slipway.domain.cluster.optional.refusals import FIELDS
from slipway.domain.cluster.rolls.situation import Plan
from slipway.domain.cluster.rolls.steps import Delete
from slipway.domain.conditions import Finding
from slipway.domain.ownership import is_owned

_LAST = ("Service", "ServiceAccount")
"""Go when the pods are gone: they need them until then."""
_LOOK_AGAIN = 5.0
"""Seconds. Pods that drain tell when they are gone; this is for a watch that does not."""


def plan_removal(seen: Observation, uid: str) -> Plan | None:
    """The next steps; None when nothing is left, pods included."""
    ours = {ref: manifest for ref, manifest in seen.objects.items() if is_owned(manifest, uid)}
    steps = [
        Delete(ref.kind, ref.name, manifest["metadata"]["uid"])
        for ref, manifest in ours.items()
        if not manifest["metadata"].get("deletionTimestamp") and (ref.kind not in _LAST or not seen.pods)
    ]
    steps.sort(key=lambda step: step.kind in FIELDS)  # pods and what they cost go, whatever is refused besides
    if not ours and not seen.pods:
        return None
    text = f"{len(seen.pods)} pods are still draining" if seen.pods else "removing what was made"
    return Plan(tuple(steps), reconciling=Finding("Deleting", text), look_again=_LOOK_AGAIN)
