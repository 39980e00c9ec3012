"""An upgrade of the operator rolls nothing: what the names of SageMaker's resources are made of is pinned here.

The name of a model or an endpoint config is a hash of its content, and a name that serves nothing yet is rolled out.
So if a test below fails, every endpoint of every user would be replaced when the operator is upgraded: hours of
double fleets, a bill, and pinned models among them. Do not make the golden files follow the code. Find a change that
leaves the content of what exists as it is: leave a new field out of the hash while it is not set, keep an old default.

New cases and new versions of images are added to the files; what is there never changes.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import AdapterRevision
from slipway.domain.checks.image import image_of
from slipway.domain.checks.placement import placement_of
from slipway.domain.model_versions import source_hash
from slipway.domain.models import ModelSource
from slipway.domain.names import Owner
from slipway.domain.sagemaker.catalogue import Container, shipped
from slipway.domain.sagemaker.desired import desired
from slipway.domain.served import ServedModel
from tests.unit.domain.builders import ACCOUNT

GOLDEN = Path(__file__).parent / "golden"
Json = dict[str, Any]


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text())


def served(adapters: Sequence[Json] = (), **fields: str) -> ServedModel:
    return ServedModel(**fields, adapters=tuple(AdapterRevision(**adapter) for adapter in adapters))


def names(case: Json) -> Json:
    owner = Owner(**case["owner"])
    meta = {"name": owner.name, "namespace": owner.namespace, "uid": owner.uid, "resourceVersion": "1"}
    deployment = Deployment.model_validate({"metadata": meta, "spec": case["spec"]})
    target, placement = deployment.spec.target.sage_maker, placement_of(deployment, ACCOUNT)
    assert target
    assert placement
    image = image_of(deployment, shipped())
    wanted = desired(deployment.spec, target, served(**case["served"]), image, owner)
    return {
        "endpoint": placement.endpoint_name,
        "model": wanted.model.name,
        "config": wanted.config.name,
        "environment": dict(sorted(wanted.model.environment.items())),
        "startupTimeout": wanted.config.startup_timeout,
        "inferenceAmi": wanted.config.inference_ami,
    }


@pytest.mark.parametrize("case", golden("names.json"), ids=lambda case: case["case"])
def test_the_same_spec_gives_the_same_names_for_ever(case: Json) -> None:
    assert names(case) == case["wanted"]


@pytest.mark.parametrize("case", golden("sources.json"), ids=lambda case: case["hash"])
def test_a_model_stays_pinned_to_the_commit_that_was_found_for_its_source(case: Json) -> None:
    """Another hash would have every ModelVersion resolved anew, Pin among them."""
    assert source_hash(ModelSource(**case["source"])) == case["hash"]


IMAGES = {
    Container("TGI", "HuggingFace"): golden("images.json"),
    Container("vLLM", "HuggingFace"): golden("images-vllm.json"),
    Container("vLLM", "AWS"): golden("images-vllm-aws.json"),
}


@pytest.mark.parametrize(
    ("container", "version", "image"),
    [(container, version, image) for container, images in IMAGES.items() for version, image in images.items()],
)
def test_a_version_of_the_engine_keeps_its_image(container: Container, version: str, image: str) -> None:
    """The catalogue is generated. A build that replaces another one (-v2.1) rolls all who run that version."""
    assert shipped().containers[container].images[version] == image


def test_every_container_of_the_catalogue_is_guarded() -> None:
    assert shipped().containers.keys() == IMAGES.keys()
