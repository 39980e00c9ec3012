"""/endpoints/<name>/openai/v1: bearer tokens, and containers that answer for themselves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.sagemaker_double.asking import (
    HELLO,
    OTHER_ACCOUNT,
    SHA,
    config,
    endpoint,
    model,
    post,
    serving,
    settled,
)
from tests.testbed.sagemaker import ACCOUNT, VLLM_IMAGE, LocalSageMaker


@pytest.fixture
def token(sagemaker: LocalSageMaker) -> str:
    return sagemaker.bearer_token()


class TestTokens:
    def test_one_is_needed(self, sagemaker: LocalSageMaker, token: str) -> None:
        sagemaker.seed(["e"])
        assert post(sagemaker, None)[0] == 401
        assert post(sagemaker, token, scheme="Basic")[0] == 401
        status, body = post(sagemaker, "something")
        assert (status, body["__type"]) == (403, "UnrecognizedClientException")
        assert post(sagemaker, token)[0] == 200

    def test_it_grows_old(self) -> None:
        now = [1_700_000_000.0]
        with LocalSageMaker(clock=lambda: now[0]) as local:
            local.seed(["e"])
            token = local.bearer_token(seconds=600)
            assert post(local, token)[0] == 200
            now[0] += 601
            status, body = post(local, token)
            assert (status, body["__type"]) == (403, "ExpiredTokenException")
            with pytest.raises(ValueError, match="43200"):
                local.bearer_token(seconds=12 * 3600 + 1)

    def test_it_says_whose_endpoint_and_where(self, sagemaker: LocalSageMaker) -> None:
        sagemaker.seed(["e"], account=OTHER_ACCOUNT, region="us-east-1", repo="acme/theirs")
        assert post(sagemaker, sagemaker.bearer_token())[0] == 400
        assert post(sagemaker, sagemaker.bearer_token(OTHER_ACCOUNT))[0] == 400
        status, body = post(sagemaker, sagemaker.bearer_token(OTHER_ACCOUNT, "us-east-1"))
        assert (status, body["model"]) == (200, "acme/theirs")
        last = sagemaker.calls[-1]
        assert (last.operation, last.target, last.account, last.region, last.mutating) == (
            "ChatCompletions",
            "e",
            OTHER_ACCOUNT,
            "us-east-1",
            False,
        )


class TestAnswers:
    def test_tgi_answers_a_chat(self, sagemaker: LocalSageMaker, client: Any, token: str) -> None:
        serving(client)
        status, body = post(sagemaker, token)
        assert (status, body["object"]) == (200, "chat.completion")
        assert SHA in body["choices"][0]["message"]["content"]

    def test_vllm_answers_a_chat(self, sagemaker: LocalSageMaker, client: Any, token: str) -> None:
        model(client, environment={"SM_VLLM_MODEL": "acme/tiny", "SM_VLLM_REVISION": SHA}, image=VLLM_IMAGE)
        config(client, InferenceAmiVersion="al2023-ami-sagemaker-inference-gpu-4-1")
        endpoint(client)
        settled(client)
        assert SHA in post(sagemaker, token)[1]["choices"][0]["message"]["content"]
        status, body = post(sagemaker, token, {**HELLO, "model": "e"})
        assert (status, body["error"]["code"]) == (404, 404)

    def test_the_container_s_refusals_come_as_they_are(
        self, sagemaker: LocalSageMaker, client: Any, token: str
    ) -> None:
        serving(client)
        for body in ({"inputs": "the other contract"}, {**HELLO, "stream": True}, {"messages": []}):
            status, answer = post(sagemaker, token, body)
            assert (status, answer["error_type"]) == (422, "validation")

    def test_scripts_hold_for_this_path_too(self, sagemaker: LocalSageMaker, token: str) -> None:
        sagemaker.seed(["e"])
        sagemaker.script_invocation("e", (500, '{"error": "out of memory"}'))
        assert post(sagemaker, token) == (500, {"error": "out of memory"})
        sagemaker.script_invocation("e", "unavailable")
        assert post(sagemaker, token)[0] == 503
        sagemaker.script_invocation("e", "timed-out")
        assert post(sagemaker, token)[0] == 424

    def test_the_case_of_the_name_matters(self, sagemaker: LocalSageMaker, token: str) -> None:
        sagemaker.seed(["My-Endpoint"])
        assert post(sagemaker, token, name="My-Endpoint")[0] == 200
        status, body = post(sagemaker, token, name="my-endpoint")
        assert (status, body["message"]) == (400, f"Endpoint my-endpoint of account {ACCOUNT} not found.")

    def test_there_is_nothing_but_chats(self, sagemaker: LocalSageMaker, token: str) -> None:
        sagemaker.seed(["e"])
        assert post(sagemaker, token, None, path="/models")[0] == 404
        assert post(sagemaker, token, path="/completions")[0] == 404
