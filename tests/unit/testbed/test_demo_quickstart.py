"""The file that the demo applies, and what the demo reads from it."""

from pathlib import Path

import pytest
import yaml

from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.api.v1alpha1.model_version import ModelVersionSpec
from tests.testbed.demo.quickstart import PATH, NotAQuickstart, parse

TEXT = (Path(__file__).parents[3] / PATH).read_text()


def test_the_manifest_is_valid_and_its_parts_belong_together() -> None:
    model_version, deployment = yaml.safe_load_all(TEXT)

    ModelVersionSpec.model_validate(model_version["spec"])
    spec = DeploymentSpec.model_validate(deployment["spec"])

    assert spec.model_ref.name == model_version["metadata"]["name"]
    assert all("namespace" not in one["metadata"] for one in (model_version, deployment))


def test_every_field_in_the_manifest_is_known() -> None:
    model_version, deployment = yaml.safe_load_all(TEXT)

    for one, spec in ((model_version, ModelVersionSpec), (deployment, DeploymentSpec)):
        stored = spec.model_validate(one["spec"]).to_api()
        assert is_part_of(one["spec"], stored)


def is_part_of(some: object, everything: object) -> bool:
    if isinstance(some, dict) and isinstance(everything, dict):
        return all(key in everything and is_part_of(value, everything[key]) for key, value in some.items())
    return some == everything


def test_what_the_stand_ins_need_is_read_from_it() -> None:
    quickstart = parse(TEXT)

    assert quickstart.account == quickstart.role.split(":")[4]
    assert quickstart.endpoint("ml") == f"ml-{quickstart.deployment}"
    assert TEXT.count("# CHANGE") == 3
    for value in (quickstart.repo, quickstart.region, quickstart.role):
        assert value in TEXT


def test_an_endpoint_that_is_named_keeps_its_name() -> None:
    named = TEXT.replace("instanceType:", "endpointName: chat\n      instanceType:")

    assert parse(named).endpoint("ml") == "chat"


@pytest.mark.parametrize("text", ["kind: ModelVersion", "kind: ModelVersion\nmetadata: {name: a}\nspec: {source: {}}"])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(NotAQuickstart):
        parse(text)
