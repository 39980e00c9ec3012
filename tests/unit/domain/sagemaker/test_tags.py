"""Which tags are put and taken away: those of the spec, and nobody else's."""

from hypothesis import given
from hypothesis import strategies as st

from slipway.api.v1alpha1.deployment_status import EndpointStatus
from slipway.domain.sagemaker.steps import SetTags
from slipway.domain.sagemaker.tags import TagMemory, kept_tags, remembered_tags, tag_steps, tags_due

KEYS = st.sampled_from(["team", "cost-center", "stage", "owner"])
TAGS = st.dictionaries(KEYS, st.sampled_from(["", "a", "b"]))
OTHERS = st.dictionaries(st.sampled_from(["slipway.dev/name", "aws:x", "theirs"]), st.just("x"))
THINGS = st.dictionaries(st.sampled_from(["endpoint", "config", "model"]), st.tuples(TAGS, OTHERS))


def remembered(tags: dict[str, str] | None = None, changing: list[str] | None = None) -> EndpointStatus:
    return EndpointStatus(name="e", arn="endpoint", last_modified="", tags=tags, changing_tags=changing)


def applied(steps: tuple[SetTags, ...], things: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """What is there after the steps."""
    result = {arn: dict(tags) for arn, tags in things.items()}
    for step in steps:
        for key in step.remove:
            del result[step.arn][key]
        result[step.arn].update(step.add)
    return result


def test_what_is_missing_or_different_is_put_and_what_the_spec_has_dropped_is_taken_away() -> None:
    things = {"e": {"team": "a", "stage": "test", "theirs": "x"}, "m": {"team": "b", "owner": "me"}}
    assert tag_steps(remembered({"team": "a", "stage": "test"}), {"team": "b", "new": ""}, things) == (
        SetTags("e", {"team": "b", "new": ""}, ("stage",)),
        SetTags("m", {"new": ""}),
    )


def test_a_key_that_was_about_to_be_put_is_taken_away_too() -> None:
    """The spec has changed once more before everything was done; the process may have been killed in between."""
    things = {"e": {"stage": "test", "theirs": "x"}}
    assert tag_steps(remembered({}, ["stage"]), {}, things) == (SetTags("e", {}, ("stage",)),)


@given(before=TAGS, changing=st.lists(KEYS, unique=True), wanted=TAGS, things=THINGS)
def test_after_the_steps_nothing_is_planned_and_nobody_elses_tag_is_touched(
    before: dict[str, str],
    changing: list[str],
    wanted: dict[str, str],
    things: dict[str, tuple[dict[str, str], dict[str, str]]],
) -> None:
    memory = remembered(before, changing)
    there = {arn: {**ours, **others} for arn, (ours, others) in things.items()}
    after = applied(tag_steps(memory, wanted, there), there)
    assert tag_steps(memory, wanted, after) == ()
    ever_named = before.keys() | set(changing) | wanted.keys()
    for arn, (ours, others) in things.items():
        never_named = {key: value for key, value in ours.items() if key not in ever_named}
        assert after[arn] == {**never_named, **others, **wanted}


@given(before=TAGS, wanted=TAGS, changing=st.lists(KEYS, unique=True))
def test_what_may_be_there_is_remembered_until_everything_is_done(
    before: dict[str, str], wanted: dict[str, str], changing: list[str]
) -> None:
    memory = remembered_tags(remembered(before, changing), wanted, done=False)
    known = {*(memory.tags or {}), *(memory.changing or ())}
    assert known >= before.keys() | set(changing) | wanted.keys()
    again = remembered_tags(remembered(memory.tags, memory.changing), wanted, done=False)
    assert again == memory
    done = remembered_tags(remembered(memory.tags, memory.changing), wanted, done=True)
    assert done == TagMemory(wanted or None, None)
    assert not tags_due(remembered(done.tags, done.changing), wanted)


@given(before=TAGS, wanted=TAGS)
def test_a_change_of_the_spec_is_due_until_it_is_done(before: dict[str, str], wanted: dict[str, str]) -> None:
    assert tags_due(remembered(before), wanted) == (before != wanted)
    assert tags_due(remembered(wanted, ["team"]), wanted)


def test_an_endpoint_that_is_seen_for_the_first_time_may_carry_what_it_was_created_with() -> None:
    assert tags_due(None, {"team": "a"})
    assert remembered_tags(None, {"team": "a"}, done=False) == TagMemory(None, ["team"])


def test_a_spec_without_tags_writes_nothing_about_them() -> None:
    """So that an upgrade of the operator changes no status."""
    assert not tags_due(None, {})
    assert not tags_due(remembered(), {})
    for done in (True, False):
        assert remembered_tags(remembered(), {}, done=done) == TagMemory(None, None)
    assert kept_tags(None) == TagMemory(None, None)
    assert kept_tags(remembered({"team": "a"}, ["b"])) == TagMemory({"team": "a"}, ["b"])
