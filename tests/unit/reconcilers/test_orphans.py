"""The orphan sweep as a platform team sees it: what is said, counted, removed, and what is left alone."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.domain.conditions import Finding
from slipway.domain.errors import OutsideError, Rejected, Transient
from slipway.domain.identity import Identity
from slipway.domain.names import TAG_INSTALLATION, TAG_NAME, TAG_RETAINED, Owner, content_name
from slipway.domain.sagemaker.observation import EndpointState
from slipway.domain.sagemaker.orphans import Jurisdiction, Kind, Place, Resource, Site, Tags
from slipway.kube import Kube
from slipway.loop.keys import Key
from slipway.loop.store import Object, Store
from slipway.reconcilers.orphans import QUESTIONS, OrphanSweep, Policy
from slipway.telemetry.events import EventRecorder
from slipway.telemetry.metrics import Metrics
from tests.unit.domain.builders import ACCOUNT, REGION
from tests.unit.loop.fakes import FakeClock, until

HERE = Site(ACCOUNT, REGION)
OTHER_ACCOUNT = "999999999999"
DEAD = Owner("here", "ml", "dead", "uid-dead")
HOUR, DAY = 3600.0, 86400.0
KINDS = list(Kind)


def alive(owner: Owner, site: Site | None = HERE, endpoint: str | None = None) -> Object:
    """A Deployment as the store has it."""
    status: dict[str, Any] = {}
    if site:
        name = endpoint or f"{owner.namespace}-{owner.name}"
        where = {"target": "SageMaker", "account": site.account, "region": site.region, "endpointName": name}
        status = {"placement": where, "endpoint": {"name": name}}
    metadata = {"namespace": owner.namespace, "name": owner.name, "uid": owner.uid, "resourceVersion": "1"}
    return {"metadata": metadata, "spec": {}, "status": status}


@dataclass
class Aws:
    """Every account and region, as far as the sweep sees them: the port `slipway.targets.port.Survey`."""

    things: dict[str, tuple[Site, Resource, Tags]] = field(default_factory=dict)
    accounts: dict[Place, str] = field(default_factory=dict)
    """Of other places than the operator's own account."""
    errors: dict[str, OutsideError] = field(default_factory=dict)
    """By region, for lists; by ARN, for tags and deletions."""
    asked: list[str] = field(default_factory=list)
    """ARNs whose tags were read for a search."""
    searched: list[Place] = field(default_factory=list)
    serves_from: dict[str, set[str]] = field(default_factory=dict)
    """By the name of the endpoint."""
    removed: list[str] = field(default_factory=list)
    before_removal: Callable[[Resource], None] = lambda resource: None

    def add(
        self,
        kind: Kind,
        owner: Owner | None = DEAD,
        *,
        name: str | None = None,
        site: Site = HERE,
        state: EndpointState = EndpointState.IN_SERVICE,
        created: str = "2026-01-01",
        **tags: str,
    ) -> str:
        """Returns the name."""
        if name is None:
            assert owner
            name = f"{owner.namespace}-{owner.name}" if kind is Kind.ENDPOINT else content_name(owner, len(self.things))
        arn = f"{site.account}/{site.region}/{kind}/{name.lower()}"
        found = Resource(kind, name, arn, created, state if kind is Kind.ENDPOINT else None)
        self.things[arn] = (site, found, {**(owner.tags() if owner else {}), **tags})
        return name

    def add_all(self, owner: Owner = DEAD, **more: Any) -> list[str]:
        return [self.add(kind, owner, **more) for kind in KINDS]

    def names(self) -> list[str]:
        return sorted(one.name for _, one, _ in self.things.values())

    async def account(self, place: Place) -> str:
        return self.accounts.get(place, ACCOUNT)

    async def resources(self, place: Place, site: Site) -> list[Resource]:
        self.searched.append(place)
        if site.region in self.errors:
            raise self.errors[site.region]
        found = [one for where, one, _ in self.things.values() if where == site]
        return sorted(found, key=lambda one: KINDS.index(one.kind), reverse=True)

    async def tags(self, place: Place, site: Site, resource: Resource) -> Tags | None:
        self.asked.append(resource.arn)
        return self._tags(resource)

    def _tags(self, resource: Resource) -> Tags | None:
        if resource.arn in self.errors:
            raise self.errors[resource.arn]
        found = self.things.get(resource.arn)
        return found[2] if found else None

    async def uses(self, place: Place, site: Site, endpoint: Resource) -> frozenset[str]:
        self._tags(endpoint)
        return frozenset(self.serves_from.get(endpoint.name, ()))

    async def remove(
        self, place: Place, site: Site, resource: Resource, still: Callable[[Tags | None], Awaitable[bool]]
    ) -> bool:
        self.before_removal(resource)
        if not await still(self._tags(resource)):
            return False
        del self.things[resource.arn]
        self.removed.append(resource.name)
        return True


class ApiServer:
    """What the sweep reads of it."""

    def __init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.error: OutsideError | None = None

    async def get(self, key: Key) -> Object | None:
        if self.error:
            raise self.error
        return self.objects.get(key)


class Events:
    def __init__(self) -> None:
        self.said: list[tuple[Key, str, str]] = []

    def warn(self, key: Key, uid: str, finding: Finding) -> None:
        assert finding.reason == "Orphaned"
        self.said.append((key, uid, finding.message))


class Bench:
    def __init__(self, *, removes: bool = False, namespaces: Iterable[str] = (), regions: Iterable[str] = ()) -> None:
        self.aws, self.api, self.events = Aws(), ApiServer(), Events()
        self.clock, self.metrics, self.store = FakeClock(), Metrics(), Store()
        self.policy = Policy(
            jurisdiction=Jurisdiction("here", frozenset(namespaces)),
            regions=frozenset(regions or {REGION}),
            removes=removes,
            interval=HOUR,
            grace=HOUR,
        )
        self.start()

    def start(self) -> None:
        """A new process."""
        self.sweep = OrphanSweep(
            self.policy,
            kube=cast(Kube, self.api),
            store=self.store,
            survey=self.aws,
            events=cast(EventRecorder, self.events),
            metrics=self.metrics,
            clock=self.clock,
        )

    def live(self, owner: Owner, site: Site | None = HERE, endpoint: str | None = None) -> None:
        """The Deployment exists, and the watch has brought it."""
        key, raw = Key("Deployment", owner.namespace, owner.name), alive(owner, site, endpoint)
        self.api.objects[key] = raw
        self.store.put(key, raw)

    async def search(self, times: int = 1, *, every: float = HOUR) -> None:
        for _ in range(times):
            await self.sweep.sweep()
            self.clock.advance(every)

    def counted(self, kind: Kind, state: str = "orphaned", site: Site = HERE) -> float | None:
        labels = {"kind": kind.value, "account": site.account, "region": site.region, "state": state}
        return self.metrics.registry.get_sample_value("slipway_orphans", labels)

    def outcomes(self, outcome: str, region: str = REGION) -> float | None:
        labels = {"region": region, "outcome": outcome}
        return self.metrics.registry.get_sample_value("slipway_orphan_sweeps_total", labels)


class TestReport:
    async def test_what_is_left_is_counted_and_said_once_for_its_former_deployment(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench = Bench()
        names = bench.aws.add_all()
        await bench.search(5)
        ((key, uid, message),) = bench.events.said
        assert (key, uid) == (Key("Deployment", "ml", "dead"), "uid-dead")
        assert all(name in message for name in names)
        assert [bench.counted(kind) for kind in KINDS] == [1, 1, 1]
        assert len([line for line in caplog.messages if line.startswith("Orphaned")]) == 1
        assert bench.aws.names() == sorted(names)

    async def test_a_day_later_it_is_said_again_and_something_new_at_once(self) -> None:
        bench = Bench()
        bench.aws.add(Kind.MODEL)
        await bench.search(24)
        assert len(bench.events.said) == 1
        await bench.search(1)
        assert len(bench.events.said) == 2
        new = bench.aws.add(Kind.CONFIG)
        await bench.search(1)
        assert new in bench.events.said[-1][2]

    async def test_when_it_is_gone_the_figure_is_zero(self) -> None:
        bench = Bench()
        bench.aws.add_all()
        await bench.search()
        bench.aws.things.clear()
        await bench.search()
        assert [bench.counted(kind) for kind in KINDS] == [0, 0, 0]

    async def test_what_a_living_deployment_has_is_not_even_asked_for(self) -> None:
        bench = Bench()
        bench.live(DEAD)
        bench.aws.add_all()
        await bench.search(3)
        assert (bench.aws.asked, bench.events.said) == ([], [])
        assert [bench.counted(kind) for kind in KINDS] == [0, 0, 0]

    async def test_a_deployment_in_the_cluster_has_nothing_here_and_holds_up_no_search(self) -> None:
        bench = Bench(removes=True)
        kept, raw = bench.aws.add_all(), alive(replace(DEAD, uid="uid-pods"))
        raw["status"] = {
            "placement": {"target": "Cluster"},
            "endpoint": {"name": "dead"},
            "revision": {"serving": {"config": "dead-0123456789"}},
        }
        bench.store.put(Key("Deployment", "ml", "dead"), raw)
        await bench.search(5)
        assert bench.outcomes("ok") == 5
        ((_, uid, message),) = bench.events.said
        assert uid == "uid-pods"
        assert "lives elsewhere" in message
        assert bench.aws.names() == sorted(kept)

    async def test_what_lives_elsewhere_is_an_orphan_here(self) -> None:
        bench = Bench(removes=True)
        bench.live(replace(DEAD, uid="uid-2"), Site(ACCOUNT, "us-east-1"))
        names = bench.aws.add_all()
        await bench.search(9)
        ((_, uid, message),) = bench.events.said
        assert (uid, bench.counted(Kind.ENDPOINT)) == ("uid-2", 1)
        assert "lives elsewhere" in message
        assert bench.aws.names() == sorted(names)

    async def test_what_retain_left_is_counted_apart(self) -> None:
        bench = Bench(removes=True)
        names = bench.aws.add_all(**{TAG_RETAINED: "ml-dead"})
        await bench.search(9)
        assert [bench.counted(kind, "retained") for kind in KINDS] == [1, 1, 1]
        assert [bench.counted(kind) for kind in KINDS] == [0, 0, 0]
        assert (bench.events.said, bench.aws.names()) == ([], sorted(names))

    async def test_namespaces_of_others_and_installations_of_others_are_not_judged(self) -> None:
        bench = Bench(removes=True, namespaces=["mine"])
        bench.aws.add_all()
        bench.aws.add_all(Owner("there", "mine", "x", "u"))
        mine = bench.aws.add(Kind.ENDPOINT, Owner("here", "mine", "x", "u"), name="mine-too")
        await bench.search(4)
        assert [key.namespace for key, _, _ in bench.events.said] == ["mine"]
        assert bench.aws.removed == [mine]


class TestQuestions:
    async def test_a_stranger_is_asked_for_once(self) -> None:
        bench = Bench()
        for number in range(20):
            bench.aws.add(Kind.ENDPOINT, None, name=f"stranger-{number}", Team="x")
        await bench.search(5)
        assert len(bench.aws.asked) == 20

    async def test_one_that_was_made_anew_under_its_name_is_another_one(self) -> None:
        bench = Bench()
        bench.aws.add(Kind.ENDPOINT, None, name="ml-dead")
        await bench.search()
        bench.aws.add(Kind.ENDPOINT, name="ml-dead", created="2026-02-02")
        await bench.search()
        assert bench.counted(Kind.ENDPOINT) == 1

    async def test_one_that_was_adopted_meanwhile_is_asked_for_again_when_its_deployment_is_gone(self) -> None:
        bench = Bench()
        bench.aws.add(Kind.ENDPOINT, None, name="theirs")
        await bench.search()
        bench.live(DEAD, endpoint="theirs")
        bench.aws.add(Kind.ENDPOINT, name="theirs")
        await bench.search()
        bench.store.discard(Key("Deployment", "ml", "dead"))
        await bench.search()
        assert bench.counted(Kind.ENDPOINT) == 1

    async def test_where_thousands_of_strangers_live_ours_is_found_at_once_and_they_bit_by_bit(self) -> None:
        bench = Bench(removes=True)
        config = bench.aws.add(Kind.CONFIG)
        for number in range(2 * QUESTIONS + 50):
            bench.aws.add(Kind.ENDPOINT, None, name=f"stranger-{number}")
        await bench.search()
        assert len(bench.aws.asked) == QUESTIONS
        assert bench.counted(Kind.CONFIG) == 1
        await bench.search()
        assert config in bench.aws.names()  # one of the endpoints that are not known yet may serve from it
        await bench.search(3)
        assert bench.aws.removed == [config]

    async def test_more_orphans_than_questions_are_all_counted_and_looked_at_in_turns(self) -> None:
        bench = Bench()
        for number in range(2 * QUESTIONS):
            bench.aws.add(Kind.MODEL, replace(DEAD, name=f"dead-{number}"))
        await bench.search(4)
        bench.aws.asked.clear()
        for _ in range(2):
            await bench.search()
            assert bench.counted(Kind.MODEL) == 2 * QUESTIONS
        assert len(set(bench.aws.asked)) == 2 * QUESTIONS

    async def test_one_that_somebody_marks_is_an_orphan_no_more(self) -> None:
        bench = Bench()
        bench.aws.add(Kind.ENDPOINT)
        await bench.search()
        bench.aws.add(Kind.ENDPOINT, **{TAG_RETAINED: "ml-dead"})
        await bench.search()
        assert (bench.counted(Kind.ENDPOINT), bench.counted(Kind.ENDPOINT, "retained")) == (0, 1)

    async def test_tags_that_do_not_show_lead_to_no_conclusion(self) -> None:
        bench = Bench(removes=True)
        bench.aws.add(Kind.ENDPOINT)
        found = next(iter(bench.aws.things))
        listed = bench.aws.things[found][1]
        bench.aws.things.clear()
        bench.aws.resources = lambda place, site: _answer([listed])  # type: ignore[method-assign]
        await bench.search(5)
        assert (bench.events.said, bench.counted(Kind.ENDPOINT), bench.aws.removed) == ([], 0, [])

    async def test_a_deployment_made_during_the_search_has_its_things(self) -> None:
        bench = Bench()
        bench.aws.add_all()
        answer = bench.aws.resources

        async def made_meanwhile(place: Place, site: Site) -> list[Resource]:
            found = await answer(place, site)
            bench.live(DEAD)
            return found

        bench.aws.resources = made_meanwhile  # type: ignore[method-assign]
        await bench.search()
        assert bench.events.said == []

    async def test_and_one_that_goes_during_the_search_had_them_until_then(self) -> None:
        bench = Bench()
        bench.live(DEAD)
        bench.aws.add_all()
        answer = bench.aws.resources

        async def gone_meanwhile(place: Place, site: Site) -> list[Resource]:
            found = await answer(place, site)
            bench.store.discard(Key("Deployment", "ml", "dead"))
            return found

        bench.aws.resources = gone_meanwhile  # type: ignore[method-assign]
        await bench.search()
        assert bench.events.said == []


async def _answer(found: list[Resource]) -> list[Resource]:
    return found


class TestPlaces:
    async def test_regions_of_the_settings_and_of_deployments_are_searched_also_when_these_are_gone(self) -> None:
        bench = Bench(regions=["eu-west-1"])
        bench.live(DEAD, Site(ACCOUNT, "us-east-1"))
        await bench.search()
        bench.store.discard(Key("Deployment", "ml", "dead"))
        bench.aws.searched.clear()
        await bench.search()
        assert sorted(place.region for place in bench.aws.searched) == ["eu-west-1", "us-east-1"]

    async def test_an_account_is_searched_once_with_the_first_identity_that_may(self) -> None:
        bench = Bench()
        role = Place(REGION, Identity(f"arn:aws:iam::{ACCOUNT}:role/other"))
        raw = alive(DEAD)
        raw["status"]["placement"]["roleArn"] = role.identity.role_arn
        bench.store.put(Key("Deployment", "ml", "dead"), raw)
        await bench.search()
        assert bench.aws.searched == [Place(REGION)]
        bench.aws.accounts[role] = "999999999999"
        bench.aws.searched.clear()
        await bench.search()
        assert bench.aws.searched == [Place(REGION), role]

    async def test_of_a_role_only_the_external_id_that_is_current_is_tried(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """External ids change; what was refused is said once, and not asked for ever."""
        bench, role = Bench(), f"arn:aws:iam::{OTHER_ACCOUNT}:role/target"
        asked, accepted = list[str | None](), {"third"}

        async def account(place: Place) -> str:
            if place.identity.role_arn is None:
                return ACCOUNT
            asked.append(place.identity.external_id)
            if place.identity.external_id not in accepted:
                raise Rejected("AssumeRoleDenied", "no")
            return OTHER_ACCOUNT

        monkeypatch.setattr(bench.aws, "account", account)
        for version, external_id in enumerate(("first", "second", "third"), start=2):
            raw = alive(DEAD, Site(OTHER_ACCOUNT, REGION))
            raw["metadata"]["resourceVersion"] = str(version)
            raw["status"]["placement"]["roleArn"] = role
            raw["spec"] = {"target": {"sageMaker": {"assumeRole": {"arn": role, "externalId": external_id}}}}
            bench.store.put(Key("Deployment", "ml", "dead"), raw)
            await bench.search(2)
        assert asked == ["first", "first", "second", "second", "third", "third"]
        assert len([line for line in caplog.messages if "orphans cannot be searched for" in line]) == 2
        bench.store.discard(Key("Deployment", "ml", "dead"))
        asked.clear()
        await bench.search(2)
        assert asked == ["third", "third"]  # where it lived
        accepted.clear()
        await bench.search(3)
        assert asked == ["third"] * 3  # once more, and the role is forgotten

    async def test_what_goes_wrong_in_one_region_does_not_stop_the_others(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench = Bench(regions=["eu-west-1", REGION])
        bench.aws.errors["eu-west-1"] = Rejected("AccessDenied", "not authorized to perform: sagemaker:ListModels")
        bench.aws.add_all()
        await bench.search(3)
        assert bench.counted(Kind.ENDPOINT) == 1
        assert (bench.outcomes("AccessDenied", "eu-west-1"), bench.outcomes("ok")) == (3, 3)
        assert len([line for line in caplog.messages if "ListModels" in line]) == 1

    async def test_a_search_that_breaks_off_keeps_the_last_figures_and_removes_nothing(self) -> None:
        bench = Bench(removes=True)
        bench.aws.add_all()
        await bench.search()
        arn = next(iter(bench.aws.things))
        bench.aws.errors[arn] = Transient("AwsUnavailable", "ListTags")
        await bench.search(5)
        assert (bench.counted(Kind.ENDPOINT), bench.aws.removed) == (1, [])


class TestRemoval:
    async def test_by_default_nothing_is_removed(self) -> None:
        bench = Bench()
        names = bench.aws.add_all()
        await bench.search(50)
        assert bench.aws.names() == sorted(names)

    async def test_after_the_time_of_grace_the_endpoint_goes_then_the_rest(self) -> None:
        bench = Bench(removes=True)
        endpoint, config, model = bench.aws.add_all()
        await bench.search(2, every=1800.0)
        assert bench.aws.removed == []
        await bench.search(1, every=1.0)
        assert bench.aws.removed == []  # exactly an hour is not longer than an hour
        await bench.search()
        assert bench.aws.removed == [endpoint]
        await bench.search()
        assert bench.aws.removed == [endpoint, config, model]

    async def test_a_new_process_waits_anew(self) -> None:
        bench = Bench(removes=True)
        bench.aws.add_all()
        await bench.search()
        bench.start()
        await bench.search()
        assert bench.aws.removed == []

    async def test_a_deployment_that_is_restored_in_time_keeps_everything(self) -> None:
        bench = Bench(removes=True)
        names = bench.aws.add_all()
        await bench.search()
        bench.live(replace(DEAD, uid="uid-restored"), None)
        await bench.search(9)
        assert bench.aws.names() == sorted(names)

    async def test_one_that_only_the_api_server_knows_keeps_everything(self) -> None:
        bench = Bench(removes=True)
        names = bench.aws.add_all()
        bench.api.objects[Key("Deployment", "ml", "dead")] = alive(DEAD)
        await bench.search(9)
        assert bench.aws.names() == sorted(names)

    @pytest.mark.parametrize(
        "error", [Transient("ApiServerUnreachable", "gone"), Rejected("ApiServerRefused", "forbidden")]
    )
    async def test_an_api_server_that_does_not_tell_has_not_said_no(self, error: OutsideError) -> None:
        bench = Bench(removes=True)
        names = bench.aws.add_all()
        bench.api.error = error
        await bench.search(9)
        assert bench.aws.names() == sorted(names)
        assert bench.outcomes("ok") == 9

    @pytest.mark.parametrize("tags", [{TAG_RETAINED: "ml-dead"}, {TAG_INSTALLATION: "there"}, {TAG_NAME: "other"}])
    async def test_the_tags_count_as_they_are_at_the_last_moment(self, tags: dict[str, str]) -> None:
        """Somebody marks it, or takes it over, between the search and the deletion."""
        bench = Bench(removes=True)
        bench.aws.add_all()
        bench.live(replace(DEAD, name="other"))
        await bench.search()

        def meanwhile(resource: Resource) -> None:
            site, one, before = bench.aws.things[resource.arn]
            bench.aws.things[resource.arn] = (site, one, {**before, **tags})

        bench.aws.before_removal = meanwhile
        await bench.search(3)
        assert bench.aws.removed == []

    @pytest.mark.parametrize("tags", [{}, {TAG_RETAINED: "adopted"}])
    async def test_what_an_endpoint_of_somebody_else_serves_from_stays(self, tags: dict[str, str]) -> None:
        """It was adopted, and then left on purpose, or its Deployment moved, or has only just begun."""
        bench = Bench(removes=True)
        config, model, other = (bench.aws.add(kind) for kind in (Kind.CONFIG, Kind.MODEL, Kind.MODEL))
        heir = replace(DEAD, name="heir")
        bench.aws.add(Kind.ENDPOINT, heir, name="adopted", **tags)
        bench.live(heir, Site(ACCOUNT, "us-east-1"))
        bench.aws.serves_from["adopted"] = {config, model}
        await bench.search(4)
        assert bench.aws.removed == [other]
        bench.aws.serves_from["adopted"] = {model}
        await bench.search()
        assert bench.aws.removed == [other, config]

    async def test_where_that_cannot_be_told_only_endpoints_go(self) -> None:
        bench = Bench(removes=True)
        bench.aws.add(Kind.CONFIG)
        gone = bench.aws.add(Kind.ENDPOINT, replace(DEAD, name="other"))
        retained = bench.aws.add(Kind.ENDPOINT, replace(DEAD, name="retained"), **{TAG_RETAINED: "x"})
        await bench.search(2, every=1800.0)
        bench.aws.errors[f"{ACCOUNT}/{REGION}/endpoint/{retained}"] = Transient("AwsUnavailable", "DescribeEndpoint")
        bench.clock.advance(HOUR)
        bench.sweep._sightings[HERE].questions = lambda in_doubt, limit: []  # type: ignore[method-assign]
        await bench.search()
        assert bench.aws.removed == [gone]

    async def test_what_cannot_be_removed_holds_up_its_owner_alone(self) -> None:
        bench = Bench(removes=True)
        config, model = bench.aws.add(Kind.CONFIG), bench.aws.add(Kind.MODEL)
        other = bench.aws.add(Kind.MODEL, replace(DEAD, name="other"))
        await bench.search()
        arn = next(arn for arn, (_, one, _) in bench.aws.things.items() if one.name == config)

        def refuse(resource: Resource) -> None:
            if resource.arn == arn:
                raise Rejected("AccessDenied", "not authorized to perform: sagemaker:DeleteEndpointConfig")

        bench.aws.before_removal = refuse
        await bench.search(2)
        assert bench.aws.removed == [other]
        assert model in bench.aws.names()
        assert bench.outcomes("ok") == 3


class TestLoop:
    async def test_a_search_takes_place_on_fresh_lists_or_not_at_all(self) -> None:
        bench = Bench()
        bench.sweep._policy = replace(bench.policy, interval=0.001)
        bench.aws.add_all()
        failures = [Transient("ApiServerUnreachable", "gone"), RuntimeError("a defect")]
        syncs: list[int] = []

        async def sync() -> None:
            syncs.append(len(bench.aws.searched))
            if failures:
                raise failures.pop(0)

        task = asyncio.create_task(bench.sweep.run(sync))
        await until(lambda: bench.events.said)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert syncs[:3] == [0, 0, 0]


OWNERS = [Owner(where, space, name, "u") for where in ("here", "there") for space in ("ml", "lab") for name in "xyz"]
THING = st.tuples(
    st.sampled_from(KINDS),
    st.one_of(st.none(), st.sampled_from(OWNERS)),
    st.sampled_from([HERE, Site(ACCOUNT, "us-east-1")]),
    st.sampled_from([EndpointState.IN_SERVICE, EndpointState.FAILED, EndpointState.UPDATING]),
    st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(THING, max_size=10),
    st.dictionaries(st.sampled_from(OWNERS[:6]), st.sampled_from([HERE, Site(ACCOUNT, "us-east-1"), None])),
    st.sampled_from([(), ("ml",)]),
    st.booleans(),
)
async def test_exactly_the_dead_unmarked_things_of_ours_are_reported_and_nothing_else_is_ever_removed(
    things: list[tuple[Kind, Owner | None, Site, EndpointState, bool]],
    living: dict[Owner, Site | None],
    namespaces: tuple[str, ...],
    removes: bool,
) -> None:
    bench = Bench(removes=removes, namespaces=namespaces, regions=[REGION, "us-east-1"])
    for owner, home in living.items():
        bench.live(owner, home)
    dead, orphans = set[str](), set[str]()
    for number, (kind, owner, site, state, marked) in enumerate(things):
        name = f"{number}-thing" if kind is Kind.ENDPOINT or owner is None else content_name(owner, number)
        tags = {TAG_RETAINED: "e"} if marked else {}
        bench.aws.add(kind, owner, name=name, site=site, state=state, **tags)
        judged = owner and owner.installation == "here" and not marked
        if not judged or not owner or (namespaces and owner.namespace not in namespaces):
            continue
        if owner not in living:
            dead.add(name)
            orphans.add(name)
        elif living[owner] and (living[owner] != site or kind is Kind.ENDPOINT):  # whose endpoint has another name
            orphans.add(name)
    before = {one.name for _, one, _ in bench.aws.things.values()}
    await bench.search()
    said = " ".join(message for _, _, message in bench.events.said)
    assert {name for name in before if f" {name}" in said} == orphans
    counted = sum(bench.counted(kind, site=site) or 0 for kind in KINDS for site in (HERE, Site(ACCOUNT, "us-east-1")))
    assert counted == len(orphans)
    await bench.search(4)
    removed = before - set(bench.aws.names())
    assert removed <= dead
    if not removes:
        assert removed == set()
