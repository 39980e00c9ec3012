"""What is said about an object whose pass could not say it."""

from slipway.domain.conditions import Finding
from slipway.reconcilers.reporting import report_stalled
from tests.unit.domain.builders import A
from tests.unit.reconcilers.harness import SDEP, Harness, driven

DEFECT = Finding("InternalError", "KeyError, a defect of Slipway")


def report(harness: Harness) -> None:
    raw = harness.store.get(SDEP)
    assert raw
    driven(report_stalled(harness.tools.reporter, SDEP, raw, DEFECT, harness.clock.now()))


def test_what_serves_stays_ready_and_the_next_good_pass_takes_the_report_back() -> None:
    harness = Harness()
    harness.apply(A)
    harness.calm()
    served = harness.live.status.revision
    report(harness)
    assert harness.conditions() == {"Ready": ("True", "Serving"), "Stalled": ("True", "InternalError")}
    assert harness.live.status.revision == served
    harness.calm()
    assert harness.conditions() == {"Ready": ("True", "Serving")}


def test_where_nothing_serves_it_is_why_nothing_is_ready() -> None:
    harness = Harness()
    harness.apply(A)
    report(harness)
    assert harness.conditions() == {"Ready": ("False", "InternalError"), "Stalled": ("True", "InternalError")}


def test_the_same_report_is_written_once() -> None:
    harness = Harness()
    harness.apply(A)
    report(harness)
    written = harness.kube.writes
    harness.deliver()
    report(harness)
    assert harness.kube.writes == written


def test_the_order_in_which_the_api_server_keeps_conditions_is_no_change() -> None:
    """An apply leaves the conditions that are there where they are, and puts new ones behind them."""
    harness = Harness()
    harness.apply(A)
    report(harness)
    harness.deliver()
    raw = harness.store.get(SDEP)
    assert raw
    status, written = raw["status"], harness.kube.writes
    kept = {**raw, "status": {**status, "conditions": status["conditions"][::-1]}}
    assert len(status["conditions"]) > 1
    assert driven(harness.tools.reporter.report(SDEP, kept, status)) is kept
    assert harness.kube.writes == written
