"""Which pods a Service's endpoints route to."""

from typing import Any

import pytest

from slipway.domain.cluster.looks.endpoints import routed_by_endpoints, routed_by_slices


def endpoint(name: str, kind: str = "Pod", **conditions: bool) -> dict[str, Any]:
    return {"addresses": ["10.0.0.1"], "targetRef": {"kind": kind, "name": name}, "conditions": conditions}


class TestSlices:
    @pytest.mark.parametrize(
        ("conditions", "reached"),
        [
            ({}, True),
            ({"ready": True}, True),
            ({"ready": False}, False),
            ({"ready": False, "serving": True, "terminating": False}, False),
            ({"ready": False, "serving": True, "terminating": True}, True),
            ({"ready": False, "serving": False, "terminating": True}, False),
            ({"ready": False, "terminating": True}, False),
        ],
    )
    def test_conditions_say_who_may_get_requests(self, conditions: dict[str, bool], reached: bool) -> None:
        assert routed_by_slices([{"endpoints": [endpoint("a", **conditions)]}]) == ({"a"} if reached else set())

    def test_several_slices_are_one_answer(self) -> None:
        slices = [{"endpoints": [endpoint("a"), endpoint("b")]}, {"endpoints": [endpoint("b")]}, {"endpoints": None}]
        assert routed_by_slices(slices) == {"a", "b"}

    def test_what_is_no_pod_is_nobodys(self) -> None:
        assert routed_by_slices([{"endpoints": [endpoint("a", "Node"), {"addresses": ["10.0.0.9"]}]}]) == set()


class TestEndpoints:
    def test_those_that_are_not_ready_are_left_out(self) -> None:
        address = {"ip": "10.0.0.1", "targetRef": {"kind": "Pod", "name": "a"}}
        waiting = {"ip": "10.0.0.2", "targetRef": {"kind": "Pod", "name": "b"}}
        assert routed_by_endpoints({"subsets": [{"addresses": [address], "notReadyAddresses": [waiting]}]}) == {"a"}

    @pytest.mark.parametrize("found", [None, {}, {"subsets": None}, {"subsets": [{"addresses": [{"ip": "1.2.3.4"}]}]}])
    def test_nobody(self, found: dict[str, Any] | None) -> None:
        assert routed_by_endpoints(found) == set()
