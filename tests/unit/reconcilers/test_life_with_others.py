"""Endpoints that others made, and endpoints that others change."""

from typing import Any

import pytest

from slipway.domain.names import TAG_INSTALLATION, TAG_RETAINED, Owner
from slipway.domain.sagemaker.steps import DeleteEndpointConfig, DeleteModel, SetInstanceCount, Step, UpdateEndpoint
from tests.unit.domain.builders import A, B
from tests.unit.reconcilers.harness import ADOPTERS, Harness

ENDPOINT = "ml-twin"
ADOPT = {"sageMaker": {"adopt": True}}
CHECK = {"check": {"prompt": "Are you there?"}}


def beside(tags: dict[str, str] | None = None, variant: str = "AllTraffic") -> Harness:
    """An endpoint of the wanted name that somebody else has made."""
    harness = Harness(rules=(ADOPTERS,))
    harness.world.may_adopt = lambda: True
    harness.world.outside_config("theirs", "main", variant)
    harness.world.outside_endpoint(ENDPOINT, {"team": "search"} if tags is None else tags, "theirs")
    return harness


class TestAdoption:
    def test_an_endpoint_without_an_owner_is_taken_over_and_rolled(self) -> None:
        harness = beside()
        harness.apply(A, target=ADOPT)
        harness.calm()
        assert harness.conditions() == {"Ready": ("True", "Serving")}
        endpoint = harness.world.endpoints[ENDPOINT]
        assert endpoint.tags == {"team": "search", **harness.owner.tags()}
        assert harness.live.status.revision.serving
        assert harness.live.status.revision.serving.config == endpoint.config
        assert harness.world.violations == []

    def test_what_it_serves_is_read_off_its_environment_meanwhile(self) -> None:
        harness = beside()
        harness.apply(A, target=ADOPT)
        said = []
        while harness.world.endpoints[ENDPOINT].config == "theirs":
            harness.deliver()
            harness.one_pass()
            serving = harness.live.status.revision.serving
            said.append((serving.repo, serving.revision) if serving else None)
            harness.world.tick(ENDPOINT)
        assert ("other/model", "main") in said

    def test_the_variant_keeps_its_name(self) -> None:
        harness = beside(variant="primary")
        harness.apply(A, target=ADOPT)
        harness.calm()
        assert harness.world.violations == []
        placement = harness.live.status.placement
        assert placement
        assert placement.variant == "primary"
        harness.edit(replicas=3)
        harness.calm()
        assert harness.world.endpoints[ENDPOINT].current == 3

    def test_their_config_and_model_are_never_removed(self) -> None:
        harness = beside()
        harness.apply(A, target=ADOPT)
        harness.calm()
        harness.resolve(B)
        harness.calm()
        harness.delete()
        harness.calm()
        assert harness.deployment is None
        assert (set(harness.world.configs), set(harness.world.models)) == ({"theirs"}, {"theirs"})

    def test_a_failed_check_goes_back_to_what_they_served(self) -> None:
        harness = beside()
        harness.world.mute.add(A)
        harness.apply(A, target=ADOPT, rollout=CHECK)
        harness.calm()
        assert harness.world.endpoints[ENDPOINT].config == "theirs"
        assert harness.conditions() == {"Ready": ("True", "Serving"), "Stalled": ("True", "CheckFailed")}
        serving = harness.live.status.revision.serving
        assert serving
        assert (serving.repo, serving.revision) == ("other/model", "main")

    def test_without_being_told_to_it_is_left_alone(self) -> None:
        harness = beside()
        harness.apply(A)
        harness.calm()
        assert harness.world.sent == []
        assert harness.conditions()["Stalled"] == ("True", "NameConflict")
        assert "spec.target.sageMaker.adopt" in harness.message("Stalled")

    @pytest.mark.parametrize("installation", ["here", "elsewhere"])
    def test_a_living_owner_is_never_overridden(self, installation: str) -> None:
        harness = beside(Owner(installation, "prod", "chat", "uid-9").tags())
        harness.apply(A, target=ADOPT)
        harness.calm()
        assert harness.world.sent == []
        assert harness.conditions()["Stalled"] == ("True", "NameConflict")
        assert "prod/chat" in harness.message("Stalled")

    def test_what_another_deployment_left_behind_on_purpose_may_be_adopted(self) -> None:
        left = {**Owner("here", "prod", "chat", "uid-9").tags(), TAG_RETAINED: ENDPOINT}
        harness = beside(left)
        harness.apply(A, target=ADOPT)
        harness.calm()
        assert harness.conditions() == {"Ready": ("True", "Serving")}
        assert TAG_RETAINED not in harness.world.endpoints[ENDPOINT].tags

    @pytest.mark.parametrize("fault", ["killed before", "killed after", "lost"])
    def test_it_survives_a_crash_at_the_mark(self, fault: str) -> None:
        harness = beside(variant="primary")
        harness.apply(A, target=ADOPT)
        harness.world.faults = [fault]  # type: ignore[list-item]
        harness.calm()
        assert harness.conditions() == {"Ready": ("True", "Serving")}
        assert harness.world.violations == []


def changed(harness: Harness) -> None:
    """Somebody else changes the config in service, and the count."""
    harness.world.outside_config("other", "main")
    harness.world.outside_update(ENDPOINT, "other")
    harness.world.endpoints[ENDPOINT].desired = harness.world.endpoints[ENDPOINT].current = 5


@pytest.fixture
def serving() -> Harness:
    """Commit A serves with two instances."""
    harness = Harness()
    harness.apply(A, replicas=2)
    harness.calm()
    return harness


def steps_after(harness: Harness, number: int) -> list[type[Step]]:
    return [type(step) for step in harness.world.sent[number:]]


class TestDrift:
    def test_it_is_corrected_and_both_values_are_named(self, serving: Harness) -> None:
        config = serving.world.endpoints[ENDPOINT].config
        changed(serving)
        serving.deliver()
        serving.one_pass()
        assert serving.conditions()["Drifted"] == ("True", "ChangedOutside")
        said = serving.message("Drifted")
        assert "other" in said
        assert config in said
        assert "is 5, wanted is 2" in said
        serving.calm()
        assert serving.conditions() == {"Ready": ("True", "Serving")}
        assert serving.world.endpoints[ENDPOINT].config == config
        assert serving.world.endpoints[ENDPOINT].current == 2

    def test_it_is_only_reported_where_the_spec_says_so(self, serving: Harness) -> None:
        serving.edit(drift="Report")
        serving.calm()
        before = len(serving.world.sent)
        changed(serving)
        serving.calm()
        assert steps_after(serving, before) == []
        assert serving.conditions() == {"Ready": ("True", "Serving"), "Drifted": ("True", "ChangedOutside")}
        assert "spec.drift is Report" in serving.message("Drifted")
        assert serving.live.status.revision.serving
        assert serving.live.status.revision.serving.repo == "other/model"

    def test_a_deleted_endpoint_stays_deleted_where_it_is_only_reported(self, serving: Harness) -> None:
        serving.edit(drift="Report")
        serving.calm()
        before = len(serving.world.sent)
        del serving.world.endpoints[ENDPOINT]
        serving.calm()
        assert steps_after(serving, before) == []
        assert serving.conditions()["Ready"] == ("False", "EndpointMissing")
        assert serving.conditions()["Stalled"] == ("True", "EndpointMissing")

    @pytest.mark.parametrize("way", ["annotation", "policy"])
    def test_there_is_a_way_to_have_it_corrected_after_all(self, serving: Harness, way: str) -> None:
        serving.edit(drift="Report")
        serving.calm()
        config = serving.world.endpoints[ENDPOINT].config
        changed(serving)
        serving.calm()
        if way == "annotation":
            serving.trigger("now")
        else:
            serving.edit(drift="Correct")
        serving.calm()
        assert serving.conditions() == {"Ready": ("True", "Serving")}
        assert serving.world.endpoints[ENDPOINT].config == config
        assert serving.world.endpoints[ENDPOINT].current == 2

    def test_a_change_of_the_spec_is_no_drift(self, serving: Harness) -> None:
        serving.edit(drift="Report")
        serving.calm()
        serving.edit(replicas=3)
        serving.resolve(B)
        serving.calm()
        assert serving.conditions() == {"Ready": ("True", "Serving")}
        assert serving.world.endpoints[ENDPOINT].current == 3

    def test_a_spec_change_whose_pass_was_killed_is_no_drift_either(self, serving: Harness) -> None:
        serving.edit(drift="Report")
        serving.calm()
        serving.edit(replicas=3)
        serving.world.faults = ["killed before"]
        serving.deliver()
        serving.one_pass()
        serving.calm()
        assert serving.world.endpoints[ENDPOINT].current == 3

    @pytest.mark.parametrize("change", [{"replicas": 3}, {"startupTimeout": "20m"}])
    def test_taking_back_a_change_that_is_under_way_is_no_drift(self, serving: Harness, change: dict[str, Any]) -> None:
        serving.edit(drift="Report", replicas=2, rollout={"startupTimeout": "30m"})
        serving.calm()
        config = serving.world.endpoints[ENDPOINT].config
        begun = len(serving.world.sent)
        replicas = change.get("replicas", 2)
        serving.edit(replicas=replicas, rollout={"startupTimeout": change.get("startupTimeout", "30m")})
        for _ in range(10):
            if {SetInstanceCount, UpdateEndpoint} & set(steps_after(serving, begun)):
                break
            serving.deliver()
            serving.one_pass()
        serving.edit(replicas=2, rollout={"startupTimeout": "30m"})
        serving.calm()
        assert serving.conditions() == {"Ready": ("True", "Serving")}
        assert serving.world.endpoints[ENDPOINT].config == config
        assert serving.world.endpoints[ENDPOINT].current == 2

    def test_a_stolen_endpoint_is_somebody_elses(self, serving: Harness) -> None:
        serving.world.endpoints[ENDPOINT].tags[TAG_INSTALLATION] = "elsewhere"
        serving.world._touch(serving.world.endpoints[ENDPOINT])
        before = len(serving.world.sent)
        serving.calm()
        assert steps_after(serving, before) == []
        assert serving.conditions()["Stalled"] == ("True", "NameConflict")

    def test_nothing_of_others_is_tidied_away_while_correcting(self, serving: Harness) -> None:
        changed(serving)
        serving.calm()
        assert "other" in serving.world.configs
        deleted = [s.name for s in serving.world.sent if isinstance(s, DeleteEndpointConfig | DeleteModel)]
        assert "other" not in deleted
        assert sum(isinstance(s, UpdateEndpoint) for s in serving.world.sent) == 1


def test_a_variant_that_is_not_the_stored_one_is_taken_as_it_is() -> None:
    """The endpoint was made anew by hand, under our tags, with SageMaker's usual name."""
    harness = beside(variant="primary")
    harness.apply(A, target=ADOPT)
    harness.calm()
    harness.world.outside_config("by-hand", "main")
    harness.world.endpoints[ENDPOINT].config = "by-hand"
    harness.world._touch(harness.world.endpoints[ENDPOINT])
    harness.calm()
    assert harness.conditions() == {"Ready": ("True", "Serving")}
    assert harness.world.violations == []
    assert harness.live.status.placement
    assert harness.live.status.placement.variant is None
