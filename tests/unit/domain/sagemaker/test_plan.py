"""The rows of the plan's table: what was seen and tried -> steps, memory, and what is said about it.

That these rows together lead somewhere is the matter of tests/unit/reconcilers/test_convergence.py.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.v1alpha1.deployment_status import RevisionStatus
from slipway.domain.conditions import timestamp
from slipway.domain.names import TAG_RETAINED, Owner
from slipway.domain.sagemaker.desired import Desired
from slipway.domain.sagemaker.failures import classify_failure
from slipway.domain.sagemaker.observation import EndpointState, StoredConfig
from slipway.domain.sagemaker.plan import plan
from slipway.domain.sagemaker.steps import (
    CreateEndpoint,
    CreateEndpointConfig,
    CreateModel,
    DeleteEndpoint,
    DeleteEndpointConfig,
    DeleteModel,
    MarkOwner,
    SetInstanceCount,
    SetTags,
    UpdateEndpoint,
)
from tests.unit.domain.builders import (
    CAPACITY_WORDS,
    ENDPOINT,
    MOVED,
    NOW,
    OWNER,
    PING_WORDS,
    A,
    B,
    C,
    attempt,
    endpoint,
    inventory,
    reasons,
    served,
    situation,
    wanted,
)

S = EndpointState
OLD, NEW, OLDEST = wanted(A), wanted(B), wanted(C)
MOVING = [state for state in S if state.is_moving]


class TestNothingThere:
    @pytest.mark.parametrize(
        ("config_exists", "model_exists", "missing"),
        [
            (False, False, (CreateModel(OWNER, NEW.model), CreateEndpointConfig(OWNER, NEW.config))),
            (False, True, (CreateEndpointConfig(OWNER, NEW.config),)),
            (True, False, (CreateModel(OWNER, NEW.model),)),
            (True, True, ()),
        ],
    )
    def test_what_is_missing_is_created_in_order(
        self, config_exists: bool, model_exists: bool, missing: tuple[object, ...]
    ) -> None:
        seen = {"config": StoredConfig(1) if config_exists else None, "model_exists": model_exists}
        result = plan(situation(NEW, seen=seen))
        assert result.steps == (*missing, CreateEndpoint(OWNER, ENDPOINT, NEW.config.name))
        assert reasons(result) == ("Creating", None)

    def test_the_try_is_remembered_with_everything_that_a_later_pass_needs(self) -> None:
        result = plan(situation(NEW, trigger="t"))
        assert result.attempt
        assert result.attempt.model_dump(exclude_none=True) == {
            "config": NEW.config.name,
            "model": NEW.model.name,
            "revision": B,
            "repo": NEW.served.repo,
            "model_version": "twin",
            "image": NEW.image,
            "started_at": timestamp(NOW),
            "outcome": "InProgress",
            "failures": 0,
            "trigger": "t",
            "rollout": NEW.fingerprint,
        }

    def test_a_creation_that_goes_on_keeps_its_memory(self) -> None:
        going_on = attempt(NEW, endpoint_modified=None)
        assert plan(situation(NEW, attempt=going_on)).attempt == going_on

    def test_an_endpoint_that_vanished_after_it_served_is_created_anew(self) -> None:
        result = plan(situation(NEW, attempt=attempt(NEW, "Succeeded")))
        assert result.steps[-1] == CreateEndpoint(OWNER, ENDPOINT, NEW.config.name)
        assert reasons(result) == ("EndpointMissing", None)
        assert result.attempt
        assert result.attempt.outcome == "InProgress"

    def test_an_update_whose_endpoint_vanished_becomes_a_creation(self) -> None:
        result = plan(situation(NEW, attempt=attempt(NEW)))
        assert result.attempt
        assert result.attempt.endpoint_modified is None
        assert result.attempt.started_at == timestamp(NOW)


class TestSomebodyElses:
    @pytest.mark.parametrize("state", list(S))
    @pytest.mark.parametrize(
        "tags",
        [
            {},
            {"team": "search"},
            Owner("elsewhere", "ml", "twin", "uid-1").tags(),
            Owner("here", "other", "twin", "uid-1").tags(),
            Owner("here", "ml", "twin-2", "uid-1").tags(),
        ],
    )
    def test_it_is_never_touched_whatever_its_state(self, state: EndpointState, tags: dict[str, str]) -> None:
        theirs = endpoint(NEW, state=state, tags=tags)
        remembered = attempt(NEW)
        result = plan(situation(NEW, theirs, attempt=remembered))
        assert (result.steps, result.attempt) == ((), remembered)
        assert reasons(result) == (None, "NameConflict")

    def test_the_message_says_whose_it_is_and_what_to_do(self) -> None:
        untagged = plan(situation(NEW, endpoint(NEW, tags={}))).stalled
        other = Owner("elsewhere", "prod", "chat", "uid-9")
        foreign = plan(situation(NEW, endpoint(NEW, tags=other.tags()))).stalled
        assert untagged
        assert "something that Slipway does not manage" in untagged.message
        assert foreign
        assert "Deployment prod/chat of the installation elsewhere" in foreign.message
        assert "spec.target.sageMaker.endpointName" in foreign.message


class TestTakingOver:
    @pytest.mark.parametrize(
        "tags",
        [
            Owner("here", "ml", "twin", "an-earlier-uid").tags(),
            OWNER.tags() | {TAG_RETAINED: ENDPOINT},
            {key: value for key, value in OWNER.tags().items() if not key.endswith("/uid")},
        ],
    )
    @pytest.mark.parametrize("state", list(S))
    def test_a_predecessors_endpoint_is_marked_before_anything_else(
        self, tags: dict[str, str], state: EndpointState
    ) -> None:
        theirs = endpoint(OLD, tags=tags, state=state)
        result = plan(situation(NEW, theirs))
        assert result.steps == (MarkOwner(OWNER, theirs.arn),)
        assert reasons(result) == ("TakingOver", None)


class TestInMotion:
    @pytest.mark.parametrize("state", MOVING)
    @pytest.mark.parametrize("config", [OLD, NEW])
    def test_it_is_watched_and_nothing_else(self, state: EndpointState, config: object) -> None:
        remembered = attempt(NEW)
        result = plan(situation(NEW, endpoint(config, state=state), attempt=remembered))  # type: ignore[arg-type]
        assert (result.steps, result.attempt, result.look_again) == ((), remembered, True)
        assert reasons(result) == (state.value, None)
        assert result.reconciling
        assert ENDPOINT in result.reconciling.message


class TestNumberOfInstances:
    def test_a_new_endpoint_does_not_start_with_the_count_of_an_older_spec(self) -> None:
        one = wanted(B, {"replicas": 1})
        result = plan(situation(one, seen={"config": StoredConfig(10), "model_exists": True}))
        assert result.steps == (
            DeleteEndpointConfig(one.config.name),
            CreateEndpointConfig(OWNER, one.config),
            CreateEndpoint(OWNER, ENDPOINT, one.config.name),
        )

    def test_an_update_keeps_the_count_of_the_endpoint_and_so_any_config_will_do(self) -> None:
        one = wanted(B, {"replicas": 1})
        result = plan(situation(one, endpoint(OLD), seen={"config": StoredConfig(10), "model_exists": True}))
        assert result.steps == (UpdateEndpoint(ENDPOINT, one.config.name),)

    def test_what_serves_is_scaled_although_the_roll_has_failed(self) -> None:
        three = wanted(B, {"replicas": 3})
        failed = attempt(three, "Failed", message=PING_WORDS)
        result = plan(situation(three, endpoint(OLD), attempt=failed))
        assert result.steps == (SetInstanceCount(ENDPOINT, 3),)
        assert reasons(result) == ("Scaling", "RolloutFailed")
        assert result.attempt == failed


class TestFailedEndpoint:
    def test_of_another_config_it_is_replaced_once_the_new_one_is_ready_to_be_created(self) -> None:
        broken = endpoint(OLD, state=S.FAILED, failure=PING_WORDS)
        seen = {"config": None, "model_exists": False}
        result = plan(situation(NEW, broken, attempt=attempt(OLD, "Failed"), seen=seen))
        assert [type(step) for step in result.steps] == [CreateModel, CreateEndpointConfig, DeleteEndpoint]
        assert reasons(result) == ("Recreating", None)

    def test_of_the_same_config_it_is_left_to_be_looked_at(self) -> None:
        broken = endpoint(NEW, state=S.FAILED, failure=PING_WORDS)
        result = plan(situation(NEW, broken, attempt=attempt(NEW)))
        assert result.steps == ()
        assert reasons(result) == (None, "EndpointFailed")
        assert result.stalled
        assert PING_WORDS in result.stalled.message
        assert "slipway.dev/reconcile-now" in result.stalled.message
        assert result.attempt
        assert (result.attempt.outcome, result.attempt.reason, result.attempt.retry_at) == (
            "Failed",
            "HealthCheckFailed",
            None,
        )

    def test_without_a_reason_it_says_so(self) -> None:
        result = plan(situation(NEW, endpoint(NEW, state=S.FAILED), attempt=attempt(NEW)))
        assert result.stalled
        assert "SageMaker gives no reason" in result.stalled.message

    def test_a_request_for_another_try_removes_it(self) -> None:
        broken = endpoint(NEW, state=S.FAILED, failure=PING_WORDS)
        failed = attempt(NEW, "Failed", message=PING_WORDS, trigger="old")
        result = plan(situation(NEW, broken, attempt=failed, trigger="new"))
        assert result.steps == (DeleteEndpoint(ENDPOINT),)
        gone = plan(situation(NEW, attempt=failed, trigger="new"))
        assert isinstance(gone.steps[-1], CreateEndpoint)
        assert gone.attempt
        assert gone.attempt.trigger == "new"


class TestCapacity:
    @given(failures=st.integers(0, 50), delay=st.floats(1, 1000))
    def test_the_nth_failure_waits_n_times_as_long(self, failures: int, delay: float) -> None:
        broken = endpoint(NEW, state=S.FAILED, failure=CAPACITY_WORDS)
        tried = attempt(NEW, failures=failures)
        result = plan(situation(NEW, broken, attempt=tried, capacity_delay=delay))
        assert result.steps == ()
        assert reasons(result) == ("InsufficientCapacity", None)
        assert result.attempt
        assert result.attempt.failures == failures + 1
        assert result.not_before
        assert abs((result.not_before - NOW).total_seconds() - delay * (failures + 1)) <= 1

    @pytest.mark.parametrize("state", [S.FAILED, None])
    def test_before_its_time_nothing_is_sent(self, state: EndpointState | None) -> None:
        retry_at = timestamp(NOW + timedelta(seconds=1))
        tried = attempt(NEW, "Failed", reason="InsufficientCapacity", failures=2, retry_at=retry_at)
        at = endpoint(NEW, state=state, failure=CAPACITY_WORDS) if state else None
        result = plan(situation(NEW, at, attempt=tried))
        assert (result.steps, result.attempt) == ((), tried)
        assert result.not_before == NOW + timedelta(seconds=1)
        assert result.reconciling
        assert retry_at in result.reconciling.message
        assert "spec.target.sageMaker.instanceType" in result.reconciling.message

    def test_when_its_time_has_come_a_failed_endpoint_is_removed_then_created_with_the_count_kept(self) -> None:
        tried = attempt(NEW, "Failed", reason="InsufficientCapacity", failures=2, retry_at=timestamp(NOW))
        broken = endpoint(NEW, state=S.FAILED, failure=CAPACITY_WORDS)
        assert plan(situation(NEW, broken, attempt=tried)).steps == (DeleteEndpoint(ENDPOINT),)
        created = plan(situation(NEW, attempt=tried))
        assert isinstance(created.steps[-1], CreateEndpoint)
        assert created.attempt
        assert (created.attempt.outcome, created.attempt.failures) == ("InProgress", 2)

    def test_when_its_time_has_come_a_roll_is_sent_again(self) -> None:
        tried = attempt(NEW, "Failed", reason="InsufficientCapacity", failures=2, retry_at=timestamp(NOW))
        result = plan(situation(NEW, endpoint(OLD, failure=CAPACITY_WORDS, last_modified=MOVED), attempt=tried))
        assert UpdateEndpoint(ENDPOINT, NEW.config.name) in result.steps
        assert result.attempt
        assert (result.attempt.outcome, result.attempt.failures) == ("InProgress", 2)

    @pytest.mark.parametrize("state", [S.FAILED, None])
    def test_a_request_for_another_try_does_not_wait(self, state: EndpointState | None) -> None:
        retry_at = timestamp(NOW + timedelta(hours=1))
        tried = attempt(NEW, "Failed", reason="InsufficientCapacity", failures=2, retry_at=retry_at)
        at = endpoint(NEW, state=state, failure=CAPACITY_WORDS) if state else None
        assert plan(situation(NEW, at, attempt=tried, trigger="now")).steps

    def test_another_config_does_not_inherit_the_wait(self) -> None:
        retry_at = timestamp(NOW + timedelta(hours=1))
        tried = attempt(OLD, "Failed", reason="InsufficientCapacity", failures=2, retry_at=retry_at)
        result = plan(situation(NEW, attempt=tried))
        assert result.steps
        assert result.attempt
        assert result.attempt.failures == 0

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (CAPACITY_WORDS, "InsufficientCapacity"),
            ("InsufficientInstanceCapacity: none left", "InsufficientCapacity"),
            (PING_WORDS, "HealthCheckFailed"),
            ("Request to service failed. If failure persists after retry, contact customer support.", "ServiceError"),
            ("The role does not have permission to pull", "PermissionMissing"),
            ("CannotStartContainerError. Please check CloudWatch", "ContainerFailed"),
            ("something new", "EndpointFailed"),
        ],
    )
    def test_each_kind_of_failure_has_a_word(self, words: str, reason: str) -> None:
        assert classify_failure(words) == reason


class TestRolling:
    @pytest.mark.parametrize("state", [S.IN_SERVICE, S.OUT_OF_SERVICE, S.UPDATE_ROLLBACK_FAILED])
    def test_the_new_config_is_made_then_brought_into_service(self, state: EndpointState) -> None:
        seen = {"config": None, "model_exists": False}
        at = endpoint(OLD, state=state)
        result = plan(situation(NEW, at, attempt=attempt(OLD, "Succeeded"), seen=seen))
        assert [type(step) for step in result.steps] == [CreateModel, CreateEndpointConfig, UpdateEndpoint]
        assert reasons(result) == ("RollingOut", None)
        assert result.attempt
        assert result.attempt.endpoint_modified == at.last_modified

    def test_failed_the_old_one_serves_and_the_endpoint_has_moved_since(self) -> None:
        at = endpoint(OLD, failure=PING_WORDS, last_modified=MOVED)
        result = plan(situation(NEW, at, attempt=attempt(NEW)))
        assert result.steps == ()
        assert reasons(result) == (None, "RolloutFailed")
        assert result.stalled
        assert B in result.stalled.message
        assert PING_WORDS in result.stalled.message
        assert result.attempt
        assert result.attempt.outcome == "Failed"
        again = plan(situation(NEW, at, attempt=result.attempt, now=NOW + timedelta(days=1)))
        assert (again.steps, again.attempt) == ((), result.attempt)

    def test_never_sent_a_reason_from_before_is_there_but_the_endpoint_has_not_moved(self) -> None:
        at = endpoint(OLD, failure=PING_WORDS)
        going_on = attempt(NEW)
        result = plan(situation(NEW, at, attempt=going_on, seen={"config": StoredConfig(1), "model_exists": True}))
        assert result.steps == (UpdateEndpoint(ENDPOINT, NEW.config.name),)
        assert result.attempt == going_on
        assert reasons(result) == ("RollingOut", None)

    def test_moved_without_a_reason_it_is_sent_again_with_a_new_memory(self) -> None:
        result = plan(situation(NEW, endpoint(OLD, last_modified=MOVED), attempt=attempt(NEW)))
        assert UpdateEndpoint(ENDPOINT, NEW.config.name) in result.steps
        assert result.attempt
        assert result.attempt.endpoint_modified == MOVED

    def test_a_reason_about_another_config_does_not_stop_a_roll(self) -> None:
        failed = attempt(OLDEST, "Failed", message=PING_WORDS)
        result = plan(situation(NEW, endpoint(OLD, failure=PING_WORDS, last_modified=MOVED), attempt=failed))
        assert isinstance(result.steps[-1], UpdateEndpoint)

    def test_a_request_for_another_try_sends_what_failed_again(self) -> None:
        failed = attempt(NEW, "Failed", message=PING_WORDS, trigger="old")
        at = endpoint(OLD, failure=PING_WORDS, last_modified=MOVED)
        assert plan(situation(NEW, at, attempt=failed, trigger="old")).steps == ()
        result = plan(situation(NEW, at, attempt=failed, trigger="new"))
        assert isinstance(result.steps[-1], UpdateEndpoint)
        assert result.attempt
        assert (result.attempt.outcome, result.attempt.trigger, result.attempt.failures) == ("InProgress", "new", 0)

    def test_changed_outside_the_wanted_config_is_brought_back(self) -> None:
        at = endpoint("by-hand", last_modified=MOVED)
        result = plan(
            situation(
                NEW, at, attempt=attempt(NEW, "Succeeded"), seen={"config": StoredConfig(1), "model_exists": True}
            )
        )
        assert result.steps == (UpdateEndpoint(ENDPOINT, NEW.config.name),)
        assert reasons(result) == ("ChangedOutside", None)
        assert result.reconciling
        assert "by-hand" in result.reconciling.message


class TestInService:
    def test_it_has_succeeded_and_nothing_is_left_to_do(self) -> None:
        tried = attempt(NEW, failures=3, message="x", reason="y", retry_at=timestamp(NOW))
        result = plan(situation(NEW, endpoint(NEW), attempt=tried))
        assert (result.steps, reasons(result), result.look_again) == ((), (None, None), False)
        assert result.attempt == attempt(NEW, "Succeeded")
        assert plan(situation(NEW, endpoint(NEW), attempt=result.attempt)) == result

    def test_without_a_memory_it_makes_one(self) -> None:
        result = plan(situation(NEW, endpoint(NEW)))
        assert result.attempt
        assert (result.attempt.config, result.attempt.outcome) == (NEW.config.name, "Succeeded")

    @given(now=st.integers(1, 1000), want=st.integers(1, 1000))
    def test_a_count_alone_changes_by_number_not_by_a_second_fleet(self, now: int, want: int) -> None:
        want_many = wanted(B, {"replicas": want})
        result = plan(situation(want_many, endpoint(want_many, desired_instances=now), attempt=attempt(want_many)))
        assert want_many.config.name == NEW.config.name, "the count is not part of the content"
        if now == want:
            assert result.steps == ()
        else:
            assert result.steps == (SetInstanceCount(ENDPOINT, want),)
            assert reasons(result) == ("Scaling", None)

    @given(now=st.integers(0, 1000))
    def test_a_count_that_was_left_open_is_left_alone(self, now: int) -> None:
        at = endpoint(NEW, desired_instances=now)
        assert plan(situation(NEW, at, attempt=attempt(NEW, "Succeeded"))).steps == ()

    def test_tidying_up_keeps_one_generation_and_comes_before_success(self) -> None:
        left = inventory(OLDEST, OLD, NEW)
        revision = RevisionStatus(serving=served(NEW), previous=served(OLD))
        tried = attempt(NEW)
        result = plan(situation(NEW, endpoint(NEW), attempt=tried, revision=revision, seen={"inventory": left}))
        assert result.steps == (DeleteEndpointConfig(OLDEST.config.name), DeleteModel(OLDEST.model.name))
        assert result.attempt == tried
        assert reasons(result) == ("TidyingUp", None)

    def test_a_model_that_both_generations_use_is_kept(self) -> None:
        other_type = wanted(B, {"target": {"sageMaker": {"instanceType": "ml.g5.2xlarge"}}})
        assert other_type.model == NEW.model
        revision = RevisionStatus(serving=served(other_type), previous=served(OLD))
        left = inventory(NEW, OLD, other_type)
        at = situation(other_type, endpoint(other_type), revision=revision, seen={"inventory": left})
        assert plan(at).steps == (DeleteEndpointConfig(NEW.config.name),)

    @given(st.sets(st.sampled_from([OLDEST, OLD, NEW]).map(lambda d: d.served.revision)), st.booleans())
    def test_what_serves_and_what_served_before_is_never_removed(self, left: set[str], has_previous: bool) -> None:
        everything = {d.served.revision: d for d in (OLDEST, OLD, NEW)}
        revision = RevisionStatus(serving=served(NEW), previous=served(OLD) if has_previous else None)
        found = inventory(*(everything[commit] for commit in sorted(left)))
        result = plan(situation(NEW, endpoint(NEW), revision=revision, seen={"inventory": found}))
        removed = {step.name for step in result.steps}  # type: ignore[union-attr]
        kept = {NEW.config.name, NEW.model.name} | ({OLD.config.name, OLD.model.name} if has_previous else set())
        assert not removed & kept
        assert removed == ({*found.configs} | {*found.models}) - kept

    @pytest.mark.parametrize("state", [S.UPDATE_ROLLBACK_FAILED, S.OUT_OF_SERVICE])
    def test_impaired_it_is_left_alone_and_says_why(self, state: EndpointState) -> None:
        tried = attempt(NEW, "Succeeded")
        at = endpoint(NEW, state=state, failure="the alarm fired", desired_instances=7)
        left = {"inventory": inventory(OLDEST, OLD, NEW)}
        result = plan(situation(wanted(B, {"replicas": 1}), at, attempt=tried, seen=left))
        assert (result.steps, result.attempt) == ((), tried)
        assert reasons(result) == (None, state.value)
        assert result.stalled
        assert "the alarm fired" in result.stalled.message


class TestDataCapture:
    CAPTURING = wanted(
        B, {"target": {"sageMaker": {"dataCapture": {"samplingPercent": 10, "destinationS3Uri": "s3://bucket/x"}}}}
    )

    @pytest.mark.parametrize(
        ("want", "captures_now", "follows"),
        [(NEW, False, False), (NEW, True, True), (CAPTURING, False, True), (CAPTURING, True, True)],
    )
    def test_a_roll_takes_the_new_configs_capture_wherever_there_is_or_was_one(
        self, want: Desired, captures_now: bool, follows: bool
    ) -> None:
        result = plan(situation(want, endpoint(OLD, captures_data=captures_now)))
        assert result.steps[-1] == UpdateEndpoint(ENDPOINT, want.config.name, data_capture=follows)


class TestTags:
    TAGGED = wanted(A, {"replicas": 2, "target": {"sageMaker": {"tags": {"team": "a"}}}})
    ARN = endpoint().arn

    def test_a_new_endpoint_is_created_with_them(self) -> None:
        result = plan(situation(self.TAGGED))
        assert result.steps[-1] == CreateEndpoint(OWNER, ENDPOINT, self.TAGGED.config.name, {"team": "a"})

    def test_they_come_after_the_count_and_before_tidying_up(self) -> None:
        found = inventory(self.TAGGED, OLDEST, tags={"config": {"team": "a"}, "model": {"team": "b"}})
        seen = {"inventory": found}
        scaling = plan(situation(self.TAGGED, endpoint(self.TAGGED), seen=seen))
        assert scaling.steps == (SetInstanceCount(ENDPOINT, 2),)
        tagging = plan(situation(self.TAGGED, endpoint(self.TAGGED, desired_instances=2), seen=seen))
        assert tagging.steps == (SetTags(self.ARN, {"team": "a"}), SetTags("model", {"team": "a"}))
        assert reasons(tagging) == ("Tagging", None)
        assert not tagging.tagged
        done = endpoint(self.TAGGED, desired_instances=2, tags={**OWNER.tags(), "team": "a"})
        tidying = plan(situation(self.TAGGED, done, seen={"inventory": replace(found, tags={})}))
        assert reasons(tidying) == ("TidyingUp", None)
        assert not tidying.tagged
        resting = plan(situation(self.TAGGED, done, seen={"inventory": inventory(self.TAGGED)}))
        assert (resting.steps, resting.tagged) == ((), True)

    def test_where_only_the_endpoint_was_looked_at_nothing_is_said_about_the_rest(self) -> None:
        bare = plan(situation(self.TAGGED, endpoint(self.TAGGED, desired_instances=2)))
        assert (bare.steps, bare.tagged) == ((SetTags(self.ARN, {"team": "a"}),), False)
        as_wanted = endpoint(self.TAGGED, desired_instances=2, tags={**OWNER.tags(), "team": "a"})
        result = plan(situation(self.TAGGED, as_wanted))
        assert (result.steps, result.tagged) == ((), False)


class TestNames:
    def test_a_name_that_differs_only_in_its_case_is_taken(self) -> None:
        """Names of endpoints are unique whatever their case, and DescribeEndpoint finds them so."""
        other = replace(OWNER, name="other")
        theirs = endpoint(NEW, name="ML-Twin", tags=other.tags())
        result = plan(situation(NEW, theirs))
        assert reasons(result) == (None, "NameConflict")
        assert result.steps == ()
        assert result.stalled
        assert "the endpoint ML-Twin belongs to Deployment ml/other" in result.stalled.message


def test_a_container_that_did_not_answer_leads_to_its_log_and_its_timeout() -> None:
    failed = endpoint(OLD, failure=PING_WORDS, last_modified=MOVED)
    result = plan(situation(NEW, failed, attempt=attempt(NEW)))
    assert result.stalled
    assert PING_WORDS in result.stalled.message
    assert "raise spec.rollout.startupTimeout" in result.stalled.message
    assert f"/aws/sagemaker/Endpoints/{ENDPOINT}" in result.stalled.message
    assert "part of the model or the endpoint config" in result.stalled.message
    assert result.attempt
    assert result.attempt.message == PING_WORDS
