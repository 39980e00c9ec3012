"""What a user may wish for in podTemplate, and what another field decides."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.cluster.specs import CACHE, TOKEN, environment, pod, problem, spec, tgi, wanted


def with_template(template: dict[str, Any], **cluster: Any) -> Any:
    return spec(cluster={"podTemplate": template, **cluster})


def with_engine(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "engine", **fields}]}}


def test_wishes_are_granted() -> None:
    template = {
        "metadata": {"labels": {"team": "search"}},
        "spec": {
            "priorityClassName": "high",
            "serviceAccountName": "with-cloud-identity",
            "containers": [{"name": "engine", "env": [{"name": "X", "value": "1"}]}, {"name": "proxy", "image": "p"}],
        },
    }
    of = with_template(template)
    assert problem(of) is None
    found = wanted(of)
    assert pod(found)["priorityClassName"] == "high"
    assert pod(found)["serviceAccountName"] == "with-cloud-identity"
    assert environment(found)["X"] == "1"
    assert [container["name"] for container in pod(found)["containers"]] == ["engine", "proxy"]
    assert found.workload["spec"]["template"]["metadata"]["labels"]["team"] == "search"


E = "spec.target.cluster.podTemplate.spec.containers[engine]"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ({"containers": []}, "spec.target.cluster.podTemplate.containers: a PodTemplateSpec has"),
        ({"spec": [1]}, "spec.target.cluster.podTemplate.spec is no mapping"),
        ({"metadata": {"labels": "x"}}, "spec.target.cluster.podTemplate.metadata.labels is no mapping"),
        ({"spec": {"tolerations": {"key": "x"}}}, "spec.target.cluster.podTemplate.spec.tolerations is no list"),
        ({"spec": {"tolerations": ["x"]}}, "spec.target.cluster.podTemplate.spec.tolerations[0] is no mapping"),
        ({"spec": {"volumes": [{"name": ["x"]}]}}, "spec.target.cluster.podTemplate.spec.volumes[0] has no name"),
        (
            with_engine(volumeMounts=[{"mountPath": "/x"}]),
            "spec.target.cluster.podTemplate.spec.containers[engine].volumeMounts[/x] has no name of a volume",
        ),
        ({"spec": {"containers": [{"image": "x"}]}}, "spec.target.cluster.podTemplate.spec.containers[0] has no name"),
        (
            {"metadata": {"labels": {"slipway.dev/deployment": "other"}}},
            "spec.target.cluster.podTemplate.metadata.labels may not set slipway.dev/deployment",
        ),
        (
            {"metadata": {"labels": {"slipway.dev/revision": "other"}}},
            "spec.target.cluster.podTemplate.metadata.labels may not set slipway.dev/revision",
        ),
        (
            {"spec": {"containers": [{"name": "engine", "$patch": "delete"}]}},
            "spec.target.cluster.podTemplate.spec.containers takes away the container engine",
        ),
        (
            {"spec": {"containers": [{"$patch": "replace"}, {"name": "mine", "image": "x"}]}},
            "spec.target.cluster.podTemplate.spec.containers takes away the container engine",
        ),
        ({"spec": {"$patch": "replace"}}, "spec.target.cluster.podTemplate.spec.containers takes away"),
        ({"spec": None}, "spec.target.cluster.podTemplate.spec.containers takes away"),
        (with_engine(image="other"), f"{E}.image may not be set: use spec.engine.image"),
        (with_engine(command=["sh"]), f"{E}.command may not be set: spec.engine.name decides"),
        (with_engine(command=None), f"{E}.command may not be set"),
        (with_engine(args=["--revision=main"]), f"{E}.args may not be set: use spec.engine.args"),
        (with_engine(env=[{"name": "HF_TOKEN", "value": "x"}]), f"{E}.env may not set HF_TOKEN: "),
        (with_engine(env=[{"$patch": "replace"}]), f"{E}.env may not set HF_TOKEN: "),
        (with_engine(ports=[{"containerPort": 8080, "name": "web"}]), f"{E}.ports: the Service and the probes expect"),
        (with_engine(ports=[{"containerPort": 8080, "$patch": "delete"}]), f"{E}.ports: the Service"),
        (with_engine(ports=[{"containerPort": 9000, "name": "http"}]), f"{E}.ports: the Service"),
        (with_engine(resources={"limits": {"nvidia.com/gpu": "2"}}), f"{E}.resources may not set nvidia.com/gpu: use"),
        (with_engine(resources={"limits": None}), f"{E}.resources may not set nvidia.com/gpu"),
        (with_engine(resources={"requests": {"nvidia.com/gpu": 2}}), f"{E}.resources may not set nvidia.com/gpu"),
    ],
)
def test_what_another_field_decides_cannot_be_wished_for(template: dict[str, Any], text: str) -> None:
    found = problem(with_template(template), token=TOKEN)
    assert found
    assert found.startswith(text)


def test_the_commit_of_tgi_cannot_be_wished_for() -> None:
    template = with_engine(env=[{"name": "REVISION", "value": "main"}])
    text = problem(tgi(cluster={"podTemplate": template}))
    assert text == f"{E}.env may not set REVISION: the ModelVersion decides which commit is served"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            {"spec": {"volumes": [{"name": "weights", "emptyDir": {}}]}},
            "spec.target.cluster.podTemplate.spec.volumes[weights] may not be set",
        ),
        (
            with_engine(volumeMounts=[{"mountPath": "/weights", "name": "tmp"}]),
            f"{E}.volumeMounts[/weights] may not be set",
        ),
    ],
)
def test_what_lies_in_the_cache_cannot_be_wished_for(template: dict[str, Any], text: str) -> None:
    found = problem(with_template(template, cache=CACHE))
    assert found
    assert found.startswith(text)


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels else None


def test_a_wish_that_is_nested_without_end_is_refused() -> None:
    """Deep enough to break what walks through it, and less deep than the API server takes."""
    template: dict[str, Any] = {"metadata": {"annotations": nested(400)}}
    text = problem(with_template(template))
    assert text == "spec.target.cluster.podTemplate is nested more than 64 levels deep"


_leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 9000), st.sampled_from(["engine", "http", "x", "", "delete"])
)
_fields = st.sampled_from(
    (
        "metadata", "labels", "annotations", "spec", "containers", "initContainers", "name", "image", "args", "env",
        "value", "valueFrom", "ports", "containerPort", "volumeMounts", "mountPath", "volumes", "emptyDir", "configMap",
        "resources", "limits", "requests", "nvidia.com/gpu", "tolerations", "affinity", "nodeAffinity", "podAffinity",
        "nodeSelectorTerms", "matchExpressions", "key", "securityContext", "runAsUser", "topologySpreadConstraints",
        "topologyKey", "requiredDuringSchedulingIgnoredDuringExecution", "$patch", "$retainKeys",
        "preferredDuringSchedulingIgnoredDuringExecution",
    )
)  # fmt: skip
_json = st.recursive(
    _leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_fields, inner, max_size=4)),
    max_leaves=20,
)
_containers = st.lists(
    st.fixed_dictionaries({"name": _leaves}, optional={"env": _json, "volumeMounts": _json}), max_size=2
)
_templates = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.one_of(_json, st.dictionaries(_fields, _json, max_size=2)),
        "spec": st.one_of(
            _json,
            st.fixed_dictionaries({}, optional={"containers": _containers, "affinity": _json, "volumes": _json}),
            st.dictionaries(_fields, _json, max_size=3),
        ),
    },
)


@given(_templates, st.booleans())
def test_whatever_is_wished_for_there_are_manifests_or_a_reason(template: dict[str, Any], cached: bool) -> None:
    """The field is stored as it is: the API server looks at it only when pods are made of it."""
    of = with_template(template, **({"cache": CACHE} if cached else {}))
    text = problem(of)
    if text is None:
        assert wanted(of).revision
    else:
        assert text.startswith("spec.target.cluster.podTemplate")
