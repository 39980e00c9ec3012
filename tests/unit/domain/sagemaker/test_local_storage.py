"""Which instance types take no key for their storage."""

import pytest

from slipway.domain.sagemaker.local_storage import _FAMILIES, has_local_storage
from tests.testbed.sagemaker.schema import enum

TYPES = sorted(enum("ProductionVariantInstanceType"))


@pytest.mark.parametrize(
    ("instance_type", "local"),
    [
        ("ml.g5.2xlarge", True),
        ("ml.g4dn.xlarge", True),
        ("ml.p4de.24xlarge", True),
        ("ml.p6-b200.48xlarge", True),
        ("ml.m5d.large", True),
        ("ml.m5.large", False),
        ("ml.p3.2xlarge", False),
        ("ml.inf2.xlarge", False),
        ("ml.g99.xlarge", False),
        ("", False),
    ],
)
def test_known_families(instance_type: str, local: bool) -> None:
    assert has_local_storage(instance_type) is local


def test_the_table_names_no_family_that_the_service_does_not_know() -> None:
    assert {name.split(".")[1] for name in TYPES} >= _FAMILIES


@pytest.mark.parametrize("instance_type", [name for name in TYPES if name.split(".")[1].endswith("d")])
def test_a_d_at_the_end_of_a_family_says_so(instance_type: str) -> None:
    """https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html"""
    assert has_local_storage(instance_type)
