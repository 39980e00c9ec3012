"""The resources as pydantic models: what they read, what they write, and that the CRDs agree."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from slipway.api.v1alpha1.common import ApiModel, seconds
from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import DeploymentStatus, Placement, RevisionStatus
from slipway.api.v1alpha1.model_version import ModelVersion
from slipway.api.v1alpha1.sagemaker_target import SageMakerTarget
from slipway.domain import deployments, model_versions
from slipway.domain.conditions import Finding
from slipway.domain.deployments import Result
from slipway.domain.model_versions import Outcome
from slipway.domain.models import Access, Architecture, ModelFacts, ModelSource, Parameters
from slipway.domain.sagemaker.catalogue import shipped
from slipway.domain.sagemaker.observation import Observation
from tests.unit.api.schemas import ROOT, Schema, definitions, dropped, filled_in, refused, schema_of
from tests.unit.domain.builders import (
    ACCOUNT,
    ENDPOINT,
    NOW,
    REGION,
    REPO,
    ROLE,
    A,
    B,
    attempt,
    deployment,
    deployment_json,
    endpoint,
    metadata,
    model_version,
    model_version_json,
    served,
    wanted,
)

MODELS: dict[str, type[Deployment] | type[ModelVersion]] = {"Deployment": Deployment, "ModelVersion": ModelVersion}
SCHEMAS = {kind: schema_of(definition) for kind, definition in definitions().items()}
SHAPES = Loader().load_service_model("sagemaker", "service-2")["shapes"]
Json = dict[str, Any]


def examples() -> list[Any]:
    """Our objects in the files below examples/."""
    paths = sorted((ROOT / "examples").rglob("*.yaml"))
    found = [(path, raw) for path in paths for raw in yaml.safe_load_all(path.read_text()) if raw]
    ours = [(path, raw) for path, raw in found if raw["apiVersion"].startswith("slipway.dev/")]
    return [pytest.param(path, raw, id=f"{path.name}-{raw['kind']}") for path, raw in ours]


def stored(raw: Json) -> Json:
    return {**raw, "metadata": metadata(raw["metadata"]["name"])}


@pytest.mark.parametrize(("path", "raw"), examples())
class TestExamples:
    def test_the_api_server_takes_them_whole(self, path: Path, raw: Json) -> None:
        assert refused(raw, SCHEMAS[raw["kind"]]) == [], path
        assert dropped(raw, SCHEMAS[raw["kind"]]) == []

    def test_the_operator_reads_every_field_of_them(self, path: Path, raw: Json) -> None:
        model = MODELS[raw["kind"]].model_validate(stored(raw))
        stored_spec = without_empty_collections(filled_in(raw["spec"], spec_schema(raw["kind"])))
        assert without_empty_collections(model.spec.to_api()) == stored_spec, path

    def test_what_was_read_and_written_reads_the_same(self, path: Path, raw: Json) -> None:
        kind = MODELS[raw["kind"]]
        model = kind.model_validate(stored(raw))
        assert kind.model_validate(model.to_api()) == model, path


def test_there_is_an_example_of_each_kind() -> None:
    assert {parameter.values[1]["kind"] for parameter in examples()} == set(MODELS)


def spec_schema(kind: str) -> Schema:
    found: Schema = SCHEMAS[kind]["properties"]["spec"]
    return found


def without_empty_collections(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_empty_collections(child) for name, child in value.items() if child not in ([], {})}
    return value


@pytest.mark.parametrize("raw", [deployment_json(), model_version_json()], ids=["Deployment", "ModelVersion"])
def test_the_operator_assumes_what_the_api_server_fills_in(raw: Json) -> None:
    """Defaults live in the CRD; objects that were stored before a field existed must be read the same."""
    spec = {name: value for name, value in raw["spec"].items() if name != "updates"}
    model = MODELS[raw["kind"]].model_validate({**raw, "spec": spec})
    assert without_empty_collections(model.spec.to_api()) == filled_in(spec, spec_schema(raw["kind"]))


class TestStatusesAreTaken:
    """The API server refuses a status that its schema does not allow, and drops what it does not know."""

    def check(self, kind: str, status: ApiModel) -> None:
        schema = SCHEMAS[kind]["properties"]["status"]
        assert refused(status.to_api(), schema) == []
        assert dropped(status.to_api(), schema) == []
        assert "None" not in repr(status.to_api())

    def test_of_a_deployment_with_everything_in_it(self) -> None:
        old, new = wanted(A), wanted(B)
        tried = attempt(
            new,
            "Failed",
            reason="HealthCheckFailed",
            message="m",
            retry_at="2026-11-05T12:00:00Z",
            trigger="t",
            hub="h",
        )
        result = Result(
            seen=Observation(endpoint(old)),
            placement=Placement(target="SageMaker", account=ACCOUNT, region=REGION, endpoint_name=ENDPOINT),
            attempt=tried,
            image="image",
            reconciling=Finding("Updating", "at work"),
            stalled=Finding("RolloutFailed", "x" * 5000),
            revision=RevisionStatus(desired=B, serving=served(old, hub="h"), previous=served(new)),
        )
        self.check("Deployment", deployments.next_status(deployment(), result, NOW))

    def test_of_a_deployment_with_nothing_in_it(self) -> None:
        self.check("Deployment", deployments.next_status(deployment(), Result(), NOW))
        self.check("Deployment", DeploymentStatus())

    def test_of_a_model_version_with_everything_in_it(self) -> None:
        facts = ModelFacts(
            Access.PUBLIC, NOW, "t", "l", "y", 2**63 - 1, Parameters(1, {"BF16": 1}), Architecture("n", 1, 2, 3, 4, 5)
        )
        resolved = model_versions.resolved_from(ModelSource(REPO, "main"), A, facts, NOW)
        model = model_version(None, {"updates": {"policy": "Approve", "approved": A}})
        self.check("ModelVersion", model_versions.next_status(model, Outcome(resolved, B), NOW))


class TestDurations:
    @given(st.integers(0, 99_999), st.integers(0, 999_999), st.integers(0, 99_999_999))
    def test_hours_minutes_and_seconds_add_up(self, hours: int, minutes: int, rest: int) -> None:
        assert seconds(f"{hours}h{minutes}m{rest}s") == hours * 3600 + minutes * 60 + rest

    @pytest.mark.parametrize(
        ("text", "expected"), [("90s", 90), ("15m", 900), ("1h", 3600), ("1h30m", 5400), ("0s", 0)]
    )
    def test_parts_may_be_left_out(self, text: str, expected: int) -> None:
        assert seconds(text) == expected

    @pytest.mark.parametrize("text", ["", "15", "m", "1.5h", "-1h", "1m1h", "15 m", "1d", "15M", "٣m", "1h1h"])
    def test_anything_else_is_refused_here_and_by_the_api_server(self, text: str) -> None:
        with pytest.raises(ValueError, match="is not a duration"):
            seconds(text)
        interval = spec_schema("ModelVersion")["properties"]["updates"]["properties"]["interval"]
        assert refused(text, interval)


def target(**changes: str) -> SageMakerTarget:
    return SageMakerTarget.model_validate(
        {"region": REGION, "executionRoleArn": ROLE, "instanceType": "ml.g5.xlarge", **changes}
    )


def sagemaker_field(name: str) -> Schema:
    target = spec_schema("Deployment")["properties"]["target"]["properties"]["sageMaker"]
    found: Schema = target["properties"][name]
    return found


class TestTargets:
    def test_every_region_with_an_image_can_be_written(self) -> None:
        pattern = sagemaker_field("region")["pattern"]
        regions = {region for container in shipped().containers for region in shipped().regions(container)}
        assert [region for region in regions if not re.match(pattern, region)] == []

    def test_every_instance_type_can_be_written(self) -> None:
        pattern = sagemaker_field("instanceType")["pattern"]
        types = SHAPES["ProductionVariantInstanceType"]["enum"]
        assert [one for one in types if not re.match(pattern, one)] == []

    @pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-eusc"])
    def test_roles_of_every_partition_can_be_written(self, partition: str) -> None:
        arn = f"arn:{partition}:iam::{ACCOUNT}:role/path/to/role"
        assert target(executionRoleArn=arn).execution_role_arn == arn

    @pytest.mark.parametrize(
        "change",
        [
            {"region": "eu"},
            {"region": "eu-central"},
            {"region": "EU-central-1"},
            {"region": "eu-central-1 "},
            {"instanceType": "g5.xlarge"},
            {"executionRoleArn": f"arn:aws:iam::{ACCOUNT}:user/somebody"},
            {"executionRoleArn": "arn:aws:iam::1:role/short"},
            {"endpointName": "-a"},
            {"endpointName": "a."},
            {"endpointName": "a" * 64},
        ],
    )
    def test_what_sagemaker_would_refuse_is_refused_here_and_by_the_api_server(self, change: dict[str, str]) -> None:
        with pytest.raises(ValidationError):
            target(**change)
        raw = deployment_json({"target": {"sageMaker": change}})
        assert refused(raw, SCHEMAS["Deployment"])

    def test_the_name_of_an_endpoint_follows_sagemakers_own_rule(self) -> None:
        ours, own = sagemaker_field("endpointName"), SHAPES["EndpointName"]
        assert ours["maxLength"] == own["max"]
        assert ours["pattern"].strip("^$") == own["pattern"].strip("^$")


class TestReading:
    def test_a_field_of_a_newer_version_is_passed_over(self) -> None:
        raw = deployment_json({"fromTheFuture": "72h", "engine": {"beams": []}})
        assert Deployment.model_validate(raw) == deployment()

    @pytest.mark.parametrize("missing", ["modelRef", "engine", "target"])
    def test_what_is_required_is_missed_by_name(self, missing: str) -> None:
        with pytest.raises(ValidationError, match=missing):
            deployment({missing: None})

    def test_an_object_is_never_changed_in_place(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            deployment().spec.replicas = 2  # type: ignore[misc]
