"""What SageMaker describes is what the spec asked for: the steps and the look, over HTTP."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain.identity import OWN
from slipway.domain.names import Owner
from slipway.domain.sagemaker.desired import Desired
from slipway.domain.sagemaker.observation import InventoryWish, Question
from slipway.domain.sagemaker.plan import plan
from slipway.domain.sagemaker.steps import (
    CreateEndpoint,
    CreateEndpointConfig,
    CreateModel,
    SetTags,
    Step,
    UpdateEndpoint,
)
from slipway.targets.sagemaker.act import Act
from slipway.targets.sagemaker.clients import AwsClients
from slipway.targets.sagemaker.look import Look
from tests.testbed.sagemaker import ACCOUNT, REGION, ROLE, LocalSageMaker
from tests.unit.domain.builders import ENDPOINT, OWNER, B, reasons, situation, wanted

IMAGE = (
    "763104351884.dkr.ecr.eu-central-1.amazonaws.com/huggingface-pytorch-tgi-inference:"
    "2.7.0-tgi3.3.6-gpu-py311-cu124-ubuntu22.04"
)
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd"
VPC = {"securityGroupIds": ["sg-2", "sg-1"], "subnets": ["subnet-b", "subnet-a"]}
CAPTURE = {"samplingPercent": 20, "destinationS3Uri": "s3://bucket/captured", "kmsKeyId": "alias/captured"}
EVERYTHING = {
    "instanceType": "ml.p3.2xlarge",
    "vpc": VPC,
    "kmsKeyId": KEY,
    "dataCapture": CAPTURE,
    "modelDownloadTimeout": "20m",
    "tags": {"team": "search", "cost center": "7"},
}
OTHER = replace(OWNER, name="other")


@pytest.fixture
def sagemaker(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSageMaker]:
    instantly = dict.fromkeys(("Creating", "Updating", "Scaling", "RollingBack", "Deleting"), 0.0)
    with LocalSageMaker(durations=instantly) as local:
        local.add_role(ROLE)
        monkeypatch.setenv("AWS_ENDPOINT_URL", local.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield local


@pytest.fixture
async def clients(sagemaker: LocalSageMaker) -> AsyncIterator[AwsClients]:
    found = AwsClients(timeout=10, concurrency=4, requests_per_second=500)
    yield found
    found.close()


def placed(name: str = ENDPOINT) -> Placement:
    return Placement(target="SageMaker", account=ACCOUNT, region=REGION, endpoint_name=name)


def of(commit: str = "a" * 40, owner: Owner = OWNER, **target: Any) -> Desired:
    spec = {"engine": {"image": IMAGE}, "target": {"sageMaker": {"executionRoleArn": ROLE, **target}}}
    return wanted(commit, spec, owner)


async def do(clients: AwsClients, *steps: Step) -> None:
    for step in steps:
        await Act(clients.session(OWN), placed()).do(step)


async def created(clients: AwsClients, want: Desired, name: str = ENDPOINT, owner: Owner = OWNER) -> None:
    await do(
        clients,
        CreateModel(owner, want.model),
        CreateEndpointConfig(owner, want.config),
        CreateEndpoint(owner, name, want.config.name, want.tags),
    )


def model(client: Any, want: Desired) -> dict[str, Any]:
    found: dict[str, Any] = client.describe_model(ModelName=want.model.name)
    return found


def config(client: Any, want: Desired) -> dict[str, Any]:
    found: dict[str, Any] = client.describe_endpoint_config(EndpointConfigName=want.config.name)
    return found


async def test_everything_that_was_asked_for_is_described(sagemaker: LocalSageMaker, clients: AwsClients) -> None:
    want, client = of(**EVERYTHING), sagemaker.client()
    await created(clients, want)
    described = model(client, want)
    assert described["VpcConfig"] == {"SecurityGroupIds": ["sg-1", "sg-2"], "Subnets": ["subnet-a", "subnet-b"]}
    assert described["EnableNetworkIsolation"] is False
    described = config(client, want)
    assert described["KmsKeyId"] == KEY
    assert described["DataCaptureConfig"] == {
        "EnableCapture": True,
        "InitialSamplingPercentage": 20,
        "DestinationS3Uri": "s3://bucket/captured",
        "KmsKeyId": "alias/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
    }
    (variant,) = described["ProductionVariants"]
    assert variant["ModelDataDownloadTimeoutInSeconds"] == 1200
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 1800
    assert len(sagemaker.resources()) == 3
    for resource in sagemaker.resources():
        listed = client.list_tags(ResourceArn=resource.arn)["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in listed} == {
            **OWNER.tags(),
            "team": "search",
            "cost center": "7",
        }


async def test_what_was_not_asked_for_is_not_sent(sagemaker: LocalSageMaker, clients: AwsClients) -> None:
    """An upgrade sends what the version before sent."""
    await created(clients, of())
    sent = {call.operation: call.params for call in sagemaker.mutations()}
    assert sent["CreateModel"].keys() == {"ModelName", "ExecutionRoleArn", "PrimaryContainer", "Tags"}
    assert sent["CreateEndpointConfig"].keys() == {"EndpointConfigName", "ProductionVariants", "Tags"}
    assert sent["CreateEndpointConfig"]["ProductionVariants"][0].keys() == {
        "VariantName", "ModelName", "InstanceType", "InitialInstanceCount", "InferenceAmiVersion",
        "ContainerStartupHealthCheckTimeoutInSeconds",
    }  # fmt: skip


async def test_a_container_can_be_cut_off(sagemaker: LocalSageMaker, clients: AwsClients) -> None:
    want = of(networkIsolation=True)
    await do(clients, CreateModel(OWNER, want.model))
    assert model(sagemaker.client(), want)["EnableNetworkIsolation"] is True


async def test_the_owners_tags_win(sagemaker: LocalSageMaker, clients: AwsClients) -> None:
    """A spec that names one is refused; were it not, the resource would still be found to be ours."""
    want = of(tags={"slipway.dev/name": "somebody-else", "team": "search"})
    await created(clients, want)
    for resource in sagemaker.resources():
        assert resource.tags == {**OWNER.tags(), "team": "search"}


@pytest.mark.parametrize(
    ("data_capture", "excluded"), [(False, None), (True, [{"VariantPropertyType": "DataCaptureConfig"}])]
)
async def test_an_update_retains_counts_and_takes_the_new_configs_capture(
    sagemaker: LocalSageMaker, clients: AwsClients, data_capture: bool, excluded: list[Any] | None
) -> None:
    await created(clients, of())
    other = of(B)
    await do(
        clients,
        CreateModel(OWNER, other.model),
        CreateEndpointConfig(OWNER, other.config),
        UpdateEndpoint(ENDPOINT, other.config.name, data_capture=data_capture),
    )
    (update,) = (call.params for call in sagemaker.mutations(effective=True) if call.operation == "UpdateEndpoint")
    assert update["RetainAllVariantProperties"] is True
    assert update.get("ExcludeRetainedVariantProperties") == excluded


async def test_a_roll_switches_capture_on_and_off(sagemaker: LocalSageMaker, clients: AwsClients) -> None:
    """From what a look shows, the plan says that the endpoint's capture is not to be kept."""
    client, plain, capturing = sagemaker.client(), of(), of(dataCapture=CAPTURE)
    await created(clients, plain)
    for want, percent in ((capturing, 20), (plain, None)):
        question = Question(OWNER, ENDPOINT, want.config.name, want.model.name)
        seen = await Look(clients.session(OWN), placed(), question).observation()
        await do(clients, *plan(replace(situation(want), seen=seen)).steps)
        described = client.describe_endpoint(EndpointName=ENDPOINT).get("DataCaptureConfig") or {}
        assert described.get("CurrentSamplingPercentage") == percent
        assert client.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"] == want.config.name


async def test_tags_are_put_and_taken_away_and_others_stay(sagemaker: LocalSageMaker, clients: AwsClients) -> None:
    await created(clients, of(tags={"team": "search", "stage": "test"}))
    client = sagemaker.client()
    for resource in sagemaker.resources():
        client.add_tags(ResourceArn=resource.arn, Tags=[{"Key": "theirs", "Value": "x"}])
        step = SetTags(resource.arn, {"team": "ads", "new": ""}, ("stage", "was-never-there"))
        await do(clients, step, step)
    for resource in sagemaker.resources():
        assert resource.tags == {**OWNER.tags(), "theirs": "x", "team": "ads", "new": ""}


async def test_forty_tags_can_be_replaced_by_forty_others(sagemaker: LocalSageMaker, clients: AwsClients) -> None:
    """There is room for fifty: what goes must go first."""
    old = {f"old-{number}": "x" for number in range(40)}
    new = {f"new-{number}": "x" for number in range(40)}
    await created(clients, of(tags=old))
    for resource in sagemaker.resources():
        await do(clients, SetTags(resource.arn, new, tuple(old)))
        (found,) = (r for r in sagemaker.resources() if r.arn == resource.arn)
        assert found.tags == {**OWNER.tags(), **new}


async def test_a_look_shows_the_tags_of_all_that_is_there(sagemaker: LocalSageMaker, clients: AwsClients) -> None:
    want = of(tags={"team": "search"})
    await created(clients, want)
    question = Question(OWNER, ENDPOINT, want.config.name, want.model.name, inventory=InventoryWish.ALWAYS)
    seen = await Look(clients.session(OWN), placed(), question).observation()
    assert seen.inventory
    assert seen.inventory.tags == {
        resource.arn: resource.tags for resource in sagemaker.resources() if resource.kind != "endpoint"
    }
    assert len(seen.inventory.tags) == 2


async def test_an_endpoint_whose_name_differs_only_in_its_case_is_somebody_elses(
    sagemaker: LocalSageMaker, clients: AwsClients
) -> None:
    theirs = of(owner=OTHER)
    await created(clients, theirs, "Answers", OTHER)
    want = of()
    question = Question(OWNER, "answers", want.config.name, want.model.name)
    seen = await Look(clients.session(OWN), placed("answers"), question).observation()
    found = plan(replace(situation(want, seen.endpoint), endpoint_name="answers"))
    assert reasons(found) == (None, "NameConflict")
    assert found.stalled
    assert "Answers belongs to Deployment ml/other" in found.stalled.message
