"""examples/argocd: what is Argo CD's has only fields that Argo CD knows; what is ours is what our CRDs take."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.model_version import ModelVersion
from tests.unit.api.schemas import ROOT, definitions, schema_of
from tests.unit.gitops.argocd_fields import APPLICATION, APPLICATION_SET

EXAMPLES = ROOT / "examples" / "argocd"
APPLICATIONS = ("operator.yaml", "application.yaml")
LAST_APPLIED_LIMIT = 262144
"""Bytes of all annotations of an object: https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/"""


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def models() -> list[Any]:
    return [loaded(path) for path in sorted((EXAMPLES / "models").rglob("*.yaml"))]


def faults(schema: dict[str, Any], obj: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(obj)]


@pytest.mark.parametrize("name", APPLICATIONS)
def test_applications_have_fields_that_argo_cd_knows(name: str) -> None:
    assert faults(APPLICATION, loaded(EXAMPLES / name)) == []


def test_so_has_the_application_set_and_what_it_makes() -> None:
    found = loaded(EXAMPLES / "applicationset.yaml")
    assert faults(APPLICATION_SET, found) == []
    rendered = json.dumps(found["spec"]["template"])
    for word, value in (("{{ .path.path }}", "models/twin"), ("{{ .path.basenameNormalized }}", "twin")):
        assert word in rendered
        rendered = rendered.replace(word, value)
    assert "{{" not in rendered
    template = json.loads(rendered)
    made = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", **template}
    made["metadata"]["namespace"] = "argocd"
    assert faults(APPLICATION, made) == []
    assert (EXAMPLES / made["spec"]["source"]["path"]).is_dir()


def test_a_field_that_argo_cd_does_not_know_would_be_noticed() -> None:
    wrong = copy.deepcopy(loaded(EXAMPLES / "application.yaml"))
    wrong["spec"]["syncPolicy"]["automated"]["prun"] = True
    assert faults(APPLICATION, wrong)


def test_what_is_ours_is_valid() -> None:
    found = models()
    kinds = {"ModelVersion": ModelVersion, "Deployment": Deployment}
    assert sorted(obj["kind"] for obj in found) == sorted(kinds)
    for obj in found:
        assert faults(schema_of(definitions()[obj["kind"]]), obj) == []
        served = {"namespace": "ml", "uid": "u", "resourceVersion": "1"}
        kinds[obj["kind"]].model_validate({**obj, "metadata": {**obj["metadata"], **served}})


def test_model_versions_come_before_the_deployments_that_name_them() -> None:
    def wave(obj: Any) -> int:
        return int(obj["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])

    by_kind = {obj["kind"]: obj for obj in models()}
    assert wave(by_kind["ModelVersion"]) < wave(by_kind["Deployment"])
    assert by_kind["Deployment"]["spec"]["modelRef"]["name"] == by_kind["ModelVersion"]["metadata"]["name"]
    operator = loaded(EXAMPLES / "operator.yaml")
    assert wave(operator) < wave(by_kind["ModelVersion"])


def test_the_operator_outlives_its_application() -> None:
    assert "finalizers" not in loaded(EXAMPLES / "operator.yaml")["metadata"]
    keeps = loaded(EXAMPLES / "operator.yaml")["spec"]["source"]["helm"]["valuesObject"]["crds"]
    assert keeps == {"enabled": True, "keep": True}


def test_the_operators_values_are_the_charts_and_what_has_to_be_changed_is_marked() -> None:
    text = (EXAMPLES / "operator.yaml").read_text()
    schema = json.loads((ROOT / "charts" / "slipway" / "values.schema.json").read_text())
    values = loaded(EXAMPLES / "operator.yaml")["spec"]["source"]["helm"]["valuesObject"]
    assert {*values} <= {*schema["properties"]}
    for name, given in values.items():
        assert {*given} <= {*schema["properties"][name]["properties"]}
    unmarked = [line for line in text.splitlines() if "example.com" in line and "CHANGE" not in line]
    assert unmarked == []
    assert values["image"]["registry"] in text


def test_the_application_ignores_the_path_that_the_scale_subresource_writes() -> None:
    (ignored,) = loaded(EXAMPLES / "application.yaml")["spec"]["ignoreDifferences"]
    (version,) = definitions()["Deployment"]["spec"]["versions"]
    path = version["subresources"]["scale"]["specReplicasPath"].replace(".", "/")
    assert ignored == {"group": "slipway.dev", "kind": "Deployment", "jsonPointers": [path]}
    assert "RespectIgnoreDifferences=true" in loaded(EXAMPLES / "application.yaml")["spec"]["syncPolicy"]["syncOptions"]


@pytest.mark.parametrize("kind", sorted(definitions()))
def test_the_crds_fit_into_the_annotation_of_a_client_side_apply(kind: str) -> None:
    """So docs/argocd.md may say that ServerSideApply is no must."""
    assert len(json.dumps(definitions()[kind]).encode()) < LAST_APPLIED_LIMIT / 2
