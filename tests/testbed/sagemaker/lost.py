"""An answer that is never sent."""

from __future__ import annotations


class Lost(Exception):
    """No answer is sent: the connection is dropped at once, or only when the caller gives up."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how
