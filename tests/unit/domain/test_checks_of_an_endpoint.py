"""Settings of spec.target.sageMaker that do not go together are refused before anything is asked of AWS."""

from typing import Any

import pytest

from slipway.domain.checks.chain import SAGEMAKER_CHECKS, checked
from slipway.domain.checks.endpoint import check_endpoint, check_isolation
from slipway.domain.checks.inputs import Inputs
from slipway.domain.checks.model import check_weights
from slipway.domain.names import TAG_RETAINED
from slipway.domain.permissions import PlacementRule
from slipway.domain.sagemaker.catalogue import shipped
from tests.unit.domain.builders import ACCOUNT, OWNER, deployment, model_version, resolved_json

EVERYTHING = PlacementRule(("*",), ("*",), ("*",), ("*",))
BUCKET = {"samplingPercent": 10, "destinationS3Uri": "s3://bucket/prefix"}


def inputs(engine: dict[str, Any] | None = None, access: str = "Public", **target: Any) -> Inputs:
    spec = {"engine": engine or {}, "target": {"sageMaker": target}}
    status = {"observedGeneration": 1, "resolved": resolved_json(access=access)}
    return Inputs(deployment(spec), model_version(status=status), ACCOUNT, (), EVERYTHING, shipped())


def refused(**target: Any) -> str:
    found = check_endpoint(inputs(**target))
    assert found
    assert found.finding.reason == "InvalidSpec"
    assert not found.passing
    return found.finding.message


def allowed(**target: Any) -> bool:
    return check_endpoint(inputs(**target)) is None


class TestKeys:
    def test_local_storage_takes_no_key(self) -> None:
        text = refused(kmsKeyId="alias/mine", instanceType="ml.g6e.2xlarge")
        assert text.startswith("spec.target.sageMaker.kmsKeyId: ml.g6e.2xlarge keeps its data on local storage")
        assert "choose an instanceType without local storage" in text

    @pytest.mark.parametrize("instance_type", ["ml.p3.2xlarge", "ml.m5.xlarge", "ml.g99.xlarge"])
    def test_storage_volumes_do_and_what_is_not_known_is_left_to_the_service(self, instance_type: str) -> None:
        assert allowed(kmsKeyId="alias/mine", instanceType=instance_type)

    def test_captured_data_may_have_a_key_wherever_it_is_captured(self) -> None:
        assert allowed(dataCapture={**BUCKET, "kmsKeyId": "alias/mine"})

    @pytest.mark.parametrize(
        "key",
        [
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "alias/mine",
            "arn:aws:kms:eu-central-1:123456789012:key/1234abcd",
            "arn:aws:kms:eu-central-1:123456789012:alias/mine",
        ],
    )
    def test_a_key_may_be_an_id_an_alias_or_an_arn(self, key: str) -> None:
        assert allowed(kmsKeyId=key, instanceType="ml.p3.2xlarge", dataCapture={**BUCKET, "kmsKeyId": key})

    def test_a_key_of_another_region_is_of_no_use(self) -> None:
        key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd"
        text = refused(kmsKeyId=key, instanceType="ml.p3.2xlarge")
        assert text == (
            "spec.target.sageMaker.kmsKeyId: the key is in us-east-1, but the endpoint is in eu-central-1. "
            "Use a key of eu-central-1"
        )
        assert refused(dataCapture={**BUCKET, "kmsKeyId": key}).startswith(
            "spec.target.sageMaker.dataCapture.kmsKeyId: the key is in us-east-1"
        )

    @pytest.mark.parametrize(
        "key", ["arn:aws:s3:eu-central-1:1:key/1", "arn:aws:kms:eu-central-1", "arn:aws:kms:a:b:c"]
    )
    def test_an_arn_of_something_else_is_refused(self, key: str) -> None:
        assert f"{key} is not the ARN of a KMS key" in refused(kmsKeyId=key, instanceType="ml.p3.2xlarge")


@pytest.mark.parametrize(("timeout", "right"), [("59s", False), ("1m", True), ("1h", True), ("61m", False)])
def test_the_download_timeout_is_what_sagemaker_allows(timeout: str, right: bool) -> None:
    assert allowed(modelDownloadTimeout=timeout) is right
    if not right:
        assert "modelDownloadTimeout must be between 1m and 1h" in refused(modelDownloadTimeout=timeout)


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/", "s3://bucket/prefix", "s3://my.bucket-1/a/b=c"])
def test_captured_data_goes_to_a_bucket(uri: str) -> None:
    assert allowed(dataCapture={**BUCKET, "destinationS3Uri": uri})


@pytest.mark.parametrize("uri", ["s3:///prefix", "s3://ab", "s3://Bucket/x", "s3://bucket_1/x", "s3://-bucket/x"])
def test_what_can_be_no_bucket_is_refused(uri: str) -> None:
    text = refused(dataCapture={**BUCKET, "destinationS3Uri": uri})
    assert text.startswith(f"spec.target.sageMaker.dataCapture.destinationS3Uri: {uri} must be s3://bucket/prefix")


class TestTags:
    @pytest.mark.parametrize("key", ["team", "cost center", "a/b:c=d+e-f@g_h.i", "Köln", "x" * 128])
    def test_keys_may_be_what_aws_allows(self, key: str) -> None:
        assert allowed(tags={key: "x"})

    @pytest.mark.parametrize("key", ["", "a,b", "a\tb", "a*", "x" * 129, "🚢"])
    def test_other_keys_are_refused(self, key: str) -> None:
        assert f"tags: {key!r} cannot be the key of a tag" in refused(tags={key: "x"})

    @pytest.mark.parametrize("key", ["AWS:x", "Aws:x"])
    def test_what_is_reserved_is_so_in_any_case(self, key: str) -> None:
        assert "reserved whatever its case" in refused(tags={key: "x"})

    def test_as_many_as_the_schema_allows_fit_beside_ours(self) -> None:
        most = {f"key-{number}": "x" for number in range(40)}
        assert allowed(tags=most)
        assert len(most | OWNER.tags() | {TAG_RETAINED: "e"}) <= 50


class TestIsolation:
    def test_an_isolated_container_cannot_download_a_model(self) -> None:
        found = check_isolation(inputs({"image": None, "version": "3.3.6"}, networkIsolation=True))
        assert found
        assert found.finding.reason == "WeightsNotReachable"
        assert "Set spec.engine.image to an image that has the model in it" in found.finding.message

    def test_it_may_bring_it(self) -> None:
        assert check_isolation(inputs(networkIsolation=True)) is None
        assert check_isolation(inputs({"image": None, "version": "3.3.6"})) is None

    @pytest.mark.parametrize("access", ["Gated", "Private"])
    def test_what_the_image_brings_needs_no_token(self, access: str) -> None:
        assert check_weights(inputs(access=access, networkIsolation=True)) is None
        assert check_weights(inputs(access=access))


def test_the_checks_are_made() -> None:
    assert {check_endpoint, check_isolation} <= set(SAGEMAKER_CHECKS)
    assert checked(inputs(networkIsolation=True)).served
    problem = checked(inputs(kmsKeyId="alias/mine")).problem
    assert problem
    assert "kmsKeyId" in problem.finding.message
