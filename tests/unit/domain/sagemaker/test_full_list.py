"""A full list that takes its time: what is gone shows with the page on which it is missing, and nothing else does."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.sagemaker.full_list import FullList
from slipway.domain.sagemaker.observation import EndpointState, EndpointSummary

START = datetime(2026, 1, 1, tzinfo=UTC)


def endpoint(name: str, created: int) -> EndpointSummary:
    """`created`: seconds after the start."""
    at = (START + timedelta(seconds=created)).isoformat(timespec="microseconds")
    return EndpointSummary(name, EndpointState.IN_SERVICE, at, "arn", at)


def fleet(number: int) -> list[EndpointSummary]:
    """Newest first."""
    return [endpoint(f"e{created}", created) for created in reversed(range(number))]


def test_what_is_missing_on_a_page_is_gone_before_the_list_has_ended() -> None:
    known = fleet(6)
    listed = FullList(known)
    there = [one for one in known if one.name not in {"e4", "e1"}]
    assert listed.page(there[:2], last=False) == ["e4"]
    assert listed.page(there[2:], last=True) == ["e1"]


def test_what_is_yet_to_come_is_not_missing() -> None:
    known = fleet(6)
    listed = FullList(known)
    assert listed.page(known[:2], last=False) == []
    assert listed.page(known[2:4], last=False) == []
    assert listed.page(known[4:], last=True) == []


def test_what_was_created_in_the_moment_of_the_last_row_may_be_on_the_next_page() -> None:
    known = [endpoint(name, 7) for name in ("a", "b", "c", "d")]
    listed = FullList(known)
    assert listed.page(known[:2], last=False) == []
    assert listed.page(known[2:3], last=True) == ["d"]


def test_what_was_made_anew_since_the_list_began_is_not_missing() -> None:
    known = fleet(4)
    listed = FullList(known)
    assert listed.page(known[:1], last=False) == []
    listed.met(["E1"])
    assert listed.page([one for one in known[1:] if one.name != "e1"], last=True) == []


def test_what_appeared_since_the_list_began_is_not_missing() -> None:
    listed = FullList(fleet(2))
    assert listed.page([endpoint("e9", 9), *fleet(2)], last=True) == []


def test_names_are_the_same_however_they_are_written() -> None:
    listed = FullList([endpoint("ML-Twin", 1)])
    assert listed.page([endpoint("ml-twin", 1)], last=True) == []


def test_an_empty_page_says_nothing_unless_it_is_the_last_one() -> None:
    listed = FullList(fleet(2))
    assert listed.page([], last=False) == []
    assert listed.page([], last=True) == ["e1", "e0"]


@given(
    creations=st.lists(st.integers(0, 5), max_size=12),
    size=st.integers(1, 4),
    deletions=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 11)), max_size=8),
)
def test_whatever_is_deleted_meanwhile_is_gone_by_the_page_that_should_have_had_it(
    creations: list[int], size: int, deletions: list[tuple[int, int]]
) -> None:
    """`deletions`: (before which page, which endpoint). A page starts where the former one has ended, as tokens do."""
    known = sorted(
        (endpoint(f"e{number}", created) for number, created in enumerate(creations)),
        key=lambda one: (one.created, one.name),
        reverse=True,
    )
    listed, there, end = FullList(known), list(known), ("9999", "")
    shown, found = set[str](), list[str]()
    for number in range(len(known) + 1):
        doomed = {f"e{which}" for when, which in deletions if when == number}
        there = [one for one in there if one.name not in doomed]
        rest = [one for one in there if (one.created, one.name) < end]
        page, last = rest[:size], len(rest) <= size
        found += listed.page(page, last=last)
        shown |= {one.name for one in page}
        assert not set(found) & {one.name for one in there}
        end = ("", "") if last else (page[-1].created, page[-1].name)
        assert {one.name for one in known if one.created > end[0]} - shown <= set(found)
        if last:
            break
    assert len(found) == len(set(found))
