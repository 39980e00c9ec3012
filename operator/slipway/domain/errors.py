"""The five errors of the outside world, as the rest of Slipway knows them.

Every adapter translates its own library's exceptions into these. `reason` is a CamelCase word that ends up
in a condition; `message` keeps the service's own words and says what to do.

The statuses 404, 408, 409, 423 and 429 are never `Rejected`: each may pass without anybody changing anything.
"""

from dataclasses import dataclass


@dataclass(eq=False)
class OutsideError(Exception):
    """Something outside of Slipway said no, or said nothing."""

    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class Rejected(OutsideError):
    """Will be refused again until something changes; tried again slowly, or when a watch says so."""


class Transient(OutsideError):
    """May pass by itself: retried with exponential back-off and jitter."""


class NotFound(OutsideError):
    """The thing that was asked for does not exist, or may not be seen with these credentials."""


class Conflict(OutsideError):
    """Somebody else changed it, or owns it: read again, then decide again."""


@dataclass(eq=False)
class RateLimited(OutsideError):
    """The service asks for patience. Slows down everything that goes through the same port."""

    retry_after: float = 30.0
    """Seconds to wait, as the service said or as its documentation suggests."""
