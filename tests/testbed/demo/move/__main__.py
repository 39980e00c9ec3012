"""`python -m tests.testbed.demo.move`."""

import sys
from typing import TYPE_CHECKING

from tests.testbed.demo.beginning import begin

if TYPE_CHECKING:
    from tests.testbed.demo.command import Play


def _play() -> "Play":
    from tests.testbed.demo.move.story import PLAY

    return PLAY


if __name__ == "__main__":
    sys.exit(begin(_play))
