"""Rows "busy" and "config not yet visible": right requests at the wrong moment."""

from typing import Any

from tests.integration.error_table.stage import (
    SLOW,
    effects,
    new_commit,
    once_before,
    outcomes,
    passes_go_by,
    patch,
    said,
    staged,
)
from tests.testbed.workbench import Workbench


def becomes_busy_before(bench: Workbench, operation: str) -> None:
    """AWS begins to maintain the endpoint in the same moment."""

    def maintain(_: dict[str, Any]) -> None:
        bench.sagemaker.set_status(bench.endpoint, "SystemUpdating")

    once_before(bench, operation, maintain)


def test_an_endpoint_that_is_busy_when_it_is_to_be_updated(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, serving=True) as (operator, _):
        becomes_busy_before(bench, "UpdateEndpoint")
        second = new_commit(bench)
        assert "Cannot update in-progress endpoint" in said(bench, "EndpointBusy")
        bench.wait_reason("Deployment", "twin", "Reconciling", "SystemUpdating")
        passes_go_by(bench, operator)
        assert outcomes(bench, "UpdateEndpoint") == ["ValidationException"]
        assert bench.serving() == commit
        bench.sagemaker.set_status(bench.endpoint, "InService")
        bench.wait_serving(second)
        assert effects(bench) == {"CreateModel": 1, "CreateEndpointConfig": 1, "UpdateEndpoint": 1}


def test_an_endpoint_that_is_busy_when_its_count_is_to_change(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, serving=True) as (operator, _):
        becomes_busy_before(bench, "UpdateEndpointWeightsAndCapacities")
        patch(bench, {"spec": {"replicas": 3}})
        assert "Cannot update in-progress endpoint" in said(bench, "EndpointBusy")
        bench.wait_reason("Deployment", "twin", "Reconciling", "SystemUpdating")
        passes_go_by(bench, operator)
        assert outcomes(bench, "UpdateEndpointWeightsAndCapacities") == ["ValidationException"]
        bench.sagemaker.set_status(bench.endpoint, "InService")
        bench.wait(lambda: bench.status("Deployment").get("readyReplicas") == 3, "three instances")
        assert effects(bench) == {"UpdateEndpointWeightsAndCapacities": 1}


def test_an_endpoint_that_is_busy_when_it_is_to_be_deleted(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, serving=True) as (operator, _):
        becomes_busy_before(bench, "DeleteEndpoint")
        bench.cluster.delete("Deployment", bench.namespace, "twin")
        words = said(bench, "EndpointBusy")
        assert "Cannot update in-progress endpoint" in words
        assert "spec.deletionPolicy" in words
        found = bench.wait_reason("Deployment", "twin", "Reconciling", "WaitingToDelete")
        assert "SystemUpdating" in found["message"]
        passes_go_by(bench, operator)
        assert outcomes(bench, "DeleteEndpoint") == ["ValidationException"]
        bench.sagemaker.set_status(bench.endpoint, "InService")
        bench.wait_gone("Deployment")
        assert effects(bench) == {"DeleteEndpoint": 1, "DeleteEndpointConfig": 1, "DeleteModel": 1}


def test_a_config_that_a_creation_does_not_see_yet(bench: Workbench, commit: str) -> None:
    """It is retried soon, as what passes by itself: with these settings a refusal would wait for an hour."""
    with staged(bench, commit, timing=SLOW):
        bench.sagemaker.hide_new_configs(2)
        bench.deployment()
        assert "Could not find endpoint configuration" in said(bench, "EndpointConfigNotVisible")
        bench.wait_serving(commit)
        assert outcomes(bench, "CreateEndpoint") == ["ValidationException", "ValidationException", "done"]
        assert effects(bench) == {"CreateModel": 1, "CreateEndpointConfig": 1, "CreateEndpoint": 1}
        assert "Stalled" not in told(bench)


def test_a_config_that_an_update_does_not_see_yet(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, serving=True, timing=SLOW):
        bench.sagemaker.hide_new_configs(2)
        second = new_commit(bench)
        assert "Could not find endpoint configuration" in said(bench, "EndpointConfigNotVisible")
        bench.wait_serving(second)
        assert outcomes(bench, "UpdateEndpoint") == ["ValidationException", "ValidationException", "done"]
        assert effects(bench) == {"CreateModel": 1, "CreateEndpointConfig": 1, "UpdateEndpoint": 1}
        assert "Stalled" not in told(bench)


def told(bench: Workbench) -> str:
    """The operator's log, which has every transition of a condition."""
    return (bench.folder / f"operator-{bench.namespace}.log").read_text()
