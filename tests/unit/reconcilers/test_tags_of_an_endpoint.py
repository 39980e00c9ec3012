"""The tags of the spec, on everything that belongs to an endpoint, whatever happens in between."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.errors import Rejected
from slipway.domain.sagemaker.steps import SetTags, Step, UpdateEndpoint
from tests.unit.domain.builders import REGION, ROLE, A, B
from tests.unit.reconcilers.harness import SDEP, Harness

ENDPOINT = "ml-twin"
Tags = dict[str, str]


def tagged(tags: Tags) -> dict[str, Any]:
    where = {"region": REGION, "executionRoleArn": ROLE, "instanceType": "ml.g5.xlarge"}
    return {"target": {"sageMaker": {**where, "tags": tags}}}


def edit(harness: Harness, tags: Tags) -> None:
    """Replace the spec's tags; a harness merges, and takes None for what is to go."""
    spec = harness.kube.objects[SDEP]["spec"]["target"]["sageMaker"]
    gone = dict.fromkeys(spec.get("tags") or {})
    harness.edit(target={"sageMaker": {"tags": {**gone, **tags}}})


def everything(harness: Harness) -> dict[str, Tags]:
    """The tags of all that is there, without those of the owner."""
    world = harness.world
    things = [(f"endpoint/{n}", e.tags) for n, e in world.endpoints.items()]
    things += [(f"config/{n}", c.tags) for n, c in world.configs.items()]
    things += [(f"model/{n}", m.tags) for n, m in world.models.items()]
    return {arn: {k: v for k, v in tags.items() if not k.startswith("slipway.dev/")} for arn, tags in things}


def set_tags(harness: Harness) -> list[SetTags]:
    return [step for step in harness.world.sent if isinstance(step, SetTags)]


@pytest.fixture
def serving() -> Harness:
    harness = Harness()
    harness.apply(A, **tagged({"team": "search", "stage": "test"}))
    harness.calm()
    return harness


def test_everything_is_created_with_them(serving: Harness) -> None:
    assert len(everything(serving)) == 3
    assert all(tags == {"team": "search", "stage": "test"} for tags in everything(serving).values())
    assert set_tags(serving) == []
    assert serving.live.status.endpoint
    assert serving.live.status.endpoint.tags == {"team": "search", "stage": "test"}
    assert serving.live.status.endpoint.changing_tags is None


def test_a_change_reaches_everything_without_a_roll(serving: Harness) -> None:
    names = set(everything(serving))
    edit(serving, {"team": "ads", "cost": "7"})
    serving.calm()
    assert everything(serving) == {arn: {"team": "ads", "cost": "7"} for arn in names}
    assert not any(isinstance(step, UpdateEndpoint) for step in serving.world.sent)
    assert serving.conditions() == {"Ready": ("True", "Serving")}
    assert serving.live.status.endpoint
    assert serving.live.status.endpoint.tags == {"team": "ads", "cost": "7"}


def test_it_is_reported_while_it_lasts(serving: Harness) -> None:
    edit(serving, {"team": "ads"})
    serving.deliver()
    serving.one_pass()
    assert serving.conditions()["Reconciling"] == ("True", "Tagging")
    assert "the tags of 3 AWS resources" in serving.message("Reconciling")
    assert serving.conditions()["Ready"] == ("True", "Serving")


def test_the_config_that_is_kept_for_a_roll_back_follows(serving: Harness) -> None:
    serving.resolve(B)
    serving.calm()
    edit(serving, {"team": "ads"})
    serving.calm()
    assert len(everything(serving)) == 5
    assert all(tags == {"team": "ads"} for tags in everything(serving).values())


def test_what_others_have_put_stays(serving: Harness) -> None:
    serving.world.endpoints[ENDPOINT].tags["theirs"] = "x"
    edit(serving, {})
    serving.calm()
    assert everything(serving)[f"endpoint/{ENDPOINT}"] == {"theirs": "x"}
    assert serving.live.status.endpoint
    assert serving.live.status.endpoint.tags is None


def test_at_rest_nothing_is_called_and_nothing_written(serving: Harness) -> None:
    looks: list[Step] = []
    before = serving.kube.writes, len(serving.world.sent)
    serving.start()
    observe = serving.world.observe

    async def noted(*args: Any) -> Any:
        looks.append(*args)
        return await observe(*args)

    serving.world.observe = noted  # type: ignore[method-assign]
    assert serving.one_pass() == serving.timing.binding_recheck
    assert (serving.kube.writes, len(serving.world.sent)) == before
    assert looks == []


def test_a_change_that_is_refused_is_reported_and_tried_again(
    serving: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator whose policy is older than the tags."""
    do = serving.world._do

    def refuse(placement: Any, step: Step) -> None:
        if isinstance(step, SetTags):
            raise Rejected("AccessDenied", "AddTags: not authorized")
        do(placement, step)

    monkeypatch.setattr(serving.world, "_do", refuse)
    edit(serving, {"team": "ads"})
    for _ in range(3):
        serving.deliver()
        serving.one_pass()
        serving.clock.seconds += 600
    assert serving.conditions() == {"Ready": ("True", "Serving"), "Stalled": ("True", "AccessDenied")}
    monkeypatch.undo()
    serving.calm()
    assert all(tags == {"team": "ads"} for tags in everything(serving).values())


TAGS = st.dictionaries(st.sampled_from(["team", "stage", "cost"]), st.sampled_from(["a", "b"]))
FAULTS = st.sampled_from([None, "refused", "lost", "killed before", "killed after"])
EVENTS = st.lists(
    st.tuples(st.one_of(TAGS, st.sampled_from([A, B])), FAULTS, st.integers(0, 6)), min_size=1, max_size=6
)


@given(first=TAGS, events=EVENTS)
def test_however_often_the_spec_changes_and_the_process_dies_everything_ends_with_its_tags(
    first: Tags, events: list[tuple[Tags | str, Any, int]]
) -> None:
    """Tags and commits change in the middle of anything; what others put on the endpoint meanwhile stays."""
    harness = Harness()
    harness.apply(A, **tagged(first))
    harness.calm()
    harness.world.endpoints[ENDPOINT].tags["theirs"] = "x"
    wanted = first
    for change, fault, passes in events:
        if isinstance(change, str):
            harness.resolve(change)
        else:
            wanted = change
            edit(harness, change)
        harness.world.faults = [fault] if fault else []
        for _ in range(passes):
            harness.deliver()
            harness.one_pass()
            harness.world.tick(ENDPOINT)
            harness.clock.seconds += 10
    harness.calm()
    found = everything(harness)
    assert found.pop(f"endpoint/{ENDPOINT}") == {**wanted, "theirs": "x"}
    assert all(tags == wanted for tags in found.values())
    assert harness.world.violations == []
    assert harness.conditions() == {"Ready": ("True", "Serving")}
