"""What a pod is asked, and what its answers say."""

import json
from typing import Any

import pytest

from slipway.api.v1alpha1.engine import Engine
from slipway.api.v1alpha1.rollout import RolloutCheck
from slipway.domain.cluster.questions import (
    INFO,
    MODELS,
    LoadedModel,
    identity_request,
    loaded_model,
    prompt,
    served_commit,
    words_of,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def body(**content: Any) -> bytes:
    return json.dumps(content).encode()


class TestPrompt:
    CHECK = RolloutCheck(prompt="What is 2 + 2?", max_tokens=8)

    def test_tgi_is_asked_on_its_own_route_without_a_model(self) -> None:
        asked = prompt(self.CHECK, Engine(name="TGI"), "acme/twin")
        assert asked.path == "/generate"
        assert json.loads(asked.body or b"") == {"inputs": "What is 2 + 2?", "parameters": {"max_new_tokens": 8}}

    def test_vllm_is_asked_for_a_completion_of_the_model_that_clients_name(self) -> None:
        asked = prompt(self.CHECK, Engine(name="vLLM"), "acme/twin")
        assert asked.path == "/v1/completions"
        assert json.loads(asked.body or b"") == {"model": "acme/twin", "prompt": "What is 2 + 2?", "max_tokens": 8}

    def test_what_is_served_is_asked_with_a_get(self) -> None:
        assert (identity_request("TGI"), identity_request("vLLM")) == (INFO, MODELS)
        assert INFO.body is None


class TestServedCommit:
    def test_tgi_says_the_commit_that_it_has_loaded(self) -> None:
        assert served_commit("TGI", body(model_id="acme/twin", model_sha=COMMIT, version="3.3.7")) == COMMIT

    @pytest.mark.parametrize(
        "said",
        [
            body(model_id="/models/twin", model_sha=None),  # offline, or a folder
            body(model_id="acme/twin"),
            body(model_sha="main"),
            body(model_sha=f"{COMMIT}\n"),
            body(model_sha=7),
            b"[]",
            b"<html>",
            b"",
        ],
    )
    def test_what_names_no_commit_is_no_proof(self, said: bytes) -> None:
        assert served_commit("TGI", said) is None

    def test_vllm_says_none(self) -> None:
        assert served_commit("vLLM", body(data=[{"id": "acme/twin", "root": "acme/twin"}], model_sha=COMMIT)) is None


class TestLoadedModel:
    def test_the_base_model_is_the_one_without_a_parent(self) -> None:
        adapter = {"id": "legal", "root": "/adapters/legal", "parent": "twin"}
        base = {"id": "twin", "root": f"/cache/{COMMIT}", "parent": None}
        assert loaded_model(body(data=[adapter, base])) == LoadedModel("twin", f"/cache/{COMMIT}")

    @pytest.mark.parametrize("said", [b"", b"null", body(data=None), body(data=[]), body(data=["x", {"root": "/x"}])])
    def test_another_shape_names_none(self, said: bytes) -> None:
        assert loaded_model(said) is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (body(error="Model is overloaded", error_type="overloaded"), "Model is overloaded"),
        (body(object="error", message="The model `x` does not exist.", code=404), "The model `x` does not exist."),
        (body(error={"message": "The model `x` does not exist.", "code": 404}), "The model `x` does not exist."),
        (b"upstream connect error\n", "upstream connect error"),
        (body(error={"code": 500}), '{"error": {"code": 500}}'),
        (b"\xff" * 1000, "�" * 300),
        (b"", ""),
    ],
)
def test_the_words_of_an_error_are_the_engines_own(said: bytes, words: str) -> None:
    assert words_of(said) == words
