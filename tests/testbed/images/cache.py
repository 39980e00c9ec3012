"""The cache folder: one process at a time, and of what is finished the newest stay."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.testbed.controlplane.progress import HEARTBEAT, Report

KEPT = 3
"""Archives of each image: several checkouts may share the cache."""


@contextmanager
def lock(path: Path, report: Report) -> Iterator[None]:
    """Wait until no other process holds it, and say so meanwhile."""
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
                    report(f"another process is building images; waiting for {path}")
                time.sleep(0.5)
        yield


def outdated(archives: list[Path]) -> list[Path]:
    """Of archives of one image, all but the newest."""
    return sorted(archives, key=lambda archive: archive.stat().st_mtime, reverse=True)[KEPT:]
