"""When the poller's row alone shows that there is nothing to do."""

from dataclasses import replace

import pytest

from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import DeploymentStatus, EndpointStatus, RevisionStatus
from slipway.domain.sagemaker.desired import Desired
from slipway.domain.sagemaker.observation import EndpointState, EndpointSummary, Observation
from slipway.domain.sagemaker.plan import plan
from slipway.domain.sagemaker.quiet import at_rest
from tests.unit.domain.builders import MOVED, OWNER, A, B, attempt, endpoint, served, situation, wanted, with_status

ONE = wanted(A, {"replicas": 1})
OTHER = wanted(B, {"replicas": 1})
AT = endpoint(ONE)
ROW = EndpointSummary(AT.name, EndpointState.IN_SERVICE, AT.last_modified)
SEEN = EndpointStatus(name=AT.name, arn=AT.arn, last_modified=AT.last_modified)
RESTING = {
    "endpoint": SEEN,
    "revision": RevisionStatus(serving=served(ONE)),
    "attempt": attempt(ONE, "Succeeded"),
    "replicas": 1,
    "ready_replicas": 1,
    "settled": ONE.content,
}


def resting(**changes: object) -> Deployment:
    return with_status(None, **{**RESTING, **changes})


def test_at_rest_the_last_observation_is_given_again() -> None:
    assert at_rest(resting(), ONE, ROW, OWNER) == Observation(endpoint=AT)


def test_a_plan_made_from_it_has_nothing_to_do_and_nothing_to_say() -> None:
    seen = at_rest(resting(), ONE, ROW, OWNER)
    assert seen
    found = plan(situation(ONE, seen.endpoint, attempt=attempt(ONE, "Succeeded"), revision=resting().status.revision))
    assert (found.steps, found.reconciling, found.stalled, found.look_again) == ((), None, None, False)


def test_a_count_that_is_not_ours_to_decide_disturbs_nobody() -> None:
    seen = at_rest(resting(replicas=7, settled=wanted(A).content), wanted(A), ROW, OWNER)
    assert seen
    assert seen.endpoint
    assert seen.endpoint.desired_instances == 7


TAGGED = wanted(A, {"replicas": 1, "target": {"sageMaker": {"tags": {"team": "a"}}}})


def test_tags_that_are_on_everything_disturb_nobody() -> None:
    remembered = SEEN.model_copy(update={"tags": {"team": "a"}})
    seen = at_rest(resting(endpoint=remembered, settled=TAGGED.content), TAGGED, ROW, OWNER)
    assert seen
    assert seen.endpoint
    assert seen.endpoint.tags == {**OWNER.tags(), "team": "a"}


@pytest.mark.parametrize(
    ("want", "update"),
    [
        (TAGGED, {}),
        (TAGGED, {"tags": {"team": "b"}}),
        (ONE, {"tags": {"team": "a"}}),
        (TAGGED, {"tags": {"team": "a"}, "changing_tags": ["team"]}),
    ],
)
def test_tags_that_differ_must_be_looked_at(want: Desired, update: dict[str, object]) -> None:
    remembered = SEEN.model_copy(update=update)
    assert at_rest(resting(endpoint=remembered), want, ROW, OWNER) is None


@pytest.mark.parametrize("field", ["endpoint", "attempt", "revision"])
def test_what_was_never_seen_must_be_looked_at(field: str) -> None:
    empty = DeploymentStatus.model_fields[field].get_default()
    assert at_rest(resting(**{field: empty}), ONE, ROW, OWNER) is None


@pytest.mark.parametrize("row", [None, replace(ROW, last_modified=MOVED)])
def test_what_is_gone_or_has_moved_must_be_looked_at(row: EndpointSummary | None) -> None:
    assert at_rest(resting(), ONE, row, OWNER) is None


@pytest.mark.parametrize("state", [state for state in EndpointState if state is not EndpointState.IN_SERVICE])
def test_what_is_not_in_service_must_be_looked_at(state: EndpointState) -> None:
    assert at_rest(resting(), ONE, replace(ROW, state=state), OWNER) is None


@pytest.mark.parametrize("outcome", ["InProgress", "Failed"])
def test_what_has_not_come_to_a_good_end_must_be_looked_at(outcome: str) -> None:
    assert at_rest(resting(attempt=attempt(ONE, outcome)), ONE, ROW, OWNER) is None


@pytest.mark.parametrize(
    ("want", "changes"),
    [
        (None, {}),
        (OTHER, {}),
        (ONE, {"attempt": attempt(OTHER, "Succeeded")}),
        (ONE, {"revision": RevisionStatus(serving=served(OTHER))}),
        (wanted(A, {"replicas": 2}), {}),
    ],
)
def test_what_is_not_as_wanted_must_be_looked_at(want: Desired | None, changes: dict[str, object]) -> None:
    assert at_rest(resting(**changes), want, ROW, OWNER) is None
