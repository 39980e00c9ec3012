"""Argo CD's health checks over every state that the operator can write, beside docs/conditions.md and kstatus."""

import functools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.conditions import Finding, Health
from tests.testbed.gitops import kstatus
from tests.testbed.gitops.argocd import Script
from tests.unit.domain.builders import Json, merged
from tests.unit.gitops.states import (
    DELETED,
    DEPLOYMENT,
    MODEL_VERSION,
    UNSEEN,
    WARNINGS,
    all_states,
    condition,
    recorded_deployments,
    recorded_model_versions,
    stated,
    verdicts,
)

FOLDER = Path(__file__).parents[3] / "charts" / "slipway" / "files" / "argocd"
SCRIPTS = {kind: Script.at(FOLDER / kind / "health.lua") for kind in (DEPLOYMENT, MODEL_VERSION)}
KINDS = sorted(SCRIPTS)

BY_CONDITIONS = {
    # (Ready, the first of Reconciling and Stalled): the table of design and docs/conditions.md
    ("False", "Reconciling"): "Progressing",
    ("True", None): "Healthy",
    ("True", "Reconciling"): "Progressing",
    ("True", "Stalled"): "Degraded",
    ("False", "Stalled"): "Degraded",
    ("False", None): "Progressing",
}
AT_REST = {("Stalled", "Expired"), ("Stalled", "ScaledToZero")}
"""Of a Deployment: it stands still because somebody wished it. Not for kstatus, which knows no such thing."""
AGREEMENT = {
    "Current": "Healthy",
    "InProgress": "Progressing",
    "Failed": "Degraded",
    "Terminating": "Progressing",
}


def expected(obj: Json) -> str:
    """What the documents say about a state."""
    metadata, status, ready = obj["metadata"], obj["status"], condition(obj, "Ready")
    if "deletionTimestamp" in metadata or ready is None or status["observedGeneration"] != metadata["generation"]:
        return "Progressing"
    first = next(iter(verdicts(obj)), (None, None))
    if obj["kind"] == DEPLOYMENT and first in AT_REST:
        return "Suspended"
    return BY_CONDITIONS[ready["status"], first[0]]


def named_difference(obj: Json, health: str) -> str | None:
    """Where Argo CD says something else than kstatus, on purpose: docs/argocd.md, "Flux, Helm and kubectl wait"."""
    if health == "Progressing" and "deletionTimestamp" not in obj["metadata"] and obj["status"] == UNSEEN:
        return "nobody has looked"
    if health == "Suspended" and obj["kind"] == DEPLOYMENT and verdicts(obj)[0] in AT_REST:
        return "at rest"
    return None


@functools.cache
def judged(kind: str) -> list[tuple[Json, str, str]]:
    """(object, health, message) of all states."""
    return [(obj, *SCRIPTS[kind].health(obj)) for obj in all_states(kind)]


@pytest.mark.parametrize("kind", KINDS)
class TestEveryState:
    def test_its_health_is_the_documents(self, kind: str) -> None:
        wrong = [(obj, health) for obj, health, _ in judged(kind) if health != expected(obj)]
        assert wrong == []

    def test_it_agrees_with_kstatus(self, kind: str) -> None:
        apart = [
            (obj, health)
            for obj, health, _ in judged(kind)
            if health != AGREEMENT[kstatus.compute(obj)] and not named_difference(obj, health)
        ]
        assert apart == []

    def test_where_it_differs_kstatus_says_this(self, kind: str) -> None:
        found = {(named_difference(obj, health), kstatus.compute(obj)) for obj, health, _ in judged(kind)}
        differing = {(name, status) for name, status in found if name}
        at_rest = {("at rest", "Failed")} if kind == DEPLOYMENT else set()
        assert differing == {("nobody has looked", "Current")} | at_rest

    def test_the_message_says_why(self, kind: str) -> None:
        for obj, _, message in judged(kind):
            assert message
            first = next(iter(verdicts(obj)), None)
            seen = obj["status"].get("observedGeneration") == obj["metadata"]["generation"]
            if seen and first and kind == DEPLOYMENT:
                said = condition(obj, first[0])
                assert f"{said['reason']}: {said['message']}" in message

    def test_all_kinds_of_health_are_among_them(self, kind: str) -> None:
        found = {health for _, health, _ in judged(kind)}
        assert found == {"Healthy", "Progressing", "Degraded"} | ({"Suspended"} if kind == DEPLOYMENT else set())


class TestTheStatesThemselves:
    """A walk that stood still would let everything above pass."""

    def test_deployments_went_through_the_table_of_the_documents(self) -> None:
        rows = {
            (condition(obj, "Ready")["status"], tuple(kind for kind, _ in verdicts(obj)))
            for obj in recorded_deployments()
            if condition(obj, "Ready")
        }
        both = ("Reconciling", "Stalled")
        assert rows >= {(ready, one) for ready in ("True", "False") for one in (("Reconciling",), ("Stalled",), both)}
        assert ("True", ()) in rows

    def test_deployments_went_through_what_is_rare(self) -> None:
        found = {
            (condition(obj, "Ready")["reason"], *verdicts(obj), "deletionTimestamp" in obj["metadata"])
            for obj in recorded_deployments()
            if condition(obj, "Ready")
        }
        assert found >= {
            ("Serving", False),
            ("Serving", ("Reconciling", "Updating"), False),
            ("Serving", ("Reconciling", "Rolling"), False),
            ("Serving", ("Stalled", "RolloutFailed"), False),
            ("Serving", ("Stalled", "InvalidSpec"), False),
            ("ScaledToZero", False),
            ("NoPodReady", ("Reconciling", "Scaling"), False),
            ("Expired", ("Reconciling", "Deleting"), False),
            ("Expired", ("Stalled", "Expired"), False),
            ("Deleting", ("Reconciling", "Deleting"), True),
            ("PlacementChanged", ("Stalled", "PlacementChanged"), True),
        }
        assert any(obj["status"] == UNSEEN for obj in recorded_deployments())

    def test_model_versions_went_through_theirs(self) -> None:
        found = {
            (condition(obj, "Ready")["status"], *verdicts(obj), "candidate" in obj["status"])
            for obj in recorded_model_versions()
        }
        assert found >= {
            ("True", False),
            ("True", True),
            ("False", ("Stalled", "AwaitingApproval"), True),
            ("False", ("Stalled", "GatedRepository"), False),
            ("True", ("Stalled", "GatedRepository"), False),
            ("True", ("Reconciling", "HubUnreachable"), False),
            ("False", ("Reconciling", "HubRateLimited"), False),
        }

    def test_a_model_version_never_waits_and_stalls_at_once(self) -> None:
        assert max(len(verdicts(obj)) for obj in recorded_model_versions()) == 1


SERVING = Finding("Serving", "acme/twin at 1234 serves")


class TestWhatPeopleRead:
    def test_a_roll_that_failed(self) -> None:
        failed = Finding("RolloutFailed", "the new one did not start. What served before still serves")
        found = SCRIPTS[DEPLOYMENT].health(stated(DEPLOYMENT, Health(True, SERVING, stalled=failed)))
        assert found.status == "Degraded"
        assert found.message.startswith("RolloutFailed: the new one did not start. What served before still serves")
        assert found.message.endswith(" (Serving: acme/twin at 1234 serves)")

    def test_warnings_change_no_health(self) -> None:
        drifted = ("Drifted", Finding("ChangedOutside", "somebody has scaled it"))
        found = SCRIPTS[DEPLOYMENT].health(stated(DEPLOYMENT, Health(True, SERVING, warnings=(drifted,))))
        assert found.status == "Healthy"
        assert found.message.endswith(" | Drifted, ChangedOutside: somebody has scaled it")

    @pytest.mark.parametrize("kind", KINDS)
    def test_each_warning_of_the_kind_is_said(self, kind: str) -> None:
        for warning in WARNINGS[kind]:
            said = (warning, Finding("Why", "because"))
            found = SCRIPTS[kind].health(stated(kind, Health(True, SERVING, warnings=(said,))))
            assert found == ("Healthy", f"Serving: acme/twin at 1234 serves | {warning}, Why: because")
            twice = (warning, Finding(warning, "because"))
            found = SCRIPTS[kind].health(stated(kind, Health(True, SERVING, warnings=(twice,))))
            assert found == ("Healthy", f"Serving: acme/twin at 1234 serves | {warning}: because")

    def test_conditions_of_others_are_not_repeated(self) -> None:
        obj = stated(DEPLOYMENT, Health(True, SERVING))
        obj["status"]["conditions"].append({"type": "Billed", "status": "True", "reason": "Theirs", "message": "x"})
        assert SCRIPTS[DEPLOYMENT].health(obj) == ("Healthy", "Serving: acme/twin at 1234 serves")

    def test_both_at_once(self) -> None:
        updating, missing = Finding("Updating", "a fleet starts"), Finding("ModelVersionNotFound", "there is none")
        obj = stated(DEPLOYMENT, Health(True, SERVING, updating, missing))
        found = SCRIPTS[DEPLOYMENT].health(obj)
        assert found.status == "Progressing"
        assert "Updating: a fleet starts" in found.message
        assert "Stalled, ModelVersionNotFound: there is none" in found.message
        obj["status"]["conditions"].reverse()
        found = SCRIPTS[DEPLOYMENT].health(obj)
        assert found.status == "Degraded"
        assert "Reconciling, Updating: a fleet starts" in found.message

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_generation_that_nobody_has_seen(self, kind: str) -> None:
        obj = merged(stated(kind, Health(True, SERVING), generation=3), {"metadata": {"generation": 4}})
        assert SCRIPTS[kind].health(obj) == ("Progressing", "Slipway has not looked at generation 4 yet, only at 3")

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("status", [UNSEEN, {"observedGeneration": -1}, {"conditions": []}, None])
    def test_an_object_that_nobody_has_seen(self, kind: str, status: Json | None) -> None:
        obj = {"kind": kind, "metadata": {"generation": 1}, "status": status}
        assert SCRIPTS[kind].health(obj) == ("Progressing", "Slipway has not looked at it yet")

    def test_a_deletion_that_is_stuck(self) -> None:
        denied = Finding("AccessDenied", "not allowed. Deletion goes on when this is mended")
        obj = merged(
            stated(DEPLOYMENT, Health(False, denied, stalled=denied)), {"metadata": {"deletionTimestamp": DELETED}}
        )
        assert SCRIPTS[DEPLOYMENT].health(obj) == (
            "Progressing",
            "Pending deletion; AccessDenied: not allowed. Deletion goes on when this is mended",
        )

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("failed", [None, Finding("RolloutFailed", "of before the deletion")])
    def test_a_deletion_that_nobody_has_noticed(self, kind: str, failed: Finding | None) -> None:
        deleting = {"generation": 2, "deletionTimestamp": DELETED, "finalizers": ["slipway.dev/finalizer", "theirs"]}
        obj = merged(stated(kind, Health(True, SERVING, stalled=failed)), {"metadata": deleting})
        assert SCRIPTS[kind].health(obj) == (
            "Progressing",
            "Pending deletion; waits for slipway.dev/finalizer, theirs",
        )

    def test_a_commit_that_waits_for_approval_while_another_counts(self) -> None:
        found = {
            message
            for obj, health, message in judged(MODEL_VERSION)
            if health == "Healthy" and "candidate" in obj["status"]
        }
        assert found
        assert all("a commit waits for approval: set spec.updates.approved to" in message for message in found)


TEXT = st.text(max_size=20)
CONDITION = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["Ready", "Reconciling", "Stalled", "Drifted", "Theirs"]),
        "status": st.sampled_from(["True", "False", "Unknown"]),
    },
    optional={"reason": TEXT, "message": TEXT},
)


class TestWhatNobodyWrites:
    """Other writers, other versions: a script that fails makes the health of the whole Application Unknown."""

    @given(
        kind=st.sampled_from(KINDS),
        conditions=st.lists(CONDITION, max_size=6, unique_by=lambda one: one["type"]),
        generations=st.tuples(st.integers(1, 3), st.one_of(st.none(), st.integers(-1, 3))),
        deleting=st.booleans(),
    )
    def test_there_is_an_answer_and_kstatus_has_the_same(
        self, kind: str, conditions: list[Json], generations: tuple[int, int | None], deleting: bool
    ) -> None:
        generation, seen = generations
        status = {"conditions": conditions} | ({} if seen is None else {"observedGeneration": seen})
        metadata = {"generation": generation} | ({"deletionTimestamp": DELETED} if deleting else {})
        obj = {"kind": kind, "metadata": metadata, "status": status}
        found = SCRIPTS[kind].health(obj)
        assert found.message
        if any(one["type"] == "Ready" for one in conditions):
            assert found.status in (AGREEMENT[kstatus.compute(obj)], "Suspended")
        else:
            assert found.status == "Progressing"  # kstatus takes an object without Ready for finished
