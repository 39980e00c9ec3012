"""The local SageMaker over HTTP with boto3. What tests do without the API."""

from __future__ import annotations

from typing import Any

from tests.contract.sagemaker_double.asking import (
    arn,
    describe,
    serving,
)
from tests.testbed.sagemaker import LocalSageMaker


class TestBehindTheBack:
    def test_drift(self, sagemaker: LocalSageMaker, client: Any) -> None:
        before = serving(client)
        sagemaker.change_count("e", 5)
        assert describe(client)["ProductionVariants"][0]["CurrentInstanceCount"] == 5
        sagemaker.change_config("e", "d")
        after = describe(client)
        assert after["EndpointConfigName"] == "d"
        assert after["LastModifiedTime"] > before["LastModifiedTime"]
        sagemaker.change_tags(arn("endpoint", "e"), {"owner": "somebody else"})
        assert client.list_tags(ResourceArn=arn("endpoint", "e"))["Tags"] == [
            {"Key": "owner", "Value": "somebody else"}
        ]
        sagemaker.clear_calls()
        sagemaker.remove_config("c")
        sagemaker.remove_model("m")
        sagemaker.remove_endpoint("e")
        assert {(r.kind, r.name) for r in sagemaker.resources()} == {("model", "n"), ("endpoint-config", "d")}
        assert sagemaker.calls == []

    def test_resources_come_with_their_tags(self, sagemaker: LocalSageMaker) -> None:
        sagemaker.seed(["e"], tags=lambda name: {"for": name}, model_name=lambda name: f"model-of-{name}")
        assert {r.arn: r.tags for r in sagemaker.resources()} == {
            arn("model", "model-of-e"): {"for": "e"},
            arn("endpoint-config", "e"): {"for": "e"},
            arn("endpoint", "e"): {"for": "e"},
        }

    def test_each_has_a_fresh_state(self) -> None:
        for _ in range(2):
            with LocalSageMaker() as local:
                assert local.resources() == []
                local.seed(["e"])
