"""What stands beside the revisions: applied where it is missing or differs, removed where the spec has it no more."""

from slipway.domain.cluster.apis import HTTP_ROUTE
from slipway.domain.cluster.looks import views
from slipway.domain.cluster.looks.comparison import differs, is_foreign_change
from slipway.domain.cluster.looks.observation import ObjectRef
from slipway.domain.cluster.marks import CONTENT, NOBODY, Manifest
from slipway.domain.cluster.optional.pools import routed
from slipway.domain.cluster.optional.routes import divided, leads_to
from slipway.domain.cluster.rolls.roll import under_way
from slipway.domain.cluster.rolls.situation import Plan, Situation
from slipway.domain.cluster.rolls.steps import Apply, Delete, Step
from slipway.domain.cluster.subject import marked
from slipway.domain.conditions import Finding
from slipway.domain.ownership import is_owned

_NOT_TIDIED = frozenset({"Deployment", "Pod"})
"""Kinds whose objects come and go with a roll."""


def plan_beside(situation: Situation) -> Plan:
    """Steps for everything but the revisions and their pods; stalled where a name is somebody else's."""
    beside = wanted_beside(situation)
    conflict = _conflict(situation, beside)
    if conflict:
        return Plan(stalled=conflict)
    if situation.volume_problem:
        return Plan(stalled=Finding("InvalidSpec", f"spec.target.cluster.{situation.volume_problem}"))
    steps: list[Step] = []
    drifted: list[str] = []
    for manifest in beside:
        there = situation.seen.objects.get(_ref(manifest))
        if there is None:
            steps.append(Apply(manifest))
        elif is_foreign_change(there, manifest):
            drifted.append(f"{manifest['kind']} {manifest['metadata']['name']}")
            if situation.drift == "Correct" or manifest["kind"] == "Service":  # a roll depends on it
                steps.append(Apply(manifest, there["metadata"]["resourceVersion"], whole=True))
        elif differs(there, manifest):
            steps.append(Apply(manifest, there["metadata"]["resourceVersion"]))
    if situation.routing and is_foreign_change(situation.routing.manifest, situation.wanted.service):
        drifted.append(f"Service {situation.subject.name}")
    steps += _obsolete(situation, beside)
    return Plan(tuple(steps), drifted=_changed(drifted, situation.drift) if drifted else None)


def wanted_beside(situation: Situation) -> tuple[Manifest, ...]:
    """Everything that should stand there now, as far as the cluster knows its kind."""
    autoscaler = (situation.autoscaler,) if situation.autoscaler and _may_autoscale(situation) else ()
    selected = situation.routing.selected if situation.routing else NOBODY
    selector = views.selector(situation.subject.name, selected)
    optional = (_divided(routed(manifest, selector), situation) for manifest in situation.wanted.optional)
    found = (*situation.wanted.beside, *_canary(situation), *optional, *autoscaler)
    return tuple(manifest for manifest in found if manifest["kind"] not in situation.seen.unusable)


def _canary(situation: Situation) -> tuple[Manifest, ...]:
    """The Service that a route will lead to. It is there for the whole roll: a gateway answers with an error for one
    that has no endpoints yet, or that it still leads to and that is gone."""
    roll, canary, kept = under_way(situation), situation.wanted.canary, _kept_canary(situation)
    if canary is None or not (kept or (roll and roll.is_by_weight)):
        return ()
    selector = views.selector(situation.subject.name, kept or situation.wanted.revision)
    return (marked(canary | {"spec": canary["spec"] | {"selector": selector}}),)


def _kept_canary(situation: Situation) -> str | None:
    """A revision that is wanted no more, and may yet be asked past the Service: as long as the route leads there, or a
    gateway may not have heard that it does so no more, which its last pods wait for."""
    found, roll = situation.in_canary, under_way(situation)
    if found is None or found in (situation.wanted.revision, situation.serving_revision):
        return None
    is_led = situation.is_led_to(found) and not (roll and roll.stage.weight)
    return found if is_led or situation.pods_of(found) else None


def _divided(manifest: Manifest, situation: Situation) -> Manifest:
    """A route with the weights of the roll's stage."""
    roll = under_way(situation) if manifest["kind"] == HTTP_ROUTE.kind else None
    if roll is None or not roll.stage.weight:
        return manifest
    return divided(manifest, situation.subject, roll.stage.weight)


def _may_autoscale(situation: Situation) -> bool:
    """A roll that makes the old fleet smaller decides the counts alone until it is over."""
    routing = situation.routing
    if routing is None or routing.progress is None:
        return True
    return not routing.progress.shrinks


def _ref(manifest: Manifest) -> ObjectRef:
    return ObjectRef(manifest["kind"], manifest["metadata"]["name"])


def _conflict(situation: Situation, beside: tuple[Manifest, ...]) -> Finding | None:
    wanted = (*beside, situation.wanted.service, situation.wanted.workload)
    for manifest in wanted:
        there = situation.seen.objects.get(_ref(manifest))
        if there is not None and not is_owned(there, situation.subject.uid):
            kind, name = _ref(manifest)
            text = (
                f"there is a {kind} {name} in this namespace that this Deployment does not own, and it is left alone. "
                "Delete it, or give this Deployment another name"
            )
            return Finding("NameConflict", text)
    return None


def _obsolete(situation: Situation, beside: tuple[Manifest, ...]) -> list[Step]:
    """What was applied once and is not wanted any more. A volume goes when no revision is left that mounts it."""
    wanted = {_ref(manifest) for manifest in beside}
    prefetch = situation.wanted.prefetch
    if prefetch:
        wanted.add(_ref(prefetch))
    steps: list[Step] = []
    for ref, manifest in situation.seen.objects.items():
        metadata = manifest["metadata"]
        ours = CONTENT in (metadata.get("annotations") or {}) and is_owned(manifest, situation.subject.uid)
        if not ours or ref in wanted or ref.kind in _NOT_TIDIED or metadata.get("deletionTimestamp"):
            continue
        if ref.kind == "PersistentVolumeClaim" and _is_mounted(situation, ref.name):
            continue
        if ref.kind == "ServiceAccount" and situation.children:
            continue
        if ref.kind == "Service" and (ref.name == situation.subject.name or _may_be_asked(situation, ref.name)):
            continue
        steps.append(Delete(ref.kind, ref.name, metadata["uid"]))
    return steps


def _is_mounted(situation: Situation, claim: str) -> bool:
    volumes = (
        volume
        for child in situation.children.values()
        for volume in child.manifest["spec"]["template"]["spec"].get("volumes") or []
    )
    return any((volume.get("persistentVolumeClaim") or {}).get("claimName") == claim for volume in volumes)


def _may_be_asked(situation: Situation, canary: str) -> bool:
    """Whether a request may still come to the Service of a canary that is over: by a route, or by a gateway that has
    not heard yet that the route leads elsewhere. Its pods answer until they are gone."""
    routes = situation.seen.of_kind(HTTP_ROUTE.kind).values()
    others = (pod for pod in situation.pods if pod.revision != situation.serving_revision)
    return any(leads_to(route, canary) for route in routes) or any(True for _ in others)


def _changed(names: list[str], drift: str) -> Finding:
    done = "changed back" if drift == "Correct" else "left as it is, as spec.drift says"
    return Finding("ChangedOutside", f"somebody else has changed {', '.join(sorted(names))}: {done}")
