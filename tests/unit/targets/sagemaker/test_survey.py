"""What the orphan sweep asks of SageMaker, and how many calls that takes in any minute."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from slipway.domain.errors import NotFound
from slipway.domain.identity import OWN, Identity
from slipway.domain.names import Owner, content_name
from slipway.domain.sagemaker.observation import EndpointState, EndpointSummary
from slipway.domain.sagemaker.orphans import Jurisdiction, Kind, Place, Resource, Site, Tags
from slipway.kube import Kube
from slipway.loop.keys import Key
from slipway.loop.store import Store
from slipway.loop.trickle import Trickle
from slipway.reconcilers.orphans import OrphanSweep, Policy
from slipway.settings import Settings
from slipway.targets.sagemaker.clients import AwsClients
from slipway.targets.sagemaker.poller import EndpointPoller
from slipway.targets.sagemaker.survey import SageMakerSurvey, survey_spacing
from slipway.telemetry.events import EventRecorder
from slipway.telemetry.metrics import Metrics
from tests.unit.domain.builders import ACCOUNT, REGION
from tests.unit.loop.fakes import FakeClock
from tests.unit.reconcilers.test_orphans import alive

HERE, PLACE = Site(ACCOUNT, REGION), Place(REGION)
MADE = datetime(2026, 1, 1, tzinfo=UTC)
LISTS = {
    "list_models": ("Models", "Model", "model"),
    "list_endpoint_configs": ("EndpointConfigs", "EndpointConfig", "endpoint-config"),
    "list_endpoints": ("Endpoints", "Endpoint", "endpoint"),
}


@dataclass
class Service:
    """SageMaker's lists, tags and deletions, on the clock of the test."""

    clock: FakeClock
    names: dict[str, list[str]] = field(default_factory=lambda: {kind.value: [] for kind in Kind})
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    described: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)

    def add(self, kind: Kind, name: str, tags: dict[str, str] | None = None) -> Resource:
        self.names[kind].append(name)
        self.tags[self.arn(kind, name)] = tags or {}
        state = EndpointState.IN_SERVICE if kind is Kind.ENDPOINT else None
        return Resource(kind, name, self.arn(kind, name), MADE.isoformat(timespec="microseconds"), state)

    def arn(self, kind: str, name: str) -> str:
        return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name.lower()}"

    def session(self, identity: Identity) -> "Service":
        assert identity == OWN
        return self

    async def call(self, service: str, region: str, operation: str, **asked: Any) -> dict[str, Any]:
        assert (service, region) == ("sagemaker", REGION)
        self.calls.append((self.clock.monotonic(), operation, asked))
        if operation in LISTS:
            return self._listed(operation, asked)
        if operation == "list_tags":
            if asked["ResourceArn"] not in self.tags:
                raise NotFound("ResourceNotFound", "no such resource")
            return {"Tags": [{"Key": k, "Value": v} for k, v in self.tags[asked["ResourceArn"]].items()]}
        if operation.startswith("describe_"):
            return self._described(operation, *asked.values())
        (name,) = asked.values()
        kind = {"delete_model": Kind.MODEL, "delete_endpoint_config": Kind.CONFIG, "delete_endpoint": Kind.ENDPOINT}
        self.names[kind[operation]].remove(name)
        return {}

    def _described(self, operation: str, name: str) -> dict[str, Any]:
        if name not in self.described:
            raise NotFound("EndpointNotFound", f"Could not find {name}")
        return self.described[name]

    def _listed(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        items, camel, kind = LISTS[operation]
        found = [name for name in self.names[kind] if asked.get("NameContains", "") in name.lower()]
        start, size = int(asked.get("NextToken", 0)), asked["MaxResults"]
        rows = [
            {
                f"{camel}Name": name,
                f"{camel}Arn": self.arn(kind, name),
                "CreationTime": MADE,
                **({"EndpointStatus": "InService"} if kind == "endpoint" else {}),
            }
            for name in found[start : start + size]
        ]
        more = {"NextToken": str(start + size)} if start + size < len(found) else {}
        return {items: rows, **more}

    def in_the_busiest_minute(self) -> int:
        times = [at for at, _, _ in self.calls]
        return max((sum(at <= other < at + 60 for other in times) for at in times), default=0)


class Poller:
    """The shared poller, which has its list already."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def summaries(self) -> list[EndpointSummary]:
        made = MADE.isoformat(timespec="microseconds")
        return [
            EndpointSummary(name, EndpointState.IN_SERVICE, made, self._service.arn("endpoint", name), made)
            for name in self._service.names["endpoint"]
        ]


class Bench:
    def __init__(self, *, polled: bool = True) -> None:
        self.clock = FakeClock(0.0)
        self.service = Service(self.clock)
        self.survey = SageMakerSurvey(
            lambda place: cast(AwsClients, self.service),
            Trickle(survey_spacing(Settings().aws_requests_per_second), self.clock, self.sleep),
            account=self.account,
            poller=lambda place: cast(EndpointPoller, Poller(self.service)) if polled else None,
        )

    async def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def account(self, place: Place) -> str:
        return ACCOUNT


@pytest.fixture
def bench() -> Bench:
    return Bench()


class TestLists:
    @pytest.mark.parametrize("polled", [True, False])
    async def test_everything_is_found_however_many_pages_it_takes(self, polled: bool) -> None:
        bench = Bench(polled=polled)
        made = [bench.service.add(kind, f"slw-{number}") for number in range(230) for kind in Kind]
        found = await bench.survey.resources(PLACE, HERE)
        assert sorted(found, key=lambda one: one.arn) == sorted(made, key=lambda one: one.arn)
        assert [one.kind for one in found][-230:] == [Kind.ENDPOINT] * 230
        assert {asked["MaxResults"] for _, _, asked in bench.service.calls} == {100}
        assert len(bench.service.calls) == (6 if polled else 9)

    async def test_of_models_and_configs_only_those_are_taken_that_begin_as_ours_do(self, bench: Bench) -> None:
        for name in ("mine", "not-slw-1", "slwx"):
            bench.service.add(Kind.MODEL, name)
        bench.service.add(Kind.ENDPOINT, "mine")
        assert [one.name for one in await bench.survey.resources(PLACE, HERE)] == ["mine"]

    async def test_tags_of_what_is_gone_are_not_known(self, bench: Bench) -> None:
        made = bench.service.add(Kind.MODEL, "slw-1", {"a": "b"})
        assert await bench.survey.tags(PLACE, HERE, made) == {"a": "b"}
        bench.service.tags.clear()
        assert await bench.survey.tags(PLACE, HERE, made) is None


class TestUse:
    async def test_an_endpoint_serves_from_its_configs_and_their_models(self, bench: Bench) -> None:
        made = bench.service.add(Kind.ENDPOINT, "e")
        assert await bench.survey.uses(PLACE, HERE, made) == frozenset()
        bench.service.described["e"] = {"EndpointConfigName": "c", "PendingDeploymentSummary": {}}
        assert await bench.survey.uses(PLACE, HERE, made) == {"c"}
        bench.service.described["e"]["PendingDeploymentSummary"] = {"EndpointConfigName": "next"}
        bench.service.described["c"] = {"ProductionVariants": [{"ModelName": "m"}, {}]}
        bench.service.described["next"] = {"ProductionVariants": [{"ModelName": "n"}]}
        assert await bench.survey.uses(PLACE, HERE, made) == {"c", "m", "next", "n"}


class TestRemoval:
    @pytest.mark.parametrize("kind", list(Kind))
    async def test_tags_are_read_right_before(self, bench: Bench, kind: Kind) -> None:
        made = bench.service.add(kind, "slw-1", {"a": "b"})
        seen: list[Tags | None] = []

        async def still(tags: Tags | None) -> bool:
            seen.append(tags)
            return True

        assert await bench.survey.remove(PLACE, HERE, made, still)
        assert seen == [{"a": "b"}]
        assert bench.service.names[kind] == []
        (read, first, _), (deleted, second, _) = bench.service.calls
        assert (first, second) == ("list_tags", f"delete_{kind.replace('-', '_')}")
        assert read == deleted

    async def test_what_is_no_orphan_any_more_stays(self, bench: Bench) -> None:
        made = bench.service.add(Kind.MODEL, "slw-1")

        async def no(_: Tags | None) -> bool:
            return False

        assert not await bench.survey.remove(PLACE, HERE, made, no)
        assert [operation for _, operation, _ in bench.service.calls] == ["list_tags"]


def owners(number: int) -> Iterator[Owner]:
    return (Owner("here", "ml", f"model-{index}", f"uid-{index}") for index in range(number))


class TestBudget:
    """Fewer than 20 calls a minute at rest with 1,000 endpoints, everything included."""

    LIMIT = 20

    def polled(self, endpoints: int) -> float:
        """The shared poller's calls in its busiest minute: looks at the shortest jittered interval, and as many pages
        of the full list as a minute has room for, with those that waited for the next look."""
        settings, pages = Settings(), -(-endpoints // 100)
        looks = math.ceil(60 / (0.9 * settings.endpoint_poll))
        return looks + math.ceil((60 + settings.endpoint_poll) * pages / settings.endpoint_sweep) + 1

    def sweep(self, bench: Bench, *, removes: bool = False) -> OrphanSweep:
        class Nothing:
            async def get(self, key: Key) -> None:
                return None

            def warn(self, *_: object) -> None:
                pass

        self.store = Store()
        return OrphanSweep(
            Policy(Jurisdiction("here"), frozenset({REGION}), removes, Settings().orphan_sweep, 0.0),
            kube=cast(Kube, Nothing()),
            store=self.store,
            survey=bench.survey,
            events=cast(EventRecorder, Nothing()),
            metrics=Metrics(),
            clock=bench.clock,
        )

    def settle(self, bench: Bench, number: int) -> None:
        """Deployments at rest, each with two configs and two models."""
        for owner in owners(number):
            raw = alive(owner)
            self.store.put(Key("Deployment", owner.namespace, owner.name), raw)
            bench.service.add(Kind.ENDPOINT, raw["status"]["endpoint"]["name"], owner.tags())
            for kind in (Kind.CONFIG, Kind.MODEL):
                for generation in range(2):
                    bench.service.add(kind, content_name(owner, [kind, generation]), owner.tags())

    async def test_a_thousand_deployments_at_rest(self, bench: Bench) -> None:
        sweep = self.sweep(bench)
        self.settle(bench, 1000)
        for _ in range(3):
            await sweep.sweep()
            bench.clock.advance(3600)
        operations = [operation for _, operation, _ in bench.service.calls]
        assert len(operations) == 3 * 40
        assert "list_tags" not in operations
        assert bench.service.in_the_busiest_minute() + self.polled(1000) < self.LIMIT

    async def test_beside_thousands_of_strangers_and_orphans_that_are_removed(self, bench: Bench) -> None:
        sweep = self.sweep(bench, removes=True)
        self.settle(bench, 1000)
        for number in range(3000):
            bench.service.add(Kind.ENDPOINT, f"stranger-{number}")
        for owner in owners(1050):
            if Key("Deployment", "ml", owner.name) not in self.store:
                bench.service.add(Kind.ENDPOINT, owner.name, owner.tags())
                bench.service.add(Kind.MODEL, content_name(owner, "old"), owner.tags())
        for _ in range(65):
            await sweep.sweep()
            bench.clock.advance(60)
        # Only the poller's full list grows with the strangers: by 2.5 calls a minute for each thousand of them.
        assert bench.service.in_the_busiest_minute() + self.polled(1000) < self.LIMIT
        asked = [call["ResourceArn"] for _, operation, call in bench.service.calls if operation == "list_tags"]
        strangers = [arn for arn in asked if "stranger" in arn]
        assert len(strangers) == len(set(strangers)) == 3000
        left = [name for names in bench.service.names.values() for name in names]
        assert len([name for name in left if name.startswith("model-")]) == 0
        assert len(bench.service.names["model"]) == 2000

    def test_the_share_follows_what_a_region_may_be_asked(self) -> None:
        assert 60 / survey_spacing(8.0) == pytest.approx(4.8)
        assert survey_spacing(80.0) == pytest.approx(survey_spacing(8.0) / 10)
