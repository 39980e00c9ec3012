"""The rules of the Gateway API that the test bed's Gateway keeps."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.testbed.node.route_status import parents
from tests.testbed.node.routing import Home, attached
from tests.testbed.node.weighted import WeightedRounds

HOME = Home("gateways", "public")
NOW = "2026-11-22T00:00:00Z"


@given(st.lists(st.integers(0, 30), max_size=5), st.integers(0, 200))
def test_any_whole_round_gives_each_exactly_its_weight(weights: list[int], passed: int) -> None:
    rounds = WeightedRounds(weights)
    for _ in range(passed):
        rounds.choose()
    chosen = [rounds.choose() for _ in range(sum(weights))]
    assert [chosen.count(position) for position in range(len(weights))] == weights


def test_where_nothing_weighs_anything_nothing_is_chosen() -> None:
    assert WeightedRounds([]).choose() is None
    assert WeightedRounds([0, 0]).choose() is None


def test_turns_are_spread_over_a_round() -> None:
    rounds = WeightedRounds([4, 1])
    chosen = [rounds.choose() for _ in range(10)]
    assert [place for place, each in enumerate(chosen) if each == 1] == [2, 7]


def route(name: str, *hostnames: str, created: str = NOW, **spec: Any) -> dict[str, Any]:
    refs = [{"name": HOME.name, "namespace": HOME.namespace}]
    meta = {"name": name, "namespace": "ml", "creationTimestamp": created, "generation": 3}
    return {"metadata": meta, "spec": {"parentRefs": refs, "hostnames": list(hostnames), **spec}}


def taken(host: str, *routes: dict[str, Any]) -> str | None:
    found = attached({("ml", each["metadata"]["name"]): each for each in routes}, HOME, host)
    return None if found is None else found["metadata"]["name"]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("twin.example.com", "exact"),
        ("a.deep.example.com", "deep"),
        ("b.a.deep.example.com", "deep"),
        ("other.example.com", "wide"),
        ("deep.example.com", "wide"),
        ("example.com", "every"),
        ("another.org", "every"),
    ],
)
def test_the_most_specific_hostname_takes_a_request(host: str, expected: str) -> None:
    routes = (
        route("every"),
        route("wide", "*.example.com"),
        route("deep", "*.deep.example.com"),
        route("exact", "twin.example.com", "*.elsewhere.org"),
    )
    assert taken(host, *routes) == expected
    assert taken(host, *reversed(routes)) == expected


def test_among_equals_the_oldest_takes_it_then_the_first_by_name() -> None:
    younger, older = route("a", "x.org", created="2026-11-22T00:00:01Z"), route("b", "x.org")
    assert taken("x.org", younger, older) == "b"
    assert taken("x.org", route("d", "x.org"), route("c", "x.org")) == "c"


def test_a_route_of_another_gateway_or_with_what_is_not_known_takes_none() -> None:
    assert taken("x.org", route("a", "x.org", parentRefs=[{"name": "public"}])) is None
    assert taken("x.org", route("a", "x.org", rules=[{"filters": [{"type": "RequestMirror"}]}])) is None
    assert taken("x.org", route("a", "x.org", rules=[{"backendRefs": [{"name": "s", "filters": []}]}])) is None
    assert taken("x.org", route("a", "x.org", rules=[{"matches": [{"path": {"type": "Exact", "value": "/"}}]}])) is None
    assert taken("y.org", route("a", "x.org")) is None


def test_a_status_that_stays_is_the_same_to_the_last_byte() -> None:
    subject = route("a", rules=[{"backendRefs": [{"name": "s", "port": 81}]}])
    service = {"spec": {"ports": [{"port": 80}]}}
    first = parents(subject, HOME, {("ml", "s"): service}, NOW)
    (refs,) = [each for each in first[0]["conditions"] if each["type"] == "ResolvedRefs"]
    assert (refs["status"], refs["reason"], refs["observedGeneration"]) == ("False", "BackendNotFound", 3)
    assert refs["message"] == "Service ml/s has no port 81."

    later = parents(subject | {"status": {"parents": first}}, HOME, {("ml", "s"): service}, "2026-11-22T00:01:00Z")

    assert later == first
