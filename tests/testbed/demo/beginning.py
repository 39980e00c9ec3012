"""How every demo begins and ends: signals are ours before the imports, which take a second or two."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.testbed.demo.interrupts import EXIT_STATUS, Interrupts

if TYPE_CHECKING:
    from tests.testbed.demo.command import Play


def begin(play: "Callable[[], Play]") -> int:
    """Run a demo; `play` imports it. Returns the exit status."""
    began = time.monotonic()
    interrupts = Interrupts()
    interrupts.install()
    try:
        from tests.testbed.demo.command import run

        return run(play(), interrupts, began)
    except KeyboardInterrupt:  # before there was anything to clean up
        return EXIT_STATUS
    finally:
        interrupts.ignore()
