"""Everything that is at a place, whoever made it: what the orphan sweep looks at, at a pace of its own."""

from collections.abc import Awaitable, Callable

from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain.names import PREFIX
from slipway.domain.sagemaker.observation import EndpointState
from slipway.domain.sagemaker.orphans import Kind, Place, Resource, Site, Tags
from slipway.domain.sagemaker.steps import DeleteEndpoint, DeleteEndpointConfig, DeleteModel, Step
from slipway.loop.trickle import Trickle
from slipway.targets.sagemaker.act import Act
from slipway.targets.sagemaker.clients import AwsSession
from slipway.targets.sagemaker.look import instant
from slipway.targets.sagemaker.poller import EndpointPoller
from slipway.targets.sagemaker.region import Region

SHARE = 100
"""The survey takes one call in so many of what a region may be asked (SLIPWAY_AWS_REQUESTS_PER_SECOND), all places
together: 4.8 a minute by default. Beside the poller's 6 to 12 this stays below 20, whatever there is to look at."""
_PAGE = 100  # the most that a list gives
_DELETIONS: dict[Kind, Callable[[str], Step]] = {
    Kind.ENDPOINT: DeleteEndpoint,
    Kind.CONFIG: DeleteEndpointConfig,
    Kind.MODEL: DeleteModel,
}


def survey_spacing(requests_per_second: float) -> float:
    """Seconds between two calls of the survey, of `requests_per_second` that a region may be asked."""
    return SHARE / requests_per_second


class SageMakerSurvey:
    """The port `Survey` for Amazon SageMaker."""

    def __init__(
        self,
        clients: Callable[[Place], AwsSession],
        trickle: Trickle,
        *,
        account: Callable[[Place], Awaitable[str]],
        poller: Callable[[Place], EndpointPoller | None],
    ) -> None:
        """`clients` that act with the identity of a place, the `account` of that identity, and the shared `poller` of a
        place, if there is one already."""
        self._clients = clients
        self._trickle = trickle
        self._account = account
        self._poller = poller

    async def account(self, place: Place) -> str:
        """The account that the identity in use there belongs to."""
        return await self._account(place)

    async def resources(self, place: Place, site: Site) -> list[Resource]:
        """Every endpoint, and every model and config whose name begins as ours do. Endpoints come last."""
        at = Region(self._clients(place), _placement(place, site, ""))
        configs = await self._listed(at, Kind.CONFIG, "list_endpoint_configs", "EndpointConfig", of_ours=True)
        models = await self._listed(at, Kind.MODEL, "list_models", "Model", of_ours=True)
        poller = self._poller(place)
        if poller is None:  # no Deployment lives there: not worth a poller
            endpoints = await self._listed(at, Kind.ENDPOINT, "list_endpoints", "Endpoint", of_ours=False)
        else:
            rows = await poller.summaries()
            endpoints = [Resource(Kind.ENDPOINT, row.name, row.arn, row.created, row.state) for row in rows]
        return [*configs, *models, *endpoints]

    async def _listed(self, at: Region, kind: Kind, operation: str, camel: str, *, of_ours: bool) -> list[Resource]:
        found: list[Resource] = []
        beginning = f"{PREFIX}-" if of_ours else ""
        asked = {"NameContains": beginning} if of_ours else {}
        while True:
            await self._trickle.turn()
            page = await at.call(operation, MaxResults=_PAGE, **asked)
            for row in page[f"{camel}s"]:
                state = EndpointState(row["EndpointStatus"]) if kind is Kind.ENDPOINT else None
                one = Resource(kind, row[f"{camel}Name"], row[f"{camel}Arn"], instant(row["CreationTime"]), state)
                if one.name.startswith(beginning):
                    found.append(one)
            if not page.get("NextToken"):
                return found
            asked["NextToken"] = page["NextToken"]

    async def tags(self, place: Place, site: Site, resource: Resource) -> Tags | None:
        """The tags of a resource; None if it is gone, or not visible yet."""
        await self._trickle.turn()
        return await self._tags(place, site, resource)

    async def _tags(self, place: Place, site: Site, resource: Resource) -> Tags | None:
        return await Region(self._clients(place), _placement(place, site, resource.name)).tags_if_there(resource.arn)

    async def uses(self, place: Place, site: Site, endpoint: Resource) -> frozenset[str]:
        """Names of the configs and models that an endpoint serves from, or is about to."""
        await self._trickle.turn(3)
        at = Region(self._clients(place), _placement(place, site, endpoint.name))
        found = await at.found("describe_endpoint", EndpointName=endpoint.name) or {}
        pending = found.get("PendingDeploymentSummary") or {}
        configs = {one["EndpointConfigName"] for one in (found, pending) if one.get("EndpointConfigName")}
        models: set[str] = set()
        for name in configs:
            config = await at.found("describe_endpoint_config", EndpointConfigName=name) or {}
            models |= {
                variant["ModelName"] for variant in config.get("ProductionVariants", []) if "ModelName" in variant
            }
        return frozenset(configs | models)

    async def remove(
        self, place: Place, site: Site, resource: Resource, still: Callable[[Tags | None], Awaitable[bool]]
    ) -> bool:
        """Delete it if `still` says so of the tags that it has right now. Whether that was asked for."""
        await self._trickle.turn(2)
        if not await still(await self._tags(place, site, resource)):
            return False
        await Act(self._clients(place), _placement(place, site, resource.name)).do(
            _DELETIONS[resource.kind](resource.name)
        )
        return True


def _placement(place: Place, site: Site, name: str) -> Placement:
    """What a request needs to know of where it goes."""
    return Placement(
        target="SageMaker",
        account=site.account,
        region=site.region,
        endpoint_name=name,
        role_arn=place.identity.role_arn,
    )
