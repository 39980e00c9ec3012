"""What each engine's container is told."""

import pytest

from slipway.domain.served import ServedModel
from tests.unit.domain.cluster.specs import (
    ADAPTER_COMMIT,
    ADAPTERS,
    CACHE,
    COMMIT,
    WITH_ADAPTER,
    engine,
    environment,
    problem,
    spec,
    tgi,
    wanted,
)

FOLDER = f"/weights/hub/models--acme--twin/snapshots/{COMMIT}"
ADAPTER_FOLDER = f"/weights/hub/models--acme--legal/snapshots/{ADAPTER_COMMIT}"


# TGI


def test_tgi_is_told_by_variables() -> None:
    found = wanted(
        tgi({"maxInputTokens": 1, "maxTotalTokens": 2, "dtype": "float16"}, {"gpus": 4}),
        ServedModel("acme/twin", COMMIT, "twin", hub="https://hub.example.com"),
    )
    assert (
        environment(found).items()
        >= {
            "MODEL_ID": "acme/twin",
            "REVISION": COMMIT,
            "HF_ENDPOINT": "https://hub.example.com",
            "NUM_SHARD": "4",
            "MAX_INPUT_TOKENS": "1",
            "MAX_TOTAL_TOKENS": "2",
            "DTYPE": "float16",
            "PORT": "8080",
            "HOSTNAME": "0.0.0.0",
            "USAGE_STATS": "off",
            "GRACEFUL_TERMINATION_TIMEOUT": "90",
        }.items()
    )
    assert "command" not in engine(found)
    assert "args" not in engine(found)


def test_tgi_works_where_it_may_write() -> None:
    """Its router saves the tokenizer into its working directory, and ends where it cannot."""
    found = engine(wanted(tgi()))
    assert found["workingDir"] in {mount["mountPath"] for mount in found["volumeMounts"]}


def test_adapters_of_tgi_are_pinned() -> None:
    found = wanted(tgi({"adapters": ADAPTERS}), WITH_ADAPTER)
    assert environment(found)["LORA_ADAPTERS"] == f"acme/legal@{ADAPTER_COMMIT}"


def test_from_a_cache_tgi_is_told_folders_and_asks_nothing_of_the_hub() -> None:
    found = environment(wanted(tgi({"adapters": ADAPTERS}, {"cache": CACHE}), WITH_ADAPTER))
    assert found["MODEL_ID"] == FOLDER
    assert found["LORA_ADAPTERS"] == f"acme/legal={ADAPTER_FOLDER}"
    assert found["HF_HUB_OFFLINE"] == "1"
    assert "REVISION" not in found


def test_adapters_of_an_old_tgi_are_refused() -> None:
    text = problem(tgi({"version": "2.3.1", "adapters": ADAPTERS}), WITH_ADAPTER)
    assert text
    assert "newest commit of an adapter" in text


# vLLM


def test_vllm_is_told_by_arguments() -> None:
    found = wanted(spec({"maxTotalTokens": 4096, "quantization": "awq"}, {"gpus": 2}))
    assert engine(found)["command"] == ["vllm", "serve"]
    assert engine(found)["args"] == [
        "acme/twin",
        f"--revision={COMMIT}",
        f"--tokenizer-revision={COMMIT}",
        "--served-model-name=acme/twin",
        "--host=0.0.0.0",
        "--port=8080",
        "--tensor-parallel-size=2",
        "--max-model-len=4096",
        "--quantization=awq",
        "--shutdown-timeout=90",
    ]
    assert environment(found).items() >= {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}.items()


@pytest.mark.parametrize(
    "arguments", [["--tensor-parallel-size", "2"], ["--tensor_parallel_size=2"], ["-tp", "2"], ["-tp=2"]]
)
def test_gpus_of_vllm_may_be_used_in_another_way(arguments: list[str]) -> None:
    found = engine(wanted(spec({"args": arguments}, {"gpus": 4})))["args"]
    assert found[-len(arguments) :] == arguments
    assert "--tensor-parallel-size=4" not in found


def test_from_a_cache_vllm_is_told_folders_and_keeps_the_models_name() -> None:
    found = wanted(spec({"adapters": ADAPTERS}, {"cache": CACHE}), WITH_ADAPTER)
    arguments = engine(found)["args"]
    assert arguments[:4] == [FOLDER, "--enable-lora", "--lora-modules", f"acme/legal={ADAPTER_FOLDER}"]
    assert "--served-model-name=acme/twin" in arguments
    assert environment(found)["HF_HUB_OFFLINE"] == "1"
    assert found.model == "acme/twin"


def test_adapters_of_vllm_need_a_cache() -> None:
    text = problem(spec({"adapters": ADAPTERS}), WITH_ADAPTER)
    assert text
    assert "spec.target.cluster.cache" in text
    assert problem(spec({"adapters": ADAPTERS}, {"cache": CACHE}), WITH_ADAPTER) is None


def test_folders_of_adapters_are_named_in_one_place() -> None:
    engine_ = {"adapters": ADAPTERS, "args": ["--lora-modules", "x=/x"]}
    text = problem(spec(engine_, {"cache": CACHE}), WITH_ADAPTER)
    assert text == "spec.engine.args may not hold --lora-modules beside spec.engine.adapters, which does the same"


@pytest.mark.parametrize(("version", "drains"), [("0.17.1", False), ("0.18.0", True), ("0.31.0", True)])
def test_vllm_gets_only_options_that_it_knows(version: str, drains: bool) -> None:
    assert ("--shutdown-timeout=90" in engine(wanted(spec({"version": version})))["args"]) is drains


def test_an_unknown_image_gets_no_option_that_would_end_it() -> None:
    found = wanted(spec({"version": None, "image": "mine/server:1"}))
    assert not [argument for argument in engine(found)["args"] if argument.startswith("--shutdown")]
