"""Which pods a Service's endpoints route to."""

from typing import Any

import pytest

from slipway.domain.cluster.looks.endpoints import SERVICE_NAME_LABEL, routed_by_endpoints, routed_by_slices


def endpoint(name: str, kind: str = "Pod", **conditions: bool) -> dict[str, Any]:
    return {"addresses": ["10.0.0.1"], "targetRef": {"kind": kind, "name": name}, "conditions": conditions}


def slice_of(service: str, *endpoints: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"labels": {SERVICE_NAME_LABEL: service}}, "endpoints": list(endpoints) or None}


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
        assert routed_by_slices([slice_of("twin", endpoint("a", **conditions))], "twin") == (
            {"a"} if reached else set()
        )

    def test_several_slices_are_one_answer(self) -> None:
        slices = [slice_of("twin", endpoint("a"), endpoint("b")), slice_of("twin", endpoint("b")), slice_of("twin")]
        assert routed_by_slices(slices, "twin") == {"a", "b"}

    def test_those_of_another_service_are_another_answer(self) -> None:
        slices = [slice_of("twin", endpoint("a")), slice_of("twin-canary", endpoint("b"))]
        assert routed_by_slices(slices, "twin") == {"a"}
        assert routed_by_slices(slices, "twin-canary") == {"b"}

    def test_what_is_no_pod_is_nobodys(self) -> None:
        assert routed_by_slices([slice_of("twin", endpoint("a", "Node"), {"addresses": ["10.0.0.9"]})], "twin") == set()


class TestEndpoints:
    def test_those_that_are_not_ready_are_left_out(self) -> None:
        address = {"ip": "10.0.0.1", "targetRef": {"kind": "Pod", "name": "a"}}
        waiting = {"ip": "10.0.0.2", "targetRef": {"kind": "Pod", "name": "b"}}
        subsets = [{"addresses": [address], "notReadyAddresses": [waiting]}]
        found = [{"metadata": {"name": "twin"}, "subsets": subsets}]
        assert routed_by_endpoints(found, "twin") == {"a"}
        assert routed_by_endpoints(found, "twin-canary") == set()

    @pytest.mark.parametrize("found", [{}, {"subsets": None}, {"subsets": [{"addresses": [{"ip": "1.2.3.4"}]}]}])
    def test_nobody(self, found: dict[str, Any]) -> None:
        assert routed_by_endpoints([{"metadata": {"name": "twin"}, **found}], "twin") == set()
        assert routed_by_endpoints([], "twin") == set()
