"""Requests whose duration says something about the one who answers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ReadTimeoutError


@dataclass
class Timed:
    """How long one request may take, and how long it took, both in seconds.

    Only the request itself counts. What comes before it is no matter of the one who answers: the wait for a turn, for
    a thread, for a client and for credentials.
    """

    limit: int
    seconds: float = 0.0
    """What it took. Set when it has ended."""
    ran_out: bool = False
    """Whether no answer came within the limit."""

    def measure(self, request: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Send it. Raises what the request raises."""
        began = time.monotonic()
        try:
            return request()
        except ReadTimeoutError:
            self.ran_out = True
            raise
        finally:
            self.seconds = time.monotonic() - began
