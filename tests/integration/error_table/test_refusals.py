"""Rows "role propagation / trust", "image tag", "quota", and of what Slipway never asks for: no, until that changes."""

from tests.integration.error_table.stage import (
    SLOW,
    TYPE,
    ask_again,
    effects,
    new_commit,
    outcomes,
    passes_go_by,
    patch,
    staged,
)
from tests.testbed.sagemaker import IMAGE
from tests.testbed.workbench import Workbench

CREATED = {"CreateModel": 1, "CreateEndpointConfig": 1, "CreateEndpoint": 1}
OTHER_ROLE = "arn:aws:iam::123456789012:role/slipway-new"
MANAGED = "ManagedInstanceScaling is not supported with the given EndpointConfig setup"
TOO_BIG = (
    "There is not enough hardware resources on the instances for this endpoint to create a copy of the inference "
    "component"
)


def test_a_role_that_cannot_be_assumed(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, timing=SLOW, aws_execution_roles=["*"]) as (operator, _):
        bench.deployment(target={"executionRoleArn": OTHER_ROLE})
        found = bench.wait_reason("Deployment", "twin", "Stalled", "RoleNotAssumable")
        assert f"Could not assume role {OTHER_ROLE}" in found["message"]
        assert "spec.target.sageMaker.executionRoleArn" in found["message"]
        passes_go_by(bench, operator)
        assert outcomes(bench, "CreateModel") == ["ValidationException"]
        bench.sagemaker.add_role(OTHER_ROLE)
        ask_again(bench)
        bench.wait_serving(commit)
        assert effects(bench) == CREATED


def test_a_role_that_becomes_known_is_found_by_itself(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, aws_execution_roles=["*"]):
        bench.deployment(target={"executionRoleArn": OTHER_ROLE})
        bench.wait_reason("Deployment", "twin", "Stalled", "RoleNotAssumable")
        bench.wait(lambda: len(outcomes(bench, "CreateModel")) > 2, "it is tried again")
        bench.sagemaker.add_role(OTHER_ROLE)
        bench.wait_serving(commit)
        assert effects(bench) == CREATED


def test_an_image_that_is_not_there(bench: Workbench, commit: str) -> None:
    missing = f"{IMAGE.rpartition(':')[0]}:no-such-tag"
    with staged(bench, commit, timing=SLOW) as (operator, _):
        bench.deployment(engine={"version": None, "image": missing})
        found = bench.wait_reason("Deployment", "twin", "Stalled", "ImageNotFound")
        assert f"Requested image {missing} not found" in found["message"]
        assert "spec.engine.version and spec.engine.image" in found["message"]
        passes_go_by(bench, operator)
        assert outcomes(bench, "CreateModel") == ["ValidationException"]
        patch(bench, {"spec": {"engine": {"image": IMAGE}}})
        bench.wait_serving(commit)
        assert effects(bench) == CREATED


def quota_words(limit: int, used: int, delta: int) -> str:
    """What the message must keep: which quota, how much of it there is, and how much was asked for."""
    return (
        f"The account-level service limit '{TYPE} for endpoint usage' is {limit} Instances, with current utilization "
        f"of {used} Instances and a request delta of {delta} Instances"
    )


def test_a_quota_that_leaves_no_room_for_an_endpoint(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, timing=SLOW) as (operator, _):
        bench.sagemaker.set_quota(TYPE, 1)
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Stalled", "QuotaExceeded")
        assert quota_words(1, 1, 1) in found["message"]
        assert "Ask for more under Service Quotas, or use another instance type" in found["message"]
        passes_go_by(bench, operator)
        assert outcomes(bench, "CreateEndpoint") == ["ResourceLimitExceeded"]
        bench.sagemaker.set_quota(TYPE, 2)
        ask_again(bench)
        bench.wait_serving(commit)
        assert effects(bench) == CREATED


def test_a_quota_that_leaves_no_room_for_a_second_fleet(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, serving=True, timing=SLOW) as (operator, _):
        bench.sagemaker.set_quota(TYPE, 2)
        second = new_commit(bench)
        found = bench.wait_reason("Deployment", "twin", "Stalled", "QuotaExceeded")
        assert quota_words(2, 2, 1) in found["message"]
        assert bench.serving() == commit
        passes_go_by(bench, operator)
        assert outcomes(bench, "UpdateEndpoint") == ["ResourceLimitExceeded"]
        bench.sagemaker.set_quota(TYPE, 3)
        ask_again(bench)
        bench.wait_serving(second)
        assert outcomes(bench, "UpdateEndpoint") == ["ResourceLimitExceeded", "done"]


def test_a_quota_that_leaves_no_room_for_more_instances(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, serving=True, timing=SLOW) as (operator, _):
        bench.sagemaker.set_quota(TYPE, 3)
        patch(bench, {"spec": {"replicas": 3}})
        found = bench.wait_reason("Deployment", "twin", "Stalled", "QuotaExceeded")
        assert quota_words(3, 2, 2) in found["message"]
        assert bench.serving() == commit
        passes_go_by(bench, operator)
        assert outcomes(bench, "UpdateEndpointWeightsAndCapacities") == ["ResourceLimitExceeded"]
        patch(bench, {"spec": {"replicas": 2}})  # as many as there is room for
        bench.wait(lambda: bench.status("Deployment").get("readyReplicas") == 2, "two instances")
        bench.wait_serving(commit)
        assert "scaling" not in bench.status("Deployment")
        assert effects(bench) == {"UpdateEndpointWeightsAndCapacities": 1}


def test_words_that_slipway_does_not_know(bench: Workbench, commit: str) -> None:
    """Slipway never asks for managed scaling; a refusal that it cannot place is handed on as it is."""
    with staged(bench, commit, timing=SLOW) as (operator, _):
        bench.sagemaker.fail("CreateEndpointConfig", error=("ValidationException", MANAGED, 400))
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Stalled", "ValidationFailed")
        assert found["message"] == f"CreateEndpointConfig: {MANAGED}"
        passes_go_by(bench, operator)
        assert outcomes(bench, "CreateEndpointConfig") == ["ValidationException"]
        ask_again(bench)
        bench.wait_serving(commit)
        assert effects(bench) == CREATED


def test_a_reason_of_failure_that_slipway_does_not_know(bench: Workbench, commit: str) -> None:
    """Slipway makes no inference components; a FailureReason that it cannot place is handed on as it is."""
    bench.sagemaker.next_failure(bench.endpoint, TOO_BIG)
    with staged(bench, commit, timing=SLOW) as (operator, _):
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Stalled", "EndpointFailed")
        assert TOO_BIG in found["message"]
        assert "slipway.dev/reconcile-now" in found["message"]
        assert bench.status("Deployment")["attempt"]["reason"] == "EndpointFailed"
        passes_go_by(bench, operator)
        assert effects(bench) == CREATED
        ask_again(bench)
        bench.wait_serving(commit)
        assert effects(bench) == {**CREATED, "CreateEndpoint": 2, "DeleteEndpoint": 1}
