"""Ctrl-C, SIGTERM and a closed terminal: the first one stops the demo, none of them stops its cleaning up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_STATUS = 130
"""What a shell reports for Ctrl-C."""


class Interrupts:
    """Raises KeyboardInterrupt once. Further signals are only noted: cleaning up takes a second or two."""

    def __init__(self) -> None:
        self._shielded = False
        self.seen = False

    def install(self) -> None:
        """From now on signals come here."""
        for number in _SIGNALS:
            signal.signal(number, self._handle)

    def ignore(self) -> None:
        """From now on signals are ignored: there is nothing left to interrupt but the interpreter's own end."""
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """A signal in here is only noted; commands that are started in here do not get it at all."""
        self._shielded = True
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # children inherit the mask
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            self._shielded = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        first, self.seen = not self.seen, True
        if first and not self._shielded:
            raise KeyboardInterrupt
