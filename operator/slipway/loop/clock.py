"""Time, as a dependency: nothing else in the loop reads a clock."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The current time, twice."""

    def now(self) -> datetime:
        """Wall-clock time in UTC, for what people read."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, for delays."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Wall-clock time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment in the past."""
        return time.monotonic()
