"""The folder of a cluster: gigabytes, which nobody needs when the cluster is gone."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "slipway-node-"
_LOCK = "lock"
"""Held as long as the process lives that made the folder. A folder without one is kept."""


@contextmanager
def cluster_folder(keep: Callable[[], bool] = lambda: False) -> Iterator[Path]:
    """A new folder below the one for temporary files, removed in the end unless it is to be kept.

    What a process that was killed has left is removed before.
    """
    remove_leftovers(Path(tempfile.gettempdir()))
    path = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with (path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        held = Path(lock.name).rename(path / _LOCK)
        try:
            yield path
        finally:
            if keep():
                held.unlink()
            else:
                shutil.rmtree(path, ignore_errors=True)


def remove_leftovers(below: Path) -> None:
    """Remove the folders of processes that are gone. Mounts end with them, so nothing but files is in there."""
    for lock in below.glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError):  # in use (BlockingIOError), or another process removes it, too
            if lock.parent.lstat().st_uid != os.geteuid():
                continue
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
