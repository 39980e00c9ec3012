"""The rows of the deletion's table: what is there -> steps, and what is said about it."""

from dataclasses import replace

import pytest

from slipway.api.v1alpha1.deployment_status import Attempt
from slipway.domain.names import TAG_INSTALLATION, TAG_RETAINED, TAG_UID
from slipway.domain.sagemaker.deletion import plan_deletion
from slipway.domain.sagemaker.observation import EndpointState, Inventory, Observation
from slipway.domain.sagemaker.situation import Plan
from slipway.domain.sagemaker.steps import (
    DeleteEndpoint,
    DeleteEndpointConfig,
    DeleteModel,
)
from tests.unit.domain.builders import (
    ENDPOINT,
    OWNER,
    A,
    B,
    C,
    attempt,
    endpoint,
    inventory,
    reasons,
    wanted,
)

S = EndpointState
OLD, NEW, OLDEST = wanted(A), wanted(B), wanted(C)
MOVING = [state for state in S if state.is_moving]


def plan_deletion_of(
    at: object,
    found: Inventory | None = None,
    *,
    tried: Attempt | None = None,
    retain: bool = False,
    startup_timeout: int = 1800,
    may_still_appear: bool = True,
) -> Plan | None:
    seen = Observation(endpoint=at, inventory=found or Inventory())  # type: ignore[arg-type]
    return plan_deletion(
        OWNER,
        ENDPOINT,
        seen,
        tried,
        retain=retain,
        startup_timeout=startup_timeout,
        may_still_appear=may_still_appear,
    )


class TestDeletion:
    def test_an_endpoint_that_was_asked_for_and_is_not_visible_yet_is_waited_for(self) -> None:
        tried = attempt(NEW, "InProgress", endpoint_modified=None)
        result = plan_deletion_of(None, inventory(NEW), tried=tried)
        assert result
        assert (result.steps, result.look_again) == ((), True)
        assert reasons(result) == ("WaitingToDelete", None)
        later = plan_deletion_of(None, inventory(NEW), tried=tried, may_still_appear=False)
        assert later
        assert later.steps[0] == DeleteEndpointConfig(NEW.config.name)

    @pytest.mark.parametrize("retain", [True, False])
    def test_what_a_predecessor_left_behind_is_not_touched_before_it_was_taken_over(self, retain: bool) -> None:
        retained = {**OWNER.tags(), TAG_UID: "uid-0", TAG_RETAINED: ENDPOINT}
        assert plan_deletion_of(endpoint(OLD, tags=retained), inventory(OLD), retain=retain) is None

    @pytest.mark.parametrize("state", [state for state in S if not state.is_moving])
    def test_the_endpoint_goes_first(self, state: EndpointState) -> None:
        result = plan_deletion_of(endpoint(NEW, state=state), inventory(OLD, NEW))
        assert result
        assert result.steps == (DeleteEndpoint(ENDPOINT),)

    @pytest.mark.parametrize("state", [state for state in MOVING if state is not S.DELETING])
    @pytest.mark.parametrize(("timeout", "minutes"), [(1800, "30 minutes"), (60, "1 minutes"), (61, "2 minutes")])
    def test_while_it_is_refused_it_says_how_long_that_may_take(
        self, state: EndpointState, timeout: int, minutes: str
    ) -> None:
        result = plan_deletion_of(endpoint(NEW, state=state), inventory(NEW), startup_timeout=timeout)
        assert result
        assert (result.steps, result.look_again) == ((), True)
        assert reasons(result) == ("WaitingToDelete", None)
        assert result.reconciling
        assert minutes in result.reconciling.message
        assert state.value in result.reconciling.message

    def test_while_it_is_being_deleted_its_configs_stay(self) -> None:
        result = plan_deletion_of(endpoint(NEW, state=S.DELETING), inventory(NEW))
        assert result
        assert (result.steps, result.look_again, reasons(result)) == ((), True, ("Deleting", None))

    def test_then_the_configs_then_the_models_then_nothing(self) -> None:
        result = plan_deletion_of(None, inventory(OLD, NEW))
        assert result
        assert [type(step) for step in result.steps] == [*[DeleteEndpointConfig] * 2, *[DeleteModel] * 2]
        assert plan_deletion_of(None) is None

    def test_of_a_conflict_only_our_own_things_go(self) -> None:
        result = plan_deletion_of(endpoint("theirs", tags={}), inventory(NEW))
        assert result
        assert result.steps == (DeleteEndpointConfig(NEW.config.name), DeleteModel(NEW.model.name))

    @pytest.mark.parametrize("state", [None, *S])
    def test_retain_deletes_nothing_and_marks_once(self, state: EndpointState | None) -> None:
        at = endpoint(NEW, state=state) if state else None
        found = inventory(NEW, unmarked=("arn-1", "arn-2"))
        result = plan_deletion_of(at, found, retain=True)
        assert result
        assert [(type(step).__name__, getattr(step, "arns", None)) for step in result.steps] == [
            ("MarkRetained", ("arn-1", "arn-2"))
        ]
        assert plan_deletion_of(at, replace(found, unmarked=()), retain=True) is None

    @pytest.mark.parametrize("tags", [{}, {"team": "search"}, {**OWNER.tags(), TAG_INSTALLATION: "elsewhere"}])
    @pytest.mark.parametrize("state", list(S))
    def test_somebody_elses_endpoint_is_never_touched(self, tags: dict[str, str], state: EndpointState) -> None:
        assert plan_deletion_of(endpoint(OLD, state=state, tags=tags)) is None
