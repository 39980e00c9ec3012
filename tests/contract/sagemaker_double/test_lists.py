"""The local SageMaker over HTTP with boto3. Lists: filters, order, pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from tests.contract.sagemaker_double.asking import (
    OTHER_ACCOUNT,
    arn,
    refused,
)
from tests.testbed.sagemaker import ACCOUNT, REGION, LocalSageMaker


class TestLists:
    def test_endpoints_come_ten_at_a_time_latest_first(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(f"e-{n:03}" for n in range(25))
        page = client.list_endpoints()
        assert [e["EndpointName"] for e in page["Endpoints"]] == [f"e-{n:03}" for n in range(24, 14, -1)]
        pages = list(client.get_paginator("list_endpoints").paginate(PaginationConfig={"PageSize": 10}))
        assert [len(p["Endpoints"]) for p in pages] == [10, 10, 5]
        names = [e["EndpointName"] for p in pages for e in p["Endpoints"]]
        assert names == [f"e-{n:03}" for n in range(24, -1, -1)]

    def test_pages_stay_in_place_while_things_come_and_go(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(f"e-{n}" for n in range(6))
        order = {"SortBy": "Name", "SortOrder": "Ascending"}
        first = client.list_endpoints(MaxResults=3, **order)
        sagemaker.remove_endpoint("e-0")
        sagemaker.remove_endpoint("e-2")
        second = client.list_endpoints(MaxResults=3, NextToken=first["NextToken"], **order)
        assert [e["EndpointName"] for e in second["Endpoints"]] == ["e-3", "e-4", "e-5"]
        assert "NextToken" not in second

    def test_filters(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(["blue-1", "blue-2", "green-1"])
        sagemaker.set_status("blue-2", "SystemUpdating")

        def names(**filters: Any) -> list[str]:
            found = client.list_endpoints(SortBy="Name", SortOrder="Ascending", **filters)
            return [e["EndpointName"] for e in found["Endpoints"]]

        assert names(NameContains="blue") == ["blue-1", "blue-2"]
        assert names(NameContains="BLUE") == ["blue-1", "blue-2"]
        assert names(StatusEquals="SystemUpdating") == ["blue-2"]
        assert names(NameContains="green", StatusEquals="SystemUpdating") == []
        by_status = client.list_endpoints(SortBy="Status", SortOrder="Ascending")["Endpoints"]
        assert [e["EndpointStatus"] for e in by_status] == ["InService", "InService", "SystemUpdating"]

    def test_filters_by_time(self) -> None:
        now = [1_700_000_000.0]
        with LocalSageMaker(clock=lambda: now[0]) as local:
            client = local.client()
            local.seed(["old", "touched"])
            now[0] += 100
            local.seed(["new"])
            local.change_count("touched", 2)
            middle = datetime.fromtimestamp(1_700_000_050, UTC)

            def names(**filters: Any) -> set[str]:
                return {e["EndpointName"] for e in client.list_endpoints(**filters)["Endpoints"]}

            assert names(LastModifiedTimeAfter=middle) == {"touched", "new"}
            assert names(LastModifiedTimeBefore=middle) == {"old"}
            assert names(CreationTimeAfter=middle) == {"new"}
            assert names(CreationTimeBefore=middle) == {"old", "touched"}
            assert names(LastModifiedTimeAfter=middle + timedelta(hours=1)) == set()
            found = client.list_models(CreationTimeAfter=middle)["Models"]
            assert [m["ModelName"] for m in found] == ["new"]
            found = client.list_endpoint_configs(CreationTimeBefore=middle)["EndpointConfigs"]
            assert {c["EndpointConfigName"] for c in found} == {"old", "touched"}

    def test_models_and_configs_filter_and_page(self, sagemaker: LocalSageMaker, client: Any) -> None:
        sagemaker.seed(f"slw-{n}" for n in range(7))
        sagemaker.seed(["other"])
        for operation, key, name in (
            ("list_models", "Models", "ModelName"),
            ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
        ):
            pages = list(
                client.get_paginator(operation).paginate(
                    NameContains="slw-",
                    SortBy="Name",
                    SortOrder="Ascending",
                    PaginationConfig={"PageSize": 3},
                )
            )
            assert [len(p[key]) for p in pages] == [3, 3, 1]
            assert [one[name] for p in pages for one in p[key]] == [f"slw-{n}" for n in range(7)]

    def test_bad_pages(self, client: Any, unchecked: Any) -> None:
        assert "less than or equal to 100" in refused(unchecked.list_endpoints, MaxResults=101)[1]
        assert refused(client.list_endpoints, NextToken="nonsense")[0] == "ValidationException"
        assert "regular expression" in refused(client.list_models, NameContains="a_b")[1]

    def test_accounts_and_regions_are_apart(self, sagemaker: LocalSageMaker, client: Any) -> None:
        role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/slipway"
        sagemaker.seed(["here"])
        sagemaker.seed(["there"], account=OTHER_ACCOUNT)
        sagemaker.seed(["elsewhere"], region="us-east-1")
        sts = sagemaker.client("sts")
        assert sts.get_caller_identity()["Account"] == ACCOUNT
        asked = {"RoleArn": role, "RoleSessionName": "slipway"}
        assert refused(sts.assume_role, **asked)[0] == "AccessDenied"
        sagemaker.trust(role, external_id="secret")
        assert refused(sts.assume_role, **asked, ExternalId="wrong")[0] == "AccessDenied"
        given = sts.assume_role(**asked, ExternalId="secret")["Credentials"]

        def assumed(service: str) -> Any:
            return boto3.client(
                service,  # type: ignore[call-overload]
                region_name=REGION,
                endpoint_url=sagemaker.url,
                aws_access_key_id=given["AccessKeyId"],
                aws_secret_access_key=given["SecretAccessKey"],
                aws_session_token=given["SessionToken"],
            )

        assert assumed("sts").get_caller_identity()["Account"] == OTHER_ACCOUNT
        names = [e["EndpointName"] for e in assumed("sagemaker").list_endpoints()["Endpoints"]]
        assert names == ["there"]
        assert [e["EndpointName"] for e in client.list_endpoints()["Endpoints"]] == ["here"]
        found = sagemaker.client(region="us-east-1").list_endpoints()["Endpoints"]
        assert [e["EndpointArn"] for e in found] == [f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/elsewhere"]
        foreign = sagemaker.client(account=OTHER_ACCOUNT)
        assert foreign.describe_endpoint(EndpointName="there")["EndpointStatus"] == "InService"
        assert refused(foreign.list_tags, ResourceArn=arn("endpoint", "here"))[0] == "AccessDeniedException"
