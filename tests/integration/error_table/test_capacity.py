"""Row "capacity (async)": the request is accepted, and comes to nothing minutes later."""

import pytest

from tests.integration.error_table.stage import (
    TYPE,
    ask_again,
    effects,
    new_commit,
    passes_go_by,
    patch,
    staged,
    target,
)
from tests.testbed.sagemaker import CAPACITY_REASON
from tests.testbed.workbench import Workbench

PATIENT = {"capacity_delay": 3600}
"""Nothing is tried again by itself, so that the log shows that one failure was one request."""
WORDS = [
    CAPACITY_REASON,
    "InsufficientInstanceCapacity: We currently do not have sufficient ml.g5.2xlarge capacity",
    "Unable to provision requested ML compute capacity",
]
CREATED = {"CreateModel": 1, "CreateEndpointConfig": 1, "CreateEndpoint": 1}
UPDATED = {"CreateModel": 1, "CreateEndpointConfig": 1, "UpdateEndpoint": 1}
SCALE = "UpdateEndpointWeightsAndCapacities"


@pytest.mark.parametrize("words", WORDS)
def test_at_creation_it_waits_until_somebody_asks(bench: Workbench, commit: str, words: str) -> None:
    bench.sagemaker.next_failure(bench.endpoint, words)
    with staged(bench, commit, timing=PATIENT) as (operator, _):
        bench.deployment()
        says_so(bench, words)
        passes_go_by(bench, operator)
        assert effects(bench) == CREATED
        assert bench.sagemaker.status(bench.endpoint) == "Failed"
        ask_again(bench)
        bench.wait_serving(commit)
        assert effects(bench) == {**CREATED, "CreateEndpoint": 2, "DeleteEndpoint": 1}


def test_at_creation_another_instance_type_is_tried_at_once(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, timing=PATIENT):
        bench.sagemaker.no_capacity(TYPE)
        bench.deployment()
        found = says_so(bench, CAPACITY_REASON)
        assert "Another spec.target.sageMaker.instanceType may be had sooner" in found
        target(bench, instanceType="ml.g5.4xlarge")
        bench.wait_serving(commit)
        assert effects(bench)["CreateEndpoint"] == 2


def test_at_creation_it_is_tried_again_by_itself(bench: Workbench, commit: str) -> None:
    with staged(bench, commit):
        bench.sagemaker.no_capacity(TYPE, times=2)
        bench.deployment()
        bench.wait(lambda: bench.status("Deployment").get("attempt", {}).get("failures") == 2, "the second failure")
        bench.wait_serving(commit)
        assert effects(bench) == {**CREATED, "CreateEndpoint": 3, "DeleteEndpoint": 2}


@pytest.mark.parametrize("words", WORDS)
def test_at_an_update_it_waits_until_somebody_asks(bench: Workbench, commit: str, words: str) -> None:
    with staged(bench, commit, serving=True, timing=PATIENT) as (operator, _):
        bench.sagemaker.next_failure(bench.endpoint, words)
        second = new_commit(bench)
        says_so(bench, words)
        assert bench.serving() == commit
        passes_go_by(bench, operator)
        assert effects(bench) == UPDATED
        ask_again(bench)
        bench.wait_serving(second)
        assert effects(bench) == {**UPDATED, "UpdateEndpoint": 2}


def test_at_an_update_it_is_tried_again_by_itself(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, serving=True):
        bench.sagemaker.no_capacity(TYPE, times=2)
        second = new_commit(bench)
        bench.wait(lambda: bench.status("Deployment")["attempt"].get("failures") == 2, "the second failure")
        assert bench.serving() == commit
        bench.wait_serving(second)
        assert effects(bench) == {**UPDATED, "UpdateEndpoint": 3}


def test_for_more_instances_it_waits_until_somebody_asks(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, serving=True, timing=PATIENT) as (operator, _):
        bench.sagemaker.no_capacity(TYPE, times=2)
        patch(bench, {"spec": {"replicas": 3}})
        found = says_so(bench, CAPACITY_REASON)
        assert "It stays at 1 instead of 3" in found
        scaling = bench.status("Deployment")["scaling"]
        assert (scaling["instances"], scaling["failures"], scaling["message"]) == (3, 1, CAPACITY_REASON)
        assert scaling["retryAt"] in found
        assert bench.serving() == commit
        passes_go_by(bench, operator)
        assert effects(bench) == {SCALE: 1}
        ask_again(bench)
        bench.wait(lambda: effects(bench) == {SCALE: 2}, "another try")
        bench.wait_reason("Deployment", "twin", "Reconciling", "InsufficientCapacity")
        patch(bench, {"spec": {"replicas": 2}})
        bench.wait(lambda: bench.status("Deployment").get("readyReplicas") == 2, "two instances")
        bench.wait_serving(commit)
        assert effects(bench) == {SCALE: 3}
        assert "scaling" not in bench.status("Deployment")


def test_for_more_instances_it_is_tried_again_by_itself(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, serving=True):
        bench.sagemaker.no_capacity(TYPE, times=2)
        patch(bench, {"spec": {"replicas": 3}})
        bench.wait(lambda: bench.status("Deployment").get("scaling", {}).get("failures") == 2, "the second failure")
        bench.wait(lambda: bench.status("Deployment").get("readyReplicas") == 3, "three instances")
        bench.wait_serving(commit)
        assert effects(bench) == {SCALE: 3}


def says_so(bench: Workbench, words: str) -> str:
    """The message of the condition, which keeps SageMaker's words."""
    found = bench.wait_reason("Deployment", "twin", "Reconciling", "InsufficientCapacity")
    assert words in found["message"]
    return str(found["message"])
