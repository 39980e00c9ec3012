"""The local SageMaker over HTTP with boto3. What the service refuses, in its words."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.sagemaker_double.asking import (
    OTHER_ACCOUNT,
    SHA,
    TYPE,
    arn,
    ask,
    config,
    endpoint,
    model,
    refused,
    serving,
    settled,
    variant,
    wait_for,
)
from tests.testbed.sagemaker import ACCOUNT, CAPACITY_REASON, IMAGE, LocalSageMaker


class TestRefusals:
    def test_what_is_not_there(self, client: Any) -> None:
        model(client)
        config(client)
        missing = f'Could not find endpoint "{arn("endpoint", "x")}".'
        no_config = f'Could not find endpoint configuration "{arn("endpoint-config", "x")}".'
        no_model = f'Could not find model "{arn("model", "x")}".'
        counts = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
        for call, params, message in (
            (client.describe_endpoint, {"EndpointName": "x"}, missing),
            (client.delete_endpoint, {"EndpointName": "x"}, missing),
            (client.update_endpoint, {"EndpointName": "x", "EndpointConfigName": "c"}, missing),
            (
                client.update_endpoint_weights_and_capacities,
                {"EndpointName": "x", "DesiredWeightsAndCapacities": counts},
                missing,
            ),
            (client.describe_endpoint_config, {"EndpointConfigName": "x"}, no_config),
            (client.delete_endpoint_config, {"EndpointConfigName": "x"}, no_config),
            (client.create_endpoint, {"EndpointName": "e", "EndpointConfigName": "x"}, no_config),
            (client.describe_model, {"ModelName": "x"}, no_model),
            (client.delete_model, {"ModelName": "x"}, no_model),
            (
                client.create_endpoint_config,
                {"EndpointConfigName": "y", "ProductionVariants": [variant("x")]},
                no_model,
            ),
        ):
            assert refused(call, **params) == ("ValidationException", message)

    def test_what_is_there_already_keeps_its_tags(self, client: Any) -> None:
        tags = [{"Key": "owner", "Value": "first"}]
        model(client, Tags=tags)
        config(client, tags=tags)
        endpoint(client, Tags=tags)
        other = [{"Key": "owner", "Value": "second"}]
        for call, kind, named in (
            (lambda: model(client, Tags=other), "model", arn("model", "m")),
            (lambda: config(client, tags=other), "endpoint configuration", arn("endpoint-config", "c")),
            (lambda: endpoint(client, Tags=other), "endpoint", arn("endpoint", "e")),
        ):
            expected = ("ValidationException", f'Cannot create already existing {kind} "{named}".')
            assert refused(call) == expected
            assert client.list_tags(ResourceArn=named)["Tags"] == tags

    def test_endpoint_names_are_unique_whatever_their_case(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        config(client)
        endpoint(client, "My-Endpoint")
        assert (
            "already existing" in refused(client.create_endpoint, EndpointName="my-endpoint", EndpointConfigName="c")[1]
        )
        assert settled(client, "MY-ENDPOINT")["EndpointName"] == "My-Endpoint"
        with pytest.raises(ClientError, match="not found"):
            ask(sagemaker, {"inputs": "hello"}, "my-endpoint")
        assert ask(sagemaker, {"inputs": "hello"}, "My-Endpoint")

    def test_the_config_in_use_is_no_new_config(self, client: Any) -> None:
        serving(client)
        code, message = refused(client.update_endpoint, EndpointName="e", EndpointConfigName="c")
        assert code == "ValidationException"
        assert "already uses" in message

    def test_a_config_in_use_can_be_deleted_and_then_nothing_can_change(self, client: Any) -> None:
        serving(client)
        client.delete_endpoint_config(EndpointConfigName="c")
        gone = f'Could not find endpoint configuration "{arn("endpoint-config", "c")}".'
        counts = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
        assert refused(client.update_endpoint, EndpointName="e", EndpointConfigName="d")[1] == gone
        assert (
            refused(
                client.update_endpoint_weights_and_capacities,
                EndpointName="e",
                DesiredWeightsAndCapacities=counts,
            )[1]
            == gone
        )

    def test_a_model_in_use_can_be_deleted_and_goes_on_serving(self, sagemaker: LocalSageMaker, client: Any) -> None:
        serving(client)
        client.delete_model(ModelName="m")
        assert SHA in ask(sagemaker, {"inputs": "hello"})[0]["generated_text"]
        counts = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
        assert (
            "Could not find model"
            in refused(
                client.update_endpoint_weights_and_capacities,
                EndpointName="e",
                DesiredWeightsAndCapacities=counts,
            )[1]
        )
        assert "Could not find model" in refused(client.create_endpoint, EndpointName="f", EndpointConfigName="c")[1]

    def test_roles_must_be_assumable(self, sagemaker: LocalSageMaker, client: Any) -> None:
        unknown = f"arn:aws:iam::{ACCOUNT}:role/unknown"
        code, message = refused(lambda: model(client, ExecutionRoleArn=unknown))
        assert code == "ValidationException"
        assert message.startswith(f"Could not assume role {unknown}. Please ensure that the role exists and")
        assert message.endswith("allows principal 'sagemaker.amazonaws.com' to assume the role.")
        sagemaker.add_role(unknown)
        model(client, ExecutionRoleArn=unknown)
        foreign = f"arn:aws:iam::{OTHER_ACCOUNT}:role/sagemaker"
        sagemaker.add_role(foreign)
        assert refused(lambda: model(client, "x", ExecutionRoleArn=foreign))[0] == "AccessDeniedException"

    @pytest.mark.parametrize(
        "image",
        [
            "ghcr.io/huggingface/text-generation-inference:3.3.6",
            IMAGE.replace("eu-central-1", "us-east-1"),
            IMAGE.replace("763104351884", "123456789012"),
            IMAGE.rpartition(":")[0] + ":3.3.6",
            IMAGE.rpartition(":")[0],
        ],
    )
    def test_images_must_be_there(self, sagemaker: LocalSageMaker, client: Any, image: str) -> None:
        assert refused(lambda: model(client, image=image)) == (
            "ValidationException",
            f"Requested image {image} not found.",
        )
        sagemaker.add_image(image)
        model(client, image=image)
        sagemaker.deny_image(IMAGE)
        assert "not found" in refused(lambda: model(client, "x"))[1]

    def test_every_instance_type_of_the_service_model_is_taken(self, client: Any) -> None:
        model(client)
        shape = client.meta.service_model.shape_for("ProductionVariantInstanceType")
        for kind in (t for t in shape.enum if t.startswith(("ml.g5.", "ml.g6.", "ml.p4d.", "ml.p5.", "ml.inf2."))):
            config(client, kind.replace(".", "-"), InstanceType=kind)

    @pytest.mark.parametrize(
        ("changes", "fragment"),
        [
            (
                {"InstanceType": "ml.g99.xlarge"},
                "'productionVariants.1.member.instanceType' failed to satisfy",
            ),
            ({"InstanceType": "ml.g99.xlarge"}, "Member must satisfy enum value set: [ml.t2.medium, "),
            ({"InitialInstanceCount": 0}, "Member must have value greater than or equal to 1"),
            (
                {"VariantName": "a_b"},
                "'productionVariants.1.member.variantName' failed to satisfy constraint",
            ),
            ({"InferenceAmiVersion": "al9"}, "'productionVariants.1.member.inferenceAmiVersion'"),
            ({"ContainerStartupHealthCheckTimeoutInSeconds": 59}, "greater than or equal to 60"),
            ({"ContainerStartupHealthCheckTimeoutInSeconds": 3601}, "less than or equal to 3600"),
            ({"VolumeSizeInGB": 100}, "VolumeSizeInGB is not supported"),
            ({"InitialInstanceCount": None}, "InitialInstanceCount is required"),
            ({"InstanceType": None}, "InstanceType and InstancePools"),
            (
                {"ManagedInstanceScaling": {"Status": "ENABLED", "MaxInstanceCount": 2}},
                "ManagedInstanceScaling is not supported with the given EndpointConfig setup",
            ),
        ],
    )
    def test_variants_are_checked(self, client: Any, unchecked: Any, changes: dict[str, Any], fragment: str) -> None:
        model(client)
        code, message = refused(lambda: config(unchecked, **changes))
        assert code == "ValidationException"
        assert fragment in message

    def test_names_and_lengths_are_checked(self, client: Any, unchecked: Any) -> None:
        model(client)
        code, message = refused(lambda: model(unchecked, "a.b"))
        assert code == "ValidationException"
        assert message.startswith("1 validation error detected: Value 'a.b' at 'modelName' failed to satisfy")
        assert message.endswith(
            r"Member must satisfy regular expression pattern: [a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?"
        )
        assert "length less than or equal to 63" in refused(lambda: config(unchecked, "x" * 64))[1]
        assert "regular expression" in refused(lambda: config(unchecked, "x-"))[1]
        assert "regular expression" in refused(lambda: endpoint(unchecked, "x.y"))[1]
        code, message = refused(unchecked.create_endpoint)
        assert code == "ValidationException"
        assert message.startswith("2 validation errors detected: Value null at 'endpointName' failed to satisfy")

    @pytest.mark.parametrize(
        ("environment", "fragment"),
        [
            ({f"K{n}": "v" for n in range(101)}, "length less than or equal to 100"),
            ({"K": "v" * 1025}, "Map value must satisfy constraint"),
            ({"1K": "v"}, "Map key must satisfy constraint"),
            ({"K": "ü" * 1000}, "exceeds 1024 bytes"),
            ({f"K{n}": "v" * 1000 for n in range(40)}, "exceed 32 KB"),
        ],
    )
    def test_environments_are_limited(self, unchecked: Any, environment: dict[str, str], fragment: str) -> None:
        code, message = refused(lambda: model(unchecked, environment=environment))
        assert code == "ValidationException"
        assert fragment in message

    def test_quotas(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        config(client, InitialInstanceCount=2)
        sagemaker.set_quota(TYPE, 0)
        with pytest.raises(client.exceptions.ResourceLimitExceeded) as caught:
            endpoint(client)
        assert caught.value.response["Error"]["Message"].startswith(
            f"The account-level service limit '{TYPE} for endpoint usage' is 0 Instances, with current "
            "utilization of 0 Instances and a request delta of 2 Instances. Please use AWS Service Quotas"
        )
        sagemaker.set_quota(TYPE, 3)
        endpoint(client)
        settled(client)
        config(client, "d", InitialInstanceCount=2)
        code, message = refused(client.update_endpoint, EndpointName="e", EndpointConfigName="d")
        assert code == "ResourceLimitExceeded"
        assert "current utilization of 2 Instances and a request delta of 2 Instances" in message
        counts = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 4}]
        code, message = refused(
            client.update_endpoint_weights_and_capacities,
            EndpointName="e",
            DesiredWeightsAndCapacities=counts,
        )
        assert "request delta of 2 Instances" in message
        rolling = {
            "RollingUpdatePolicy": {
                "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                "WaitIntervalInSeconds": 0,
            }
        }
        client.update_endpoint(EndpointName="e", EndpointConfigName="d", DeploymentConfig=rolling)
        assert settled(client)["LastDeploymentConfig"] == rolling

    def test_capacity_fails_later_and_as_often_as_scripted(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        config(client)
        sagemaker.no_capacity(TYPE, times=2)
        for _ in range(2):
            endpoint(client)
            assert settled(client, status="Failed")["FailureReason"] == CAPACITY_REASON
            client.delete_endpoint(EndpointName="e")
            wait_for(lambda: sagemaker.status("e") is None)
        endpoint(client)
        settled(client)

    def test_instance_pools_fall_back_by_priority(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        pools = [
            {"InstanceType": "ml.g6.2xlarge", "Priority": 2},
            {"InstanceType": "ml.g5.2xlarge", "Priority": 1},
        ]
        config(client, InstanceType=None, InstancePools=pools)
        sagemaker.no_capacity("ml.g5.2xlarge")
        endpoint(client)
        assert settled(client)["ProductionVariants"][0]["InstancePools"] == [
            {"InstanceType": "ml.g5.2xlarge", "CurrentInstanceCount": 0},
            {"InstanceType": "ml.g6.2xlarge", "CurrentInstanceCount": 1},
        ]

    def test_a_new_config_may_not_be_visible_yet(self, sagemaker: LocalSageMaker, client: Any) -> None:
        model(client)
        sagemaker.hide_new_configs(2)
        config(client)
        client.describe_endpoint_config(EndpointConfigName="c")
        for _ in range(2):
            assert "Could not find endpoint configuration" in refused(lambda: endpoint(client))[1]
        endpoint(client)

    @pytest.mark.parametrize(
        ("deployment", "fragment"),
        [
            (
                {
                    "BlueGreenUpdatePolicy": {
                        "TrafficRoutingConfiguration": {"Type": "CANARY", "WaitIntervalInSeconds": 0}
                    }
                },
                "CanarySize must be set",
            ),
            (
                {
                    "RollingUpdatePolicy": {
                        "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 51},
                        "WaitIntervalInSeconds": 0,
                    }
                },
                "MaximumBatchSize must be between 5 and 50",
            ),
            (
                {
                    "RollingUpdatePolicy": {
                        "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
                        "WaitIntervalInSeconds": 3601,
                    }
                },
                "less than or equal to 3600",
            ),
            (
                {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "no-such-alarm"}]}},
                "Could not find CloudWatch alarm",
            ),
        ],
    )
    def test_deployment_guardrails(self, client: Any, deployment: dict[str, Any], fragment: str) -> None:
        serving(client)
        code, message = refused(
            client.update_endpoint, EndpointName="e", EndpointConfigName="d", DeploymentConfig=deployment
        )
        assert code == "ValidationException"
        assert fragment in message

    def test_unknown_variants_and_zero_instances(self, client: Any) -> None:
        serving(client)
        for counts in (
            [{"VariantName": "Other", "DesiredInstanceCount": 2}],
            [{"VariantName": "AllTraffic", "DesiredInstanceCount": 0}],
        ):
            code, _ = refused(
                client.update_endpoint_weights_and_capacities,
                EndpointName="e",
                DesiredWeightsAndCapacities=counts,
            )
            assert code == "ValidationException"

    def test_an_autoscaled_variant_keeps_its_instance_type(self, sagemaker: LocalSageMaker, client: Any) -> None:
        scaling = sagemaker.client("application-autoscaling")
        target = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": "endpoint/e/variant/AllTraffic",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }
        register = {**target, "MinCapacity": 1, "MaxCapacity": 4}
        assert "Could not find endpoint" in refused(scaling.register_scalable_target, **register)[1]
        serving(client)
        scaling.register_scalable_target(**register)
        config(client, "other", InstanceType="ml.g6.2xlarge")
        code, message = refused(client.update_endpoint, EndpointName="e", EndpointConfigName="other")
        assert code == "ValidationException"
        assert "eregister" in message
        client.update_endpoint(EndpointName="e", EndpointConfigName="d")
        settled(client)
        scaling.deregister_scalable_target(**target)
        client.update_endpoint(EndpointName="e", EndpointConfigName="other")
        settled(client)
        scaling.register_scalable_target(**register)
        client.delete_endpoint(EndpointName="e")
        wait_for(lambda: sagemaker.status("e") is None)
        left = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        assert left == []

    def test_what_is_not_modelled_says_so(self, client: Any) -> None:
        model(client)
        serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 1}
        assert (
            refused(lambda: config(client, InstanceType=None, InitialInstanceCount=None, ServerlessConfig=serverless))[
                0
            ]
            == "NotImplemented"
        )
        assert (
            refused(
                client.create_inference_component,
                InferenceComponentName="i",
                EndpointName="e",
                Specification={},
            )[0]
            == "NotImplemented"
        )

    def test_unsigned_requests_are_refused(self, sagemaker: LocalSageMaker) -> None:
        request = urllib.request.Request(sagemaker.url, data=b"{}", headers={"X-Amz-Target": "SageMaker.ListEndpoints"})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code == 403
        assert json.load(caught.value)["__type"] == "MissingAuthenticationTokenException"
