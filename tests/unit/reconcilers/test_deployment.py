"""Passes over a Deployment as a user sees them: what is said, what is called, what is left."""

import pytest

from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain.errors import Rejected
from slipway.domain.names import Owner
from slipway.domain.sagemaker.observation import EndpointState
from slipway.domain.sagemaker.steps import CreateEndpoint, DeleteEndpointConfig, Step, UpdateEndpoint
from tests.unit.domain.builders import A, B, C
from tests.unit.reconcilers.harness import SDEP, Harness

ENDPOINT = "ml-twin"


@pytest.fixture
def serving() -> Harness:
    """Commit A serves and everything is at rest."""
    harness = Harness()
    harness.apply(A)
    harness.calm()
    return harness


class TestServing:
    def test_a_commit_comes_into_service(self, serving: Harness) -> None:
        assert serving.conditions() == {"Ready": ("True", "Serving")}
        status = serving.live.status
        assert status.revision.serving
        assert status.revision.serving.revision == A
        assert status.placement
        assert status.placement.endpoint_name == ENDPOINT
        assert [(entry.revision, entry.outcome) for entry in status.history] == [(A, "Serving")]

    def test_at_rest_nothing_is_written_and_nothing_called(self, serving: Harness) -> None:
        before = serving.kube.writes, len(serving.world.sent)
        for _ in range(5):
            serving.deliver()
            assert serving.one_pass() == serving.timing.binding_recheck
        assert (serving.kube.writes, len(serving.world.sent)) == before

    def test_a_roll_keeps_one_generation(self, serving: Harness) -> None:
        for commit in (B, C):
            serving.resolve(commit)
            serving.calm()
        revision = serving.live.status.revision
        assert revision.serving
        assert revision.previous
        assert (revision.serving.revision, revision.previous.revision) == (C, B)
        assert set(serving.world.configs) == {revision.serving.config, revision.previous.config}
        assert set(serving.world.models) == {revision.serving.model, revision.previous.model}

    def test_placement_and_finalizer_are_stored_before_anything_is_created(self) -> None:
        harness = Harness()
        harness.apply(A)
        while not harness.world.sent:
            harness.deliver()
            stored = harness.live
            harness.one_pass()
        assert stored.metadata.finalizers
        assert harness.live.status.placement
        assert harness.live.status.attempt

    def test_what_was_kept_is_said_before_anything_is_tidied_up(self, serving: Harness) -> None:
        """A process that is killed between the two must not leave a status that promises what is gone."""
        serving.resolve(B)
        serving.calm()
        serving.resolve(C)
        while not any(isinstance(step, DeleteEndpointConfig) for step in serving.world.sent):
            serving.deliver()
            serving.world.tick(ENDPOINT)
            serving.world.faults = ["killed after"]
            serving.one_pass()
        stored = serving.live.status.revision
        assert stored.previous
        assert stored.previous.revision == B
        assert stored.previous.config in serving.world.configs

    def test_a_failed_roll_says_why_and_is_not_tried_again(self, serving: Harness) -> None:
        serving.world.bad.add(B)
        serving.resolve(B)
        serving.calm()
        assert serving.conditions() == {"Ready": ("True", "Serving"), "Stalled": ("True", "RolloutFailed")}
        assert "did not pass the ping health check" in serving.message("Stalled")
        updates = [step for step in serving.world.sent if isinstance(step, UpdateEndpoint)]
        assert len(updates) == 1
        serving.world.bad.clear()
        serving.trigger("again")
        serving.calm()
        assert serving.conditions() == {"Ready": ("True", "Serving")}

    def test_many_failures_for_want_of_capacity_do_not_push_what_served_out_of_the_history(
        self, serving: Harness
    ) -> None:
        serving.resolve(B)
        serving.calm()
        serving.world.shortages = 12
        serving.resolve(C)
        serving.calm()
        outcomes = [(entry.revision, entry.outcome) for entry in serving.live.status.history]
        assert outcomes[0] == (C, "Serving")
        assert (B, "Replaced") in outcomes
        assert (A, "Replaced") in outcomes

    def test_asking_for_a_try_now_does_not_wait_for_the_back_off(self) -> None:
        harness = Harness()
        harness.world.shortages = 1
        harness.apply(A)
        while harness.conditions().get("Reconciling") != ("True", "InsufficientCapacity"):
            harness.deliver()
            harness.one_pass()
            harness.world.tick(ENDPOINT)
        harness.trigger("now")
        for _ in range(6):
            harness.deliver()
            harness.one_pass()
            harness.world.tick(ENDPOINT)
        assert [type(step) for step in harness.world.sent].count(CreateEndpoint) == 2
        assert harness.world.endpoints[ENDPOINT].state is EndpointState.IN_SERVICE


class TestWithoutItsModelVersion:
    def test_what_serves_goes_on_serving(self, serving: Harness) -> None:
        serving.resolve(None)
        serving.calm()
        assert serving.conditions() == {"Ready": ("True", "Serving"), "Stalled": ("True", "ModelVersionNotFound")}
        serving.edit(replicas=2)
        serving.calm()
        assert serving.world.endpoints[ENDPOINT].current == 2

    def test_a_roll_that_is_under_way_comes_to_an_end(self, serving: Harness) -> None:
        serving.resolve(B)
        while serving.world.endpoints[ENDPOINT].state is not EndpointState.UPDATING:
            serving.deliver()
            serving.one_pass()
        serving.resolve(None)
        serving.calm()
        assert serving.live.status.revision.serving
        assert serving.live.status.revision.serving.config == serving.world.endpoints[ENDPOINT].config


class TestOtherPeople:
    def test_somebody_elses_endpoint_is_never_reported_as_ours(self) -> None:
        harness = Harness()
        harness.world.outside_config("theirs", B)
        other = Owner("here", "other", "twin", "uid-9")
        harness.world.outside_endpoint(ENDPOINT, other.tags(), "theirs")
        harness.apply(A)
        harness.calm()
        assert harness.conditions() == {"Ready": ("False", "NameConflict"), "Stalled": ("True", "NameConflict")}
        assert "other/twin" in harness.message("Stalled")
        status = harness.live.status
        assert (status.revision.serving, status.endpoint, status.history) == (None, None, [])
        assert not status.replicas

    @pytest.mark.parametrize("revision", [B, "main"])
    def test_a_config_that_somebody_else_brings_into_service_is_replaced(self, serving: Harness, revision: str) -> None:
        serving.world.outside_config("theirs", revision)
        assert serving.world.outside_update(ENDPOINT, "theirs")
        serving.calm()
        assert serving.conditions() == {"Ready": ("True", "Serving")}
        assert serving.live.status.revision.serving
        assert serving.live.status.revision.serving.revision == A
        assert serving.world.violations == []
        assert "theirs" in serving.world.configs

    def test_credentials_for_another_account_do_not_make_the_status_forget_what_serves(self, serving: Harness) -> None:
        before = serving.live.status
        serving.world.current_account = "999999999999"
        serving.edit(replicas=2)
        serving.calm()
        assert serving.conditions()["Stalled"] == ("True", "PlacementChanged")
        assert serving.live.status.revision == before.revision
        assert serving.live.status.endpoint == before.endpoint

    def test_a_status_that_was_lost_does_not_cost_the_generation_that_served_before(self, serving: Harness) -> None:
        raw = serving.kube.objects[next(iter(k for k in serving.kube.objects if k.kind == "Deployment"))]
        serving.kube.put(next(k for k in serving.kube.objects if k.kind == "Deployment"), {**raw, "status": {}})
        serving.start()
        serving.resolve(B)
        serving.calm()
        previous = serving.live.status.revision.previous
        assert previous
        assert previous.revision == A
        assert serving.world.violations == []
        assert serving.world.configs[previous.config].model in serving.world.models


class TestAnImageThatWasLeftOpen:
    def test_giving_up_a_version_that_failed_goes_back_to_the_image_that_serves(self, serving: Harness) -> None:
        good = serving.live.status.image
        serving.world.shortages = 0
        serving.world.bad.add(A)
        serving.edit(engine={"image": "registry.example/tgi:broken"})
        serving.calm()
        assert serving.conditions()["Stalled"] == ("True", "RolloutFailed")
        serving.world.bad.clear()
        serving.edit(engine={"image": None})
        serving.calm()
        assert serving.live.status.image == good
        assert serving.conditions() == {"Ready": ("True", "Serving")}

    def test_leaving_it_open_in_the_middle_of_a_roll_comes_to_rest(self, serving: Harness) -> None:
        serving.edit(engine={"image": "registry.example/tgi:new"})
        while serving.world.endpoints[ENDPOINT].state is not EndpointState.UPDATING:
            serving.deliver()
            serving.one_pass()
        serving.edit(engine={"image": None})
        serving.calm()
        assert serving.conditions() == {"Ready": ("True", "Serving")}


class TestDeletion:
    def test_delete_removes_everything(self, serving: Harness) -> None:
        serving.delete()
        serving.calm()
        assert serving.deployment is None
        world = serving.world
        assert (world.endpoints, world.configs, world.models) == ({}, {}, {})

    def test_retain_marks_everything_and_a_new_object_of_the_name_takes_over(self, serving: Harness) -> None:
        serving.edit(deletionPolicy="Retain")
        serving.delete()
        serving.calm()
        assert serving.deployment is None
        things = [*serving.world.endpoints.values(), *serving.world.configs.values(), *serving.world.models.values()]
        assert all("slipway.dev/retained" in thing.tags for thing in things)
        assert len(things) == 3
        serving.apply(A)
        serving.calm()
        assert serving.conditions() == {"Ready": ("True", "Serving")}
        assert serving.world.endpoints[ENDPOINT].tags == serving.owner.tags()

    def test_what_an_earlier_object_of_the_name_retained_elsewhere_is_left_alone(self, serving: Harness) -> None:
        serving.edit(deletionPolicy="Retain")
        serving.delete()
        serving.calm()
        retained = dict(serving.world.configs), dict(serving.world.models)
        target = {"sageMaker": {"endpointName": "another"}}
        serving.apply(B, target=target)
        serving.calm()
        serving.delete()
        serving.calm()
        assert (serving.world.configs, serving.world.models) == retained
        assert list(serving.world.endpoints) == [ENDPOINT]

    def test_an_endpoint_that_shows_late_is_not_left_behind(self) -> None:
        harness = Harness(endpoint_visible=60.0)
        harness.apply(A)
        while not harness.world.endpoints:
            harness.deliver()
            harness.one_pass()
        hidden = harness.world.endpoints.pop(ENDPOINT)
        harness.delete()
        for _ in range(3):
            harness.deliver()
            harness.one_pass()
        assert harness.conditions()["Reconciling"] == ("True", "WaitingToDelete")
        assert harness.world.configs
        harness.world.endpoints[ENDPOINT] = hidden
        harness.calm()
        assert harness.deployment is None
        assert (harness.world.endpoints, harness.world.configs, harness.world.models) == ({}, {}, {})

    def test_what_was_refused_can_be_deleted_although_no_endpoint_ever_shows(self) -> None:
        harness = Harness(endpoint_visible=60.0)
        harness.apply(A)
        while not harness.world.configs:
            harness.deliver()
            harness.one_pass()
        harness.delete()
        harness.clock.seconds += 60
        harness.calm()
        assert harness.deployment is None

    def test_a_spec_that_cannot_be_read_keeps_nothing_from_being_deleted(self, serving: Harness) -> None:
        serving.kube.objects[SDEP]["spec"]["engine"] = {"name": "AnEngineOfTheFuture"}
        serving.edit()
        serving.delete()
        serving.deliver()
        for _ in range(30):
            serving.one_pass()
            serving.deliver()
            serving.clock.seconds += 15
            for name in list(serving.world.endpoints):
                serving.world.tick(name)
        assert SDEP not in serving.kube.objects
        assert (serving.world.endpoints, serving.world.configs, serving.world.models) == ({}, {}, {})

    def test_a_refused_deletion_is_reported_once_with_the_way_out(
        self, serving: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def refuse(placement: Placement, step: Step) -> None:
            raise Rejected("AccessDenied", "not authorized to perform: sagemaker:DeleteEndpoint")

        monkeypatch.setattr(serving.world, "execute", refuse)
        serving.delete()
        serving.deliver()
        serving.one_pass()
        assert serving.conditions()["Stalled"] == ("True", "AccessDenied")
        assert serving.message("Stalled").endswith("set spec.deletionPolicy to Retain")
        written = serving.kube.writes
        for _ in range(10):
            serving.deliver()
            serving.clock.seconds += serving.one_pass() or 0.0
        assert serving.kube.writes == written


class TestPermission:
    def test_where_nothing_may_be_placed_nothing_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def asked(region: str) -> str:
            raise AssertionError(f"AWS was asked in {region}")

        harness = Harness()
        monkeypatch.setattr(harness.world, "account", asked)
        harness.apply(A, target={"sageMaker": {"region": "us-east-1"}})
        harness.deliver()
        assert harness.one_pass() is None
        assert harness.conditions()["Stalled"] == ("True", "PlacementNotAllowed")
        assert "region us-east-1" in harness.message("Stalled")
