"""How the bench counts: the limits that it asserts rest on this."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.rates import busiest, call_rates
from tests.bench.sagemaker import Arrival


def arrival(at: float, operation: str = "ListEndpoints", region: str = "r", *, mutating: bool = False) -> Arrival:
    return Arrival(at, "sagemaker", operation, "1", region, mutating)


def test_the_busiest_minute_is_found_wherever_it_begins() -> None:
    assert busiest([]) == 0
    assert busiest([5.0]) == 1
    assert busiest([100.0, 0.0, 50.0, 59.9, 101.0, 102.0]) == 5
    assert busiest([0.0, 60.0, 120.0]) == 1


@given(st.lists(st.integers(0, 300), max_size=40))
def test_no_window_holds_more_and_one_holds_as_many(times: list[int]) -> None:
    counts = [sum(begin <= at < begin + 60 for at in times) for begin in times]
    assert busiest(times) == max(counts, default=0)


def test_each_region_is_counted_for_itself_and_all_operations_together() -> None:
    calls = [
        *(arrival(at) for at in range(0, 120, 10)),
        arrival(1.0, "ListTags"),
        arrival(2.0, "DeleteModel", "other", mutating=True),
    ]
    other, here = call_rates(calls, 120.0)
    assert (other.region, other.busiest_minute, other.mutating) == ("other", 1, 1)
    assert (here.region, here.busiest_minute, here.mutating) == ("r", 7, 0)
    assert here.per_minute == pytest.approx({"ListEndpoints": 6.0, "ListTags": 0.5})
