"""The local SageMaker over HTTP with boto3. Faults that tests ask for, and what the call log says of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from tests.contract.sagemaker_double.asking import (
    describe,
    model,
    refused,
)
from tests.testbed.sagemaker import ACCOUNT, REGION, LocalSageMaker


class TestFaults:
    def test_before_nothing_happened(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.fail("CreateModel", error=("InternalFailure", "Internal failure.", 500))
        assert refused(lambda: model(client))[0] == "InternalFailure"
        assert sagemaker.names("model") == []
        model(client)

    @pytest.mark.parametrize(
        ("failure", "seen"),
        [
            ("reset", ConnectionClosedError),
            ("timeout", ReadTimeoutError),
            (("GatewayTimeout", "", 504), ClientError),
        ],
    )
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_an_answer_can_be_lost(
        self, sagemaker: LocalSageMaker, when: Any, failure: Any, seen: type[Exception]
    ) -> None:
        impatient = boto3.client(
            "sagemaker",
            region_name=REGION,
            endpoint_url=sagemaker.url,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=0.2),
        )
        sagemaker.fail("CreateModel", when=when, error=failure)
        with pytest.raises(seen):
            model(impatient)
        assert sagemaker.names("model") == (["m"] if when == "after" else [])
        [call] = sagemaker.calls
        assert call.effect is (when == "after")
        assert call.error == (failure if isinstance(failure, str) else failure[0])
        if when == "after":
            assert "already existing" in refused(lambda: model(impatient))[1]

    def test_after_waits_for_a_call_that_succeeds(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.fail("DeleteModel", when="after", error="reset")
        assert "Could not find model" in refused(client.delete_model, ModelName="m")[1]
        model(client)
        with pytest.raises(ConnectionClosedError):
            client.delete_model(ModelName="m")
        assert sagemaker.names("model") == []

    def test_faults_can_be_counted_matched_and_cancelled(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(["a", "b"])
        fault = sagemaker.fail(
            "DescribeEndpoint",
            times=2,
            error=("ThrottlingException", "Rate exceeded", 400),
            match=lambda params: params["EndpointName"] == "a",
        )
        describe(client, "b")
        for _ in range(2):
            assert refused(client.describe_endpoint, EndpointName="a") == (
                "ThrottlingException",
                "Rate exceeded",
            )
        describe(client, "a")
        assert fault.fired == 2
        denied = sagemaker.deny("CreateModel")
        code, message = refused(lambda: model(client))
        assert code == "AccessDeniedException"
        assert "is not authorized to perform: sagemaker:CreateModel" in message
        denied.cancel()
        model(client)
        sagemaker.throttle(times=None)
        assert refused(client.list_models)[0] == "ThrottlingException"
        sagemaker.clear_faults()
        client.list_models()

    def test_sts_can_fail_too(self, sagemaker: LocalSageMaker) -> None:
        sts = sagemaker.client("sts")
        sagemaker.fail("GetCallerIdentity", error=("ExpiredToken", "The token is expired", 403))
        assert refused(sts.get_caller_identity) == ("ExpiredToken", "The token is expired")
        sagemaker.fail("GetCallerIdentity", when="after", error="reset")
        with pytest.raises(ConnectionClosedError):
            sts.get_caller_identity()
        assert sts.get_caller_identity()["Account"] == ACCOUNT

    def test_a_rate_limit_throttles_each_operation(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(["e"])
        sagemaker.limit_rate(0.001, burst=2)
        describe(client)
        describe(client)
        assert refused(client.describe_endpoint, EndpointName="e")[0] == "ThrottlingException"
        client.list_endpoints()
        sagemaker.limit_rate(None)
        describe(client)

    def test_an_outage_drops_connections_and_keeps_the_state(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(["e"])
        describe(client)
        sagemaker.stop()
        with pytest.raises((EndpointConnectionError, ConnectionClosedError)):
            describe(client)
        sagemaker.start()
        assert describe(client)["EndpointStatus"] == "InService"

    def test_hooks_see_mutating_calls_before_and_after_their_effect(
        self, sagemaker: LocalSageMaker, client: Any
    ) -> None:
        seen: list[tuple[str, str, list[str]]] = []
        remove = sagemaker.on_call(
            lambda operation, params, phase: seen.append((operation, phase, sagemaker.names("model")))
        )
        client.list_models()
        model(client)
        refused(lambda: model(client))
        remove()
        client.delete_model(ModelName="m")
        assert seen == [
            ("CreateModel", "before", []),
            ("CreateModel", "after", ["m"]),
            ("CreateModel", "before", ["m"]),
        ]

    def test_the_log_tells_calls_from_changes(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        refused(lambda: model(client))
        client.list_models(NameContains="m")
        assert [(c.operation, c.target, c.mutating, c.effect, c.error) for c in sagemaker.calls] == [
            ("CreateModel", "m", True, True, None),
            ("CreateModel", "m", True, False, "ValidationException"),
            ("ListModels", "m", False, False, None),
        ]
        assert {c.account for c in sagemaker.calls} == {ACCOUNT}
        assert len(sagemaker.mutations()) == 2
        assert [c.operation for c in sagemaker.mutations(effective=True)] == ["CreateModel"]
        sagemaker.clear_calls()
        assert sagemaker.calls == []

    def test_many_callers_at_once(self, sagemaker: LocalSageMaker, client: Any) -> None:
        def one(number: int) -> str:
            return model(client, f"m-{number}")

        with ThreadPoolExecutor(16) as pool:
            made = list(pool.map(one, range(64)))
        assert len(set(made)) == 64
        assert len(sagemaker.mutations(effective=True)) == 64
        with ThreadPoolExecutor(8) as pool:
            errors = list(pool.map(lambda _: _error(lambda: model(client, "same")), range(8)))
        assert errors.count(None) == 1


def _error(call: Callable[[], Any]) -> str | None:
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None
