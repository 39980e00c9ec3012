"""Names and tags: within SageMaker's limits, stable, and never shared."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slipway.domain.names import (
    TAG_INSTALLATION,
    TAG_NAME,
    TAG_NAMESPACE,
    TAG_RETAINED,
    TAG_UID,
    Owner,
    content_name,
    default_endpoint_name,
    describe_owner,
    digest,
)
from tests.unit.domain.builders import OWNER

ENDPOINT_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
"""EndpointName, EndpointConfigName: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html"""

NAMESPACES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,46}[a-z0-9])?", fullmatch=True)
LABELS = st.text(min_size=1, max_size=20)
OWNERS = st.builds(Owner, LABELS, LABELS, LABELS, LABELS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=6,
)


def identity(owner: Owner) -> tuple[str, str, str]:
    return owner.installation, owner.namespace, owner.name


class TestDefaultEndpointName:
    def test_it_can_be_known_beforehand(self) -> None:
        assert default_endpoint_name("ml", "twin") == "ml-twin"

    @given(NAMESPACES, NAMES)
    def test_sagemaker_accepts_it(self, namespace: str, name: str) -> None:
        assert ENDPOINT_NAME.fullmatch(default_endpoint_name(namespace, name))

    @given(NAMESPACES, NAMES)
    def test_it_is_cut_only_where_it_is_too_long(self, namespace: str, name: str) -> None:
        full = f"{namespace}-{name}"
        found = default_endpoint_name(namespace, name)
        assert (found == full) == (len(full) <= 63)
        assert found.startswith(full[:40])

    @pytest.mark.parametrize("length", [62, 63, 64])
    def test_the_limit_is_63(self, length: int) -> None:
        found = default_endpoint_name("n" * 40, "m" * (length - 41))
        assert found.endswith("m") == (length <= 63)
        assert len(found) == min(length, 63)

    @given(NAMESPACES, NAMES, NAMESPACES, NAMES)
    def test_two_that_are_cut_differ_even_if_they_begin_alike(
        self, namespace: str, name: str, other_namespace: str, other_name: str
    ) -> None:
        assume((namespace, name) != (other_namespace, other_name))
        long, end = "n" * 20, "m" * 44
        one = default_endpoint_name(long + namespace, name + end)
        assert one != default_endpoint_name(long + other_namespace, other_name + end)

    def test_two_that_are_cut_differ_even_if_only_the_border_between_the_parts_does(self) -> None:
        one, other = default_endpoint_name("n" * 40, "a-" + "m" * 40), default_endpoint_name("n" * 40 + "-a", "m" * 40)
        assert one != other


class TestContentName:
    @given(OWNERS, JSON)
    def test_sagemaker_accepts_it_and_its_prefix_finds_it(self, owner: Owner, content: Any) -> None:
        name = content_name(owner, content)
        assert re.fullmatch(r"slw-[0-9a-f]{12}-[0-9a-f]{16}", name)
        assert ENDPOINT_NAME.fullmatch(name)
        assert name.startswith(owner.prefix)

    @given(JSON, JSON)
    def test_other_content_has_another_name(self, content: Any, other: Any) -> None:
        assume(repr(content) != repr(other) and content != other)
        assert content_name(OWNER, content) != content_name(OWNER, other)

    @given(st.dictionaries(st.text(max_size=5), JSON, min_size=2, max_size=5))
    def test_the_order_of_fields_does_not_matter(self, content: dict[str, Any]) -> None:
        turned = dict(reversed(content.items()))
        assert content_name(OWNER, turned) == content_name(OWNER, content)

    @given(OWNERS, OWNERS)
    def test_two_owners_never_share_one(self, one: Owner, other: Owner) -> None:
        shared = content_name(one, {}) == content_name(other, {})
        assert shared == (identity(one) == identity(other))

    @given(OWNERS, LABELS)
    def test_a_successor_of_the_same_name_finds_what_its_predecessor_left(self, owner: Owner, uid: str) -> None:
        assert content_name(replace(owner, uid=uid), {}) == content_name(owner, {})

    def test_characters_of_all_languages_are_told_apart(self) -> None:
        assert digest("ä", 16) != digest("a", 16)
        assert digest("ä", 16) != digest("\\u00e4", 16)

    def test_parts_are_not_run_together(self) -> None:
        assert replace(OWNER, namespace="a", name="bc").prefix != replace(OWNER, namespace="ab", name="c").prefix


class TestOwnership:
    def test_the_tags_of_an_owner(self) -> None:
        assert OWNER.tags() == {
            "slipway.dev/installation": "here",
            "slipway.dev/namespace": "ml",
            "slipway.dev/name": "twin",
            "slipway.dev/uid": "uid-1",
        }

    def test_what_carries_the_tags_is_owned_whatever_else_it_carries(self) -> None:
        assert OWNER.owns({**OWNER.tags(), TAG_RETAINED: "ml-twin", "team": "search"})

    def test_what_the_predecessor_of_the_same_name_left_is_owned(self) -> None:
        assert OWNER.owns({**OWNER.tags(), TAG_UID: "another"})
        assert OWNER.owns({k: v for k, v in OWNER.tags().items() if k != TAG_UID})

    @pytest.mark.parametrize("tag", [TAG_INSTALLATION, TAG_NAMESPACE, TAG_NAME])
    def test_with_one_tag_missing_or_different_it_is_somebody_elses(self, tag: str) -> None:
        assert not OWNER.owns({**OWNER.tags(), tag: "another"})
        assert not OWNER.owns({k: v for k, v in OWNER.tags().items() if k != tag})

    def test_a_message_says_whose_something_is(self) -> None:
        assert describe_owner(OWNER.tags()) == "Deployment ml/twin of the installation here"
        assert describe_owner({TAG_INSTALLATION: "here"}) == "Deployment ?/? of the installation here"
        assert describe_owner({"team": "search"}).startswith("something that Slipway does not manage")
