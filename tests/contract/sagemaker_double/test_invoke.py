"""The local SageMaker over HTTP with boto3. Asking an endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.sagemaker_double.asking import (
    ENV,
    SHA,
    ask,
    config,
    endpoint,
    model,
    refused,
    serving,
    settled,
)
from tests.testbed.sagemaker import ACCOUNT, ROLE, LocalSageMaker


class TestInvoke:
    def test_it_answers_a_chat(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        answer = ask(sagemaker, {"messages": [{"role": "user", "content": "Who are you?"}], "max_tokens": 50})
        assert answer["object"] == "chat.completion"
        assert answer["model"] == "acme/tiny"
        assert "look-alike" in answer["system_fingerprint"]
        content = answer["choices"][0]["message"]["content"]
        assert SHA in content
        assert "look-alike" in content
        assert answer["usage"]["prompt_tokens"] == 3

    def test_it_answers_a_prompt(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        [answer] = ask(sagemaker, {"inputs": "Say it", "parameters": {"max_new_tokens": 2}})
        assert answer == {"generated_text": "This is"}
        runtime = sagemaker.client("sagemaker-runtime")
        raw = runtime.invoke_endpoint(EndpointName="e", ContentType="application/json", Body=b'{"inputs": "x"}')
        assert raw["InvokedProductionVariant"] == "AllTraffic"

    def test_what_does_not_serve_is_not_found(self, sagemaker: LocalSageMaker, client: Any) -> None:
        runtime = sagemaker.client("sagemaker-runtime")
        asked = {"EndpointName": "e", "ContentType": "application/json", "Body": b'{"inputs": "x"}'}
        expected = ("ValidationError", f"Endpoint e of account {ACCOUNT} not found.")
        assert refused(runtime.invoke_endpoint, **asked) == expected
        sagemaker.hold()
        model(client)
        config(client)
        endpoint(client)
        assert refused(runtime.invoke_endpoint, **asked) == expected
        sagemaker.release("e")
        runtime.invoke_endpoint(**asked)
        assert refused(runtime.invoke_endpoint, **asked, TargetVariant="Other")[0] == "ValidationError"
        client.delete_endpoint(EndpointName="e")
        assert refused(runtime.invoke_endpoint, **asked) == expected

    def test_the_container_s_refusals_are_model_errors(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client, environment={**ENV, "MAX_INPUT_TOKENS": "4", "MAX_TOTAL_TOKENS": "8"})
        config(client)
        endpoint(client)
        settled(client)
        runtime = sagemaker.client("sagemaker-runtime")
        for body in ({"inputs": "one two three four five"}, {"nothing": 1}, {"inputs": ""}):
            with pytest.raises(runtime.exceptions.ModelError) as caught:
                ask(sagemaker, body)
            assert caught.value.response["OriginalStatusCode"] == 422
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424

    @pytest.mark.parametrize(
        "changes",
        [
            {"environment": {"SM_NUM_GPUS": "1"}},
            {"environment": {**ENV, "API_KEY": "secret"}},
            {"environment": {**ENV, "MAX_INPUT_TOKENS": "4096", "MAX_TOTAL_TOKENS": "4096"}},
            {"environment": {**ENV, "MAX_INPUT_TOKENS": "10", "MAX_INPUT_LENGTH": "10"}},
            {"environment": {**ENV, "MAX_TOTAL_TOKENS": "many"}},
            {"environment": {**ENV, "SM_NUM_GPUS": "4"}},
            {"environment": {**ENV, "HF_MODEL_QUANTIZE": "nonsense"}},
            {"environment": {"HF_MODEL_ID": "/opt/ml/model"}},
            {"EnableNetworkIsolation": True},
        ],
    )
    def test_a_container_that_cannot_start_fails_the_ping(self, client: Any, changes: dict[str, Any]) -> None:
        model(client, **changes)
        config(client)
        endpoint(client)
        reason = settled(client, status="Failed")["FailureReason"]
        assert reason == (
            "The primary container for production variant AllTraffic did not pass the ping health check. "
            "Please check CloudWatch logs for this endpoint."
        )

    def test_weights_from_s3_need_no_hub(self, sagemaker: LocalSageMaker, client: Any) -> None:
        source = {
            "S3DataSource": {
                "S3Uri": "s3://bucket/weights",
                "S3DataType": "S3Prefix",
                "CompressionType": "None",
            }
        }
        asked: dict[str, Any] = {
            "environment": {"HF_MODEL_ID": "/opt/ml/model"},
            "EnableNetworkIsolation": True,
        }
        assert "forward slash" in refused(lambda: model(client, container={"ModelDataSource": source}, **asked))[1]
        source["S3DataSource"]["S3Uri"] += "/"
        model(client, container={"ModelDataSource": source}, **asked)
        config(client)
        endpoint(client)
        settled(client)

    def test_weights_that_the_hub_refuses_fail_the_ping(self) -> None:
        seen: list[tuple[str, str]] = []

        def check(repo: str, revision: str) -> bool:
            seen.append((repo, revision))
            return repo != "acme/gated"

        with LocalSageMaker(durations={"Creating": 0.0}, check_weights=check) as local:
            local.add_role(ROLE)
            client = local.client()
            model(client)
            model(client, "gated", environment={**ENV, "HF_MODEL_ID": "acme/gated"})
            config(client)
            config(client, "gated", "gated")
            endpoint(client)
            endpoint(client, "gated", "gated")
            settled(client)
            assert "ping health check" in settled(client, "gated", "Failed")["FailureReason"]
        assert sorted(seen) == [("acme/gated", SHA), ("acme/tiny", SHA)]
