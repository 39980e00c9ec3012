"""Pin, Track and Approve: what a ModelVersion needs next, and what its status says."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.v1alpha1.model_version import ONE_SOURCE, ModelVersion, ModelVersionStatus
from slipway.domain.conditions import timestamp
from slipway.domain.errors import Conflict, NotFound, OutsideError, RateLimited, Rejected, Transient
from slipway.domain.installation import PUBLIC_HUB, Installation
from slipway.domain.model_versions import (
    Outcome,
    answers,
    hub_not_allowed,
    invalid_spec,
    must_describe,
    needs_head,
    next_look,
    next_status,
    resolved_from,
    source_hash,
    source_of,
    wanted_commit,
)
from slipway.domain.models import Access, Architecture, ModelFacts, ModelSource, Parameters
from tests.unit.domain.builders import NOW, REPO, A, B, C, metadata, model_version, resolved_json

LATER = NOW + timedelta(hours=1)
POLICIES = ["Pin", "Track", "Approve"]
SOURCE = ModelSource(REPO, "main")
PUBLIC = ModelFacts(Access.PUBLIC)
DOWN = Transient("HubUnavailable", "trying again")
GONE = NotFound("RepositoryNotFound", "check the spelling")


def version(
    commit: str | None = A, policy: str = "Track", *, revision: str = "main", status: Any = None, **updates: Any
) -> ModelVersion:
    """A ModelVersion that was resolved to `commit` for the source that it has."""
    spec = {"source": {"huggingFace": {"revision": revision}}, "updates": {"policy": policy, **updates}}
    if status is None:
        found = resolved_json(commit, ref=revision) if commit else None
        status = {"observedGeneration": 1, "resolved": found}
    return model_version(None, spec, status=status)


def newly(commit: str, source: ModelSource = SOURCE, head: str | None = None) -> Outcome:
    """The reference names a commit that was not known before."""
    return Outcome(resolved_from(source, commit, PUBLIC, NOW), head or commit)


def after(model: ModelVersion, outcome: Outcome, now: datetime = NOW) -> ModelVersion:
    return model.model_copy(update={"status": next_status(model, outcome, now)})


def edited(model: ModelVersion, **spec: Any) -> ModelVersion:
    """The same object after a change of its spec, not looked at since."""
    raw = model_version(None, {**model.spec.to_api(), **spec}, metadata=metadata(uid="uid-mv", generation=2))
    return raw.model_copy(update={"status": model.status})


def said(status: ModelVersionStatus) -> dict[str, tuple[str, str]]:
    return {condition.type: (condition.status, condition.reason) for condition in status.conditions}


def message(status: ModelVersionStatus, kind: str = "Ready") -> str:
    return next(condition.message for condition in status.conditions if condition.type == kind)


class TestSource:
    def test_it_is_what_the_spec_names(self) -> None:
        named = {"repo": "acme/other", "revision": "v1", "endpoint": "https://mirror.example"}
        spec = model_version(None, {"source": {"huggingFace": named}}).spec
        assert source_of(spec) == ModelSource("acme/other", "v1", "https://mirror.example")

    def test_a_spec_without_a_registry_has_none_and_is_invalid(self) -> None:
        spec = model_version(None, {"source": {"huggingFace": None}}).spec
        assert source_of(spec) is None
        found = invalid_spec(spec)
        assert found
        assert (found.reason, found.message) == ("InvalidSpec", ONE_SOURCE)
        assert invalid_spec(version().spec) is None

    @pytest.mark.parametrize(
        ("endpoint", "allowed"),
        [(None, True), (PUBLIC_HUB, True), ("https://mirror.example", True), ("https://elsewhere.example", False)],
    )
    def test_a_hub_must_be_one_of_the_installations(self, endpoint: str | None, allowed: bool) -> None:
        spec = model_version(None, {"source": {"huggingFace": {"endpoint": endpoint}}}).spec
        found = hub_not_allowed(spec, Installation("here", further_hubs=("https://mirror.example",)))
        assert (found is None) == allowed
        assert found is None or (found.reason, "elsewhere.example" in found.message) == ("HubNotAllowed", True)

    def test_every_part_of_a_source_counts_in_its_hash(self) -> None:
        others = [
            ModelSource("acme/other", "main"),
            ModelSource(REPO, "dev"),
            ModelSource(REPO, "main", "https://mirror.example"),
            ModelSource("main", REPO),
        ]
        assert len({source_hash(source) for source in [SOURCE, *others]}) == 5


class TestAnswers:
    @pytest.mark.parametrize("policy", ["Pin", "Track"])
    def test_a_resolved_commit_answers(self, policy: str) -> None:
        assert answers(version(A, policy))

    @pytest.mark.parametrize(("approved", "counts"), [(A, True), (B, False), (None, False)])
    def test_with_approve_only_the_approved_commit_does(self, approved: str | None, counts: bool) -> None:
        assert answers(version(A, "Approve", approved=approved)) is counts

    @pytest.mark.parametrize("policy", POLICIES)
    def test_nothing_resolved_answers_nothing(self, policy: str) -> None:
        assert not answers(version(None, policy, approved=A))

    def test_a_status_of_an_older_generation_does_not(self) -> None:
        assert not answers(edited(version(), updates={"policy": "Pin"}))

    @pytest.mark.parametrize("change", [{"revision": "dev"}, {"repo": "acme/other"}, {"endpoint": "https://m.example"}])
    def test_an_answer_to_another_source_does_not(self, change: dict[str, str]) -> None:
        status = {"observedGeneration": 1, "resolved": resolved_json(A)}
        assert not answers(model_version(None, {"source": {"huggingFace": change}}, status=status))


class TestWhatIsDue:
    @pytest.mark.parametrize(
        ("policy", "commit", "revision", "due"),
        [
            ("Pin", None, "main", True),
            ("Pin", A, "main", False),
            ("Track", None, "main", True),
            ("Track", A, "main", True),
            ("Track", A, A, False),
            ("Approve", None, "main", True),
            ("Approve", A, "main", True),
            ("Pin", None, A, True),
            ("Pin", A, A, False),
        ],
    )
    def test_a_reference_is_looked_up_until_it_cannot_move(
        self, policy: str, commit: str | None, revision: str, due: bool
    ) -> None:
        assert needs_head(version(commit, policy, revision=revision, approved=commit)) is due

    @pytest.mark.parametrize("policy", POLICIES)
    def test_a_changed_source_is_always_looked_up(self, policy: str) -> None:
        status = {"observedGeneration": 1, "resolved": resolved_json(A)}
        assert needs_head(version(policy=policy, revision="dev", status=status))
        assert needs_head(version(policy=policy, revision=B, status=status))

    def test_another_approval_is_looked_up_even_where_the_reference_cannot_move(self) -> None:
        assert needs_head(version(A, "Approve", revision=A, approved=B))

    def test_a_spec_without_a_registry_is_not(self) -> None:
        assert not needs_head(model_version(None, {"source": {"huggingFace": None}}))

    @pytest.mark.parametrize(
        ("policy", "approved", "commit"),
        [("Pin", None, C), ("Track", B, C), ("Approve", B, B), ("Approve", None, None)],
    )
    def test_the_commit_that_should_count(self, policy: str, approved: str | None, commit: str | None) -> None:
        assert wanted_commit(version(A, policy, approved=approved).spec, C) == commit

    def test_facts_are_fetched_once_for_each_commit_and_source(self) -> None:
        assert must_describe(version(None), A)
        assert must_describe(version(A), B)
        assert not must_describe(version(A), A)
        other_source = version(revision="dev", status={"resolved": resolved_json(A)})
        assert must_describe(other_source, A)

    @pytest.mark.parametrize(
        ("policy", "revision", "interval", "seconds"),
        [
            ("Pin", "main", "15m", None),
            ("Pin", A, "15m", None),
            ("Track", A, "15m", None),
            ("Approve", A, "15m", None),
            ("Track", "main", "15m", 900),
            ("Approve", "main", "1h30m", 5400),
            ("Track", "main", "5s", 60),
        ],
    )
    def test_the_next_look(self, policy: str, revision: str, interval: str, seconds: float | None) -> None:
        assert next_look(version(A, policy, revision=revision, interval=interval), 60) == seconds

    def test_a_spec_without_a_registry_is_not_looked_at_again(self) -> None:
        assert next_look(model_version(None, {"source": {"huggingFace": None}}), 60) is None


class TestResolved:
    def test_the_facts_about_a_commit(self) -> None:
        facts = ModelFacts(
            Access.GATED,
            committed_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            task="text-generation",
            license="mit",
            library="transformers",
            size_bytes=16,
            parameters=Parameters(8, {"BF16": 8}),
            architecture=Architecture("LlamaForCausalLM", 1, 2, 3, 4, 5),
        )
        assert resolved_from(SOURCE, A, facts, NOW).to_api() == {
            "revision": A,
            "uri": f"hf://acme/twin@{A}",
            "repo": "acme/twin",
            "ref": "main",
            "for": source_hash(SOURCE),
            "resolvedAt": timestamp(NOW),
            "committedAt": "2026-01-02T03:04:05Z",
            "access": "Gated",
            "task": "text-generation",
            "license": "mit",
            "library": "transformers",
            "sizeBytes": 16,
            "parameters": {"total": 8, "byDtype": {"BF16": 8}},
            "architecture": {
                "name": "LlamaForCausalLM",
                "layers": 1,
                "heads": 2,
                "kvHeads": 3,
                "headDim": 4,
                "maxPositions": 5,
            },
        }

    def test_what_is_not_known_is_left_out(self) -> None:
        assert set(resolved_from(SOURCE, A, PUBLIC, NOW).to_api()) == {
            "revision", "uri", "repo", "ref", "for", "resolvedAt", "access",
        }  # fmt: skip

    def test_a_commit_made_in_another_time_zone(self) -> None:
        made = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
        facts = ModelFacts(Access.PUBLIC, committed_at=made)
        assert resolved_from(SOURCE, A, facts, NOW).committed_at == "2026-01-02T01:04:05Z"


class TestStatus:
    @pytest.mark.parametrize("policy", ["Pin", "Track"])
    def test_a_resolved_commit_is_ready(self, policy: str) -> None:
        status = next_status(version(None, policy), newly(A), NOW)
        assert said(status)["Ready"] == ("True", "Resolved")
        assert message(status) == f"main of {REPO} is served as {A}"
        assert status.resolved
        assert (status.resolved.revision, status.observed_generation) == (A, 1)

    def test_with_track_a_new_commit_replaces_the_old_one(self) -> None:
        moved = after(version(A), newly(B))
        assert moved.status.resolved
        assert moved.status.resolved.revision == B
        assert answers(moved)

    def test_the_answer_stays_while_nothing_new_is_known(self) -> None:
        model = version(A)
        assert next_status(model, Outcome(), NOW).resolved == model.status.resolved

    def test_an_invalid_spec_is_stalled_and_keeps_what_was_resolved(self) -> None:
        model = version(A)
        bad = model.model_copy(update={"spec": model_version(None, {"source": {"huggingFace": None}}).spec})
        status = next_status(bad, Outcome(invalid=invalid_spec(bad.spec)), NOW)
        assert said(status) == {"Ready": ("False", "InvalidSpec"), "Stalled": ("True", "InvalidSpec")}
        assert status.resolved == model.status.resolved


ERRORS = [
    (DOWN, "Reconciling"),
    (RateLimited("HubRateLimited", "later"), "Reconciling"),
    (Rejected("TokenInvalid", "another token"), "Stalled"),
    (GONE, "Stalled"),
    (Conflict("Conflict", "read again"), "Stalled"),
]


class TestErrors:
    @pytest.mark.parametrize(("error", "kind"), ERRORS)
    def test_before_anything_is_resolved_nothing_is_ready(self, error: OutsideError, kind: str) -> None:
        status = next_status(version(None), Outcome(error=error), NOW)
        assert said(status) == {"Ready": ("False", error.reason), kind: ("True", error.reason)}
        assert message(status, kind) == error.message

    @pytest.mark.parametrize(("error", "kind"), ERRORS)
    def test_what_was_resolved_stays_ready(self, error: OutsideError, kind: str) -> None:
        status = next_status(version(A), Outcome(error=error), NOW)
        assert said(status) == {"Ready": ("True", "Resolved"), kind: ("True", error.reason)}

    def test_an_answer_to_the_former_source_is_kept_but_does_not_count(self) -> None:
        changed = edited(version(A), source={"huggingFace": {"repo": REPO, "revision": "dev"}})
        failed = after(changed, Outcome(error=GONE))
        assert said(failed.status)["Ready"] == ("False", "RepositoryNotFound")
        assert failed.status.resolved == changed.status.resolved
        assert not answers(failed)


class TestPin:
    def test_a_moving_reference_is_warned_about_with_the_commit_to_write(self) -> None:
        status = next_status(version(None, "Pin"), newly(A), NOW)
        assert said(status)["UnpinnedReference"] == ("True", "UnpinnedReference")
        assert message(status, "UnpinnedReference").endswith(f"to the full commit {A}")

    def test_no_commit_is_advised_before_one_is_known(self) -> None:
        changed = edited(version(A, "Pin"), source={"huggingFace": {"repo": REPO, "revision": "dev"}})
        for model in (version(None, "Pin"), changed):
            status = next_status(model, Outcome(error=DOWN), NOW)
            assert message(status, "UnpinnedReference").endswith("to the full commit")

    @pytest.mark.parametrize(("policy", "revision"), [("Pin", A), ("Track", "main"), ("Approve", "main")])
    def test_there_is_no_warning_otherwise(self, policy: str, revision: str) -> None:
        status = next_status(version(A, policy, revision=revision), Outcome(), NOW)
        assert "UnpinnedReference" not in said(status)


class TestApprove:
    def test_nothing_is_ready_until_a_commit_is_approved_which_the_status_names(self) -> None:
        status = next_status(version(None, "Approve"), Outcome(head=B), NOW)
        assert said(status) == {"Ready": ("False", "AwaitingApproval"), "Stalled": ("True", "AwaitingApproval")}
        assert B in message(status)
        assert status.candidate
        assert status.candidate.to_api() == {
            "revision": B,
            "ref": "main",
            "seenAt": timestamp(NOW),
            "waitingFor": f"approval: set spec.updates.approved to {B}",
        }

    def test_a_newer_commit_waits_while_the_approved_one_serves(self) -> None:
        status = next_status(version(A, "Approve", approved=A), Outcome(head=B), NOW)
        assert said(status) == {"Ready": ("True", "Resolved")}
        assert status.resolved
        assert status.candidate
        assert (status.resolved.revision, status.candidate.revision) == (A, B)

    def test_an_approved_candidate_is_one_no_more(self) -> None:
        waiting = after(version(A, "Approve", approved=A), Outcome(head=B))
        approved = edited(waiting, updates={"policy": "Approve", "approved": B})
        status = next_status(approved, newly(B), LATER)
        assert status.candidate is None
        assert said(status) == {"Ready": ("True", "Resolved")}

    def test_a_candidate_remembers_when_it_was_first_seen(self) -> None:
        waiting = after(version(A, "Approve", approved=A), Outcome(head=B))
        for outcome in (Outcome(head=B), Outcome(error=DOWN), Outcome()):
            again = next_status(waiting, outcome, LATER)
            assert again.candidate == waiting.status.candidate
        newer = next_status(waiting, Outcome(head=C), LATER)
        assert newer.candidate
        assert newer.candidate.seen_at == timestamp(LATER)

    def test_a_reference_that_went_back_has_no_candidate(self) -> None:
        waiting = after(version(A, "Approve", approved=A), Outcome(head=B))
        assert next_status(waiting, Outcome(head=A), LATER).candidate is None

    @pytest.mark.parametrize("policy", ["Pin", "Track"])
    def test_another_policy_has_no_candidate(self, policy: str) -> None:
        waiting = after(version(A, "Approve", approved=A), Outcome(head=B))
        assert next_status(edited(waiting, updates={"policy": policy}), Outcome(), LATER).candidate is None

    def test_another_source_has_no_candidate_until_its_head_is_known(self) -> None:
        """A commit of the former branch must not be offered for approval as one of the new branch."""
        waiting = after(version(A, "Approve", approved=A), Outcome(head=B))
        changed = edited(waiting, source={"huggingFace": {"repo": REPO, "revision": "dev"}})
        assert next_status(changed, Outcome(error=DOWN), LATER).candidate is None


OUTCOMES = st.sampled_from([newly(A), newly(B), Outcome(head=B), Outcome(error=DOWN), Outcome(error=GONE), Outcome()])


@given(st.sampled_from(POLICIES), st.sampled_from([None, A, B]), st.sampled_from([None, A]), OUTCOMES)
def test_the_same_outcome_again_writes_nothing(
    policy: str, approved: str | None, commit: str | None, outcome: Outcome
) -> None:
    model = after(version(commit, policy, approved=approved), outcome)
    assert next_status(model, outcome, LATER) == model.status


@given(st.sampled_from(POLICIES), st.sampled_from([None, A, B]), st.sampled_from([None, A]), OUTCOMES)
def test_ready_says_the_same_as_what_deployments_go_by(
    policy: str, approved: str | None, commit: str | None, outcome: Outcome
) -> None:
    model = after(version(commit, policy, approved=approved), outcome)
    assert (said(model.status)["Ready"][0] == "True") == answers(model)


@given(st.sampled_from(POLICIES), st.sampled_from([None, A, B]), st.sampled_from([None, A]), OUTCOMES)
def test_what_is_not_ready_says_why_and_whether_it_will_pass(
    policy: str, approved: str | None, commit: str | None, outcome: Outcome
) -> None:
    conditions = said(next_status(version(commit, policy, approved=approved), outcome, NOW))
    if conditions["Ready"][0] == "False":
        assert ("Reconciling" in conditions) != ("Stalled" in conditions)
