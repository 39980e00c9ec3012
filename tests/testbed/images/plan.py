"""What is to be built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    """An image to build."""

    kind: str
    """First part of the archive's name."""
    file: Path
    context: Path
    key: str
    """Digest of everything that decides the result, its name included, but for the base image."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    ignore: Path | None = None
    """Instead of the context's .dockerignore."""
    upon: Mapping[str, Plan] = field(default_factory=dict)
    """Images to build before, by the build argument that takes their name. With a name their layers stay longer."""
