"""Every reason, by words that its source is known to use: docs/diagnosis.md says the same for people."""

from datetime import timedelta

import pytest

from slipway.domain.cluster.diagnosis import diagnose
from slipway.domain.cluster.diagnosis.reasons import Reason
from slipway.domain.cluster.looks.observation import Diagnosis
from tests.unit.domain.cluster.diagnosis import logs
from tests.unit.domain.cluster.diagnosis.cases import CASES, Case, ended
from tests.unit.domain.cluster.diagnosis.pods import (
    CREATED,
    CREATING,
    NOW,
    STARTING,
    STARTUP_SECONDS,
    Manifest,
    again,
    ago,
    crashed,
    gone,
    pod,
    terminated,
    waiting,
    workload,
)


def found(case: Case) -> Diagnosis:
    diagnosis = diagnose(case.pods, case.workload, now=NOW, claims=case.claims)
    assert diagnosis is not None
    return diagnosis


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_cause_is_told_by_its_words(case: Case) -> None:
    diagnosis = found(case)
    assert (diagnosis.reason, diagnosis.hopeless) == (case.reason, case.hopeless), diagnosis.message
    for part in case.says:
        assert part in diagnosis.message


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_message_fits_a_condition_and_is_one_sentence_after_another(case: Case) -> None:
    message = found(case).message
    assert len(message) <= 900
    assert message.isprintable()
    assert not message.endswith(".")
    assert ".. " not in message
    assert ". ." not in message


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_says_the_same_a_minute_later(case: Case) -> None:
    """At rest nothing is written: what differs at every look would be a new status at every look."""
    later = diagnose(case.pods, case.workload, now=NOW + timedelta(minutes=1), claims=case.claims)
    assert later is not None
    assert (later.reason, later.message) == (found(case).reason, found(case).message)


def test_every_reason_has_a_case() -> None:
    of_jobs_only = {Reason.WEIGHTS_NOT_LOADED}
    assert {case.reason for case in CASES.values()} == set(Reason) - of_jobs_only


def test_every_case_says_where_its_words_are_from() -> None:
    assert all(case.source.startswith("https://") for case in CASES.values())


def test_since_is_when_the_pod_says() -> None:
    assert found(CASES["no free GPU"]).since == NOW - timedelta(minutes=3)
    assert found(CASES["heads of TGI"]).since == NOW - timedelta(seconds=30)
    assert found(CASES["quota used up"]).since == NOW - timedelta(minutes=2)
    assert found(CASES["no such image"]).since == CREATED


class TestNothingIsSaidOf:
    """What is in order, or may still be."""

    @pytest.mark.parametrize(
        "pods",
        [
            [],
            [pod(CREATING, phase="Pending")],
            [pod(STARTING)],
            [
                pod(
                    {
                        "state": {"running": {"startedAt": ago(days=3)}},
                        "ready": True,
                        "started": True,
                        "restartCount": 4,
                    }
                )
            ],
            ended("something that nobody has seen before", restarts=2),
            [pod(again("", code=143, restarts=1))],
        ],
        ids=["no pods", "being made", "starting", "serving", "an unknown end, twice", "a node that was drained"],
    )
    def test_pods(self, pods: list[Manifest]) -> None:
        assert diagnose(pods, workload(), now=NOW) is None

    def test_a_container_that_has_got_further_than_where_it_ended_before(self) -> None:
        """Killed for memory two days ago, and busy at the moment: the first is not why it is not ready."""
        status = again("", code=137, reason="OOMKilled") | {"started": True}
        assert diagnose([pod(status)], workload(), now=NOW) is None

    def test_what_was_put_out_long_ago(self) -> None:
        assert diagnose([gone("Evicted", "low on resource: memory", minutes=90)], workload(), now=NOW) is None

    def test_a_pod_that_is_on_its_way_out(self) -> None:
        assert diagnose([pod(crashed(logs.TGI_HEADS), deleted=True)], workload(), now=NOW) is None

    def test_a_container_that_began_a_moment_ago(self) -> None:
        waits = {"type": "PodReadyToStartContainers", "status": "False", "lastTransitionTime": ago(minutes=1)}
        fresh = pod(CREATING, phase="Pending", conditions=[waits], created=NOW - timedelta(minutes=2))
        assert diagnose([fresh], workload(), now=NOW) is None


class TestTellingApart:
    """The same exit code, for different reasons."""

    def test_a_liveness_probe_is_no_startup_probe(self) -> None:
        """It served for hours before it was killed."""
        served = ended("", code=137, restarts=3, ran=timedelta(hours=5))
        diagnosis = diagnose(served, workload(), now=NOW)
        assert diagnosis
        assert diagnosis.reason == "CrashLoop"
        assert "SIGKILL: it was killed: by its liveness probe" in diagnosis.message

    def test_an_end_by_itself_is_no_startup_probe(self) -> None:
        crash = ended("Something odd", code=1, restarts=3, ran=timedelta(seconds=STARTUP_SECONDS))
        diagnosis = diagnose(crash, workload(), now=NOW)
        assert diagnosis
        assert diagnosis.reason == "CrashLoop"

    def test_what_it_waited_for_tells_more_than_that_it_took_too_long(self) -> None:
        waited = ended(logs.HUB_UNREACHABLE, code=137, ran=timedelta(seconds=STARTUP_SECONDS))
        diagnosis = diagnose(waited, workload(), now=NOW)
        assert diagnosis
        assert diagnosis.reason == "HubUnreachable"

    def test_a_survived_warning_is_no_cause(self) -> None:
        warned = (
            "2026-11-21T11:29:13.941247Z  WARN text_generation_launcher: 429 Too Many Requests for url: https://x\n"
            "2026-11-21T11:29:14.941247Z ERROR text_generation_launcher: Something odd\n"
        )
        diagnosis = diagnose(ended(warned, restarts=3), workload(), now=NOW)
        assert diagnosis
        assert diagnosis.reason == "CrashLoop"
        assert "“Something odd”" in diagnosis.message

    def test_a_container_beside_the_engine_is_named(self) -> None:
        beside = pod(crashed("", code=137, reason="OOMKilled"), container="proxy")
        diagnosis = diagnose([beside], workload(), now=NOW)
        assert diagnosis
        assert diagnosis.message.startswith("container proxy of pod twin-5d9c-x was killed")
        assert "spec.target.cluster.memory" not in diagnosis.message

    def test_a_container_that_runs_before_the_engine(self) -> None:
        first = pod(waiting("PodInitializing"))
        first["spec"]["initContainers"] = [{"name": "fetch", "image": "busybox"}]
        first["status"]["initContainerStatuses"] = [
            {
                "name": "fetch",
                "restartCount": 1,
                "ready": False,
                "state": {"terminated": terminated("OSError: [Errno 28] No space left on device")},
            }
        ]
        diagnosis = diagnose([first], workload(), now=NOW)
        assert diagnosis
        assert diagnosis.reason == "OutOfDisk"
        assert diagnosis.message.startswith("container fetch of pod twin-5d9c-x has ended")


def test_it_says_the_same_from_one_start_to_the_next() -> None:
    """Ended, waiting for the next start, starting: what is known is how it ended last."""
    over = {"state": {"terminated": terminated(logs.TGI_HEADS)}, "ready": False, "started": False}
    states = [over, crashed(logs.TGI_HEADS), again(logs.TGI_HEADS)]
    assert len({diagnosis.message for state in states if (diagnosis := diagnose([pod(state)], None, now=NOW))}) == 1
    assert all(diagnose([pod(state)], None, now=NOW) for state in states)
