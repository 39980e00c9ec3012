"""Wishes about pods, merged with the template that they are about."""

from typing import Any

import pytest

from slipway.domain.cluster.manifests.strategic_merge import PatchProblem, merged

BASE: dict[str, Any] = {
    "metadata": {"labels": {"app": "one"}, "annotations": {"a": "1", "b": "2"}},
    "spec": {
        "serviceAccountName": "one",
        "securityContext": {"runAsUser": 1, "fsGroup": 1},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "volumes": [{"name": "home", "emptyDir": {}}, {"name": "tmp", "emptyDir": {"medium": "Memory"}}],
        "containers": [
            {
                "name": "engine",
                "image": "one",
                "args": ["--a", "--b"],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "ports": [{"name": "http", "containerPort": 8080}],
                "volumeMounts": [{"name": "home", "mountPath": "/home"}, {"name": "tmp", "mountPath": "/tmp"}],
                "resources": {"limits": {"nvidia.com/gpu": "1"}},
                "livenessProbe": {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 5},
            }
        ],
        "topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}],
    },
}


def engine(template: dict[str, Any]) -> dict[str, Any]:
    return next(c for c in template["spec"]["containers"] if c["name"] == "engine")


def with_engine(**fields: Any) -> dict[str, Any]:
    return merged(BASE, {"spec": {"containers": [{"name": "engine", **fields}]}})


def test_mappings_are_merged_and_null_takes_away() -> None:
    result = merged(BASE, {"metadata": {"annotations": {"a": None, "c": "3"}}, "spec": {"serviceAccountName": "two"}})
    assert result["metadata"] == {"labels": {"app": "one"}, "annotations": {"b": "2", "c": "3"}}
    assert result["spec"]["serviceAccountName"] == "two"


def test_a_container_of_another_name_stands_beside_the_engine() -> None:
    result = merged(BASE, {"spec": {"containers": [{"name": "sidecar", "image": "two"}]}})
    assert [container["name"] for container in result["spec"]["containers"]] == ["engine", "sidecar"]
    assert engine(result) == engine(BASE)


def test_variables_are_merged_by_name() -> None:
    env = engine(with_engine(env=[{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]))["env"]
    assert env == [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}, {"name": "C", "value": "4"}]


def test_a_variable_from_elsewhere_takes_the_place_of_a_plain_one() -> None:
    """With both `value` and `valueFrom` the API server would refuse the pod."""
    source = {"secretKeyRef": {"name": "one", "key": "b"}}
    env = engine(with_engine(env=[{"name": "B", "valueFrom": source}]))["env"]
    assert env == [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": source}]


def test_a_volume_of_another_kind_takes_the_place_of_the_one_with_its_name() -> None:
    """With two sources the API server would refuse the pod."""
    claim = {"claimName": "one"}
    volumes = merged(BASE, {"spec": {"volumes": [{"name": "home", "persistentVolumeClaim": claim}]}})["spec"]["volumes"]
    assert volumes[0] == {"name": "home", "persistentVolumeClaim": claim}
    assert volumes[1] == BASE["spec"]["volumes"][1]


def test_a_setting_of_a_volume_is_merged() -> None:
    volumes = merged(BASE, {"spec": {"volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}]}})["spec"][
        "volumes"
    ]
    assert volumes[1] == {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}


def test_other_lists_are_replaced() -> None:
    assert merged(BASE, {"spec": {"tolerations": [{"key": "mine"}]}})["spec"]["tolerations"] == [{"key": "mine"}]
    assert engine(with_engine(args=["--c"]))["args"] == ["--c"]


def test_directives() -> None:
    gone = engine(with_engine(env=[{"name": "A", "$patch": "delete"}]))["env"]
    assert gone == [{"name": "B", "value": "2"}]
    alone = engine(with_engine(env=[{"$patch": "replace"}, {"name": "C", "value": "3"}]))["env"]
    assert alone == [{"name": "C", "value": "3"}]
    other = with_engine(livenessProbe={"$patch": "replace", "tcpSocket": {"port": 1}})
    assert engine(other)["livenessProbe"] == {"tcpSocket": {"port": 1}}
    kept = with_engine(livenessProbe={"$retainKeys": ["tcpSocket", "periodSeconds"], "tcpSocket": {"port": 1}})
    assert engine(kept)["livenessProbe"] == {"periodSeconds": 5, "tcpSocket": {"port": 1}}


@pytest.mark.parametrize(
    ("patch", "path"),
    [
        ({"spec": {"containers": [{"image": "two"}]}}, r"^\.spec\.containers\[0\] has no name"),
        ({"spec": {"containers": ["engine"]}}, r"^\.spec\.containers\[0\] is no mapping"),
        ({"spec": {"volumes": [{"name": "home", "$patch": "remove"}]}}, r"^\.spec\.volumes\[home\]\.\$patch"),
        ({"spec": {"$patch": "merge"}}, r"^\.spec\.\$patch is delete or replace"),
        ({"spec": {"$setElementOrder/containers": []}}, r"^\.spec\.\$setElementOrder/containers is no directive"),
        ({"metadata": {"$retainKeys": ["labels"], "annotations": {}}}, r"^\.metadata\.\$retainKeys"),
        ({"spec": {"containers": [{"name": "engine", "ports": [{"name": "x"}]}]}}, r"ports\[0\] has no containerPort"),
    ],
)
def test_what_cannot_be_merged_is_named(patch: dict[str, Any], path: str) -> None:
    with pytest.raises(PatchProblem, match=path):
        merged(BASE, patch)
