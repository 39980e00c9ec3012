"""The cache folder: of what is finished the newest stay, and of what was not finished nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

KEPT = 3
"""Archives of each image: several checkouts may share the cache."""
UNFINISHED = (".tools-*", ".base-*", ".debian-*", ".overlay-*", "*.part")
"""What a build makes beside its results, and takes away if it is not killed."""


def outdated(archives: list[Path]) -> list[Path]:
    """Of archives of one image, all but the newest."""
    return sorted(archives, key=lambda archive: archive.stat().st_mtime, reverse=True)[KEPT:]


def clear_leftovers(root: Path) -> None:
    """Remove what a killed build has left. Whoever calls holds the lock, so nobody works there."""
    for leftover in (found for pattern in UNFINISHED for found in root.glob(pattern)):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink()
