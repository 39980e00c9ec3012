"""What the installed huggingface_hub says when weights cannot be had: its own words, not a copy of them."""

import traceback
from collections.abc import Callable

import httpx2
import pytest
from huggingface_hub import errors, hf_hub_download
from huggingface_hub.utils import hf_raise_for_status

from slipway.domain.cluster.diagnosis import diagnose
from tests.unit.domain.cluster.diagnosis.pods import NOW, crashed, last_of_log, pod

URL = "https://huggingface.co/api/models/acme/x/revision/1a2b"


def refused(status: int, code: str = "", message: str = "") -> str:
    """The traceback of a request that the Hub has answered like that."""
    headers = {name: value for name, value in (("X-Error-Code", code), ("X-Error-Message", message)) if value}
    response = httpx2.Response(status, headers=headers | {"x-request-id": "r1"}, request=httpx2.Request("GET", URL))
    return raised(lambda: hf_raise_for_status(response))


def raised(call: Callable[[], object]) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        call()
    return "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (refused(401, "GatedRepo", "Access to model acme/x is restricted."), "GatedWeights"),
        (refused(403, "GatedRepo", "Your request to access model acme/x is awaiting a review."), "GatedWeights"),
        (refused(401, "RepoNotFound"), "GatedWeights"),
        (refused(404, "RepoNotFound", "Repository not found"), "GatedWeights"),
        (refused(401, message="Invalid credentials in Authorization header"), "GatedWeights"),
        (refused(403, message="Forbidden: pass a token with the right scope"), "GatedWeights"),
        (refused(404, "RevisionNotFound", "Invalid rev id: 1a2b"), "WeightsNotFound"),
        (refused(404, "EntryNotFound", "Entry not found"), "WeightsNotFound"),
        (refused(429), "HubRateLimited"),
        (refused(500), "HubUnavailable"),
        (refused(503), "HubUnavailable"),
        (
            raised(lambda: hf_hub_download("acme/x", "config.json", local_files_only=True, cache_dir="/nonexistent")),
            "WeightsNotCached",
        ),
        (
            raised(
                lambda: (_ for _ in ()).throw(errors.OfflineModeIsEnabled("Cannot reach x: offline mode is enabled."))
            ),
            "WeightsNotCached",
        ),
    ],
)
def test_the_words_of_the_library_are_recognised(log: str, reason: str) -> None:
    diagnosis = diagnose([pod(crashed(last_of_log(log)))], None, now=NOW)
    assert diagnosis
    assert diagnosis.reason == reason, diagnosis.message
    assert "Traceback" not in diagnosis.message


def test_a_hub_that_cannot_be_reached() -> None:
    """As in a pod whose NetworkPolicy lets nothing out."""
    call = lambda: httpx2.get("http://127.0.0.1:1/", timeout=0.2)  # noqa: E731
    diagnosis = diagnose([pod(crashed(last_of_log(raised(call))))], None, now=NOW)
    assert diagnosis
    assert diagnosis.reason == "HubUnreachable"
