"""What is an orphan, and in which order orphans may go."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.names import TAG_INSTALLATION, TAG_NAME, TAG_NAMESPACE, TAG_RETAINED, Owner, content_name
from slipway.domain.sagemaker.observation import EndpointState
from slipway.domain.sagemaker.orphans import (
    Claims,
    Home,
    Judged,
    Jurisdiction,
    Kind,
    Resource,
    Site,
    Verdict,
    finding,
    judge,
    plan_removal,
)
from tests.unit.domain.builders import ACCOUNT, OWNER, REGION

HERE = Site(ACCOUNT, REGION)
ELSEWHERE = Site(ACCOUNT, "us-east-1")
EVERYWHERE = Jurisdiction("here")
HOME = Home("uid-1", HERE, endpoint="ml-twin", has_endpoint=True)
TWIN = ("ml", "twin")
MOVING = [state for state in EndpointState if state.is_moving]


def resource(kind: Kind, owner: Owner = OWNER, name: str | None = None, **changes: object) -> Resource:
    """A thing as this owner would have made it."""
    named = name or ("ml-twin" if kind is Kind.ENDPOINT else content_name(owner, kind))
    state = EndpointState.IN_SERVICE if kind is Kind.ENDPOINT else None
    made = Resource(kind, named, f"arn:{kind}/{named.lower()}", "2026-01-01", state)
    return replace(made, **changes)  # type: ignore[arg-type]


ENDPOINT, CONFIG, MODEL = (resource(kind) for kind in Kind)


class TestVerdicts:
    @pytest.mark.parametrize("one", [ENDPOINT, CONFIG, MODEL])
    @pytest.mark.parametrize(
        ("home", "expected"),
        [
            (None, Verdict.ORPHANED),
            (HOME, Verdict.LIVING),
            (Home("uid-1"), Verdict.LIVING),  # it may be about to take over
            (replace(HOME, site=ELSEWHERE), Verdict.MISPLACED),
            (replace(HOME, site=Site("999999999999", REGION)), Verdict.MISPLACED),
            (Home("uid-1", is_in_cluster=True), Verdict.MISPLACED),
        ],
    )
    def test_what_carries_our_tags_is_where_its_deployment_lives_or_an_orphan(
        self, one: Resource, home: Home | None, expected: Verdict
    ) -> None:
        homes = {TWIN: home} if home else {}
        found = judge(one, OWNER.tags(), EVERYWHERE, HERE, homes)
        assert (found.verdict, found.owner and found.owner.namespace) == (expected, "ml")

    def test_an_endpoint_of_another_name_is_looked_after_by_no_pass(self) -> None:
        homes = {TWIN: replace(HOME, endpoint="another")}
        assert judge(ENDPOINT, OWNER.tags(), EVERYWHERE, HERE, homes).verdict is Verdict.MISPLACED
        assert judge(CONFIG, OWNER.tags(), EVERYWHERE, HERE, homes).verdict is Verdict.LIVING
        homes = {TWIN: replace(HOME, endpoint="ML-Twin")}
        assert judge(ENDPOINT, OWNER.tags(), EVERYWHERE, HERE, homes).verdict is Verdict.LIVING

    @pytest.mark.parametrize("homes", [{}, {TWIN: HOME}, {TWIN: replace(HOME, site=ELSEWHERE)}])
    def test_what_was_left_on_purpose_is_no_orphan(self, homes: dict[tuple[str, str], Home]) -> None:
        tags = {**OWNER.tags(), TAG_RETAINED: "ml-twin"}
        assert judge(ENDPOINT, tags, EVERYWHERE, HERE, homes).verdict is Verdict.RETAINED

    @pytest.mark.parametrize(
        "tags",
        [
            {},
            {"Name": "twin"},
            {**OWNER.tags(), TAG_INSTALLATION: "there"},
            {TAG_INSTALLATION: "here"},
            {TAG_INSTALLATION: "here", TAG_NAMESPACE: "ml"},
            {**OWNER.tags(), TAG_NAMESPACE: ""},
            {**OWNER.tags(), TAG_NAMESPACE: "../../../api/v1/namespaces/kube-system"},
            {**OWNER.tags(), TAG_NAME: "twin/status"},
            {**OWNER.tags(), TAG_NAME: "twin\n"},
        ],
    )
    def test_without_our_tags_or_with_names_that_cannot_be_it_is_a_strangers(self, tags: dict[str, str]) -> None:
        assert judge(ENDPOINT, tags, EVERYWHERE, HERE, {}) == Judged(ENDPOINT, Verdict.FOREIGN)

    @pytest.mark.parametrize("kind", [Kind.CONFIG, Kind.MODEL])
    def test_a_copy_of_our_tags_does_not_make_a_model_ours(self, kind: Kind) -> None:
        for name in ("slw-mine", content_name(replace(OWNER, name="other"), kind)):
            one = resource(kind, name=name)
            assert judge(one, OWNER.tags(), EVERYWHERE, HERE, {}).verdict is Verdict.FOREIGN

    def test_what_belongs_to_a_namespace_that_is_not_watched_is_not_judged(self) -> None:
        for namespaces, expected in (({"ml", "x"}, Verdict.ORPHANED), ({"x"}, Verdict.FOREIGN)):
            jurisdiction = Jurisdiction("here", frozenset(namespaces))
            assert judge(ENDPOINT, OWNER.tags(), jurisdiction, HERE, {}).verdict is expected

    def test_without_an_answer_nothing_is_concluded(self) -> None:
        assert judge(ENDPOINT, None, EVERYWHERE, HERE, {}) == Judged(ENDPOINT, Verdict.UNKNOWN)

    def test_an_event_about_a_misplaced_thing_names_the_object_that_lives(self) -> None:
        found = judge(ENDPOINT, OWNER.tags(), EVERYWHERE, HERE, {TWIN: Home("uid-2", ELSEWHERE)})
        assert found.owner
        assert found.owner.uid == "uid-2"


class TestClaims:
    def holds(self, home: Home, *things: Resource) -> list[bool]:
        claims = Claims.of(EVERYWHERE, HERE, {TWIN: home})
        return [claims.hold(one) for one in things]

    def test_of_what_a_deployment_has_here_nobody_need_ask(self) -> None:
        assert self.holds(HOME, ENDPOINT, CONFIG, MODEL) == [True, True, True]
        assert self.holds(HOME, replace(ENDPOINT, name="ML-Twin")) == [True]

    def test_of_one_that_lives_elsewhere_one_must(self) -> None:
        for home in (replace(HOME, site=ELSEWHERE), Home("uid-1", is_in_cluster=True)):
            assert self.holds(home, ENDPOINT, CONFIG, MODEL) == [False, False, False]

    def test_an_endpoint_that_it_wants_and_does_not_have_may_be_anybodys(self) -> None:
        assert self.holds(replace(HOME, has_endpoint=False), ENDPOINT, CONFIG) == [False, True]

    def test_one_that_lives_nowhere_yet_may_find_its_predecessors_models(self) -> None:
        assert self.holds(Home("uid-1"), ENDPOINT, CONFIG, MODEL) == [False, True, True]

    def test_what_an_adopted_endpoint_serves_from_is_in_use_whoever_made_it(self) -> None:
        dead = Owner("here", "ml", "dead", "uid-0")
        config, model = resource(Kind.CONFIG, dead), resource(Kind.MODEL, dead)
        assert self.holds(HOME, config, model) == [False, False]
        assert self.holds(replace(HOME, uses=frozenset({config.name, model.name})), config, model) == [True, True]

    @pytest.mark.parametrize("name", ["slw-", "slw-x", "my-model", "slw-0123456789ab"])
    def test_other_names_are_nobodys(self, name: str) -> None:
        assert self.holds(HOME, resource(Kind.MODEL, name=name)) == [False]


def judged(*things: Resource, verdict: Verdict = Verdict.ORPHANED, owner: Owner | None = OWNER) -> list[Judged]:
    return [Judged(one, verdict, owner) for one in things]


def planned(found: Iterable[Judged], due: bool = True) -> list[Resource]:
    return [one.resource for one in plan_removal(found, lambda _: due)]


class TestRemoval:
    def test_the_endpoint_goes_first_and_alone(self) -> None:
        assert planned(judged(MODEL, CONFIG, ENDPOINT)) == [ENDPOINT]

    def test_then_configs_then_models(self) -> None:
        assert planned(judged(MODEL, CONFIG)) == [CONFIG, MODEL]

    def test_nothing_goes_before_its_time(self) -> None:
        assert planned(judged(MODEL, CONFIG), due=False) == []
        young = plan_removal(judged(MODEL, CONFIG), lambda one: one.kind is Kind.MODEL)
        assert young == ()

    @pytest.mark.parametrize("state", MOVING)
    def test_an_endpoint_in_motion_waits_and_so_does_the_rest(self, state: EndpointState) -> None:
        assert planned(judged(replace(ENDPOINT, state=state), CONFIG, MODEL)) == []

    @pytest.mark.parametrize("state", [state for state in EndpointState if not state.is_moving])
    def test_in_any_other_state_it_can_be_deleted(self, state: EndpointState) -> None:
        assert len(planned(judged(replace(ENDPOINT, state=state)))) == 1

    @pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.ORPHANED])
    def test_what_is_no_orphan_or_whose_deployment_lives_stays(self, verdict: Verdict) -> None:
        assert planned(judged(ENDPOINT, verdict=verdict)) == []
        assert planned(judged(CONFIG, MODEL, verdict=verdict)) == []

    def test_somebody_who_marks_an_endpoint_keeps_what_it_serves_from(self) -> None:
        assert planned([*judged(ENDPOINT, verdict=Verdict.RETAINED), *judged(CONFIG, MODEL)]) == []
        assert planned([*judged(CONFIG, verdict=Verdict.RETAINED), *judged(MODEL)]) == []

    def test_while_the_owner_of_any_endpoint_is_unknown_no_config_goes(self) -> None:
        unknown = judged(resource(Kind.ENDPOINT, name="whose"), verdict=Verdict.UNKNOWN, owner=None)
        assert planned([*unknown, *judged(CONFIG, MODEL)]) == []
        other = replace(OWNER, name="other")
        endpoint = resource(Kind.ENDPOINT, other, name="ml-other")
        assert planned([*unknown, *judged(CONFIG), *judged(endpoint, owner=other)]) == [endpoint]

    def test_one_owner_does_not_wait_for_another(self) -> None:
        other = replace(OWNER, name="other")
        theirs = resource(Kind.CONFIG, other)
        assert planned([*judged(ENDPOINT, CONFIG), *judged(theirs, owner=other)]) == [theirs, ENDPOINT]


class TestMessage:
    def test_it_names_what_is_there_where_and_what_to_do(self) -> None:
        said = finding(judged(MODEL, ENDPOINT, CONFIG), HERE, removed_after=None)
        assert said.reason == "Orphaned"
        names = f"endpoint ml-twin, endpoint-config {CONFIG.name}, model {MODEL.name}"
        for words in (ACCOUNT, REGION, names, "no Deployment ml/twin", "docs/uninstall.md"):
            assert words in said.message

    def test_it_says_when_they_go(self) -> None:
        assert "within 60 minutes" in finding(judged(ENDPOINT), HERE, removed_after=3600.0).message

    def test_of_a_living_one_nothing_goes(self) -> None:
        said = finding(judged(ENDPOINT, verdict=Verdict.MISPLACED), HERE, removed_after=3600.0)
        assert "lives elsewhere" in said.message
        assert "removed" not in said.message

    def test_of_many_only_some_are_named(self) -> None:
        many = [resource(Kind.MODEL, name=f"slw-{number:04}") for number in range(500)]
        said = finding(judged(*many), HERE, removed_after=None)
        assert "and 490 more" in said.message
        assert len(said.message) < 1000


OWNERS = [Owner(installation, ns, name, "uid") for installation in ("here", "there") for ns in "ab" for name in "xy"]
RESOURCES = st.builds(
    lambda kind, owner, number, state, retained: (
        resource(
            kind,
            owner,
            name=f"{owner.namespace}-{owner.name}-{number}" if kind is Kind.ENDPOINT else content_name(owner, number),
            state=state if kind is Kind.ENDPOINT else None,
        ),
        {**owner.tags(), **({TAG_RETAINED: "some"} if retained else {})},
    ),
    st.sampled_from(Kind),
    st.sampled_from(OWNERS),
    st.integers(0, 2),
    st.sampled_from(EndpointState),
    st.booleans(),
)


@given(
    st.lists(RESOURCES, max_size=20, unique_by=lambda one: one[0].arn),
    st.sets(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"))),
    st.sampled_from([frozenset(), frozenset("a")]),
    st.sets(st.integers(0, 19)),
)
def test_only_dead_unmarked_things_of_ours_go_and_never_from_below_something(
    things: list[tuple[Resource, dict[str, str]]],
    living: set[tuple[str, str]],
    namespaces: frozenset[str],
    young: set[int],
) -> None:
    """Whoever lives, whatever is marked, in motion, foreign or young."""
    jurisdiction = Jurisdiction("here", namespaces)
    homes = {key: Home("uid", HERE, endpoint="-".join(key) + "-0", has_endpoint=True) for key in living}
    tags = {one.arn: found for one, found in things}
    not_due = {one.arn for number, (one, _) in enumerate(things) if number in young}
    found = [judge(one, tags[one.arn], jurisdiction, HERE, homes) for one, _ in things]
    removals = [one.resource for one in plan_removal(found, lambda one: one.arn not in not_due)]
    for one in removals:
        mine = tags[one.arn]
        owner = (mine[TAG_NAMESPACE], mine[TAG_NAME])
        assert mine[TAG_INSTALLATION] == "here"
        assert TAG_RETAINED not in mine
        assert owner not in living
        assert not namespaces or owner[0] in namespaces
        assert one.arn not in not_due
        assert one.state is None or not one.state.is_moving
        # What it stands on is not taken away from below it.
        above = {Kind.ENDPOINT: [], Kind.CONFIG: [Kind.ENDPOINT], Kind.MODEL: [Kind.ENDPOINT, Kind.CONFIG]}[one.kind]
        still = [other for other, _ in things if other not in removals[: removals.index(one)]]
        same = [
            o
            for o in still
            if {k: v for k, v in tags[o.arn].items() if k != TAG_RETAINED}
            == {k: v for k, v in mine.items() if k != TAG_RETAINED}
        ]
        assert not [other for other in same if other.kind in above]
