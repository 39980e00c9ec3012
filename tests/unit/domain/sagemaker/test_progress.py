"""What serves, what served before, and the history, as derived from what was seen."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.v1alpha1.deployment_status import (
    Attempt,
    DeploymentStatus,
    HistoryEntry,
    RevisionStatus,
    ServedRevision,
)
from slipway.domain.conditions import timestamp
from slipway.domain.revisions import HISTORY_LENGTH, history, last_served
from slipway.domain.sagemaker.desired import Desired
from slipway.domain.sagemaker.observation import DeployedModel, Endpoint, EndpointState, Observation
from slipway.domain.sagemaker.progress import revised
from slipway.domain.served import ServedModel
from tests.unit.domain.builders import NOW, OWNER, REPO, A, B, C, attempt, endpoint, served, wanted

OLD, NEW, NEWEST = wanted(A), wanted(B), wanted(C)
SINCE_NOW = timestamp(NOW)


def model(of: Desired) -> ServedModel:
    return ServedModel(of.served.repo, of.served.revision, "twin")


def status(
    serving: Desired | None = None, previous: Desired | None = None, tried: Attempt | None = None
) -> DeploymentStatus:
    return DeploymentStatus(
        revision=RevisionStatus(
            desired=A,
            serving=served(serving) if serving else None,
            previous=served(previous) if previous else None,
        ),
        attempt=tried,
    )


def after(
    before: DeploymentStatus,
    at: Endpoint | None,
    want: Desired | None = NEW,
    found: DeployedModel | None = None,
    unproven: frozenset[str] = frozenset(),
) -> RevisionStatus:
    return revised(before, Observation(at, serving_revision=found), want, OWNER, NOW, unproven)


def commits(revision: RevisionStatus) -> tuple[str | None, str | None]:
    """(serving, previous)."""
    serving, previous = revision.serving, revision.previous
    return serving.revision if serving else None, previous.revision if previous else None


class TestLastServed:
    """What goes on being served when the ModelVersion is gone."""

    @pytest.mark.parametrize(
        ("serving", "tried", "expected"),
        [
            (None, None, None),
            (OLD, None, OLD),
            (OLD, attempt(NEW, "InProgress"), NEW),
            (None, attempt(NEW, "InProgress"), NEW),
            (OLD, attempt(NEW, "Failed"), OLD),
            (None, attempt(NEW, "Failed"), None),
            (OLD, attempt(NEW, "Succeeded"), OLD),
            (None, attempt(NEW, "Succeeded"), NEW),
        ],
    )
    def test_a_roll_under_way_comes_to_its_end_and_a_failed_one_does_not_count(
        self, serving: Desired | None, tried: Attempt | None, expected: Desired | None
    ) -> None:
        assert last_served(status(serving, tried=tried)) == (model(expected) if expected else None)

    def test_it_comes_from_the_same_hub(self) -> None:
        known = DeploymentStatus(revision=RevisionStatus(serving=served(OLD, hub="https://mirror.example")))
        assert last_served(known) == ServedModel(REPO, A, "twin", "https://mirror.example")
        rolling = DeploymentStatus(attempt=attempt(NEW, hub="https://mirror.example"))
        assert last_served(rolling) == ServedModel(REPO, B, "twin", "https://mirror.example")

    def test_what_is_not_pinned_cannot_be_kept(self) -> None:
        foreign = served(OLD, revision="unpinned", model_version="")
        assert last_served(DeploymentStatus(revision=RevisionStatus(serving=foreign))) is None

    def test_the_way_back_to_what_others_brought_in_comes_to_its_end(self) -> None:
        foreign = served(OLD, revision="unpinned", model_version="")
        back = attempt(NEW, outcome="Failed", reason="CheckFailed", replaces=OLD.config.name)
        known = DeploymentStatus(revision=RevisionStatus(serving=foreign), attempt=back)
        assert last_served(known) == model(NEW)


class TestUnproven:
    """What takes the requests has not passed its check."""

    def test_what_served_is_said_to_serve_while_the_way_back_is_taken(self) -> None:
        tried = attempt(NEW, outcome="Failed", reason="CheckFailed", replaces=OLD.config.name)
        assert after(status(OLD, tried=tried), endpoint(NEW), unproven=frozenset({NEW.config.name})).serving == served(
            OLD
        )

    def test_where_nobody_takes_one_nothing_serves(self) -> None:
        tried = attempt(NEWEST, outcome="Failed", reason="AlarmRaised", replaces=OLD.config.name)
        assert after(status(OLD, tried=tried), endpoint(NEW), unproven=frozenset({NEW.config.name})).serving is None


class TestServing:
    @pytest.mark.parametrize("state", list(EndpointState))
    def test_only_an_endpoint_that_answers_serves(self, state: EndpointState) -> None:
        serves = {"InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed"}
        found = after(status(OLD), endpoint(OLD, state=state)).serving
        assert found == (served(OLD) if state in serves else None)

    def test_what_is_known_to_serve_goes_on_since_it_began(self) -> None:
        assert after(status(OLD), endpoint(OLD)).serving == served(OLD)

    def test_what_was_rolled_out_serves_from_now_on_as_it_was_tried(self) -> None:
        tried = attempt(NEW, hub="https://mirror.example")
        assert after(status(OLD, tried=tried), endpoint(NEW), None).serving == ServedRevision(
            revision=B,
            model_version="twin",
            repo=REPO,
            hub="https://mirror.example",
            config=NEW.config.name,
            model=NEW.model.name,
            image=NEW.image,
            since=SINCE_NOW,
        )

    def test_what_is_wanted_and_found_serves_without_anybodys_memory(self) -> None:
        assert after(status(), endpoint(NEW)).serving == served(NEW, since=SINCE_NOW)

    def test_what_somebody_else_brought_into_service_is_told_as_far_as_it_is_known(self) -> None:
        foreign = DeployedModel("acme/foreign", "main", "by-hand")
        found = after(status(OLD), endpoint("by-hand-config"), found=foreign).serving
        assert found == ServedRevision(
            revision="main",
            model_version="",
            repo="acme/foreign",
            config="by-hand-config",
            model="by-hand",
            since=SINCE_NOW,
        )
        assert after(status(OLD), endpoint("by-hand-config")).serving is None

    def test_a_container_that_was_told_no_revision_is_said_to_be_unpinned(self) -> None:
        found = after(status(OLD), endpoint("by-hand-config"), found=DeployedModel("acme/foreign", None, "by-hand"))
        assert found.serving
        assert found.serving.revision == "unpinned"

    def test_an_endpoint_that_is_gone_serves_nothing(self) -> None:
        assert after(status(OLD), None).serving is None


class TestPrevious:
    @pytest.mark.parametrize(
        ("before", "at", "expected"),
        [
            (status(OLD), endpoint(OLD), (A, None)),
            (status(OLD, tried=attempt(NEW)), endpoint(NEW), (B, A)),
            (status(NEW, OLD, attempt(NEWEST)), endpoint(NEWEST), (C, B)),
            (status(NEW, OLD), endpoint(NEW), (B, A)),
            (status(NEW, OLD), endpoint(OLD), (A, B)),
            (status(NEW, OLD), None, (None, B)),
            (status(None, OLD), None, (None, A)),
            (status(None, NEW), endpoint(NEW), (B, None)),
        ],
    )
    def test_one_generation_is_kept_for_a_roll_back(
        self, before: DeploymentStatus, at: Endpoint | None, expected: tuple[str | None, str | None]
    ) -> None:
        assert commits(after(before, at)) == expected

    def test_what_went_back_into_service_serves_since_it_came_back(self) -> None:
        back = after(status(NEW, OLD), endpoint(OLD)).serving
        assert back
        assert back.since == SINCE_NOW

    def test_a_config_that_somebody_else_brought_into_service_is_never_kept(self) -> None:
        foreign = ServedRevision(revision="main", model_version="", repo="x/y", config="by-hand", since=SINCE_NOW)
        before = DeploymentStatus(revision=RevisionStatus(serving=foreign, previous=served(OLD)))
        assert commits(after(before, endpoint(NEW))) == (B, A)

    @pytest.mark.parametrize(("want", "commit"), [(NEW, B), (None, A)])
    def test_the_wanted_commit_is_told_and_remembered(self, want: Desired | None, commit: str) -> None:
        assert after(status(OLD), endpoint(OLD), want).desired == commit

    @given(
        st.sampled_from([None, OLD, NEW]),
        st.sampled_from([None, OLD, NEW]),
        st.sampled_from([None, attempt(OLD), attempt(NEW, "Failed"), attempt(NEWEST, "Succeeded")]),
        st.sampled_from([None, endpoint(OLD), endpoint(NEW), endpoint(NEWEST), endpoint("by-hand")]),
        st.sampled_from([None, OLD, NEW, NEWEST]),
    )
    def test_the_same_look_again_changes_nothing(
        self,
        serving: Desired | None,
        previous: Desired | None,
        tried: Attempt | None,
        at: Endpoint | None,
        want: Desired | None,
    ) -> None:
        before = status(serving, previous, tried)
        first = after(before, at, want)
        later = NOW + timedelta(hours=1)
        again = revised(
            before.model_copy(update={"revision": first}), Observation(at), want, replace(OWNER, uid="uid-2"), later
        )
        assert again == first


def entry(of: Desired, outcome: str, minutes: int = 0) -> HistoryEntry:
    since = timestamp(NOW - timedelta(minutes=minutes))
    return HistoryEntry.model_validate(
        {"revision": of.served.revision, "config": of.config.name, "since": since, "outcome": outcome}
    )


def rows(entries: list[HistoryEntry]) -> list[tuple[str, str]]:
    return [(one.revision, one.outcome) for one in entries]


class TestHistory:
    def test_nothing_serves_nothing_is_told(self) -> None:
        assert history([], None, None, NOW) == []

    def test_what_serves_is_told_once(self) -> None:
        first = history([], served(OLD), None, NOW)
        assert rows(first) == [(A, "Serving")]
        assert first[0].since == served(OLD).since
        assert history(first, served(OLD), None, NOW) == first

    def test_what_was_replaced_has_an_end(self) -> None:
        found = history([entry(OLD, "Serving", 60)], served(NEW), None, NOW)
        assert rows(found) == [(B, "Serving"), (A, "Replaced")]
        assert found[1].until == SINCE_NOW

    def test_what_ended_before_stays_as_it_was(self) -> None:
        ended = [entry(NEWEST, "Failed", 5), entry(NEWEST, "Replaced", 90)]
        found = history([ended[0], entry(OLD, "Serving", 60), ended[1]], served(NEW), None, NOW)
        assert [found[1], found[3]] == ended

    def test_what_comes_back_is_told_again(self) -> None:
        found = history([entry(NEW, "Serving"), entry(OLD, "Replaced")], served(OLD), None, NOW)
        assert rows(found) == [(A, "Serving"), (B, "Replaced"), (A, "Replaced")]

    def test_a_failure_is_told_beside_what_serves(self) -> None:
        failed = attempt(NEW, "Failed")
        found = history([entry(OLD, "Serving")], served(OLD), failed, NOW)
        assert rows(found) == [(B, "Failed"), (A, "Serving")]
        assert (found[0].since, found[0].until) == (failed.started_at, SINCE_NOW)

    @pytest.mark.parametrize("outcome", ["InProgress", "Succeeded"])
    def test_a_try_that_has_not_failed_is_not(self, outcome: str) -> None:
        assert rows(history([], None, attempt(NEW, outcome), NOW)) == []

    def test_a_config_that_fails_again_and_again_takes_one_line(self) -> None:
        found = [entry(OLD, "Serving")]
        for minutes in range(20):
            again = attempt(NEW, "Failed", started_at=timestamp(NOW + timedelta(minutes=minutes)))
            found = history(found, served(OLD), again, NOW)
        assert rows(found) == [(B, "Failed"), (A, "Serving")]
        assert found[0].since == timestamp(NOW + timedelta(minutes=19))

    def test_whatever_somebody_else_has_brought_into_service_has_its_line(self) -> None:
        """Its revision is a variable of its container, which may have 1024 characters."""
        foreign = served(OLD, revision="r" * 1024, config="by-hand")
        (found,) = history([], foreign, None, NOW)
        assert (found.config, found.outcome) == ("by-hand", "Serving")

    def test_the_last_ten_are_kept(self) -> None:
        found: list[HistoryEntry] = []
        for number in range(15):
            found = history(found, served(wanted(f"{number:040x}")), None, NOW)
        assert [one.revision for one in found] == [f"{number:040x}" for number in range(14, 4, -1)]

    @given(
        st.lists(
            st.builds(
                entry, st.sampled_from([OLD, NEW, NEWEST]), st.sampled_from(["Replaced", "Failed"]), st.integers(0, 5)
            ),
            max_size=HISTORY_LENGTH,
        ),
        st.sampled_from([None, served(OLD), served(NEW)]),
        st.sampled_from([None, attempt(NEW, "Failed"), attempt(NEWEST, "Failed"), attempt(OLD)]),
    )
    def test_the_same_again_writes_nothing_and_at_most_one_serves(
        self, before: list[HistoryEntry], serving: ServedRevision | None, tried: Attempt | None
    ) -> None:
        first = history(before, serving, tried, NOW)
        assert history(first, serving, tried, NOW + timedelta(hours=1)) == first
        assert len(first) <= HISTORY_LENGTH
        assert [one.config for one in first if one.outcome == "Serving"] == ([serving.config] if serving else [])
