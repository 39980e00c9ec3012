"""What a person sees: on a terminal a table that is redrawn in place, elsewhere one line for each change."""

import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tests.testbed.demo.rows import NOTHING, Row

_MARGIN = "  "
_INDENT = (0, 0, 0, len(_MARGIN))
_WIDTH_OF_A_LOG = 100
_COLUMNS = {"KIND": 4, "NAME": 4, "READY": 5, "REASON": 20, "REVISION": 12, "UNDER WAY": 20, "ENDPOINT": 17}
"""Widths that hold what comes, so that nothing moves sideways."""
_WIDE_ENOUGH = 98
_SHORT_KINDS = {"ModelVersion": "mv", "Deployment": "sdep", "Pod": "pod"}
_READY_STYLES = {"True": "green", "False": "yellow"}


class Board:
    """The state of both resources while something goes on."""

    def __init__(self, console: Console, live: Live | None) -> None:
        self._console = console
        self._live = live
        self._began = time.monotonic()
        self._shown: dict[str, Row | None] = {}

    def show(self, rows: Sequence[Row], footer: str = "") -> None:
        """Show the state of now. A resource that is not in `rows` any more is gone."""
        if self._live:
            self._live.update(self._drawing(rows, footer), refresh=True)
            return
        now = {f"{row.kind}/{row.name}": row for row in rows}
        for name in [*now, *(name for name in self._shown if name not in now)]:
            row = now.get(name)
            if name not in self._shown or self._shown[name] != row:
                self._line(name, row)
            self._shown[name] = row

    @property
    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._began:.1f} s"

    def _line(self, name: str, row: Row | None) -> None:
        if row is None:
            self._console.print(f"  {self._elapsed:>7}  {name} is gone", soft_wrap=True)
            return
        state = f"Ready={row.ready} {row.reason}, revision {row.revision}"
        busy = "" if row.under_way == NOTHING else f", {row.under_way}: {row.message}"
        self._console.print(f"  {self._elapsed:>7}  {name} {state}{busy}", soft_wrap=True)

    def _drawing(self, rows: Sequence[Row], footer: str) -> Group:
        message = next((row.message for row in reversed(rows) if row.message), "")
        parts: list[RenderableType] = [_table(rows, self._console.width) if rows else Text("No resources found.")]
        parts += [Text(""), Text(f"{self._elapsed}  {footer}".rstrip())]
        if message:
            parts.append(Text(message, style="dim"))
        return Group(*(Padding(part, _INDENT) for part in parts))


def _table(rows: Sequence[Row], width: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name, least in _COLUMNS.items():
        table.add_column(name, min_width=least if width >= _WIDE_ENOUGH else None, overflow="fold")
    for row in rows:
        ready = Text(row.ready, style=_READY_STYLES.get(row.ready, ""))
        kind, name = _SHORT_KINDS[row.kind], row.name
        if row.kind == "Pod":  # of 32 characters, the last five tell them apart
            name = f"…{name[-5:]}"
        table.add_row(kind, name, ready, row.reason, row.revision, row.under_way, row.endpoint)
    return table


class Screen:
    """Everything that the demo prints goes through here."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, markup=False, emoji=False)
        if not self._console.is_terminal:
            self._console.width = _WIDTH_OF_A_LOG

    def title(self, text: str) -> None:
        """The first line."""
        self._console.print(Text(text, style="bold"))

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Words on the left, what they mean on the right."""
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for word, meaning in pairs:
            table.add_row(word, meaning)
        self._console.print(Padding(table, _INDENT))

    def entries(self, entries: Sequence[tuple[str, str]]) -> None:
        """Names and values that somebody wants to copy: a long one goes on past the edge."""
        width = max(len(name) for name, _ in entries)
        for name, value in entries:
            self._console.print(Text.assemble(_MARGIN, (f"{name:<{width}}", "bold"), "  ", value), soft_wrap=True)

    def events(self, events: Sequence[tuple[str, str, str]]) -> None:
        """Events as (object, reason, message), oldest first."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for name in ("OBJECT", "REASON"):
            table.add_column(name, no_wrap=True)
        table.add_column("MESSAGE", overflow="fold")
        for event in events:
            table.add_row(*event)
        self._console.print(Padding(table, _INDENT))

    def act(self, text: str) -> None:
        """The headline of what comes next."""
        self._console.print()
        self._console.print(Text(text, style="bold cyan"))

    def command(self, text: str, prompt: str = "$") -> None:
        """Something that a person would type, exactly as it is executed."""
        self._console.print(Text(f"{_MARGIN}{prompt} {text}", style="bold"), soft_wrap=True)

    def say(self, text: str) -> None:
        """Output, or a sentence."""
        self._wrapped(text)

    def note(self, text: str) -> None:
        """Something on the side."""
        self._wrapped(text, style="dim")

    def good(self, text: str) -> None:
        """Something that was checked and holds."""
        self._wrapped(text, mark=("✓ ", "green"))

    def failure(self, text: str) -> None:
        """What went wrong."""
        self.blank()
        self._wrapped(text, mark=("✗ ", "bold red"), margin="")

    def blank(self) -> None:
        """An empty line."""
        self._console.print()

    def _wrapped(self, text: str, *, style: str = "", mark: tuple[str, str] = ("", ""), margin: str = _MARGIN) -> None:
        """Lines end at words; a word that is longer than a line stays whole, so that it can be copied."""
        word, word_style = mark
        room = max(self._console.width - len(margin) - len(word), 20)
        for line in text.splitlines():
            for part in textwrap.wrap(line, room, break_long_words=False, break_on_hyphens=False) or [""]:
                shown = Text.assemble(margin, (word, word_style), (part, style))
                self._console.print(shown, soft_wrap=True)
                word = " " * len(word)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Something that takes a moment; ends with the time that it took."""
        began = time.monotonic()
        if self._console.is_terminal:
            with self._console.status(Text(f"starting: {what}"), spinner="dots"):
                yield
        else:
            yield
        self.good(f"{what} ({time.monotonic() - began:.1f} s)")

    @contextmanager
    def board(self) -> Iterator[Board]:
        """A board for as long as the block lasts; its last state stays."""
        self._console.print()
        if not self._console.is_terminal:
            yield Board(self._console, None)
            return
        # Drawn only when told: no thread of rich's own, and nothing flickers.
        with Live(console=self._console, auto_refresh=False, vertical_overflow="visible") as live:
            yield Board(self._console, live)
