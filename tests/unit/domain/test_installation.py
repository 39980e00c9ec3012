"""What is the same for every object of one installation."""

import pytest

from slipway.domain.installation import PUBLIC_HUB, Installation
from slipway.domain.permissions import PlacementRequest, PlacementRule, refusal
from tests.unit.domain.builders import ACCOUNT, REGION, ROLE

REQUEST = PlacementRequest("ml", ACCOUNT, REGION, ROLE)


def test_without_settings_no_namespace_may_use_anything() -> None:
    assert refusal(REQUEST, (), Installation("here").default_rule(ACCOUNT))


def test_default_regions_and_roles_are_for_every_namespace_in_the_operators_own_account() -> None:
    default = Installation("here", default_regions=("eu-*",), default_execution_roles=(ROLE,)).default_rule(ACCOUNT)
    assert refusal(REQUEST, (), default) is None
    assert refusal(PlacementRequest("lab", ACCOUNT, "eu-west-1", ROLE), (), default) is None
    assert refusal(PlacementRequest("ml", "999999999999", REGION, ROLE), (), default)
    assert refusal(PlacementRequest("ml", ACCOUNT, "us-east-1", ROLE), (), default)


def test_regions_are_named_where_they_are_no_patterns() -> None:
    rule = PlacementRule(("ml",), ("*",), ("us-east-1", "us-*", "eu-west-[12]"), ("*",))
    found = Installation("here", default_regions=("eu-central-1", "?"), placement_rules=(rule,)).named_regions
    assert found == {"eu-central-1", "us-east-1"}


MIRROR, OTHER = "https://mirror.example", "https://other.example/hub"


@pytest.mark.parametrize(
    ("hub", "allowed"),
    [
        (PUBLIC_HUB, True),
        (f"{PUBLIC_HUB}/", True),
        (MIRROR, True),
        (OTHER, True),
        (f"{OTHER}/", True),
        ("https://elsewhere.example", False),
        ("https://other.example", False),
        (f"{PUBLIC_HUB}.elsewhere.example", False),
        ("http://huggingface.co", False),
    ],
)
def test_tokens_go_only_to_hubs_that_the_installation_names(hub: str, allowed: bool) -> None:
    assert Installation("here", hub=MIRROR, further_hubs=(OTHER,)).may_ask(hub) is allowed


def test_a_container_is_told_of_the_hub_only_where_it_is_not_the_one_it_knows() -> None:
    assert Installation("here").hub_of_containers is None
    assert Installation("here", hub=f"{PUBLIC_HUB}/").hub_of_containers is None
    assert Installation("here", hub=MIRROR).hub_of_containers == MIRROR
