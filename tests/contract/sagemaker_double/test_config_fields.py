"""Fields of models and endpoint configs: data capture, keys, networks, time limits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.sagemaker_double.asking import (
    config,
    describe,
    endpoint,
    model,
    refused,
    serving,
    settled,
    variant,
)
from tests.testbed.sagemaker import LocalSageMaker

KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"


def capture(percent: int = 20, **more: Any) -> dict[str, Any]:
    return {
        "InitialSamplingPercentage": percent,
        "DestinationS3Uri": f"s3://captured/{percent}",
        "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
        **more,
    }


def configured(client: Any, name: str, data_capture: dict[str, Any] | None, model_name: str = "m") -> None:
    asked: dict[str, Any] = {"EndpointConfigName": name, "ProductionVariants": [variant(model_name)]}
    if data_capture is not None:
        asked["DataCaptureConfig"] = data_capture
    client.create_endpoint_config(**asked)


class TestDataCapture:
    @pytest.mark.parametrize(
        ("asked", "enabled", "status", "key"),
        [
            (capture(), True, "Started", ""),
            (capture(EnableCapture=True, KmsKeyId=KEY), True, "Started", KEY),
            (capture(EnableCapture=False), False, "Stopped", ""),
        ],
    )
    def test_an_endpoint_shows_what_is_in_force(
        self, client: Any, asked: dict[str, Any], enabled: bool, status: str, key: str
    ) -> None:
        model(client)
        configured(client, "c", asked)
        assert client.describe_endpoint_config(EndpointConfigName="c")["DataCaptureConfig"] == asked
        endpoint(client)
        assert settled(client)["DataCaptureConfig"] == {
            "EnableCapture": enabled,
            "CaptureStatus": status,
            "CurrentSamplingPercentage": 20,
            "DestinationS3Uri": "s3://captured/20",
            "KmsKeyId": key,
        }

    @pytest.mark.parametrize(
        ("retained", "expected"),
        [
            ({}, 50),
            ({"RetainAllVariantProperties": False}, 50),
            ({"RetainAllVariantProperties": True}, 20),
            (
                {
                    "RetainAllVariantProperties": True,
                    "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
                },
                20,
            ),
            (
                {
                    "RetainAllVariantProperties": True,
                    "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DataCaptureConfig"}],
                },
                50,
            ),
        ],
    )
    def test_it_is_retained_like_the_counts(
        self, sagemaker: LocalSageMaker, client: Any, retained: dict[str, Any], expected: int
    ) -> None:
        model(client)
        configured(client, "c", capture(20))
        configured(client, "d", capture(50))
        endpoint(client)
        settled(client)
        sagemaker.hold("e")
        client.update_endpoint(EndpointName="e", EndpointConfigName="d", **retained)
        assert describe(client)["DataCaptureConfig"]["CurrentSamplingPercentage"] == 20
        sagemaker.release("e")
        found = describe(client)
        assert found["EndpointConfigName"] == "d"
        assert found["DataCaptureConfig"]["CurrentSamplingPercentage"] == expected

    def test_none_is_retained_too(self, client: Any) -> None:
        model(client)
        configured(client, "c", None)
        configured(client, "d", capture())
        endpoint(client)
        assert "DataCaptureConfig" not in settled(client)
        client.update_endpoint(EndpointName="e", EndpointConfigName="d", RetainAllVariantProperties=True)
        assert "DataCaptureConfig" not in settled(client)
        client.update_endpoint(EndpointName="e", EndpointConfigName="c")
        settled(client)
        client.update_endpoint(EndpointName="e", EndpointConfigName="d")
        assert settled(client)["DataCaptureConfig"]["CaptureStatus"] == "Started"

    def test_a_failed_update_leaves_it(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        configured(client, "c", capture(20))
        configured(client, "d", capture(50))
        endpoint(client)
        settled(client)
        sagemaker.next_failure("e", "bad")
        client.update_endpoint(EndpointName="e", EndpointConfigName="d")
        assert settled(client)["DataCaptureConfig"]["CurrentSamplingPercentage"] == 20

    def test_its_numbers_are_checked(self, unchecked: Any, client: Any) -> None:
        model(client)
        asked = capture(101)
        variants = [variant()]
        code, message = refused(
            unchecked.create_endpoint_config,
            EndpointConfigName="c",
            ProductionVariants=variants,
            DataCaptureConfig=asked,
        )
        assert code == "ValidationException"
        assert "initialSamplingPercentage" in message


class TestKeys:
    @pytest.mark.parametrize("instance_type", ["ml.g5.2xlarge", "ml.g6.xlarge", "ml.p4d.24xlarge", "ml.g4dn.xlarge"])
    def test_storage_of_the_instance_takes_no_key(self, client: Any, instance_type: str) -> None:
        model(client)
        asked = {"EndpointConfigName": "c", "ProductionVariants": [variant(InstanceType=instance_type)]}
        code, message = refused(client.create_endpoint_config, **asked, KmsKeyId=KEY)
        assert code == "ValidationException"
        assert f"KmsKeyId is not supported for instance type {instance_type}" in message
        client.create_endpoint_config(**asked)

    def test_pools_count(self, client: Any) -> None:
        model(client)
        pools = [{"InstanceType": "ml.m5.xlarge", "Priority": 1}, {"InstanceType": "ml.g5.xlarge", "Priority": 2}]
        asked = {
            "EndpointConfigName": "c",
            "ProductionVariants": [variant(InstanceType=None, InstancePools=pools)],
            "KmsKeyId": KEY,
        }
        assert "ml.g5.xlarge" in refused(client.create_endpoint_config, **asked)[1]

    def test_volumes_take_one(self, client: Any) -> None:
        model(client)
        variants = [variant(InstanceType="ml.m5.xlarge", VolumeSizeInGB=100)]
        client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=variants, KmsKeyId=KEY)
        assert client.describe_endpoint_config(EndpointConfigName="c")["KmsKeyId"] == KEY


class TestModels:
    def test_a_network_is_kept(self, client: Any, unchecked: Any) -> None:
        network = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]}
        model(client, VpcConfig=network, EnableNetworkIsolation=False)
        found = client.describe_model(ModelName="m")
        assert found["VpcConfig"] == network
        assert found["EnableNetworkIsolation"] is False
        code, message = refused(lambda: model(unchecked, "n", VpcConfig={**network, "Subnets": []}))
        assert code == "ValidationException"
        assert "vpcConfig.subnets" in message

    def test_time_limits(self, client: Any, unchecked: Any) -> None:
        serving(client)
        limits = {"ModelDataDownloadTimeoutInSeconds": 3600, "ContainerStartupHealthCheckTimeoutInSeconds": 1800}
        config(client, "limits", **limits)
        found = client.describe_endpoint_config(EndpointConfigName="limits")["ProductionVariants"][0]
        assert limits.items() <= found.items()
        for seconds in (59, 3601):
            code, message = refused(config, client=unchecked, name="x", ModelDataDownloadTimeoutInSeconds=seconds)
            assert code == "ValidationException"
            assert "modelDataDownloadTimeoutInSeconds" in message
