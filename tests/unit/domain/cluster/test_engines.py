"""What the engines' containers are told, and what nobody else may tell them."""

from typing import Any

import pytest

from slipway.api.v1alpha1.cluster_target import ClusterTarget
from slipway.api.v1alpha1.engine import Engine
from slipway.domain.cluster.engines.known import RULES, image_of, version_of
from slipway.domain.cluster.engines.problems import engine_warnings
from slipway.domain.served import ServedModel
from tests.unit.domain.cluster.specs import (
    ADAPTERS,
    CACHE,
    COMMIT,
    SERVED,
    TOKEN,
    WITH_ADAPTER,
    engine,
    environment,
    pod,
    problem,
    spec,
    tgi,
    wanted,
)

TOKEN_TEXT = "hf_" + "x" * 34


# Images


@pytest.mark.parametrize(
    ("given", "image"),
    [
        ({"name": "TGI", "version": "3.3.6"}, "ghcr.io/huggingface/text-generation-inference:3.3.6"),
        ({"name": "vLLM", "version": "0.30.0"}, "vllm/vllm-openai:v0.30.0"),
        ({"name": "vLLM", "version": "0.30.0", "image": "mine/vllm:1"}, "mine/vllm:1"),
    ],
)
def test_the_image_is_the_engines_own_unless_one_is_named(given: dict[str, str], image: str) -> None:
    assert image_of(Engine.model_validate(given)) == image


@pytest.mark.parametrize("name", ["TGI", "vLLM"])
def test_a_version_left_open_is_one_that_runs_without_root(name: str) -> None:
    image = image_of(Engine.model_validate({"name": name}))
    assert version_of(Engine.model_validate({"name": name}), image) == RULES[name].DEFAULT_VERSION
    assert RULES[name].needs_root(image) is None


@pytest.mark.parametrize(
    ("given", "image", "version"),
    [
        ({"name": "vLLM"}, "vllm/vllm-openai:v0.17.0", "0.17.0"),
        ({"name": "vLLM"}, "registry:5000/mirror/vllm-openai:v0.18.0-cu129@sha256:1", "0.18.0"),
        ({"name": "vLLM", "image": "mine/vllm:0.19.1"}, "mine/vllm:0.19.1", "0.19.1"),
        ({"name": "vLLM", "image": "mine/server:1.2.3"}, "mine/server:1.2.3", None),
        ({"name": "vLLM", "image": "mine/vllm:latest"}, "mine/vllm:latest", None),
        ({"name": "vLLM", "image": "mine/vllm@sha256:1"}, "mine/vllm@sha256:1", None),
        ({"name": "vLLM", "image": "mine/server:9.9.9", "version": "0.31.0"}, "mine/server:9.9.9", "0.31.0"),
        ({"name": "TGI"}, "ghcr.io/huggingface/text-generation-inference:3.0.1", "3.0.1"),
        # What serves is kept where the version is left open, so the tag counts and not the default.
        ({"name": "TGI", "version": "3.3.6"}, "ghcr.io/huggingface/text-generation-inference:2.4.0", "2.4.0"),
    ],
)
def test_the_version_is_the_specs_of_an_image_of_ones_own_or_else_the_tags(
    given: dict[str, str], image: str, version: str | None
) -> None:
    assert version_of(Engine.model_validate(given), image) == version


@pytest.mark.parametrize("version", ["3.1.0", "3.1.1", "3.3.7"])
def test_an_image_that_only_root_can_run_is_refused(version: str) -> None:
    """https://github.com/huggingface/text-generation-inference/issues/3082"""
    text = problem(tgi({"version": version}))
    assert text
    assert "runs as root only" in text
    assert "spec.engine.image" in text


@pytest.mark.parametrize("version", ["2.4.1", "3.0.1", "3.3.8"])
def test_others_of_its_images_are_not_refused(version: str) -> None:
    assert problem(tgi({"version": version})) is None


@pytest.mark.parametrize(
    "wish",
    [
        {"securityContext": {"runAsUser": 0, "runAsNonRoot": False}},
        {"containers": [{"name": "engine", "securityContext": {"runAsUser": 0, "runAsNonRoot": False}}]},
    ],
)
def test_where_root_is_wished_for_such_an_image_may_run(wish: dict[str, Any]) -> None:
    assert problem(tgi({"version": "3.3.6"}, {"podTemplate": {"spec": wish}})) is None


def test_an_image_made_from_it_may_run() -> None:
    image = "registry.example.com/text-generation-inference:3.3.6"
    assert problem(tgi({"version": "3.3.6", "image": image})) is None


# Both


@pytest.mark.parametrize("make", [tgi, spec])
def test_a_token_comes_from_a_secret(make: Any) -> None:
    entries = [entry for entry in engine(wanted(make(), token=TOKEN))["env"] if entry["name"] == "HF_TOKEN"]
    assert entries == [{"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}}]


@pytest.mark.parametrize("make", [tgi, spec])
def test_with_a_cache_only_the_job_has_the_token(make: Any) -> None:
    found = wanted(make(cluster={"cache": CACHE}), token=TOKEN)
    assert "HF_TOKEN" not in {entry["name"] for entry in engine(found)["env"]}
    assert found.prefetch
    loader = found.prefetch["spec"]["template"]["spec"]["containers"][0]
    assert "HF_TOKEN" in {entry["name"] for entry in loader["env"]}


@pytest.mark.parametrize("make", [tgi, spec])
def test_without_gpus_no_gpu_is_seen(make: Any) -> None:
    found = wanted(make({"image": "mine/cpu:1"}, {"gpus": 0}))
    assert environment(found)["NVIDIA_VISIBLE_DEVICES"] == "void"
    assert "limits" not in engine(found)["resources"]
    assert "tolerations" not in pod(found)


def test_without_gpus_another_image_must_be_named() -> None:
    text = problem(spec(cluster={"gpus": 0}))
    assert text
    assert "spec.engine.image" in text


def test_variables_of_ones_own_are_passed_and_win() -> None:
    given = [{"name": "MAX_BATCH_SIZE", "value": "8"}, {"name": "USAGE_STATS", "value": "no-stack"}]
    found = engine(wanted(tgi({"env": given})))["env"]
    names = [entry["name"] for entry in found]
    assert len({*names}) == len(names)
    assert (
        environment(wanted(tgi({"env": given}))).items() >= {entry["name"]: entry["value"] for entry in given}.items()
    )


@pytest.mark.parametrize(
    ("make", "name", "field"),
    [
        (tgi, "MODEL_ID", "spec.modelRef"),
        (tgi, "REVISION", "the ModelVersion"),
        (tgi, "NUM_SHARD", "spec.target.cluster.gpus"),
        (tgi, "QUANTIZE", "spec.engine.quantization"),
        (tgi, "MAX_TOTAL_TOKENS", "spec.engine.maxTotalTokens"),
        (tgi, "LORA_ADAPTERS", "spec.engine.adapters"),
        (tgi, "HF_TOKEN", "tokenSecretRef"),
        (tgi, "HF_API_TOKEN", "tokenSecretRef"),
        (spec, "HF_ENDPOINT", "spec.source.huggingFace.endpoint"),
        (spec, "HF_HUB_CACHE", "spec.target.cluster.cache"),
        (spec, "VLLM_USE_MODELSCOPE", "spec.modelRef"),
        (spec, "VLLM_API_KEY", "gateway"),
    ],
)
def test_what_another_field_decides_is_no_variable_of_ones_own(make: Any, name: str, field: str) -> None:
    text = problem(make({"env": [{"name": name, "value": "x"}]}))
    assert text
    assert text.startswith(f"spec.engine.env may not set {name}: ")
    assert field in text


@pytest.mark.parametrize(
    ("make", "argument", "option"),
    [
        (tgi, "--model-id=x", "model-id"),
        (tgi, "--revision", "revision"),
        (tgi, "--num-shard=2", "num-shard"),
        (tgi, "-p", "port"),
        (spec, "--model", "model"),
        (spec, "--revision=main", "revision"),
        (spec, "--revis=main", "revision"),
        (spec, "--max_model_len=1", "max-model-len"),
        (spec, "--tokenizer=other/one", "tokenizer"),
        (spec, "--served-model-name", "served-model-name"),
        (spec, "-q", "quantization"),
        (spec, "--port=1", "port"),
        (spec, "--hf-token=x", "hf-token"),
    ],
)
def test_what_another_field_decides_is_no_argument_of_ones_own(make: Any, argument: str, option: str) -> None:
    text = problem(make({"args": [argument]}))
    assert text
    assert text.startswith(f"spec.engine.args may not hold --{option}: ")


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (tgi, ["--json-output", "--max-concurrent-requests", "-1", "--shard-uds-path=/tmp/x", "--env"]),
        (spec, ["--model-impl=vllm", "--tokenizer-mode=slow", "--max-num-seqs", "4", "--quantization-param-path=x"]),
        (spec, ["-dp", "2", "--enable-lora", "--lora-modules", "x=/x", "--max-model-len-is-something-else"]),
    ],
)
def test_other_arguments_are_passed_as_they_are(make: Any, arguments: list[str]) -> None:
    assert problem(make({"args": arguments})) is None
    assert engine(wanted(make({"args": arguments})))["args"][-len(arguments) :] == arguments


@pytest.mark.parametrize(
    "given",
    [{"env": [{"name": "X", "value": TOKEN_TEXT}]}, {"args": ["--x", TOKEN_TEXT]}, {"args": [f"--x={TOKEN_TEXT}"]}],
)
def test_what_looks_like_a_token_is_neither_taken_nor_repeated(given: dict[str, Any]) -> None:
    text = problem(spec(given))
    assert text
    assert "valueFrom.secretKeyRef" in text
    assert TOKEN_TEXT not in text


def test_the_container_of_aws_is_for_sagemaker() -> None:
    text = problem(spec({"container": "AWS"}))
    assert text
    assert "spec.engine.container AWS is for SageMaker" in text


# Warnings


def warnings(of: Any, served: ServedModel) -> tuple[str, ...]:
    target: ClusterTarget = of.target.cluster
    return engine_warnings(of.engine, target, served)


def test_a_mirror_is_not_enough_for_tgi() -> None:
    """Its router asks huggingface.co whatever HF_ENDPOINT says."""
    mirrored = ServedModel("acme/twin", COMMIT, "twin", hub="https://hub.example.com")
    (text,) = warnings(tgi(), mirrored)
    assert "spec.target.cluster.cache" in text
    assert warnings(tgi(cluster={"cache": CACHE}), mirrored) == ()
    assert warnings(spec(), mirrored) == ()
    assert warnings(tgi(), SERVED) == ()


def test_of_an_adapter_tgi_reads_one_file_at_its_newest_commit() -> None:
    (text,) = warnings(tgi({"adapters": ADAPTERS}), WITH_ADAPTER)
    assert "adapter_config.json" in text
    assert warnings(tgi({"adapters": ADAPTERS}, {"cache": CACHE}), WITH_ADAPTER) == ()
