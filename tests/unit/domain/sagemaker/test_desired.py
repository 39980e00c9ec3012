"""From a spec and a commit to the resources that are wanted, and what makes them others."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.names import Owner
from slipway.domain.sagemaker.desired import OWN_VARIABLES, Desired, ServedModel, desired, environment
from slipway.domain.sagemaker.steps import ConfigRequest, ModelRequest
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


class TestEnvironment:
    def test_a_commit_and_the_number_of_gpus_are_always_there(self) -> None:
        assert variables() == {"HF_MODEL_ID": REPO, "HF_MODEL_REVISION": A, "SM_NUM_GPUS": "1"}

    def test_every_field_has_its_variable(self) -> None:
        added = variables(served=replace(SERVED, hub="https://mirror.example"), **FULL).items() - variables().items()
        assert dict(added) == {
            "HF_ENDPOINT": "https://mirror.example",
            "MAX_INPUT_TOKENS": "2048",
            "MAX_TOTAL_TOKENS": "4096",
            "HF_MODEL_QUANTIZE": "awq",
            "DTYPE": "float16",
        }

    @pytest.mark.parametrize(
        ("instance_type", "gpus"),
        [("ml.g5.12xlarge", "4"), ("ml.p5.48xlarge", "8"), ("ml.m5.xlarge", None), ("ml.g99.xlarge", None)],
    )
    def test_all_gpus_of_the_instance_are_used(self, instance_type: str, gpus: str | None) -> None:
        assert variables(instance_type).get("SM_NUM_GPUS") == gpus

    def test_further_variables_are_passed_as_they_are_and_may_say_how_many_gpus_to_use(self) -> None:
        extra = [{"name": "SM_NUM_GPUS", "value": "2"}, {"name": "EMPTY", "value": ""}]
        found = variables("ml.g5.12xlarge", env=extra)
        assert (found["SM_NUM_GPUS"], found["EMPTY"]) == ("2", "")

    def test_nothing_else_that_slipway_sets_may_be_set_by_the_user(self) -> None:
        full = variables(served=replace(SERVED, hub="https://mirror.example"), **FULL)
        assert full.keys() - OWN_VARIABLES.keys() == {"SM_NUM_GPUS"}


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
        "other", [wanted({"rollout": {"startupTimeout": "45m"}}), wanted(sagemaker(instanceType="ml.g5.2xlarge"))]
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
