"""podTemplate is merged as `kubectl patch --type strategic` does it, which is asked here without a cluster."""

import json
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from kubernetes_validate import utils

from slipway.domain.cluster.manifests.strategic_merge import POD_TEMPLATE, Keyed, Listed, merged
from tests.unit.domain.cluster.manifests.test_strategic_merge import BASE

KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")
VERSIONS = [f"1.{minor}.0" for minor in range(25, 38)]

_names = st.sampled_from(["A", "B", "C"])
_text = st.sampled_from(["one", "two", "3"])
_nullable = st.one_of(st.none(), _text)


def _unique(entries: st.SearchStrategy[dict[str, Any]], key: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(entries, max_size=3, unique_by=lambda entry: entry.get(key))


def _deletable(entry: st.SearchStrategy[dict[str, Any]], key: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(entry, entry.map(lambda found: {key: found[key], "$patch": "delete"}))


_variable = st.fixed_dictionaries({"name": _names, "value": _text})
_mount = st.fixed_dictionaries(
    {"mountPath": st.sampled_from(["/home", "/tmp", "/data"]), "name": st.sampled_from(["home", "tmp"])},
    optional={"readOnly": st.booleans(), "subPath": _nullable},
)
_port = st.fixed_dictionaries(
    {"containerPort": st.sampled_from([8080, 9090])}, optional={"name": _text, "hostIP": _nullable}
)
_resources = st.dictionaries(
    st.sampled_from(["limits", "requests"]),
    st.one_of(st.none(), st.dictionaries(st.sampled_from(["cpu", "memory", "nvidia.com/gpu"]), st.just("2"))),
)
_probe = st.fixed_dictionaries(
    {},
    optional={
        "periodSeconds": st.one_of(st.none(), st.just(7)),
        "httpGet": st.one_of(st.none(), st.just({"path": "/"})),
    },
)


def _container(name: str, *, there: bool) -> st.SearchStrategy[dict[str, Any]]:
    """`there`: in BASE, too. In a container that is new, kubectl leaves `$patch: delete` standing."""
    return st.fixed_dictionaries(
        {"name": st.just(name)},
        optional={
            "image": _nullable,
            "args": st.one_of(st.none(), st.lists(_text, max_size=2)),
            "env": _unique(_deletable(_variable, "name") if there else _variable, "name"),
            "ports": _unique(_port, "containerPort"),
            "volumeMounts": _unique(_deletable(_mount, "mountPath") if there else _mount, "mountPath"),
            "resources": _resources,
            "livenessProbe": _probe,
        },
    )


_containers = st.one_of(_container("engine", there=True), _container("sidecar", there=False))
_volume = st.one_of(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["home", "tmp", "data"]), "emptyDir": st.just({"sizeLimit": "1Gi"})}
    ),
    st.fixed_dictionaries({"name": st.sampled_from(["home", "tmp"]), "configMap": st.just({"name": "one"})}),
)
_spread = st.fixed_dictionaries(
    {"topologyKey": st.sampled_from(["zone", "host"])}, optional={"maxSkew": st.sampled_from([1, 2])}
)
_labels = st.dictionaries(st.sampled_from(["app", "team", "a"]), _nullable)
PATCHES = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries(
            {}, optional={"labels": _labels, "annotations": st.one_of(st.none(), _labels)}
        ),
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "serviceAccountName": _nullable,
                "nodeSelector": _labels,
                "securityContext": st.dictionaries(
                    st.sampled_from(["runAsUser", "runAsGroup"]), st.one_of(st.none(), st.just(7))
                ),
                "tolerations": st.lists(st.fixed_dictionaries({"key": _text}), max_size=2),
                "containers": _unique(_deletable(_containers, "name"), "name"),
                "initContainers": _unique(_container("setup", there=False), "name"),
                "volumes": _unique(_volume, "name"),
                "topologySpreadConstraints": _unique(_deletable(_spread, "topologyKey"), "topologyKey"),
                "imagePullSecrets": _unique(st.fixed_dictionaries({"name": _names}), "name"),
            },
        ),
    },
)


@given(PATCHES)
def test_neither_the_template_nor_the_patch_is_changed(patch: dict[str, Any]) -> None:
    base, before = deepcopy(BASE), deepcopy(patch)
    merged(base, patch)
    assert (base, patch) == (BASE, before)


@given(PATCHES)
def test_merging_it_once_more_changes_nothing(patch: dict[str, Any]) -> None:
    once = merged(BASE, patch)
    assert merged(once, patch) == once


@given(PATCHES)
def test_what_a_patch_does_not_speak_of_stays(patch: dict[str, Any]) -> None:
    result, said = merged(BASE, patch), patch.get("spec", {})
    assert {name: value for name, value in BASE["spec"].items() if name not in said} == {
        name: value for name, value in result["spec"].items() if name not in said
    }


def test_an_empty_patch_changes_nothing() -> None:
    assert merged(BASE, {}) == BASE


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(PATCHES, min_size=8, max_size=8))
def test_kubectl_merges_it_in_the_same_way(patches: list[dict[str, Any]]) -> None:
    """kubectl knows the Go types of the API. Several at a time, because starting it takes longer than merging.

    The order of lists that are merged by a key means nothing, but for what is new: kubectl sorts by the patch.
    """
    assert KUBECTL, "kubectl is a development dependency"
    for patch, theirs in zip(patches, _kubectl(patches), strict=True):
        assert _sorted(merged(BASE, patch)) == _sorted(theirs), patch


def _kubectl(patches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What kubectl makes of BASE with each of the patches."""
    running = [
        subprocess.Popen(
            [KUBECTL, "patch", "--local", "--type=strategic", "-f", "-", "-o", "json", "-p", json.dumps(patch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for patch in ({"template": _as_apply_sends_it(patch)} for patch in patches)
    ]
    base = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "one"}, "template": BASE}
    found = []
    for process in running:
        output, errors = process.communicate(json.dumps(base), timeout=60)
        assert process.returncode == 0, errors
        found.append(json.loads(output)["template"])
    return found


def _as_apply_sends_it(patch: dict[str, Any]) -> dict[str, Any]:
    """With what `kubectl apply` adds by itself for volumes, and `merged` does without being asked."""
    result = deepcopy(patch)
    there = {volume["name"] for volume in BASE["spec"]["volumes"]}
    for volume in (volume for volume in result.get("spec", {}).get("volumes", []) if volume["name"] in there):
        volume["$retainKeys"] = [name for name in volume if not name.startswith("$")]
    return result


def _sorted(value: Any) -> Any:
    """Without empty values, which kubectl leaves out, and without the order of the lists of mappings."""
    if isinstance(value, dict):
        found = {name: _sorted(inner) for name, inner in value.items()}
        return {name: inner for name, inner in found.items() if inner not in (None, {}, [], False)}
    if isinstance(value, list):
        return sorted((_sorted(inner) for inner in value), key=lambda inner: json.dumps(inner, sort_keys=True))
    return value


@pytest.mark.parametrize("version", VERSIONS)
def test_the_keyed_lists_are_those_of_the_schema(version: str) -> None:
    """In no version is there a list of a PodTemplateSpec that is merged by another key, or that is missing here."""
    definitions = utils.schema_contents(f"kubernetes-json-schema/v{version}-local/_definitions.json", version)["$defs"]
    known = _keys(POD_TEMPLATE, "")
    theirs = dict(_schema_keys(definitions, "io.k8s.api.core.v1.PodTemplateSpec", "", ()))
    assert theirs.items() <= known.items()
    if version == VERSIONS[-1]:
        assert known.keys() - theirs.keys() == set()


def _keys(fields: Any, path: str) -> dict[str, tuple[str, bool]]:
    found = {}
    for name, rule in fields.items():
        if isinstance(rule, Keyed):
            found[f"{path}.{name}"] = (rule.key, rule.retain)
            found |= _keys(rule.fields, f"{path}.{name}")
        elif not isinstance(rule, Listed):
            found |= _keys(rule, f"{path}.{name}")
    return found


def _schema_keys(definitions: Any, name: str, path: str, seen: tuple[str, ...]) -> Any:
    for field, schema in (definitions[name].get("properties") or {}).items():
        strategy = schema.get("x-kubernetes-patch-strategy", "")
        # Before 1.28 the schema says it of the string `key` of a label selector, too, where it means nothing.
        if "merge" in strategy and "x-kubernetes-patch-merge-key" in schema and "array" in schema["type"]:
            yield f"{path}.{field}", (schema["x-kubernetes-patch-merge-key"], "retainKeys" in strategy)
        for reference in _references(schema):
            if reference not in seen and reference in definitions:
                yield from _schema_keys(definitions, reference, f"{path}.{field}", (*seen, reference))


def _references(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["$ref"].rpartition("/")[2]] if "$ref" in schema else []
        return own + [found for inner in schema.values() for found in _references(inner)]
    return [found for inner in schema for found in _references(inner)] if isinstance(schema, list) else []
