"""States of an endpoint, and what of an observation may be told."""

import pytest
from botocore.loaders import Loader

from slipway.domain.sagemaker.observation import DeployedModel, EndpointState, Observation
from tests.unit.domain.builders import OWNER, endpoint


def test_every_state_that_botocore_knows_is_known() -> None:
    shapes = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    known = {state.value for state in EndpointState if state is not EndpointState.UNKNOWN}
    assert known == set(shapes["EndpointStatus"]["enum"])


def test_a_state_that_aws_has_just_invented_is_waited_for() -> None:
    state = EndpointState("Hibernating")
    assert state is EndpointState.UNKNOWN
    assert state.is_moving
    assert not state.serves


@pytest.mark.parametrize("state", list(EndpointState))
def test_a_state_that_is_worked_on_refuses_changes(state: EndpointState) -> None:
    moving = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting", "UnknownState"}
    assert state.is_moving == (state in moving)


def test_nothing_of_somebody_elses_endpoint_is_told() -> None:
    foreign = Observation(
        endpoint(tags={"team": "search"}), model_exists=True, serving_revision=DeployedModel("x/y", "main", "m")
    )
    assert foreign.without_others(OWNER) == Observation(None, model_exists=True)


@pytest.mark.parametrize("seen", [Observation(None, model_exists=True), Observation(endpoint())])
def test_everything_else_stays(seen: Observation) -> None:
    assert seen.without_others(OWNER) == seen
