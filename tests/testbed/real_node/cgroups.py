"""The cgroups below which a node's pods are. The kernel keeps them when everything else of a node is gone."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil

_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "slipway-node-"


def name_of(node: str) -> str:
    """The cgroup of a node of this process."""
    return f"{_PREFIX}{os.getpid()}-{node}"


def make(name: str) -> None:
    """Make it in every hierarchy of cgroup v1. The kubelet wants it to be there."""
    for hierarchy in _hierarchies():
        (hierarchy / name).mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # empty in a new one, and nothing could run there
            if (hierarchy / setting).exists():
                (hierarchy / name / setting).write_text((hierarchy / setting).read_text())


def remove_leftovers() -> None:
    """Remove those of processes that have ended, and of this one."""
    for hierarchy in _hierarchies():
        for found in hierarchy.glob(f"{_PREFIX}*"):
            owner = int(found.name.removeprefix(_PREFIX).split("-")[0])
            if owner == os.getpid() or not psutil.pid_exists(owner):
                with suppress(OSError):  # another run removes it, too; or it is not empty yet, and the next one will
                    _remove(found)


def _remove(cgroup: Path) -> None:
    for child in cgroup.iterdir():
        if child.is_dir():
            _remove(child)
    cgroup.rmdir()


def _hierarchies() -> list[Path]:
    return [path for path in _ROOT.iterdir() if (path / "tasks").exists() and not path.is_symlink()]
