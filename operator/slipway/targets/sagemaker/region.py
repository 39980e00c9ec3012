"""Requests to SageMaker in one region, for looking and for acting."""

from collections.abc import AsyncIterator
from typing import Any

from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain.errors import NotFound, Transient
from slipway.targets.sagemaker.clients import AwsSession


class Region:
    """Requests to SageMaker in one region, and whose things are."""

    def __init__(self, clients: AwsSession, placement: Placement) -> None:
        self._clients = clients
        self._placement = placement

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return await self._clients.call("sagemaker", self._placement.region, operation, **parameters)

    async def cloudwatch(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return await self._clients.call("cloudwatch", self._placement.region, operation, **parameters)

    async def found(self, operation: str, **parameters: Any) -> dict[str, Any] | None:
        try:
            return await self.call(operation, **parameters)
        except NotFound:
            return None

    async def tags(self, arn: str) -> dict[str, str]:
        """Tags of a resource that is there.

        Raises Transient if it is not: having just been seen, it is on its way in or out. No tags would mean that it
        is somebody else's.
        """
        tags = await self.tags_if_there(arn)
        if tags is None:
            raise Transient("TagsNotVisible", f"ListTags does not know {arn} yet, or any more")
        return tags

    async def tags_if_there(self, arn: str) -> dict[str, str] | None:
        """Tags of a resource; None if it is gone."""
        pages = [page async for page in self.pages("list_tags", ResourceArn=arn)]
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]} if pages else None

    async def pages(self, operation: str, **parameters: Any) -> AsyncIterator[dict[str, Any]]:
        following: dict[str, str] = {}
        while True:
            page = await self.found(operation, **parameters, **following)
            if page is None:
                return
            yield page
            if not page.get("NextToken"):
                return
            following = {"NextToken": page["NextToken"]}
