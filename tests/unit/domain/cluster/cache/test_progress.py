"""How far a Job is, as its status says."""

from typing import Any

import pytest

from slipway.domain.cluster.cache import Loading, State, last_words, loading


def job(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"status": {"conditions": list(conditions)}}


def pod(message: str | None, *, created: str = "2026-11-21T12:00:00Z", code: int = 1, name: str = "twin-load-1") -> Any:
    terminated = {"exitCode": code, "reason": "Error"} | ({"message": message} if message else {})
    return {
        "metadata": {"labels": {"job-name": name}, "creationTimestamp": created},
        "status": {"containerStatuses": [{"state": {"terminated": terminated}}]},
    }


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (None, None),
        ({}, Loading(State.RUNNING)),
        (job(), Loading(State.RUNNING)),
        (job({"type": "Suspended", "status": "True"}), Loading(State.RUNNING)),
        (job({"type": "Complete", "status": "False"}), Loading(State.RUNNING)),
        (job({"type": "FailureTarget", "status": "True"}), Loading(State.RUNNING)),
        (
            job({"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}),
            Loading(State.COMPLETE),
        ),
        (
            job({"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "was active too long"}),
            Loading(State.FAILED, "DeadlineExceeded: was active too long"),
        ),
    ],
)
def test_only_the_last_word_of_the_controller_counts(live: dict[str, Any] | None, expected: Loading | None) -> None:
    assert loading(live) == expected


def test_the_youngest_pod_that_failed_has_the_last_word() -> None:
    pods = [
        pod("WeightsNotLoaded: once", created="2026-11-21T12:00:00Z"),
        pod("OutOfDisk: now", created="2026-11-21T12:05:00Z"),
        pod("GatedWeights: another Job's", created="2026-11-21T12:09:00Z", name="twin-load-2"),
    ]
    assert last_words(pods, "twin-load-1") == "OutOfDisk: now"


def test_a_pod_that_was_killed_has_said_nothing_of_its_own() -> None:
    killed = pod(None)
    killed["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] = "OOMKilled"
    assert last_words([killed], "twin-load-1") == "OOMKilled"


def test_pods_that_run_or_have_finished_say_nothing_is_wrong() -> None:
    running = {"metadata": {"labels": {"job-name": "twin-load-1"}}, "status": {}}
    assert last_words([running, pod("complete: …", code=0)], "twin-load-1") is None
