"""The cluster target: how many requests, what is remembered, and what is said of a refusal."""

from collections import Counter
from typing import Any, cast

import pytest

from slipway.domain.cluster.apis import BY_KIND
from slipway.domain.cluster.looks.endpoints import SERVICE_NAME_LABEL
from slipway.domain.cluster.looks.observation import Api, ObjectRef, Observation
from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.rolls.steps import Annotate, Apply, Delete, Scale
from slipway.domain.errors import Conflict, NotFound, OutsideError, Rejected, Transient
from slipway.kube import Resources
from slipway.targets.cluster.target import Cluster

SERVICE: Manifest = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "twin"}, "spec": {}}
FORBIDDEN = (
    'services "twin" is forbidden: User "system:serviceaccount:slipway:slipway" cannot patch resource "services" '
    'in API group "" in the namespace "ml"'
)


class ApiServer:
    """What `slipway.kube.Resources` is asked, in place of it."""

    def __init__(self) -> None:
        self.lists: Counter[str] = Counter()
        self.finds: Counter[str] = Counter()
        self.groups: Counter[str] = Counter()
        self.objects: dict[str, list[Manifest]] = {}
        self.gone: set[str] = set()
        """Kinds that discovery knows, and that are no more."""
        self.failure: OutsideError | None = None
        self.forbidden: set[str] = set()
        """Kinds that may not be listed."""
        self.slices = True

    async def kinds_served(self, group: str, version: str) -> frozenset[str] | None:
        self.groups[group] += 1
        if group == "discovery.k8s.io" and not self.slices:
            return None
        kinds = {api.kind for api in BY_KIND.values() if (api.group, api.version) == (group, version)}
        return frozenset(kinds - self.gone) if self.groups[group] > 1 else frozenset(kinds)

    async def labelled(self, api: Api, namespace: str | None, selector: str) -> list[Manifest]:
        self.lists[api.kind] += 1
        if api.kind in self.forbidden:
            raise Rejected("ApiServerRefused", f"{api.plural} is forbidden: User cannot list it")
        if api.kind in self.gone:
            raise NotFound("NotFound", "the server could not find the requested resource")
        if self.failure:
            raise self.failure
        return self.objects.get(api.kind, [])

    async def find(self, api: Api, namespace: str, name: str) -> Manifest | None:
        self.finds[api.kind] += 1
        return next((item for item in self.objects.get(api.kind, []) if item["metadata"]["name"] == name), None)

    async def _refuse(self, *_: Any, **__: Any) -> None:
        if self.failure:
            raise self.failure

    async def previous_log(self, namespace: str, pod: str, container: str, *, lines: int) -> str:
        await self._refuse()
        return "Traceback"

    apply = annotate = scale = delete = create = _refuse


class Watch:
    def __init__(self) -> None:
        self.now: int | None = 0

    def mark(self, namespace: str, deployment: str) -> int | None:
        return self.now


@pytest.fixture
def server() -> ApiServer:
    server = ApiServer()
    server.objects = {
        "Service": [SERVICE],
        "Pod": [{"metadata": {"name": "twin-1", "managedFields": [{"manager": "kubelet"}]}}],
        "EndpointSlice": [
            {"metadata": {"name": "twin-x", "labels": {SERVICE_NAME_LABEL: "twin"}}, "endpoints": [_endpoint("twin-1")]}
        ],
        "Endpoints": [{"metadata": {"name": "twin"}, "subsets": [{"addresses": [_endpoint("twin-1")]}]}],
    }
    return server


def _endpoint(pod: str) -> Manifest:
    return {"targetRef": {"kind": "Pod", "name": pod}}


def made(server: ApiServer, watch: Watch | None = None) -> Cluster:
    return Cluster(cast(Resources, server), noticed=watch)


async def look(cluster: Cluster, *names: tuple[str, str], at_rest: bool = False) -> Observation:
    refs = [ObjectRef(*name) for name in names]
    return await cluster.observe("ml", "twin", refs, ["Deployment", "Job", "HTTPRoute"], at_rest=at_rest)


async def test_one_look_is_one_list_of_each_kind(server: ApiServer) -> None:
    seen = await look(made(server), ("Service", "twin"))
    assert server.lists == dict.fromkeys(("Deployment", "Job", "HTTPRoute", "Service", "Pod", "EndpointSlice"), 1)
    assert server.finds == {}
    assert seen.objects == {ObjectRef("Service", "twin"): SERVICE}
    assert seen.pods == ({"metadata": {"name": "twin-1"}},)
    assert seen.routed == frozenset({"twin-1"})


async def test_by_name_is_asked_only_what_no_list_has_shown(server: ApiServer) -> None:
    await look(made(server), ("Service", "twin"), ("Job", "twin-prefetch"), ("ServiceAccount", "twin"))
    assert server.finds == {"Job": 1, "ServiceAccount": 1}


async def test_without_endpoint_slices_the_endpoints_tell(server: ApiServer) -> None:
    server.slices = False
    seen = await look(made(server))
    assert (seen.routed, seen.missing) == (frozenset({"twin-1"}), frozenset())
    assert server.lists["EndpointSlice"] == 0


async def test_a_kind_that_was_removed_a_moment_ago_is_missing_and_asked_about_anew(server: ApiServer) -> None:
    cluster = made(server)
    await look(cluster)
    server.gone.add("HTTPRoute")
    assert (await look(cluster)).missing == {"HTTPRoute"}
    lists = server.lists["HTTPRoute"]
    assert (await look(cluster)).missing == {"HTTPRoute"}
    assert server.lists["HTTPRoute"] == lists


async def test_a_list_that_fails_fails_the_look(server: ApiServer) -> None:
    server.failure = Transient("ApiServerError", "etcdserver: request timed out")
    with pytest.raises(Transient):
        await look(made(server))


class TestForbidden:
    async def test_what_is_optional_comes_back_with_the_words(self, server: ApiServer) -> None:
        server.forbidden = {"HTTPRoute"}
        seen = await look(made(server), ("HTTPRoute", "twin"))
        assert seen.forbidden == {"HTTPRoute": "httproutes is forbidden: User cannot list it"}
        assert (seen.missing, seen.unusable) == (frozenset(), {"HTTPRoute"})
        assert server.finds == {}
        assert ObjectRef("Service", "twin") in seen.objects

    @pytest.mark.parametrize("kind", ["Deployment", "Job", "Service", "Pod", "EndpointSlice"])
    async def test_anything_else_fails_the_look(self, server: ApiServer, kind: str) -> None:
        server.forbidden = {kind}
        with pytest.raises(Rejected, match="cannot list"):
            await look(made(server))

    async def test_what_cannot_be_had_for_another_reason_fails_the_look(self, server: ApiServer) -> None:
        server.failure = Transient("ApiServerError", "etcdserver: request timed out")
        server.forbidden = {"HTTPRoute"}
        with pytest.raises(Transient):
            await look(made(server))


@pytest.mark.parametrize(
    "failure",
    [
        NotFound("NotFound", 'pods "twin-1" not found'),
        Rejected("ApiServerRefused", FORBIDDEN),
        Transient("ApiServerError", "Get https://10.0.0.7:10250/containerLogs/…: dial tcp 10.0.0.7:10250: i/o timeout"),
    ],
)
async def test_last_words_that_cannot_be_had_are_none(server: ApiServer, failure: OutsideError) -> None:
    assert await made(server).last_log("ml", "twin-1") == "Traceback"
    server.failure = failure
    assert await made(server).last_log("ml", "twin-1") == ""


class TestAtRest:
    async def test_nothing_is_asked_while_nothing_is_noticed(self, server: ApiServer) -> None:
        watch = Watch()
        cluster = made(server, watch)
        before = await look(cluster)
        lists = server.lists.total()
        assert await look(cluster, at_rest=True) == before
        assert server.lists.total() == lists
        watch.now = 1
        await look(cluster, at_rest=True)
        assert server.lists.total() == 2 * lists

    async def test_while_something_is_under_way_every_look_is_a_new_one(self, server: ApiServer) -> None:
        cluster = made(server, Watch())
        for count in (1, 2, 3):
            await look(cluster)
            assert server.lists["Pod"] == count

    async def test_a_watch_that_does_not_work_is_not_relied_on(self, server: ApiServer) -> None:
        watch = Watch()
        watch.now = None
        cluster = made(server, watch)
        for count in (1, 2):
            await look(cluster, at_rest=True)
            assert server.lists["Pod"] == count

    async def test_our_own_step_ends_it_also_one_that_failed(self, server: ApiServer) -> None:
        cluster = made(server, Watch())
        await look(cluster)
        server.failure = Transient("ApiServerUnreachable", "the API server did not answer: TimeoutError")
        with pytest.raises(Transient):
            await cluster.execute("ml", Delete("Service", "twin", "uid"))
        server.failure = None
        await look(cluster, at_rest=True)
        assert server.lists["Pod"] == 2


class TestRefusals:
    async def refused(self, server: ApiServer, words: str) -> str:
        server.failure = Rejected("ApiServerRefused", words)
        with pytest.raises(Rejected) as caught:
            await made(server).execute("ml", Apply(SERVICE))
        return caught.value.message

    async def test_a_webhooks_words_do_not_say_what_they_are_about(self, server: ApiServer) -> None:
        words = 'admission webhook "policy.acme.org" denied the request: no team label'
        assert await self.refused(server, words) == f"Service twin: {words}"

    async def test_the_api_servers_own_words_do(self, server: ApiServer) -> None:
        words = 'Service "twin" is invalid: spec.ports[0].port: Invalid value: 99999'
        assert await self.refused(server, words) == words

    async def test_a_missing_right_is_named(self, server: ApiServer) -> None:
        assert await self.refused(server, FORBIDDEN) == FORBIDDEN

    async def test_what_is_gone_is_a_conflict_for_whoever_has_seen_it(self, server: ApiServer) -> None:
        server.failure = NotFound("NotFound", 'deployments.apps "twin-abc" not found')
        for step in (Scale("twin-abc", 1, "7"), Annotate("Deployment", "twin-abc", "7", (("a", "b"),))):
            with pytest.raises(Conflict, match="twin-abc was deleted meanwhile"):
                await made(server).execute("ml", step)

    async def test_what_cannot_be_made_is_named(self, server: ApiServer) -> None:
        server.failure = NotFound("NotFound", "the server could not find the requested resource")
        with pytest.raises(NotFound, match="Service twin: the server could not find"):
            await made(server).execute("ml", Apply(SERVICE))
