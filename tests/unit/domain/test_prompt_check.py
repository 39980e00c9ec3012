"""What counts as an answer to a prompt, and how often it may fail."""

from datetime import UTC, datetime

import pytest

from slipway.api.v1alpha1.deployment_status import CheckStatus
from slipway.domain.prompt_check import TRIES, CheckAnswer, judged, text_of

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
GOOD = CheckAnswer(b'{"generated_text": "Four."}', latency=0.25)
BAD = CheckAnswer(problem="HTTP 503: Model is overloaded", latency=1.5)


@pytest.mark.parametrize(
    ("engine", "body", "text"),
    [
        ("TGI", b'{"generated_text": "Four."}', "Four."),
        ("TGI", b'[{"generated_text": "Four."}]', "Four."),
        ("vLLM", b'{"choices": [{"index": 0, "text": "Four."}]}', "Four."),
        ("TGI", b'{"generated_text": " "}', None),
        ("TGI", b'{"choices": [{"text": "Four."}]}', None),
        ("TGI", b"[]", None),
        ("vLLM", b'{"choices": []}', None),
        ("vLLM", b'{"generated_text": "Four."}', None),
        ("vLLM", b"<html>", None),
    ],
)
def test_only_the_engines_own_shape_holds_text(engine: str, body: bytes, text: str | None) -> None:
    assert text_of(engine, body) == text


def test_any_text_passes() -> None:
    found = judged("twin-abc", "TGI", GOOD, None, NOW)
    assert (found.config, found.outcome, found.latency_ms, found.message) == ("twin-abc", "Passed", 250, None)


def test_the_third_failure_in_a_row_is_the_last() -> None:
    found: CheckStatus | None = None
    outcomes = []
    for _ in range(TRIES):
        found = judged("twin-abc", "TGI", BAD, found, NOW)
        outcomes.append((found.outcome, found.tries, found.message))
    words = "HTTP 503: Model is overloaded"
    assert outcomes == [("Retrying", 1, words), ("Retrying", 2, words), ("Failed", 3, words)]


def test_another_revision_begins_at_one() -> None:
    before = judged("twin-abc", "TGI", BAD, None, NOW)
    assert judged("twin-def", "TGI", BAD, before, NOW).tries == 1


def test_a_check_that_had_failed_for_good_begins_at_one_when_it_is_tried_again() -> None:
    before = CheckStatus(config="twin-abc", at="2026-11-21T11:00:00Z", outcome="Failed", tries=3)
    assert judged("twin-abc", "TGI", BAD, before, NOW).tries == 1


def test_an_answer_without_text_is_shown() -> None:
    found = judged("twin-abc", "vLLM", CheckAnswer(b'{"choices": []}'), None, NOW)
    assert (found.outcome, found.message) == ("Retrying", 'the answer holds no text: {"choices": []}')
