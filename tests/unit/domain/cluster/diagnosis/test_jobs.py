"""Why the Job that loads the weights does not."""

import re
from datetime import timedelta
from importlib.resources import files
from typing import Any

import pytest

from slipway.domain.cluster.diagnosis import diagnose_job
from slipway.domain.cluster.diagnosis.reasons import Reason
from tests.unit.domain.cluster.diagnosis import logs
from tests.unit.domain.cluster.diagnosis.pods import NOW, STARTING, Manifest, ago, pod, terminated, unscheduled


def job(*conditions: tuple[str, str, str], **status: object) -> Manifest:
    found = [
        {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": ago(minutes=1)}
        for kind, reason, message in conditions
    ]
    return {
        "metadata": {"name": "twin-load-1a2b", "creationTimestamp": ago(minutes=5)},
        "status": {"startTime": ago(minutes=5), "conditions": found, **status},
    }


GAVE_UP = ("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")


def loader(message: str, *, minutes: float = 3, name: str = "twin-load-1", **how: Any) -> Manifest:
    over = {"state": {"terminated": terminated(message, **how)}, "ready": False}
    return pod(over, container="prefetch", name=name, created=NOW - timedelta(minutes=minutes), phase="Failed")


def test_one_that_is_through() -> None:
    complete = job(("Complete", "CompletionsReached", "Reached expected number of succeeded pods"))
    assert diagnose_job(complete, [loader("OutOfDisk: x")], now=NOW) is None


def test_one_that_loads() -> None:
    assert diagnose_job(job(), [pod(STARTING, container="prefetch")], now=NOW) is None
    assert diagnose_job(None, [], now=NOW) is None


def test_one_that_tries_again() -> None:
    """The newest pod counts: what an older one died of may have passed."""
    pods = [loader(logs.HUB_UNREACHABLE), pod(STARTING, container="prefetch", created=NOW)]
    assert diagnose_job(job(failed=1), pods, now=NOW) is None
    diagnosis = diagnose_job(job(failed=1), pods[:1], now=NOW)
    assert diagnosis
    assert (diagnosis.reason, diagnosis.hopeless) == ("HubUnreachable", False)


@pytest.mark.parametrize(
    ("words", "reason", "hopeless"),
    [
        ("GatedWeights: the Hub does not let this token load the weights", "GatedWeights", True),
        ("WeightsNotFound: the repository has no such commit any more", "WeightsNotFound", True),
        ("UnsupportedModel: acme/x at 1a2b has no *.safetensors", "UnsupportedModel", True),
        ("OutOfDisk: the volume lacks 12.0 GiB for acme/x@1a2b", "OutOfDisk", True),
        ("WeightsNotLoaded: 3 files of acme/x@1a2b did not arrive", "WeightsNotLoaded", True),
        ("WeightsNotLoaded: OSError: [Errno 28] No space left on device", "OutOfDisk", True),
        ("WeightsNotLoaded: ConnectError: [Errno -3] Temporary failure in name resolution", "HubUnreachable", False),
        ("Oddly: nobody knows", "WeightsNotLoaded", True),
        ("", "WeightsNotLoaded", True),
    ],
)
def test_one_that_has_given_up(words: str, reason: str, *, hopeless: bool) -> None:
    """The words are those of slipway.in_pod.prefetch."""
    diagnosis = diagnose_job(job(GAVE_UP, failed=4), [loader(words)], now=NOW)
    assert diagnosis
    assert (diagnosis.reason, diagnosis.hopeless) == (reason, hopeless)
    assert words.partition(": ")[2] in diagnosis.message
    assert "pod twin-load-1 " in diagnosis.message


def test_the_words_of_the_job_need_no_advice() -> None:
    words = "GatedWeights: the Hub does not let this token load the weights. Ask for access on the model's page"
    diagnosis = diagnose_job(job(GAVE_UP, failed=4), [loader(words)], now=NOW)
    assert diagnosis
    assert diagnosis.message == (
        "pod twin-load-1 has ended. It says: “the Hub does not let this token load the weights. Ask for access on the "
        "model's page”"
    )


def test_a_word_that_the_job_may_say_is_one_of_ours() -> None:
    script = files("slipway") / "in_pod" / "prefetch.py"
    said = set(re.findall(r'(?:raise Failed\(\s*"|return f?")([A-Z][A-Za-z]+)', script.read_text()))
    assert len(said) >= 4
    assert said <= {reason.value for reason in Reason}


def test_one_whose_pods_are_gone() -> None:
    diagnosis = diagnose_job(job(GAVE_UP), [], now=NOW)
    assert diagnosis
    assert diagnosis.reason == "WeightsNotLoaded"
    assert diagnosis.hopeless
    assert "Job twin-load-1a2b has given up" in diagnosis.message
    assert "reached the specified backoff limit" in diagnosis.message


def test_one_that_took_too_long() -> None:
    late = ("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
    diagnosis = diagnose_job(job(late), [], now=NOW)
    assert diagnosis
    assert "it took too long" in diagnosis.message


def test_one_that_gets_no_node() -> None:
    alone = unscheduled("0/2 nodes are available: 2 Insufficient memory. preemption: 0/2 nodes are available.")
    diagnosis = diagnose_job(job(active=1), [alone], now=NOW)
    assert diagnosis
    assert diagnosis.reason == "Unschedulable"
    assert "2 of 2 nodes have too little memory free" in diagnosis.message


def test_one_that_gets_no_pod() -> None:
    diagnosis = diagnose_job(job(), [], now=NOW)
    assert diagnosis
    assert (diagnosis.reason, diagnosis.hopeless) == ("PodRefused", False)
    assert diagnose_job(job() | {"status": {"startTime": ago(seconds=30)}}, [], now=NOW) is None


def test_one_that_waits_for_its_queue() -> None:
    diagnosis = diagnose_job(job(("Suspended", "JobSuspended", "Job suspended")), [], now=NOW)
    assert diagnosis
    assert diagnosis.reason == "Unschedulable"
    assert "Kueue" in diagnosis.message
