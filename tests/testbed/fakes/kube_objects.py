"""Objects of the Kubernetes API in memory: versions, uids, server-side apply, defaults, and what is immutable.

The contract suite of the cluster target (tests/integration/cluster_port) holds it against a real API server.
"""

import copy
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from slipway.domain.cluster.apis import BY_KIND
from slipway.domain.cluster.marks import Manifest
from slipway.domain.errors import Conflict, NotFound, Rejected
from tests.testbed.fakes.kube_defaults import check_ports, defaulted, immutable_parts

MERGED_BY: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "ownerReferences": ("uid",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
"""Lists that apply merges by these keys; ports have two forms. Other lists are replaced as a whole."""
ATOMIC = {"selector", "nodeSelector", "labelSelector", "podSelector", "namespaceSelector"}
"""Objects that apply replaces as a whole."""
GENERATIONS = {"Deployment", "NetworkPolicy", "PodDisruptionBudget", "HorizontalPodAutoscaler", "ScaledObject"}
"""Kinds whose metadata.generation counts changes of the spec."""


class Place(NamedTuple):
    """Where an object is."""

    namespace: str
    kind: str
    name: str


def place_of(manifest: Manifest, namespace: str | None = None) -> Place:
    """Where a manifest goes."""
    metadata = manifest["metadata"]
    return Place(namespace or metadata["namespace"], manifest["kind"], metadata["name"])


def labelled(manifest: Manifest, labels: dict[str, str]) -> bool:
    """Whether an object carries these labels."""
    found = manifest["metadata"].get("labels") or {}
    return all(found.get(key) == value for key, value in labels.items())


class KubeObjects:
    """What an API server stores. Objects that go in and come out are copies."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._versions = itertools.count(1001)
        self._uids = itertools.count(1)
        self._objects: dict[Place, Manifest] = {}
        self._applied: dict[Place, Manifest] = {}

    def get(self, place: Place) -> Manifest | None:
        """A copy of an object."""
        found = self._objects.get(place)
        return copy.deepcopy(found) if found else None

    def versions(self) -> dict[Place, str]:
        """The resourceVersion of everything."""
        return {place: item["metadata"]["resourceVersion"] for place, item in self._objects.items()}

    def each(self, kind: str, namespace: str | None = None) -> Iterator[Manifest]:
        """Copies of all objects of a kind, in the order of their names, as an API server lists them."""
        for place in sorted(self._objects):
            if place.kind == kind and namespace in (None, place.namespace):
                yield copy.deepcopy(self._objects[place])

    def timestamp(self) -> str:
        """Now, as the API writes it."""
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def create(self, manifest: Manifest) -> Manifest:
        """POST."""
        place = place_of(manifest)
        if place in self._objects:
            raise Conflict("Conflict", f"{named(place)} already exists")
        return self._new(place, manifest)

    def apply(self, manifest: Manifest, resource_version: str | None) -> Manifest:
        """Server-side apply as `slipway.kube` does it: what is there must be what was seen."""
        place = place_of(manifest)
        there = self._objects.get(place)
        check_ports(manifest)
        if there is None:
            if resource_version is not None:
                raise Conflict("Conflict", f"{named(place)} is gone")
            made = self._new(place, manifest)
            self._applied[place] = copy.deepcopy(manifest)
            return made
        if resource_version is None:
            raise Conflict("Conflict", f"{named(place)} exists by now")
        self._same_version(place, resource_version)
        merged = copy.deepcopy(there)
        _merge(merged, self._applied.get(place, {}), _applicable(manifest))
        self._applied[place] = copy.deepcopy(_applicable(manifest))
        return self._store(place, defaulted(merged))

    def merge(self, place: Place, patch: Any, resource_version: str | None = None) -> Manifest:
        """JSON merge patch (RFC 7396), of the status as well: these tests are nobody's RBAC."""
        there = self._existing(place)
        if resource_version is not None:
            self._same_version(place, resource_version)
        merged = copy.deepcopy(there)
        _merge_patch(merged, patch)
        return self._store(place, defaulted(merged))

    def delete(self, place: Place, uid: str | None = None) -> None:
        """DELETE. A pod that has a node stays until the node lets go of it."""
        there = self._existing(place)
        if uid is not None and there["metadata"]["uid"] != uid:
            raise Conflict("Conflict", f"{named(place)}: UID in precondition: {uid}, in object meta: another one")
        if place.kind == "Pod" and there["spec"].get("nodeName"):
            if "deletionTimestamp" not in there["metadata"]:
                self.merge(place, {"metadata": {"deletionTimestamp": self.timestamp()}})
            return
        self.remove(place)

    def remove(self, place: Place) -> None:
        """Take it away, whatever holds it."""
        self._objects.pop(place, None)
        self._applied.pop(place, None)

    def _existing(self, place: Place) -> Manifest:
        there = self._objects.get(place)
        if there is None:
            raise NotFound("NotFound", f"{named(place)} not found")
        return there

    def _same_version(self, place: Place, resource_version: str) -> None:
        if self._objects[place]["metadata"]["resourceVersion"] != resource_version:
            text = "the object has been modified; please apply your changes to the latest version and try again"
            raise Conflict("Conflict", f"Operation cannot be fulfilled on {named(place)}: {text}")

    def _new(self, place: Place, manifest: Manifest) -> Manifest:
        made = copy.deepcopy(_applicable(manifest))
        made["metadata"] |= {
            "uid": f"00000000-0000-4000-8000-{next(self._uids):012}",
            "creationTimestamp": self.timestamp(),
        }
        if place.kind in GENERATIONS:
            made["metadata"]["generation"] = 1
        made = defaulted(made)
        made["metadata"]["resourceVersion"] = str(next(self._versions))
        self._objects[place] = made
        return copy.deepcopy(made)

    def _store(self, place: Place, new: Manifest) -> Manifest:
        """A change that is none writes nothing."""
        before = self._objects[place]
        for path, part in immutable_parts(before):
            if _at(new, path) != part:
                text = f"{named(place)} is invalid: {'.'.join(path)}: Invalid value: field is immutable"
                raise Rejected("ApiServerRefused", text)
        if new != before:
            if place.kind in GENERATIONS and new.get("spec") != before.get("spec"):
                new["metadata"]["generation"] += 1
            new["metadata"]["resourceVersion"] = str(next(self._versions))
            self._objects[place] = json.loads(json.dumps(new))
        return copy.deepcopy(self._objects[place])


def named(place: Place) -> str:
    """An object as the API server's messages name it."""
    api = BY_KIND[place.kind]
    return f'{f"{api.plural}.{api.group}" if api.group else api.plural} "{place.name}"'


def _applicable(manifest: Manifest) -> Manifest:
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in ("resourceVersion", "uid")}
    return {**manifest, "metadata": metadata}


def _at(manifest: Manifest, path: tuple[str, ...]) -> Any:
    found: Any = manifest
    for key in path:
        found = (found or {}).get(key)
    return found


def _merge_patch(there: Manifest, patch: Any) -> None:
    for key, value in patch.items():
        if value is None:
            there.pop(key, None)
        elif isinstance(value, dict):
            if not isinstance(there.get(key), dict):
                there[key] = {}
            _merge_patch(there[key], value)
        else:
            there[key] = copy.deepcopy(value)


def _merge(there: Manifest, before: Manifest, new: Manifest) -> None:
    """Server-side apply with force: `before` is what this manager applied last."""
    for key in [key for key in before if key not in new]:
        if isinstance(there.get(key), dict) and isinstance(before[key], dict) and key not in ATOMIC:
            _merge(there[key], before[key], {})
            if not there[key]:
                del there[key]
        else:
            there.pop(key, None)
    for key, value in new.items():
        keys = _keys(key, value)
        if isinstance(value, dict) and isinstance(there.get(key), dict) and key not in ATOMIC:
            _merge(there[key], before.get(key) or {}, value)
        elif keys and isinstance(there.get(key), list):
            there[key] = _merged_list(there[key], before.get(key) or [], value, keys)
        else:
            there[key] = copy.deepcopy(value)


def _keys(name: str, value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    if name == "ports" and value:
        number = "containerPort" if "containerPort" in value[0] else "port"
        return (number, "protocol") if number in value[0] else None
    return MERGED_BY.get(name)


def _merged_list(there: list[Any], before: list[Any], new: list[Any], keys: tuple[str, ...]) -> list[Any]:
    def by_key(items: list[Any]) -> dict[tuple[Any, ...], Any]:
        return {tuple(item.get(key) for key in keys): item for item in items}

    live, was, wanted = by_key(copy.deepcopy(there)), by_key(before), by_key(new)
    result = []
    for key, item in wanted.items():
        merged = live.pop(key, {})
        _merge(merged, was.get(key, {}), item)
        result.append(merged)
    return result + [item for key, item in live.items() if key not in was]
