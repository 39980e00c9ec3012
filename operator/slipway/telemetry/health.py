"""Whether the process does its work, not only whether it lives."""

from collections.abc import Callable

Check = Callable[[], str | None]
"""Returns what is wrong, or None."""


class Health:
    """A list of checks; the process is healthy while none of them finds anything."""

    def __init__(self) -> None:
        self._checks: list[Check] = []

    def add(self, check: Check) -> None:
        """Have one more check."""
        self._checks.append(check)

    def problems(self) -> list[str]:
        """What is wrong now."""
        return [problem for check in self._checks if (problem := check())]
