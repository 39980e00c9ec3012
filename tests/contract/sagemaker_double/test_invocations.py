"""Scripted outcomes of invocations: what a check of a rollout has to tell apart."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.contract.sagemaker_double.asking import HELLO, NEXT_SHA, SHA, ask, describe, serving
from tests.testbed.sagemaker import REGION, LocalSageMaker


def failure(local: LocalSageMaker, name: str = "e") -> Any:
    with pytest.raises(ClientError) as caught:
        ask(local, HELLO, name)
    return caught.value.response


class TestContainers:
    def test_a_failing_container_is_a_model_error(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        script = sagemaker.script_invocation("e", (500, '{"error": "CUDA out of memory"}'), times=2)
        for _ in range(2):
            found = failure(sagemaker)
            assert found["Error"]["Code"] == "ModelError"
            assert found["OriginalStatusCode"] == 500
            assert found["OriginalMessage"] == '{"error": "CUDA out of memory"}'
            assert found["Error"]["Message"].startswith("Received server error (500) from primary with message")
            assert found["ResponseMetadata"]["HTTPStatusCode"] == 424
        assert ask(sagemaker, HELLO)["choices"][0]["message"]["content"]
        assert script.fired == 2

    def test_a_container_that_takes_too_long(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.script_invocation("e", "timed-out")
        found = failure(sagemaker)
        assert (found["Error"]["Code"], found["OriginalStatusCode"]) == ("ModelError", 0)
        assert "timed out while waiting for a response" in found["Error"]["Message"]

    def test_a_slow_one_is_left_to_the_caller_s_patience(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.script_invocation("e", "slow")
        impatient = boto3.client(
            "sagemaker-runtime",
            region_name=REGION,
            endpoint_url=sagemaker.url,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="secret",
            config=Config(read_timeout=0.2, retries={"total_max_attempts": 1}),
        )
        with pytest.raises(ReadTimeoutError):
            impatient.invoke_endpoint(EndpointName="e", Body=json.dumps(HELLO))
        assert sagemaker.calls[-1].error == "timeout"

    def test_answers_without_text(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.script_invocation("e", "empty", times=2)
        assert ask(sagemaker, HELLO)["choices"][0]["message"]["content"] == ""
        assert ask(sagemaker, {"inputs": "hello"}) == [{"generated_text": ""}]

    def test_answers_that_are_no_json(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        sagemaker.script_invocation("e", "not-json")
        with pytest.raises(json.JSONDecodeError):
            ask(sagemaker, HELLO)

    def test_only_those_that_reach_a_revision(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        script = sagemaker.script_invocation("e", (500, "broken weights"), times=None, revision=NEXT_SHA)
        assert SHA in ask(sagemaker, HELLO)["choices"][0]["message"]["content"]
        sagemaker.hold("e")
        half = {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {
                    "Type": "CANARY",
                    "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                    "WaitIntervalInSeconds": 60,
                }
            }
        }
        client.update_endpoint(EndpointName="e", EndpointConfigName="d", DeploymentConfig=half)
        sagemaker.release_step("e")
        assert SHA in ask(sagemaker, HELLO)["choices"][0]["message"]["content"]
        assert failure(sagemaker)["OriginalMessage"] == "broken weights"
        sagemaker.release("e")
        assert describe(client)["EndpointConfigName"] == "d"
        assert failure(sagemaker)["OriginalMessage"] == "broken weights"
        script.cancel()
        assert NEXT_SHA in ask(sagemaker, HELLO)["choices"][0]["message"]["content"]


class TestTheService:
    @pytest.mark.parametrize(
        ("outcome", "code", "status"),
        [
            ("unavailable", "ServiceUnavailable", 503),
            ("not-ready", "ModelNotReadyException", 429),
            ("internal", "InternalFailure", 500),
        ],
    )
    def test_it_can_fail_itself(
        self, sagemaker: LocalSageMaker, client: Any, outcome: Any, code: str, status: int
    ) -> None:
        serving(client)
        sagemaker.script_invocation("e", outcome)
        found = failure(sagemaker)
        assert found["Error"]["Code"] == code
        assert found["ResponseMetadata"]["HTTPStatusCode"] == status
        assert ask(sagemaker, HELLO)

    def test_an_endpoint_s_script_is_its_own(self, sagemaker: LocalSageMaker) -> None:
        sagemaker.seed(["e", "other"])
        sagemaker.script_invocation("e", "unavailable", times=None)
        assert ask(sagemaker, HELLO, "other")
        assert failure(sagemaker)["Error"]["Code"] == "ServiceUnavailable"
        sagemaker.clear_invocations()
        assert ask(sagemaker, HELLO)
