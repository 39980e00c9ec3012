"""Another number of instances that SageMaker could not bring about is tried again, later each time."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.v1alpha1.deployment_status import RevisionStatus, Scaling
from slipway.domain.conditions import timestamp
from slipway.domain.names import Owner
from slipway.domain.sagemaker.observation import Endpoint, EndpointState
from slipway.domain.sagemaker.plan import plan
from slipway.domain.sagemaker.situation import Situation
from slipway.domain.sagemaker.steps import SetInstanceCount
from tests.unit.domain.builders import (
    CAPACITY_WORDS,
    ENDPOINT,
    MOVED,
    NOW,
    PING_WORDS,
    A,
    B,
    attempt,
    endpoint,
    inventory,
    reasons,
    served,
    situation,
    wanted,
)

THREE = wanted(B, {"replicas": 3})
OLD = wanted(A)
LATER = timestamp(NOW + timedelta(seconds=1))


def memory(**changes: object) -> Scaling:
    """A change to three that was asked for while the endpoint was as `endpoint()` shows it."""
    base = Scaling(instances=3, config=THREE.config.name, endpoint_modified=endpoint().last_modified)
    return base.model_copy(update=changes)


def waiting(**changes: object) -> Scaling:
    """One that failed, and whose time has not come."""
    return memory(**{"failures": 1, "message": CAPACITY_WORDS, "retry_at": LATER, **changes})


def at(**changes: object) -> Endpoint:
    """The wanted config in service with one instance, after SageMaker took a change of the count back."""
    return replace(endpoint(THREE, last_modified=MOVED, failure=CAPACITY_WORDS), **changes)  # type: ignore[arg-type]


def seen(found: Endpoint, **changes: object) -> Situation:
    """Three are wanted; the config was brought into service long ago."""
    return situation(THREE, found, **{"attempt": attempt(THREE, "Succeeded"), **changes})


class TestTheFirstTry:
    def test_is_remembered_before_it_is_sent(self) -> None:
        result = plan(seen(endpoint(THREE), trigger="t"))
        assert result.steps == (SetInstanceCount(ENDPOINT, 3),)
        assert result.scaling == memory(trigger="t")

    def test_that_was_never_sent_is_sent_with_the_same_memory(self) -> None:
        result = plan(seen(endpoint(THREE), scaling=memory()))
        assert result.steps == (SetInstanceCount(ENDPOINT, 3),)
        assert result.scaling == memory()

    def test_that_is_under_way_is_remembered(self) -> None:
        result = plan(seen(at(state=EndpointState.UPDATING, desired_instances=3), scaling=memory()))
        assert (result.steps, result.scaling) == ((), memory())

    def test_that_worked_is_forgotten(self) -> None:
        assert plan(seen(at(desired_instances=3), scaling=memory())).scaling is None


class TestAFailure:
    @given(failures=st.integers(0, 50), delay=st.floats(1, 1000))
    def test_the_nth_waits_n_times_as_long(self, failures: int, delay: float) -> None:
        result = plan(seen(at(), scaling=memory(failures=failures), capacity_delay=delay))
        assert result.steps == ()
        assert result.scaling
        assert (result.scaling.failures, result.scaling.message) == (failures + 1, CAPACITY_WORDS)
        assert result.not_before
        assert abs((result.not_before - NOW).total_seconds() - delay * (failures + 1)) <= 1
        assert result.scaling.retry_at == timestamp(result.not_before)

    def test_says_what_is_missing_and_what_to_do(self) -> None:
        result = plan(seen(at(), scaling=waiting()))
        assert reasons(result) == ("InsufficientCapacity", None)
        assert result.reconciling
        for words in (CAPACITY_WORDS, "It stays at 1 instead of 3", LATER, "spec.replicas", "instanceType"):
            assert words in result.reconciling.message

    def test_for_another_reason_waits_as_well(self) -> None:
        result = plan(seen(at(failure=PING_WORDS), scaling=memory()))
        assert reasons(result) == ("ScalingFailed", None)
        assert result.reconciling
        assert PING_WORDS in result.reconciling.message

    def test_without_a_reason_says_so_and_waits(self) -> None:
        result = plan(seen(at(failure=None), scaling=memory()))
        assert result.steps == ()
        assert reasons(result) == ("ScalingFailed", None)
        assert result.reconciling
        assert "SageMaker gives no reason" in result.reconciling.message

    def test_is_not_counted_twice(self) -> None:
        first = plan(seen(at(), scaling=memory()))
        assert plan(seen(at(), scaling=first.scaling)) == first

    def test_is_tried_again_when_its_time_has_come_and_counts(self) -> None:
        due = waiting(failures=2, retry_at=timestamp(NOW))
        result = plan(seen(at(), scaling=due))
        assert result.steps == (SetInstanceCount(ENDPOINT, 3),)
        assert result.scaling == memory(failures=2, endpoint_modified=MOVED)


class TestAtOnce:
    """What makes another try worth while."""

    @pytest.mark.parametrize(
        "other",
        [
            waiting(instances=2),
            waiting(config=OLD.config.name),
            waiting(trigger="before"),
        ],
    )
    def test_another_number_another_config_or_a_request(self, other: Scaling) -> None:
        result = plan(seen(at(), scaling=other))
        assert result.steps == (SetInstanceCount(ENDPOINT, 3),)
        assert result.scaling == memory(endpoint_modified=MOVED)

    def test_an_endpoint_that_is_gone_has_nothing_to_wait_for(self) -> None:
        assert plan(situation(THREE, scaling=waiting())).scaling is None

    def test_nor_has_one_that_is_somebody_elses(self) -> None:
        theirs = at(tags=Owner("elsewhere", "ml", "twin", "uid-1").tags())
        assert plan(seen(theirs, scaling=waiting())).scaling is None


class TestBesides:
    def test_while_it_waits_everything_else_is_done(self) -> None:
        """So that a shortage of instances does not keep a roll from being finished."""
        tried = attempt(THREE)
        left = {"inventory": inventory(THREE, OLD)}
        tidying = plan(seen(at(), attempt=tried, scaling=waiting(), seen=left))
        assert reasons(tidying) == ("TidyingUp", None)
        assert tidying.scaling == waiting()
        done = plan(seen(at(), attempt=tried, scaling=waiting(), seen={"inventory": inventory(THREE)}))
        assert done.attempt
        assert (done.attempt.outcome, done.tagged, done.at_rest) == ("Succeeded", True, False)
        assert reasons(done) == ("InsufficientCapacity", None)
        assert done.not_before == NOW + timedelta(seconds=1)

    def test_after_a_failed_roll_what_serves_waits_as_well(self) -> None:
        failed = attempt(THREE, "Failed", message=PING_WORDS, endpoint_modified=None)
        serves = at(config=OLD.config.name)
        both = replace(situation(THREE, serves, attempt=failed), scaling=waiting(config=OLD.config.name))
        result = plan(both)
        assert result.steps == ()
        assert reasons(result) == ("InsufficientCapacity", "RolloutFailed")
        assert (result.attempt, result.not_before) == (failed, NOW + timedelta(seconds=1))

    @pytest.mark.parametrize(("roll", "first"), [(1, 1), (3, 2)])
    def test_of_two_that_wait_the_first_is_looked_at(self, roll: int, first: int) -> None:
        retry_at = timestamp(NOW + timedelta(seconds=roll))
        failed = attempt(THREE, "Failed", reason="InsufficientCapacity", message=CAPACITY_WORDS, retry_at=retry_at)
        count = waiting(config=OLD.config.name, retry_at=timestamp(NOW + timedelta(seconds=2)))
        result = plan(situation(THREE, at(config=OLD.config.name), attempt=failed, scaling=count))
        assert result.steps == ()
        assert result.not_before == NOW + timedelta(seconds=first)

    def test_where_drift_is_only_reported_the_memory_stays(self) -> None:
        revision = RevisionStatus(serving=served(THREE))
        result = plan(seen(at(), scaling=waiting(), drift="Report", settled=True, revision=revision))
        assert result.drifted
        assert (result.steps, result.scaling) == ((), waiting())
