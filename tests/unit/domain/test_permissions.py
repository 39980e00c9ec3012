"""Which namespace may use which account, region and role."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.permissions import PlacementRequest, PlacementRule, refusal
from tests.unit.domain.builders import ACCOUNT, REGION, ROLE

REQUEST = PlacementRequest("ml", ACCOUNT, REGION, ROLE)
DEFAULT = PlacementRule(("*",), (ACCOUNT,), (REGION,), (ROLE,))
NOTHING = PlacementRule(("*",), (ACCOUNT,), (), ())


ASSUMED = "arn:aws:iam::999999999999:role/slipway-target"


def rule(
    namespace: str = "ml", account: str = ACCOUNT, region: str = REGION, role: str = ROLE, assumed: str | None = None
) -> PlacementRule:
    return PlacementRule((namespace,), (account,), (region,), (role,), (assumed,) if assumed else ())


class TestWithoutAnEntry:
    def test_the_defaults_hold(self) -> None:
        assert refusal(REQUEST, [], DEFAULT) is None
        assert refusal(REQUEST, [rule("lab", region="us-east-1")], DEFAULT) is None

    @pytest.mark.parametrize(
        ("request_", "named"),
        [
            (replace(REQUEST, account="999999999999"), "AWS account 999999999999"),
            (replace(REQUEST, region="us-east-1"), "spec.target.sageMaker.region us-east-1"),
            (replace(REQUEST, execution_role="arn:other"), "spec.target.sageMaker.executionRoleArn arn:other"),
        ],
    )
    def test_whatever_they_do_not_allow_is_refused_by_name(self, request_: PlacementRequest, named: str) -> None:
        text = refusal(request_, [], DEFAULT)
        assert text == (
            f"namespace ml may not use {named}: no entry of the installation's placement setting names it, so only "
            "its defaults are allowed"
        )

    def test_an_account_that_is_not_known_yet_is_not_judged(self) -> None:
        unknown = replace(REQUEST, account=None)
        assert refusal(unknown, [], DEFAULT) is None
        assert refusal(replace(unknown, region="us-east-1"), [], DEFAULT)

    def test_without_defaults_nothing_is_allowed(self) -> None:
        assert refusal(REQUEST, [], NOTHING)


class TestWithAnEntry:
    def test_an_entry_allows_what_it_says(self) -> None:
        assert refusal(REQUEST, [rule()], NOTHING) is None

    @pytest.mark.parametrize(
        "entry", [rule(account="999999999999"), rule(region="us-east-1"), rule(role="arn:other"), rule(region="")]
    )
    def test_it_replaces_the_defaults(self, entry: PlacementRule) -> None:
        text = refusal(REQUEST, [entry], DEFAULT)
        assert text
        assert text.endswith(": see the installation's placement setting")

    def test_one_of_several_suffices(self) -> None:
        assert refusal(REQUEST, [rule(region="us-east-1"), rule()], NOTHING) is None

    def test_halves_of_two_entries_do_not_make_a_whole(self) -> None:
        assert refusal(REQUEST, [rule(region="us-east-1"), rule(role="arn:other")], NOTHING)

    def test_an_entry_for_others_does_not_count(self) -> None:
        assert refusal(REQUEST, [rule("lab")], NOTHING)


class TestPatterns:
    @pytest.mark.parametrize(
        ("entry", "allowed"),
        [
            (rule("m*"), True),
            (rule("*-ml"), False),
            (rule("ML"), False),
            (rule(account="*"), True),
            (rule(region="eu-*"), True),
            (rule(region="eu-central-?"), True),
            (rule(region="eu-central"), False),
            (rule(role="arn:aws:iam::*:role/sage*"), True),
            (rule(role="arn:aws:iam::*:role/"), False),
        ],
    )
    def test_they_match_the_whole_value_as_a_shell_would(self, entry: PlacementRule, allowed: bool) -> None:
        assert (refusal(REQUEST, [entry], NOTHING) is None) is allowed

    def test_each_list_needs_one_match(self) -> None:
        wide = PlacementRule(("lab", "ml"), ("1", ACCOUNT), ("us-east-1", REGION), ("arn:other", ROLE))
        assert refusal(REQUEST, [wide], NOTHING) is None


class TestAssumingARole:
    request = replace(REQUEST, account="999999999999", assume_role=ASSUMED)

    def test_without_an_entry_none_may_be_assumed(self) -> None:
        text = refusal(self.request, [], PlacementRule(("*",), ("*",), ("*",), ("*",)))
        assert text
        assert text.startswith(f"namespace ml may not use spec.target.sageMaker.assumeRole.arn {ASSUMED}: no entry")

    def test_an_entry_allows_what_it_names(self) -> None:
        assert refusal(self.request, [rule(account="999999999999", assumed=ASSUMED)], NOTHING) is None
        assert refusal(self.request, [rule(account="*", assumed="arn:aws:iam::*:role/slipway-*")], NOTHING) is None
        assert refusal(self.request, [rule(account="999999999999", assumed="arn:other")], NOTHING)
        assert refusal(self.request, [rule(account="999999999999")], NOTHING)

    def test_the_account_of_the_role_must_be_allowed_too(self) -> None:
        text = refusal(self.request, [rule(assumed=ASSUMED)], NOTHING)
        assert text
        assert "AWS account 999999999999" in text

    def test_an_entry_with_roles_allows_the_operators_own_identity_as_well(self) -> None:
        assert refusal(REQUEST, [rule(assumed=ASSUMED)], NOTHING) is None


NAMES = st.sampled_from(["a", "b"])
ROLES = st.none() | NAMES
RULES = st.lists(st.builds(rule, NAMES, NAMES, NAMES, NAMES, ROLES), max_size=4)


@given(st.builds(PlacementRequest, NAMES, NAMES, NAMES, NAMES, ROLES), RULES)
def test_a_request_is_allowed_exactly_if_one_entry_allows_all_of_it(
    request_: PlacementRequest, rules: list[PlacementRule]
) -> None:
    default = rule("*", "a", "a", "a")
    asked = (request_.account, request_.region, request_.execution_role)
    role = request_.assume_role
    own = [r for r in rules if r.namespaces == (request_.namespace,)] or [default]
    allowed = [
        (r.accounts[0], r.regions[0], r.execution_roles[0]) for r in own if role is None or r.assume_roles == (role,)
    ]
    assert (refusal(request_, rules, default) is None) == (asked in allowed)
