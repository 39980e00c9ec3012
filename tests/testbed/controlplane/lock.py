"""One process at a time in a folder that several share."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .progress import HEARTBEAT, Report


@contextmanager
def locked(path: Path, doing: str, report: Report) -> Iterator[None]:
    """Wait until no other process holds it, and say meanwhile what that is `doing`. It ends with its process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        told = 0.0
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() - told > HEARTBEAT:
                    told = time.monotonic()
                    report(f"another process is {doing}; waiting for {path}")
                time.sleep(0.5)
        yield
