"""The local SageMaker over HTTP with boto3. Tags of everything."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.sagemaker_double.asking import (
    config,
    endpoint,
    model,
    refused,
    settled,
    wait_for,
)
from tests.testbed.sagemaker import LocalSageMaker


class TestTags:
    def test_tags_live_and_die_with_their_resource(self, sagemaker: LocalSageMaker, client: Any) -> None:
        tags = [{"Key": "Owner", "Value": "a"}]
        made = [
            model(client, Tags=tags),
            config(client, tags=tags),
            endpoint(client, Tags=tags),
        ]
        settled(client)
        for one in made:
            assert client.list_tags(ResourceArn=one)["Tags"] == tags
            client.add_tags(ResourceArn=one, Tags=[{"Key": "Owner", "Value": "b"}, {"Key": "owner", "Value": "c"}])
            assert client.list_tags(ResourceArn=one)["Tags"] == [
                {"Key": "Owner", "Value": "b"},
                {"Key": "owner", "Value": "c"},
            ]
            client.delete_tags(ResourceArn=one, TagKeys=["Owner", "nothing"])
            assert client.list_tags(ResourceArn=one)["Tags"] == [{"Key": "owner", "Value": "c"}]
        client.delete_endpoint(EndpointName="e")
        wait_for(lambda: sagemaker.status("e") is None)
        client.delete_endpoint_config(EndpointConfigName="c")
        client.delete_model(ModelName="m")
        for one in made:
            code, message = refused(client.list_tags, ResourceArn=one)
            assert code == "ValidationException"
            assert message.startswith("Could not find")
            assert refused(client.add_tags, ResourceArn=one, Tags=tags)[0] == "ValidationException"

    @pytest.mark.parametrize(
        ("tags", "fragment"),
        [
            ([{"Key": f"k{n}", "Value": ""} for n in range(51)], "length less than or equal to 50"),
            ([{"Key": "k" * 129, "Value": ""}], "length less than or equal to 128"),
            ([{"Key": "k", "Value": "v" * 257}], "length less than or equal to 256"),
            ([{"Key": "k", "Value": "a,b"}], "'tags.1.member.value' failed to satisfy constraint"),
            ([{"Key": "aws:k", "Value": ""}], "reserved"),
            ([{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}], "Duplicate"),
        ],
    )
    def test_tags_are_checked(self, unchecked: Any, tags: list[dict[str, str]], fragment: str) -> None:
        code, message = refused(lambda: model(unchecked, Tags=tags))
        assert code == "ValidationException"
        assert fragment in message

    def test_no_more_than_fifty_in_all(self, client: Any) -> None:
        made = model(client, Tags=[{"Key": f"k{n}", "Value": "ü 1_.:/=+-@"} for n in range(50)])
        client.add_tags(ResourceArn=made, Tags=[{"Key": "k1", "Value": "new"}])
        assert "50 tags" in refused(client.add_tags, ResourceArn=made, Tags=[{"Key": "one-more", "Value": ""}])[1]
