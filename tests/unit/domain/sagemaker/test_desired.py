"""From a spec and a commit to the resources that are wanted, and what makes them others."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.names import Owner
from slipway.domain.sagemaker.desired import Desired, desired
from slipway.domain.sagemaker.engines.environment import environment
from slipway.domain.sagemaker.steps import ConfigRequest, ModelRequest
from slipway.domain.served import ServedModel
from tests.unit.domain.builders import IMAGE, OWNER, REPO, ROLE, A, B, deployment

SERVED = ServedModel(REPO, A, "twin")
FULL: dict[str, Any] = {"maxInputTokens": 2048, "maxTotalTokens": 4096, "quantization": "awq", "dtype": "float16"}


def wanted(
    spec: dict[str, Any] | None = None, served: ServedModel = SERVED, image: str = IMAGE, owner: Owner = OWNER
) -> Desired:
    parsed = deployment(spec).spec
    assert parsed.target.sage_maker
    return desired(parsed, parsed.target.sage_maker, served, image, owner)


def variables(instance_type: str = "ml.g5.xlarge", served: ServedModel = SERVED, **engine: Any) -> dict[str, str]:
    return environment(deployment({"engine": engine}).spec, served, instance_type)


def sagemaker(**fields: Any) -> dict[str, Any]:
    return {"target": {"sageMaker": fields}}


def env(**values: str) -> dict[str, Any]:
    return {"engine": {"env": [{"name": name, "value": value} for name, value in values.items()]}}


class TestRequests:
    def test_the_model_holds_image_environment_and_role(self) -> None:
        found = wanted()
        assert found.model == ModelRequest(found.model.name, IMAGE, variables(), ROLE)
        assert (found.image, found.served) == (IMAGE, SERVED)

    def test_the_config_holds_the_rest(self) -> None:
        found = wanted({"replicas": 3, "rollout": {"startupTimeout": "45m"}})
        assert found.config == ConfigRequest(
            name=found.config.name,
            model=found.model.name,
            instance_type="ml.g5.xlarge",
            initial_instances=3,
            startup_timeout=2700,
            inference_ami="al2-ami-sagemaker-inference-gpu-3-1",
        )

    @pytest.mark.parametrize(
        ("spec", "image", "host"),
        [
            ({}, "registry.example/tgi:3.3.6-cu124", "al2-ami-sagemaker-inference-gpu-3-1"),
            ({}, "registry.example/vllm:0.30.0-cu130", "al2023-ami-sagemaker-inference-gpu-4-1"),
            ({}, "registry.example/tgi:own", None),
            ({"inferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-2"}, IMAGE, "al2-ami-sagemaker-inference-gpu-2"),
        ],
    )
    def test_the_host_follows_the_image_unless_the_spec_names_one(
        self, spec: dict[str, Any], image: str, host: str | None
    ) -> None:
        found = wanted(sagemaker(**spec), image=image)
        assert found.config.inference_ami == host

    @pytest.mark.parametrize(("replicas", "initial", "instances"), [(None, 1, None), (1, 1, 1), (4, 4, 4)])
    def test_a_count_left_open_begins_with_one_and_is_nobodys_business(
        self, replicas: int | None, initial: int, instances: int | None
    ) -> None:
        found = wanted({"replicas": replicas})
        assert (found.config.initial_instances, found.instances) == (initial, instances)


class TestNames:
    @pytest.mark.parametrize(
        "same",
        [
            wanted({"replicas": 5}),
            wanted({"deletionPolicy": "Retain"}),
            wanted({"modelRef": {"name": "another"}}, replace(SERVED, model_version="another")),
            wanted(owner=replace(OWNER, uid="uid-2")),
            wanted({"rollout": {"startupTimeout": "1800s"}}),
            wanted(sagemaker(endpointName="given")),
        ],
    )
    def test_what_changes_nothing_about_what_serves_starts_no_second_fleet(self, same: Desired) -> None:
        assert (same.config.name, same.model.name) == (wanted().config.name, wanted().model.name)

    @pytest.mark.parametrize(
        "other",
        [
            wanted(served=replace(SERVED, revision=B)),
            wanted(served=replace(SERVED, repo="acme/other")),
            wanted(served=replace(SERVED, hub="https://mirror.example")),
            wanted(image="registry.example/tgi:other"),
            wanted(sagemaker(executionRoleArn="arn:aws:iam::123456789012:role/other")),
            wanted(sagemaker(instanceType="ml.g5.12xlarge")),
            wanted(env(EXTRA="1")),
            *(wanted({"engine": {name: value}}) for name, value in FULL.items()),
        ],
    )
    def test_whatever_changes_the_container_makes_another_model_and_config(self, other: Desired) -> None:
        assert other.model.name != wanted().model.name
        assert other.config.name != wanted().config.name

    @pytest.mark.parametrize(
        "other",
        [
            wanted({"rollout": {"startupTimeout": "45m"}}),
            wanted(sagemaker(instanceType="ml.g5.2xlarge")),
            wanted(sagemaker(inferenceAmiVersion="al2-ami-sagemaker-inference-gpu-2")),
        ],
    )
    def test_whatever_changes_only_its_surroundings_makes_another_config(self, other: Desired) -> None:
        assert other.model.name == wanted().model.name
        assert other.config.name != wanted().config.name

    def test_a_model_and_a_config_never_share_a_name(self) -> None:
        assert wanted().model.name != wanted().config.name

    @given(st.dictionaries(st.from_regex(r"[A-Z]{1,5}", fullmatch=True), st.text(max_size=5), min_size=2, max_size=5))
    def test_the_order_of_variables_does_not_matter(self, values: dict[str, str]) -> None:
        turned = dict(reversed(values.items()))
        assert wanted(env(**turned)).config.name == wanted(env(**values)).config.name

    @given(st.text(max_size=5), st.text(max_size=5))
    def test_values_are_told_apart(self, one: str, other: str) -> None:
        assert (wanted(env(X=one)).config.name == wanted(env(X=other)).config.name) == (one == other)
