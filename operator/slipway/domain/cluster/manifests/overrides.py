"""What spec.target.cluster.podTemplate may not say, because another field decides it.

What comes of the merge is compared with what went into it, so that it does not matter how a wish is put.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.api.v1alpha1.cluster_target import ClusterTarget
from slipway.api.v1alpha1.engine import Engine
from slipway.domain.cluster.cache.layout import MOUNT, VOLUME
from slipway.domain.cluster.engines.known import rules_of
from slipway.domain.cluster.manifests.pod_template import own_labels
from slipway.domain.cluster.manifests.strategic_merge import PatchProblem, merged
from slipway.domain.cluster.marks import PORT, PORT_NAME, REVISION_LABEL, SERVER_CONTAINER, Manifest

FIELD = "spec.target.cluster.podTemplate"
_CONTAINER = f"{FIELD}.spec.containers[{SERVER_CONTAINER}]"
_FIELDS = {
    "image": "use spec.engine.image",
    "command": "spec.engine.name decides what runs. Its options go into spec.engine.args",
    "args": "use spec.engine.args",
}


def overrides_problem(base: Manifest, deployment: str, engine: Engine, target: ClusterTarget) -> str | None:
    """The first thing in podTemplate that cannot be granted, with the reason; None: there is none.

    `base`: the template that it is merged with.
    """
    patch = target.pod_template
    if not patch:
        return None
    unknown = sorted(patch.keys() - {"metadata", "spec"})
    if unknown:
        return f"{FIELD}.{unknown[0]}: a PodTemplateSpec has the fields metadata and spec only"
    try:
        result = merged(base, patch)
    except PatchProblem as problem:
        return f"{FIELD}{problem}"
    return next(_problems(base, result, deployment, engine, target), None)


def _problems(
    base: Manifest, result: Manifest, deployment: str, engine: Engine, target: ClusterTarget
) -> Iterator[str]:
    yield from _labels(result, deployment)
    pod = result.get("spec") or {}
    yield from _mounts(pod)
    found = [entry for entry in pod.get("containers") or [] if entry.get("name") == SERVER_CONTAINER]
    if not found:
        yield f"{FIELD}.spec.containers takes away the container {SERVER_CONTAINER}, which serves the model"
        return
    before, after = base["spec"]["containers"][0], found[0]
    for name, reason in _FIELDS.items():
        if before.get(name) != after.get(name):
            yield f"{_CONTAINER}.{name} may not be set: {reason}"
    yield from _variables(before, after, rules_of(engine).OWN_VARIABLES)
    yield from _ports(after)
    yield from _gpus(before, after, target)
    if target.cache:
        yield from _cache(base, pod, before, after)


def _labels(result: Manifest, deployment: str) -> Iterator[str]:
    labels = (result.get("metadata") or {}).get("labels") or {}
    for name, value in own_labels(deployment).items():
        if labels.get(name, value) != value:
            yield f"{FIELD}.metadata.labels may not set {name}: Slipway finds its pods by it"
    if REVISION_LABEL in labels:
        yield f"{FIELD}.metadata.labels may not set {REVISION_LABEL}: Slipway finds its pods by it"


def _mounts(pod: Manifest) -> Iterator[str]:
    for container in (*pod.get("containers", ()), *pod.get("initContainers", ())):
        for mount in container.get("volumeMounts") or ():
            if not isinstance(mount.get("name"), str):
                where = f"{FIELD}.spec.containers[{container['name']}].volumeMounts[{mount['mountPath']}]"
                yield f"{where} has no name of a volume"


def _variables(before: Mapping[str, Any], after: Mapping[str, Any], own: Mapping[str, str]) -> Iterator[str]:
    ours = {entry["name"]: entry for entry in before["env"]}
    now = {entry["name"]: entry for entry in after.get("env") or []}
    for name, reason in own.items():
        if ours.get(name) != now.get(name):
            yield f"{_CONTAINER}.env may not set {name}: {reason}"


def _ports(after: Mapping[str, Any]) -> Iterator[str]:
    ports = after.get("ports") or []
    named = [port.get("containerPort") for port in ports if port.get("name") == PORT_NAME]
    if named != [PORT]:
        yield f"{_CONTAINER}.ports: the Service and the probes expect port {PORT} under the name {PORT_NAME}"


def _gpus(before: Mapping[str, Any], after: Mapping[str, Any], target: ClusterTarget) -> Iterator[str]:
    def asked(container: Mapping[str, Any], kind: str) -> str | None:
        found = ((container.get("resources") or {}).get(kind) or {}).get(target.gpu_resource)
        return None if found is None else str(found)

    limit = asked(before, "limits")
    if asked(after, "limits") != limit or asked(after, "requests") not in (None, limit):
        yield f"{_CONTAINER}.resources may not set {target.gpu_resource}: use spec.target.cluster.gpus"


def _cache(base: Manifest, pod: Manifest, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    def volume(entries: list[Any]) -> Any:
        return next((entry for entry in entries if entry.get("name") == VOLUME), None)

    def mount(container: Mapping[str, Any]) -> Any:
        return next((entry for entry in container.get("volumeMounts") or [] if entry.get("mountPath") == MOUNT), None)

    if volume(base["spec"]["volumes"]) != volume(pod.get("volumes") or []):
        yield f"{FIELD}.spec.volumes[{VOLUME}] may not be set: use spec.target.cluster.cache"
    if mount(before) != mount(after):
        yield f"{_CONTAINER}.volumeMounts[{MOUNT}] may not be set: spec.target.cluster.cache decides what lies there"
