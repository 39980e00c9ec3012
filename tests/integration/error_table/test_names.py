"""Rows "not found" and "exists": what the names in a request stand for."""

from typing import Any

import pytest

from tests.integration.error_table.stage import (
    SLOW,
    ask_again,
    calls,
    effects,
    new_commit,
    once_before,
    outcomes,
    passes_go_by,
    staged,
)
from tests.testbed.workbench import REGION, Workbench

CREATIONS = {"CreateModel": "ModelName", "CreateEndpointConfig": "EndpointConfigName", "CreateEndpoint": "EndpointName"}
KINDS = {"CreateModel": "model", "CreateEndpointConfig": "endpoint-config", "CreateEndpoint": "endpoint"}
METHODS = {
    "CreateModel": "create_model",
    "CreateEndpointConfig": "create_endpoint_config",
    "CreateEndpoint": "create_endpoint",
}


def test_an_endpoint_that_vanished_before_the_update(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, serving=True, timing=SLOW) as (operator, _):
        once_before(bench, "UpdateEndpoint", lambda _: bench.sagemaker.remove_endpoint(bench.endpoint))
        second = new_commit(bench)
        found = bench.wait_reason("Deployment", "twin", "Stalled", "EndpointNotFound")
        assert f'Could not find endpoint "arn:aws:sagemaker:{REGION}' in found["message"]
        passes_go_by(bench, operator)
        assert outcomes(bench, "UpdateEndpoint") == ["ValidationException"]
        ask_again(bench)
        bench.wait_serving(second)
        assert effects(bench) == {"CreateModel": 1, "CreateEndpointConfig": 1, "CreateEndpoint": 1}


def test_a_model_that_vanished_before_its_config(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, timing=SLOW) as (operator, _):
        once_before(
            bench,
            "CreateEndpointConfig",
            lambda params: bench.sagemaker.remove_model(params["ProductionVariants"][0]["ModelName"]),
        )
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Stalled", "ModelNotFound")
        assert f'Could not find model "arn:aws:sagemaker:{REGION}' in found["message"]
        passes_go_by(bench, operator)
        assert outcomes(bench, "CreateEndpointConfig") == ["ValidationException"]
        ask_again(bench)
        bench.wait_serving(commit)
        assert effects(bench) == {"CreateModel": 2, "CreateEndpointConfig": 1, "CreateEndpoint": 1}


def test_a_config_in_service_that_somebody_deleted(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, serving=True, timing=SLOW) as (operator, _):
        client = bench.sagemaker.client(region=REGION)
        in_service = client.describe_endpoint(EndpointName=bench.endpoint)["EndpointConfigName"]
        variants = client.describe_endpoint_config(EndpointConfigName=in_service)["ProductionVariants"]
        bench.sagemaker.remove_config(in_service)
        second = new_commit(bench)
        found = bench.wait_reason("Deployment", "twin", "Stalled", "ConfigInServiceGone")
        assert "Could not find endpoint configuration" in found["message"]
        assert in_service in found["message"]
        assert "create one of that name again" in found["message"]
        passes_go_by(bench, operator)
        assert outcomes(bench, "UpdateEndpoint") == ["ValidationException"]
        assert bench.serving() == commit

        client.create_endpoint_config(EndpointConfigName=in_service, ProductionVariants=variants)
        ask_again(bench)
        bench.wait_serving(second)
        assert outcomes(bench, "UpdateEndpoint") == ["ValidationException", "done"]
        assert in_service in bench.sagemaker.names("endpoint-config")  # what others made is theirs


def test_what_exists_and_is_ours_is_taken(bench: Workbench, commit: str) -> None:
    """As where the answer was lost, and what came of it is seen late."""
    with staged(bench, commit) as _:
        client = bench.sagemaker.client(region=REGION)
        for operation in CREATIONS:
            create = getattr(client, METHODS[operation])
            once_before(bench, operation, lambda params, create=create: create(**params))  # type: ignore[misc]
        bench.deployment()
        bench.wait_serving(commit)
        for operation in CREATIONS:
            assert outcomes(bench, operation) == ["done", "ValidationException"]
        assert len(bench.sagemaker.resources()) == 6  # two of each kind: the neighbour's and ours


@pytest.mark.parametrize("operation", CREATIONS)
def test_what_exists_and_is_somebody_elses_is_a_conflict(bench: Workbench, commit: str, operation: str) -> None:
    theirs = [{"Key": "team", "Value": "others"}]
    client = bench.sagemaker.client(region=REGION)

    def create(params: dict[str, Any]) -> None:
        getattr(client, METHODS[operation])(**{**params, "Tags": theirs})

    with staged(bench, commit, timing=SLOW) as (operator, _):
        once_before(bench, operation, create)
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Stalled", "NameConflict")
        assert "Cannot create already existing" in found["message"]
        assert "something that Slipway does not manage" in found["message"]
        assert "Delete that one" in found["message"]
        passes_go_by(bench, operator)
        assert outcomes(bench, operation) == ["done", "ValidationException"]
        name = calls(bench, operation)[0].params[CREATIONS[operation]]
        (there,) = [one for one in bench.sagemaker.resources() if one.kind == KINDS[operation] and one.name == name]
        assert there.tags == {"team": "others"}

        remove = {"CreateModel": bench.sagemaker.remove_model, "CreateEndpointConfig": bench.sagemaker.remove_config}
        remove.get(operation, bench.sagemaker.remove_endpoint)(name)
        ask_again(bench)
        bench.wait_serving(commit)
        assert outcomes(bench, operation) == ["done", "ValidationException", "done"]
