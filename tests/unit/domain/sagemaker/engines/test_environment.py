"""The environment that an engine's container gets, and what a container's environment says of it."""

import re
from dataclasses import replace
from typing import Any, get_args

import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.v1alpha1.deployment_status import AdapterRevision
from slipway.api.v1alpha1.engine import Engine
from slipway.domain.sagemaker.catalogue import shipped
from slipway.domain.sagemaker.engines import tgi, vllm
from slipway.domain.sagemaker.engines.environment import (
    LONGEST_VALUE,
    RULES,
    deployed,
    environment,
    rules_of,
)
from slipway.domain.sagemaker.engines.rules import Deployed
from slipway.domain.served import ServedModel
from tests.unit.domain.builders import REPO, A, B, deployment

SERVED = ServedModel(REPO, A, "twin")
SHAPES = Loader().load_service_model("sagemaker", "service-2")["shapes"]
MIRROR = "https://mirror.example"


def variables(instance_type: str = "ml.g5.xlarge", served: ServedModel = SERVED, **engine: Any) -> dict[str, str]:
    return environment(deployment({"engine": engine}).spec, served, instance_type)


def adapter(repo: str, revision: str = B) -> AdapterRevision:
    return AdapterRevision(name=repo, repo=repo, revision=revision)


class TestTgi:
    FULL: dict[str, Any] = {"maxInputTokens": 2048, "maxTotalTokens": 4096, "quantization": "awq", "dtype": "float16"}

    def test_a_commit_and_the_number_of_gpus_are_always_there(self) -> None:
        assert variables() == {"HF_MODEL_ID": REPO, "HF_MODEL_REVISION": A, "SM_NUM_GPUS": "1"}

    def test_every_field_has_its_variable(self) -> None:
        served = replace(SERVED, hub=MIRROR, adapters=(adapter("acme/sql"), adapter("acme/chat", A)))
        added = variables(served=served, **self.FULL).items() - variables().items()
        assert dict(added) == {
            "HF_ENDPOINT": MIRROR,
            "MAX_INPUT_TOKENS": "2048",
            "MAX_TOTAL_TOKENS": "4096",
            "HF_MODEL_QUANTIZE": "awq",
            "DTYPE": "float16",
            "LORA_ADAPTERS": f"acme/sql@{B},acme/chat@{A}",
        }

    def test_nothing_else_that_slipway_sets_may_be_set_by_the_user(self) -> None:
        full = variables(served=replace(SERVED, hub=MIRROR), **self.FULL)
        assert full.keys() - tgi.OWN_VARIABLES.keys() == {"SM_NUM_GPUS"}

    def test_further_variables_are_passed_as_they_are_and_may_say_how_many_gpus_to_use(self) -> None:
        extra = [{"name": "SM_NUM_GPUS", "value": "2"}, {"name": "EMPTY", "value": ""}]
        found = variables("ml.g5.12xlarge", env=extra)
        assert (found["SM_NUM_GPUS"], found["EMPTY"]) == ("2", "")


class TestVllm:
    FULL: dict[str, Any] = {"name": "vLLM", "maxTotalTokens": 4096, "quantization": "awq", "dtype": "float16"}

    def test_commit_gpus_and_address_are_always_there_and_nothing_is_told_to_its_makers(self) -> None:
        assert variables(name="vLLM") == {
            "SM_VLLM_MODEL": REPO,
            "SM_VLLM_REVISION": A,
            "SM_VLLM_HOST": "0.0.0.0",
            "SM_VLLM_TENSOR_PARALLEL_SIZE": "1",
            "DO_NOT_TRACK": "1",
        }

    def test_every_field_has_its_variable(self) -> None:
        added = variables(served=replace(SERVED, hub=MIRROR), **self.FULL).items() - variables(name="vLLM").items()
        assert dict(added) == {
            "HF_ENDPOINT": MIRROR,
            "SM_VLLM_MAX_MODEL_LEN": "4096",
            "SM_VLLM_QUANTIZATION": "awq",
            "SM_VLLM_DTYPE": "float16",
        }

    def test_both_vendors_containers_are_told_the_same(self) -> None:
        assert variables(**self.FULL, container="AWS") == variables(**self.FULL, container="HuggingFace")

    def test_nothing_else_that_slipway_sets_may_be_set_by_the_user(self) -> None:
        full = variables(served=replace(SERVED, hub=MIRROR), **self.FULL)
        assert full.keys() - vllm.OWN_VARIABLES.keys() == {"SM_VLLM_TENSOR_PARALLEL_SIZE", "DO_NOT_TRACK"}

    def test_the_user_may_use_fewer_gpus_and_allow_statistics(self) -> None:
        extra = [{"name": "SM_VLLM_TENSOR_PARALLEL_SIZE", "value": "2"}, {"name": "DO_NOT_TRACK", "value": "0"}]
        found = variables("ml.g5.12xlarge", name="vLLM", env=extra)
        assert (found["SM_VLLM_TENSOR_PARALLEL_SIZE"], found["DO_NOT_TRACK"]) == ("2", "0")


@pytest.mark.parametrize("name", RULES)
class TestAllOfThem:
    @pytest.mark.parametrize(
        ("instance_type", "gpus"),
        [("ml.g5.12xlarge", "4"), ("ml.p5.48xlarge", "8"), ("ml.m5.xlarge", None), ("ml.g99.xlarge", None)],
    )
    def test_all_gpus_of_the_instance_are_used(self, name: str, instance_type: str, gpus: str | None) -> None:
        variable = {"TGI": tgi.NUMBER_OF_GPUS, "vLLM": vllm.NUMBER_OF_GPUS}[name]
        assert variables(instance_type, name=name).get(variable) == gpus

    @pytest.mark.parametrize("secret", ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY"])
    def test_no_secret_may_be_put_there(self, name: str, secret: str) -> None:
        assert secret in RULES[name].OWN_VARIABLES

    def test_a_spec_is_read_by_the_rules_of_its_engine(self, name: str) -> None:
        assert rules_of(Engine.model_validate({"name": name})) is RULES[name]


def test_there_are_rules_for_every_engine_of_the_catalogue_and_of_the_api() -> None:
    assert RULES.keys() == {container.engine for container in shipped().containers}
    assert RULES.keys() == set(get_args(Engine.model_fields["name"].annotation))


ENV = st.dictionaries(st.from_regex(r"X_[A-Z0-9_]{1,8}", fullmatch=True), st.text(max_size=1024), max_size=80)
ENGINES = st.fixed_dictionaries(
    {"name": st.sampled_from(sorted(RULES))},
    optional={
        "maxTotalTokens": st.integers(2, 10_000_000),
        "quantization": st.from_regex(r"[a-z0-9.\-]{1,64}", fullmatch=True),
        "dtype": st.sampled_from(["float16", "bfloat16"]),
    },
)


class TestLimits:
    """Of SageMaker's EnvironmentMap, whatever the spec says."""

    @given(ENGINES, ENV, st.sampled_from([None, MIRROR]), st.sampled_from(["ml.g5.xlarge", "ml.m5.xlarge", "?"]))
    def test_every_environment_fits(
        self, engine: dict[str, Any], env: dict[str, str], hub: str | None, instance_type: str
    ) -> None:
        extra = [{"name": key, "value": value} for key, value in env.items()]
        found = variables(instance_type, replace(SERVED, hub=hub), **engine, env=extra)
        assert len(found) <= SHAPES["EnvironmentMap"]["max"]
        assert all(re.fullmatch(SHAPES["EnvironmentKey"]["pattern"], name) for name in found)
        assert all(len(value) <= SHAPES["EnvironmentValue"]["max"] for value in found.values())
        assert env.items() <= found.items()

    @given(ENGINES)
    def test_the_commit_is_in_every_environment_and_read_off_again(self, engine: dict[str, Any]) -> None:
        assert deployed(variables(**engine), "") == Deployed(REPO, A)

    def test_the_longest_value_is_the_services(self) -> None:
        assert SHAPES["EnvironmentValue"]["max"] == LONGEST_VALUE


TGI_IMAGE = "763104351884.dkr.ecr.eu-central-1.amazonaws.com/huggingface-pytorch-tgi-inference:2.7.0-tgi3.3.6-gpu"
VLLM_IMAGE = "763104351884.dkr.ecr.eu-central-1.amazonaws.com/vllm:0.30.0-gpu-py312-cu130-ubuntu24.04-sagemaker"
HF_VLLM_IMAGE = "763104351884.dkr.ecr.eu-central-1.amazonaws.com/huggingface-vllm:0.29.0-transformers5.15.0-gpu"


class TestDeployed:
    """What somebody else's container serves."""

    @pytest.mark.parametrize(
        ("environment", "image", "found"),
        [
            ({"HF_MODEL_ID": REPO, "HF_MODEL_REVISION": A}, TGI_IMAGE, Deployed(REPO, A)),
            ({"HF_MODEL_ID": REPO, "HF_MODEL_REVISION": "v1"}, TGI_IMAGE, Deployed(REPO, "v1")),
            ({"HF_MODEL_ID": REPO}, TGI_IMAGE, Deployed(REPO, None)),
            ({"HF_MODEL_ID": REPO, "HF_MODEL_REVISION": ""}, TGI_IMAGE, Deployed(REPO, None)),
            ({"HF_MODEL_ID": "/opt/ml/model"}, TGI_IMAGE, Deployed("/opt/ml/model", None)),
            ({"MODEL_ID": REPO, "REVISION": A}, "registry.example/tgi:3.3.6", Deployed(REPO, A)),
            ({"SM_VLLM_MODEL": REPO, "SM_VLLM_REVISION": A}, VLLM_IMAGE, Deployed(REPO, A)),
            ({"SM_VLLM_MODEL": REPO}, HF_VLLM_IMAGE, Deployed(REPO, None)),
            ({"SM_VLLM_MODEL": REPO, "HF_MODEL_ID": "ignored/one"}, VLLM_IMAGE, Deployed(REPO, None)),
            ({"HF_MODEL_ID": REPO, "SM_VLLM_REVISION": A}, HF_VLLM_IMAGE, Deployed(REPO, A)),
            # no container of vLLM reads it, so what it serves is not pinned, whatever its author hoped for
            ({"HF_MODEL_ID": REPO, "HF_MODEL_REVISION": A}, VLLM_IMAGE, Deployed(REPO, None)),
            # nor does TGI read vLLM's
            ({"HF_MODEL_ID": REPO, "SM_VLLM_REVISION": A}, TGI_IMAGE, Deployed(REPO, None)),
            ({"SM_VLLM_MODEL": REPO, "SM_VLLM_REVISION": A}, "registry.example/own:1", Deployed(REPO, A)),
            ({"HF_MODEL_ID": REPO, "HF_MODEL_REVISION": A}, "registry.example/own:1", Deployed(REPO, A)),
            ({}, VLLM_IMAGE, None),
            ({}, "", None),
            ({"SAGEMAKER_PROGRAM": "inference.py"}, "registry.example/sklearn:1", None),
        ],
    )
    def test_it_is_told_by_the_variables_that_its_engine_reads(
        self, environment: dict[str, str], image: str, found: Deployed | None
    ) -> None:
        assert deployed(environment, image) == found
