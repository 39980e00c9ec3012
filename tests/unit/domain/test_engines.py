"""What is true of an engine on either target."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.v1alpha1.engine import Engine
from slipway.domain.engines import engine_of, model_name, version_key
from slipway.domain.sagemaker.catalogue import shipped

REPO = "acme/Twin-8B"


def engine(**fields: object) -> Engine:
    return Engine.model_validate(fields)


def test_every_image_of_the_catalogue_speaks_of_its_engine() -> None:
    for container, known in shipped().containers.items():
        for name in known.images.values():
            assert engine_of(f"1.dkr.ecr.eu-central-1.amazonaws.com/{name}") == container.engine


@given(st.text())
def test_any_image_has_an_answer(image: str) -> None:
    assert engine_of(image) in {None, "TGI", "vLLM"}


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("ghcr.io/huggingface/text-generation-inference:3.0.1", "TGI"),
        ("vllm/vllm-openai:v0.31.0", "vLLM"),
        ("registry.example/tgi/own:1", None),
        ("registry.example/own:vLLM-0.31.0", "vLLM"),
    ],
)
def test_an_image_speaks_of_its_engine_in_its_name_or_its_tag(image: str, found: str | None) -> None:
    assert engine_of(image) == found


def test_versions_are_compared_as_numbers() -> None:
    assert sorted(["0.10.0", "1.0.0", "0.9.3"], key=version_key) == ["0.9.3", "0.10.0", "1.0.0"]


@pytest.mark.parametrize(
    ("given_engine", "model"),
    [
        (engine(name="TGI"), "tgi"),
        (engine(name="vLLM"), REPO),
        (engine(name="vLLM", container="AWS"), REPO),
    ],
    ids=["TGI", "vLLM", "vLLM of AWS"],
)
def test_the_model_is_the_name_that_the_engine_answers_to(given_engine: Engine, model: str) -> None:
    assert model_name(given_engine, REPO) == model
