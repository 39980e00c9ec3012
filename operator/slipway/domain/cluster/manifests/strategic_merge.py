"""A user's wishes about pods, merged strategically with the template they are about.

The rules are those of `kubectl patch --type strategic` for a PodTemplateSpec, which the API server's own schema states
(`x-kubernetes-patch-merge-key`, `x-kubernetes-patch-strategy`): mappings are merged, null takes a field away, lists are
replaced as a whole, except for those below, whose entries are merged by a key.
https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/

Directives: `$patch: delete | replace` in a mapping or an entry, `$retainKeys: [...]` in a mapping.
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md

Two things that `kubectl apply` adds to its patches, and a person forgets, are done without being asked: a volume takes
the place of the one with its name, instead of having two sources, and so does a variable, instead of having both
`value` and `valueFrom`.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

DIRECTIVE = "$patch"
RETAIN_KEYS = "$retainKeys"


class PatchProblem(ValueError):
    """The patch cannot be merged. The text begins with the path of the field, such as `.spec.containers[0]`."""


@dataclass(frozen=True)
class Listed:
    """A list of mappings that is replaced as a whole."""

    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Keyed:
    """A list of mappings that are merged."""

    key: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    retain: bool = False
    """Whether an entry keeps only those fields that the patch's entry has: of unions, such as a volume's source."""
    replace: bool = False
    """Whether an entry takes the place of the other one as a whole."""


_AFFINITY = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
_NODES: Mapping[str, Any] = {
    _AFFINITY[0]: {"nodeSelectorTerms": Listed({"matchExpressions": Listed()})},
    _AFFINITY[1]: Listed(),
}
_PODS: Mapping[str, Any] = {name: Listed() for name in _AFFINITY}
_CONTAINER: Mapping[str, Any] = {
    "env": Keyed("name", replace=True),
    "ports": Keyed("containerPort"),
    "volumeMounts": Keyed("mountPath"),
    "volumeDevices": Keyed("devicePath"),
    "resources": {"limits": {}, "requests": {}},
    "securityContext": {},
}
_METADATA: Mapping[str, Any] = {"ownerReferences": Keyed("uid"), "labels": {}, "annotations": {}}
POD_TEMPLATE: Mapping[str, Any] = {
    "metadata": _METADATA,
    "spec": {
        "containers": Keyed("name", _CONTAINER),
        "initContainers": Keyed("name", _CONTAINER),
        "ephemeralContainers": Keyed("name", _CONTAINER),
        "volumes": Keyed("name", {"ephemeral": {"volumeClaimTemplate": {"metadata": _METADATA}}}, retain=True),
        "resourceClaims": Keyed("name", retain=True),
        "imagePullSecrets": Keyed("name"),
        "hostAliases": Keyed("ip"),
        "schedulingGates": Keyed("name"),
        "topologySpreadConstraints": Keyed("topologyKey"),
        "evictionResponders": Keyed("name"),
        "tolerations": Listed(),
        "affinity": {"nodeAffinity": _NODES, "podAffinity": _PODS, "podAntiAffinity": _PODS},
        "nodeSelector": {},
        "securityContext": {},
    },
}
"""The keyed lists of a PodTemplateSpec, by where they are, which a test compares with the schemas of Kubernetes.

Beside them stands what Slipway itself reads: lists and mappings there are what they should be, or a PatchProblem.
"""
_NUMBERS = frozenset({"containerPort"})
"""Keys that are numbers; the others are strings."""
_DEEPEST = 64
"""Levels. A PodTemplateSpec has a dozen."""


def merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The template with the wishes merged into it. Neither is changed.

    Raises PatchProblem where an entry lacks the key that it is merged by, where a directive is none, or where a list or
    a mapping is something else.
    """
    _check_depth(patch)
    return _mapping(deepcopy(dict(base)), deepcopy(dict(patch)), POD_TEMPLATE, "")


def _mapping(base: dict[str, Any], patch: dict[str, Any], fields: Mapping[str, Any], path: str) -> dict[str, Any]:
    directive = patch.pop(DIRECTIVE, None)
    if directive == "delete":
        return {}
    if directive == "replace":
        return _mapping({}, patch, fields, path)
    if directive is not None:
        raise PatchProblem(f"{path}.{DIRECTIVE} is delete or replace, not {directive!r}")
    result = _retained(base, patch, path)
    for name, value in patch.items():
        if name.startswith("$"):
            raise PatchProblem(f"{path}.{name} is no directive that is known here: they are {DIRECTIVE}, {RETAIN_KEYS}")
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _value(result.get(name), value, fields.get(name), f"{path}.{name}")
    return result


def _retained(base: dict[str, Any], patch: dict[str, Any], path: str) -> dict[str, Any]:
    keep = patch.pop(RETAIN_KEYS, None)
    if keep is None:
        return dict(base)
    named = isinstance(keep, list) and all(name in keep for name, value in patch.items() if value is not None)
    if not named:
        raise PatchProblem(f"{path}.{RETAIN_KEYS} is a list that names every field beside it")
    return {name: value for name, value in base.items() if name in keep}


def _value(base: Any, patch: Any, rule: Keyed | Listed | Mapping[str, Any] | None, path: str) -> Any:
    if isinstance(rule, Mapping) and not isinstance(patch, dict):
        raise PatchProblem(f"{path} is no mapping")
    if isinstance(rule, Keyed | Listed) and not isinstance(patch, list):
        raise PatchProblem(f"{path} is no list")
    if isinstance(patch, dict):
        fields = rule if isinstance(rule, Mapping) else {}
        return _mapping(base if isinstance(base, dict) else {}, patch, fields, path)
    if isinstance(patch, list):
        if isinstance(rule, Keyed):
            return _list(base if isinstance(base, list) else [], patch, rule, path)
        of_entries = rule.fields if isinstance(rule, Listed) else None
        return [_value(None, entry, of_entries, f"{path}[{index}]") for index, entry in enumerate(patch)]
    return patch


def _list(base: Sequence[Any], patch: list[Any], rule: Keyed, path: str) -> list[Any]:
    """The entries that were there, changed or not, in their order; then the new ones in theirs."""
    entries = [_entry(entry, rule, f"{path}[{index}]") for index, entry in enumerate(patch)]
    replaced = any(entry.get(DIRECTIVE) == "replace" for entry in entries)
    result = {} if replaced else {entry[rule.key]: entry for entry in base}
    for entry in entries:
        directive = entry.pop(DIRECTIVE, None)
        if directive == "replace":
            continue  # it stands for the list: the others are what it is replaced by
        key = entry[rule.key]
        if directive == "delete":
            result.pop(key, None)
            continue
        if directive is not None:
            raise PatchProblem(f"{path}[{key}].{DIRECTIVE} is delete or replace, not {directive!r}")
        if rule.retain and RETAIN_KEYS not in entry:
            entry[RETAIN_KEYS] = list(entry)
        before = {} if rule.replace else result.get(key, {})
        result[key] = _mapping(before, entry, rule.fields, f"{path}[{key}]")
    return list(result.values())


def _entry(entry: Any, rule: Keyed, path: str) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise PatchProblem(f"{path} is no mapping")
    if entry.get(DIRECTIVE) != "replace" and not isinstance(entry.get(rule.key), int if rule.key in _NUMBERS else str):
        raise PatchProblem(f"{path} has no {rule.key}, by which it is merged")
    return entry


def _check_depth(patch: Mapping[str, Any]) -> None:
    level: list[Any] = [patch]
    for _ in range(_DEEPEST):
        mappings = [entry.values() for entry in level if isinstance(entry, Mapping)]
        lists = [entry for entry in level if isinstance(entry, list)]
        level = [inner for entries in (*mappings, *lists) for inner in entries]
    if level:
        raise PatchProblem(f" is nested more than {_DEEPEST} levels deep")
