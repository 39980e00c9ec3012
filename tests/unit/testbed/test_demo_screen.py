"""What the demo prints, on a terminal and elsewhere."""

import io

from rich.console import Console

from tests.testbed.demo.caller import Answer, Tally
from tests.testbed.demo.rows import Row
from tests.testbed.demo.screen import Screen

CREATING = Row("Deployment", "twin", "False", "ModelVersionNotReady", "-", "ModelVersionNotReady", "slipway-demo-twin")
SERVING = Row("Deployment", "twin", "True", "Serving", "a" * 12, "-", "slipway-demo-twin")


def screen(*, terminal: bool, width: int = 100) -> tuple[Screen, io.StringIO]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=width, color_system=None, legacy_windows=False)
    return Screen(console), file


def test_without_a_terminal_a_line_is_printed_only_when_something_changes() -> None:
    shown, file = screen(terminal=False)

    with shown.board() as board:
        for row in (CREATING, CREATING, SERVING, SERVING):
            board.show([row], footer="never shown")
        board.show([])
        board.show([])

    lines = [line.partition(" s  ")[2] for line in file.getvalue().splitlines() if line]
    assert lines == [
        "Deployment/twin Ready=False ModelVersionNotReady, revision -, ModelVersionNotReady: ",
        f"Deployment/twin Ready=True Serving, revision {'a' * 12}",
        "Deployment/twin is gone",
    ]


def test_the_table_fits_into_a_hundred_columns_and_does_not_move() -> None:
    shown, file = screen(terminal=True)

    with shown.board() as board:
        board.show([CREATING])
        board.show([SERVING])

    text = file.getvalue()
    heads = [line.rstrip() for line in text.splitlines() if "KIND" in line]
    assert len({head[head.index("KIND") :] for head in heads}) == 1
    for whole in ("ModelVersionNotReady", "slipway-demo-twin", "a" * 12):
        assert whole in text


def test_pods_fit_into_the_same_table() -> None:
    shown, file = screen(terminal=True)
    pod = Row("Pod", "twin-937179d03f-7f6d4f4ffb-4xq5b", "False", "ContainerCreating", "a" * 12, "-", "-")

    with shown.board() as board:
        board.show([CREATING, pod])

    line = next(line for line in file.getvalue().splitlines() if "ContainerCreating" in line)
    assert "…4xq5b" in line
    assert len(line.rstrip()) <= 100


def test_entries_are_whole_so_that_they_can_be_copied() -> None:
    shown, file = screen(terminal=False)
    uri = "https://runtime.sagemaker.eu-central-1.amazonaws.com/endpoints/slipway-demo-twin/openai/v1/and-more"

    shown.entries([("type", "openai"), ("uri", uri)])

    assert file.getvalue().splitlines() == ["  type  openai", f"  uri   {uri}"]


def test_long_words_are_never_cut() -> None:
    shown, file = screen(terminal=True, width=40)
    path = "/a/very/long/path/that/somebody/wants/to/copy/from/the/terminal"

    shown.note(f"the logs are in {path}")

    assert path in file.getvalue()


def test_a_tally_tells_who_answered_and_how_often_that_changed() -> None:
    tally = Tally()
    for revision in ("a" * 40, "a" * 40, "b" * 40):
        tally.add(Answer("text", revision))
    tally.failures.append("no")

    assert tally.sentence() == "4 requests: 2 by aaaaaaaaaaaa, 1 by bbbbbbbbbbbb, 1 failed"
    assert tally.switches == 1
