"""Network, keys, data capture, timeouts and tags, as users set them and as AWS shows them."""

from typing import Any

from tests.testbed.workbench import PING, REGION, Workbench

KEY = f"arn:aws:kms:{REGION}:123456789012:key/1234abcd"
CAPTURE = {"samplingPercent": 20, "destinationS3Uri": "s3://bucket/captured"}


def config_in_service(bench: Workbench) -> dict[str, Any]:
    client = bench.sagemaker.client(region=REGION)
    name = client.describe_endpoint(EndpointName=bench.endpoint)["EndpointConfigName"]
    found: dict[str, Any] = client.describe_endpoint_config(EndpointConfigName=name)
    return found


def captured(bench: Workbench) -> int | None:
    """The percentage of requests that the endpoint captures, whatever its config says; None: none."""
    client = bench.sagemaker.client(region=REGION)
    capture = client.describe_endpoint(EndpointName=bench.endpoint).get("DataCaptureConfig")
    return capture["CurrentSamplingPercentage"] if capture else None


def change(bench: Workbench, **target: Any) -> None:
    bench.cluster.patch("Deployment", bench.namespace, "twin", {"spec": {"target": {"sageMaker": target}}})


def users_tags(bench: Workbench) -> dict[str, dict[str, str]]:
    """Of each resource, the tags that are not Slipway's own."""
    return {
        resource.arn: {key: value for key, value in resource.tags.items() if not key.startswith("slipway.dev/")}
        for resource in bench.sagemaker.resources()
    }


def test_one_deployment_with_everything_set(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment(
            target={
                "instanceType": "ml.p3.2xlarge",
                "endpointName": "Answers",
                "vpc": {"securityGroupIds": ["sg-2", "sg-1"], "subnets": ["subnet-a"]},
                "kmsKeyId": KEY,
                "dataCapture": {**CAPTURE, "capture": "Output", "kmsKeyId": "alias/captured"},
                "modelDownloadTimeout": "20m",
                "tags": {"team": "search"},
            },
            rollout={"startupTimeout": "45m"},
        )
        bench.wait_serving(commit)
        assert bench.sagemaker.names("endpoint") == ["Answers"]
        client = bench.sagemaker.client(region=REGION)
        (name,) = bench.sagemaker.names("model")
        network = {"SecurityGroupIds": ["sg-1", "sg-2"], "Subnets": ["subnet-a"]}
        assert client.describe_model(ModelName=name)["VpcConfig"] == network
        (name,) = bench.sagemaker.names("endpoint-config")
        config = client.describe_endpoint_config(EndpointConfigName=name)
        assert config["KmsKeyId"] == KEY
        assert config["DataCaptureConfig"]["CaptureOptions"] == [{"CaptureMode": "Output"}]
        assert config["DataCaptureConfig"]["KmsKeyId"] == "alias/captured"
        (variant,) = config["ProductionVariants"]
        assert variant["ModelDataDownloadTimeoutInSeconds"] == 1200
        assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 2700
        assert set(map(str, users_tags(bench).values())) == {"{'team': 'search'}"}
        assert bench.status("Deployment")["endpoint"]["tags"] == {"team": "search"}

        # Another order of what is a set is the same network.
        bench.sagemaker.clear_calls()
        change(bench, vpc={"securityGroupIds": ["sg-1", "sg-2"], "subnets": ["subnet-a"]})
        generation = (bench.get("Deployment") or {})["metadata"]["generation"]
        bench.wait(lambda: bench.status("Deployment").get("observedGeneration") == generation, "the change is seen")
        bench.wait_serving(commit)
        assert bench.sagemaker.mutations() == []


def test_tags_change_without_a_roll(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment(target={"tags": {"team": "search", "stage": "test"}})
        bench.wait_serving(commit)
        client = bench.sagemaker.client(region=REGION)
        names = set(users_tags(bench))
        for arn in names:
            client.add_tags(ResourceArn=arn, Tags=[{"Key": "theirs", "Value": "x"}])
        bench.sagemaker.clear_calls()

        change(bench, tags={"team": "ads", "stage": None, "cost": "7"})
        wanted = {"team": "ads", "cost": "7", "theirs": "x"}
        bench.wait(lambda: users_tags(bench) == dict.fromkeys(names, wanted), "the tags are on everything")
        bench.wait(lambda: bench.status("Deployment")["endpoint"].get("tags") == {"team": "ads", "cost": "7"}, "known")
        bench.wait_serving(commit)
        assert {call.operation for call in bench.sagemaker.mutations()} == {"AddTags", "DeleteTags"}

        # Without the permission it is said and tried again; what serves goes on serving.
        denied = bench.sagemaker.deny("AddTags")
        change(bench, tags={"team": "films"})
        bench.wait_reason("Deployment", "twin", "Stalled", "AccessDenied")
        assert bench.serving() == commit
        denied.cancel()
        bench.wait_serving(commit)
        assert {tags["team"] for tags in users_tags(bench).values()} == {"films"}
    # A restart finds everything as it is and asks no endpoint.
    bench.sagemaker.clear_calls()
    before = bench.get("Deployment")
    with bench.operator() as operator:
        bench.wait_first_pass(operator, "Deployment", 1)
    assert bench.get("Deployment") == before
    assert {call.operation for call in bench.sagemaker.calls} <= {"ListEndpoints", "GetCallerIdentity"}


def test_data_capture_is_switched_on_and_off_by_a_roll(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment(replicas=1)
        bench.wait_serving(commit)
        models = bench.sagemaker.names("model")
        assert "DataCaptureConfig" not in config_in_service(bench)

        change(bench, dataCapture=CAPTURE)
        bench.wait(lambda: "DataCaptureConfig" in config_in_service(bench), "requests are captured")
        bench.wait_serving(commit)
        assert captured(bench) == 20
        (update,) = [call for call in bench.sagemaker.mutations() if call.operation == "UpdateEndpoint"]
        assert update.params["ExcludeRetainedVariantProperties"] == [{"VariantPropertyType": "DataCaptureConfig"}]

        change(bench, dataCapture={"samplingPercent": 50})
        bench.wait(lambda: captured(bench) == 50, "more requests are captured")
        bench.wait_serving(commit)

        change(bench, dataCapture=None)
        bench.wait(lambda: "DataCaptureConfig" not in config_in_service(bench), "nothing is captured")
        bench.wait_serving(commit)
        assert captured(bench) is None
        assert bench.sagemaker.names("model") == models  # the model is the same all the time


def test_what_cannot_be_is_refused_before_aws_is_asked(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment(target={"instanceType": "ml.g5.2xlarge", "kmsKeyId": KEY})
        found = bench.wait_reason("Deployment", "twin", "Stalled", "InvalidSpec")
        assert found["message"].startswith("spec.target.sageMaker.kmsKeyId: ml.g5.2xlarge")
        change(bench, kmsKeyId=None, networkIsolation=True)
        found = bench.wait_reason("Deployment", "twin", "Stalled", "WeightsNotReachable")
        assert "spec.engine.image" in found["message"]
        assert bench.sagemaker.mutations() == []
        change(bench, networkIsolation=False)
        bench.wait_serving(commit)

        # With the model in the image there is nothing to download.
        bench.sagemaker.add_image("registry.example/")
        spec = {"engine": {"image": "registry.example/twin:1", "version": None}}
        target = {"target": {"sageMaker": {"networkIsolation": True}}}
        bench.cluster.patch("Deployment", bench.namespace, "twin", {"spec": {**spec, **target}})
        bench.wait(lambda: "registry.example" in bench.status("Deployment")["image"], "the other image")


def test_a_container_that_does_not_answer_leads_to_its_log(bench: Workbench, commit: str) -> None:
    bench.sagemaker.next_failure(bench.endpoint, PING)
    with bench.operator():
        bench.model_version()
        bench.deployment(rollout={"startupTimeout": "20m"})
        found = bench.wait_reason("Deployment", "twin", "Stalled", "EndpointFailed")
    assert PING in found["message"]
    assert "It had 20 minutes" in found["message"]
    assert "raise spec.rollout.startupTimeout" in found["message"]
    assert f"/aws/sagemaker/Endpoints/{bench.endpoint}" in found["message"]
    assert bench.status("Deployment")["attempt"]["message"] == PING


def test_two_deployments_cannot_name_one_endpoint_whatever_the_case(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment(target={"endpointName": "Answers"})
        bench.wait_serving(commit)
        bench.sagemaker.clear_calls()
        bench.deployment("second", target={"endpointName": "answers"})
        found = bench.wait_reason("Deployment", "second", "Stalled", "NameConflict")
        assert f"belongs to Deployment {bench.namespace}/twin" in found["message"]
        bench.cluster.delete("Deployment", bench.namespace, "second")
        bench.wait_gone("Deployment", "second")
        assert bench.sagemaker.names("endpoint") == ["Answers"]
        bench.wait_serving(commit)
