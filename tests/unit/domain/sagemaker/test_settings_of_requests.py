"""What spec.target.sageMaker asks for beside what serves: which request carries it, and whose name it changes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.sagemaker.desired import Desired
from slipway.domain.sagemaker.settings import DataCaptureSettings, VpcSettings
from tests.unit.domain.builders import wanted

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd"
OF_THE_MODEL: dict[str, Any] = {
    "vpc": {"securityGroupIds": ["sg-2", "sg-1"], "subnets": ["subnet-b", "subnet-a"]},
    "networkIsolation": True,
}
OF_THE_CONFIG: dict[str, Any] = {
    "kmsKeyId": KEY,
    "dataCapture": {"samplingPercent": 20, "destinationS3Uri": "s3://bucket/captured", "kmsKeyId": "alias/captured"},
    "modelDownloadTimeout": "20m",
}
OF_NEITHER: dict[str, Any] = {"tags": {"team": "search"}, "endpointName": "answers"}
EVERYTHING = {**OF_THE_MODEL, **OF_THE_CONFIG, **OF_NEITHER}


def of(**target: Any) -> Desired:
    return wanted(spec={"target": {"sageMaker": target}})


def names(found: Desired) -> tuple[str, str]:
    return found.model.name, found.config.name


PLAIN = of()


def test_each_setting_is_in_the_request_that_carries_it() -> None:
    found = of(**EVERYTHING)
    assert found.model.vpc == VpcSettings(("sg-1", "sg-2"), ("subnet-a", "subnet-b"))
    assert found.model.network_isolation
    assert found.config.kms_key == KEY
    assert found.config.data_capture == DataCaptureSettings(
        20, "s3://bucket/captured", ("Input", "Output"), "alias/captured"
    )
    assert found.config.download_timeout == 1200
    assert found.tags == found.model.tags == found.config.tags == {"team": "search"}


def test_without_them_nothing_is_asked_for() -> None:
    model, config = PLAIN.model, PLAIN.config
    assert (model.vpc, model.network_isolation, model.tags) == (None, False, {})
    assert (config.kms_key, config.data_capture, config.download_timeout, config.tags) == (None, None, None, {})


@given(st.sets(st.sampled_from(sorted(EVERYTHING))))
def test_a_setting_changes_the_names_of_exactly_what_it_is_part_of(fields: set[str]) -> None:
    """The config names the model, so whatever makes another model makes another config."""
    found = of(**{field: EVERYTHING[field] for field in fields})
    model_changes = bool(fields & OF_THE_MODEL.keys())
    config_changes = model_changes or bool(fields & OF_THE_CONFIG.keys())
    assert (found.model.name != PLAIN.model.name, found.config.name != PLAIN.config.name) == (
        model_changes,
        config_changes,
    )


@given(
    one=st.sets(st.sampled_from(sorted(EVERYTHING))),
    other=st.sets(st.sampled_from(sorted(EVERYTHING))),
)
def test_two_specs_share_names_only_where_they_ask_for_the_same(one: set[str], other: set[str]) -> None:
    first = of(**{field: EVERYTHING[field] for field in one})
    second = of(**{field: EVERYTHING[field] for field in other})
    named = OF_THE_MODEL.keys() | OF_THE_CONFIG.keys()
    assert (first.model.name == second.model.name) == (one & OF_THE_MODEL.keys() == other & OF_THE_MODEL.keys())
    assert (first.config.name == second.config.name) == (one & named == other & named)


@given(st.permutations(["sg-1", "sg-2", "sg-3"]), st.permutations(["subnet-a", "subnet-b", "subnet-a"]))
def test_the_order_of_what_is_a_set_changes_nothing(groups: list[str], subnets: list[str]) -> None:
    found = of(vpc={"securityGroupIds": groups, "subnets": subnets})
    same = of(vpc={"securityGroupIds": ["sg-1", "sg-2", "sg-3"], "subnets": ["subnet-a", "subnet-b"]})
    assert (found.model, found.config) == (same.model, same.config)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"subnets": ["a"], "securityGroupIds": ["b"]}, {"subnets": ["b"], "securityGroupIds": ["a"]}),
        ({"subnets": ["a"], "securityGroupIds": ["b"]}, {"subnets": ["a", "c"], "securityGroupIds": ["b"]}),
    ],
)
def test_two_networks_are_told_apart(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert of(vpc=one).model.name != of(vpc=other).model.name


@pytest.mark.parametrize(
    "change",
    [
        {"samplingPercent": 21},
        {"samplingPercent": 0},
        {"destinationS3Uri": "s3://bucket/other"},
        {"capture": "Input"},
        {"capture": "Output"},
        {"kmsKeyId": "alias/other"},
    ],
)
def test_every_part_of_a_capture_counts(change: dict[str, Any]) -> None:
    base = OF_THE_CONFIG["dataCapture"]
    assert of(dataCapture={**base, **change}).config.name != of(dataCapture=base).config.name
    assert of(dataCapture={**base, **change}).model.name == PLAIN.model.name


def test_a_timeout_is_as_long_however_it_is_written() -> None:
    assert names(of(modelDownloadTimeout="20m")) == names(of(modelDownloadTimeout="1200s"))
    assert names(of(modelDownloadTimeout="20m")) != names(of(modelDownloadTimeout="21m"))
