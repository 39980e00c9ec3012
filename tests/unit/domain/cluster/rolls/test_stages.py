"""A strategy is a list of stages: how many pods, and who gets requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.v1alpha1.rollout import Rollout
from slipway.domain.cluster.rolls.stages import Stage, Traffic, keeps_old_whole, stages, stages_digest


def table(found: tuple[Stage, ...], replicas: int) -> list[str]:
    return [
        f"{s.new_count(replicas)}/{s.old_count(replicas)} {s.traffic.value} {s.hold}"
        + (f" {round(s.weight * 100)}%" if s.weight else "")
        for s in found
    ]


def of(
    rollout: dict[str, object], *, first: bool = False, drain_wait: int = 10, by_route: bool = False
) -> tuple[Stage, ...]:
    return stages(Rollout.model_validate(rollout), first=first, drain_wait=drain_wait, by_route=by_route)


def canary(step: int) -> dict[str, object]:
    return {"blueGreen": {"shift": "Canary", "stepPercent": step, "stepInterval": "10m", "terminationWait": "1m"}}


class TestStrategies:
    def test_the_first_start_has_nothing_to_keep(self) -> None:
        assert table(of({}, first=True), 3) == ["3/0 Old 0", "3/0 New 0"]

    def test_blue_green_has_both_fleets_until_the_requests_have_moved(self) -> None:
        assert table(of({}), 3) == ["3/3 Old 0", "3/3 New 10"]

    def test_the_old_fleet_stays_for_the_termination_wait(self) -> None:
        found = of({"blueGreen": {"terminationWait": "5m"}})
        assert table(found, 2) == ["2/2 Old 0", "2/2 New 300"]

    def test_a_canary_is_a_share_of_all_pods(self) -> None:
        assert table(of(canary(20)), 4) == ["1/4 Old 0", "1/4 Both 600", "4/4 Both 0", "4/4 New 60"]

    def test_with_one_replica_a_canary_is_half(self) -> None:
        assert table(of(canary(10)), 1) == ["1/1 Old 0", "1/1 Both 600", "1/1 Both 0", "1/1 New 60"]

    def test_linear_goes_beyond_a_half_by_making_the_old_fleet_smaller(self) -> None:
        linear = {"blueGreen": {"shift": "Linear", "stepPercent": 25, "stepInterval": "1m", "terminationWait": "0s"}}
        assert table(of(linear), 3) == [
            "1/3 Old 0",
            "1/3 Both 60",
            "3/3 Both 60",
            "3/1 Both 60",
            "3/1 Both 0",
            "3/1 New 10",
        ]

    def test_by_weight_the_service_keeps_to_the_old_fleet_until_the_end(self) -> None:
        found = of(canary(20), by_route=True)
        assert table(found, 4) == ["1/4 Old 0", "1/4 Old 600 20%", "4/4 Old 0 20%", "4/4 New 60"]

    def test_by_weight_linear_has_as_many_new_pods_as_their_share_needs(self) -> None:
        linear = {"blueGreen": {"shift": "Linear", "stepPercent": 25, "stepInterval": "1m", "terminationWait": "0s"}}
        assert table(of(linear, by_route=True), 3) == [
            "1/3 Old 0",
            "1/3 Old 60 25%",
            "2/3 Old 60 50%",
            "3/3 Old 60 75%",
            "3/3 Old 0 75%",
            "3/3 New 10",
        ]

    @pytest.mark.parametrize("rollout", [{}, {"strategy": "Rolling"}, {"strategy": "Recreate"}])
    def test_a_route_changes_nothing_about_strategies_without_shares(self, rollout: dict[str, object]) -> None:
        assert of(rollout, by_route=True) == of(rollout)

    def test_rolling_never_needs_more_pods_than_there_are(self) -> None:
        found = of({"strategy": "Rolling", "rolling": {"batchPercent": 50, "batchInterval": "1m"}})
        assert table(found, 4) == [
            "0/2 Old 0",
            "2/2 Old 0",
            "2/2 Both 60",
            "2/0 Both 0",
            "4/0 Both 0",
            "4/0 New 60",
        ]

    def test_recreate_takes_the_old_one_away_first(self) -> None:
        assert table(of({"strategy": "Recreate"}), 2) == ["0/0 Old 0", "2/0 Old 0", "2/0 New 0"]


ROLLOUTS = st.one_of(
    st.builds(lambda wait: {"blueGreen": {"terminationWait": f"{wait}s"}}, st.integers(0, 900)),
    st.builds(canary, st.integers(1, 50)),
    st.builds(
        lambda step: {"blueGreen": {"shift": "Linear", "stepPercent": step, "stepInterval": "30s"}},
        st.integers(10, 50),
    ),
    st.builds(lambda b: {"strategy": "Rolling", "rolling": {"batchPercent": b}}, st.integers(5, 50)),
    st.just({"strategy": "Recreate"}),
)


class TestAnyStrategy:
    @given(rollout=ROLLOUTS, replicas=st.integers(2, 40), by_route=st.booleans())
    def test_it_ends_with_the_new_one_alone_and_proves_it_before_the_first_request(
        self, rollout: dict[str, object], replicas: int, *, by_route: bool
    ) -> None:
        found = of(rollout, by_route=by_route)
        assert found[-1].traffic is Traffic.NEW
        assert found[-1].new_count(replicas) == replicas
        order = [stage.traffic for stage in found]
        assert order == sorted(order, key=[Traffic.OLD, Traffic.BOTH, Traffic.NEW].index)
        first = next(index for index, stage in enumerate(found) if stage.tries_new)
        assert first > 0
        assert found[first - 1].new_count(replicas) > 0

    @given(rollout=ROLLOUTS, replicas=st.integers(2, 40))
    def test_somebody_always_answers_but_while_it_is_recreated(self, rollout: dict[str, object], replicas: int) -> None:
        if rollout.get("strategy") == "Recreate":
            return
        for stage in of(rollout):
            old, new = stage.old_count(replicas), stage.new_count(replicas)
            answering = {Traffic.OLD: old, Traffic.BOTH: min(old + new, replicas), Traffic.NEW: new}[stage.traffic]
            assert answering > 0

    @given(rollout=ROLLOUTS, replicas=st.integers(1, 40))
    def test_by_weight_each_fleet_has_the_pods_for_its_share(self, rollout: dict[str, object], replicas: int) -> None:
        weighted = [stage for stage in of(rollout, by_route=True) if stage.weight]
        for stage in weighted:
            assert stage.new_count(replicas) >= replicas * stage.weight
            assert stage.old_count(replicas) == replicas

    @given(batch=st.integers(5, 50), replicas=st.integers(2, 40))
    def test_rolling_stays_within_the_capacity(self, batch: int, replicas: int) -> None:
        found = of({"strategy": "Rolling", "rolling": {"batchPercent": batch}})
        assert max(s.new_count(replicas) + s.old_count(replicas) for s in found) <= replicas


class TestWhatAnAutoscalerMaySee:
    @pytest.mark.parametrize(
        ("rollout", "whole"),
        [({}, True), (canary(10), True), ({"strategy": "Recreate"}, False), ({"strategy": "Rolling"}, False)],
    )
    def test_the_old_fleet_is_whole(self, rollout: dict[str, object], whole: bool) -> None:
        assert keeps_old_whole(of(rollout)) is whole


def test_another_way_of_rolling_out_is_another_plan() -> None:
    assert stages_digest(of(canary(10))) != stages_digest(of(canary(20)))
    assert stages_digest(of(canary(10))) == stages_digest(of(canary(10)))
