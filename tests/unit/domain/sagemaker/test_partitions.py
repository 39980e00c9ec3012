"""Partitions and hosts of every region that botocore knows are botocore's."""

import re
from typing import Any

import pytest
from botocore.session import Session

from slipway.domain.sagemaker.catalogue import shipped
from slipway.domain.sagemaker.client_access import base_url
from slipway.domain.sagemaker.partitions import partition_of

SESSION = Session()
PARTITIONS: list[dict[str, Any]] = SESSION.get_component("data_loader").load_data("partitions")["partitions"]
REGIONS = [(region, p) for p in PARTITIONS for region in p["regions"] if re.match(p["regionRegex"], region)]


def test_every_partition_is_looked_at() -> None:
    assert len(REGIONS) > 40
    assert {p["id"] for _, p in REGIONS} == {p["id"] for p in PARTITIONS}


def test_the_partition_of_every_region_is_botocores() -> None:
    known = {region: (partition_of(region).name, partition_of(region).dns_suffix) for region, _ in REGIONS}
    assert known == {region: (p["id"], p["outputs"]["dnsSuffix"]) for region, p in REGIONS}


def test_every_region_with_an_image_is_in_the_partition_that_botocore_says() -> None:
    regions = {region for container in shipped().containers for region in shipped().regions(container)}
    assert {region: partition_of(region).name for region in regions} == {
        region: SESSION.get_partition_for_region(region) for region in regions
    }


@pytest.mark.parametrize("partition", [p["id"] for p in PARTITIONS])
def test_the_host_is_the_one_that_boto3_would_ask(partition: str) -> None:
    region = next(region for region, p in REGIONS if p["id"] == partition)
    client = SESSION.create_client(
        "sagemaker-runtime", region_name=region, aws_access_key_id="a", aws_secret_access_key="s"
    )
    assert base_url(region, "Twin") == f"{client.meta.endpoint_url}/endpoints/Twin/openai/v1"
