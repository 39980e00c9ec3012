"""Whether images can be built here. `look` reads the machine, `obstacle` decides and touches nothing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.controlplane.choice import debian_keyring

_BUILDABLE_ON = ("x86_64", "aarch64")
_TOOLS = ("apt-get", "dpkg", "tar", "mount", "perl", "pod2usage")
"""Beside apt and dpkg: what mmdebstrap needs, pod2usage for the modules that come with the package perl."""


@dataclass(frozen=True)
class Facts:
    """Everything that decides whether and how images are built."""

    system: str = "Linux"
    machine: str = "x86_64"
    is_root: bool = True
    may_mount: bool = True
    """Whether file systems may be mounted, which root in a container often may not."""
    missing_tools: tuple[str, ...] = ()
    keyring: Path | None = None
    """Debian's archive keyring, without which nothing that is fetched could be verified."""
    has_overlay: bool = False
    """Whether the cache folder can carry an overlay file system; else every layer is a copy of the one below it."""

    @property
    def storage_driver(self) -> str:
        """How layers are kept: https://github.com/containers/storage/blob/main/docs/containers-storage.conf.5.md"""
        return "overlay" if self.has_overlay else "vfs"


def look(cache: Path) -> Facts:
    """Gather the facts. `cache`: the folder, which is made, in which images will be built."""
    cache.mkdir(parents=True, exist_ok=True)
    is_root = platform.system() == "Linux" and os.geteuid() == 0
    return Facts(
        system=platform.system(),
        machine=platform.machine(),
        is_root=is_root,
        may_mount=is_root and _runs("unshare", "--mount", "mount", "-t", "tmpfs", "none", str(cache)),
        missing_tools=tuple(tool for tool in _TOOLS if shutil.which(tool) is None),
        keyring=debian_keyring(),
        has_overlay=is_root and carries_overlay(cache),
    )


def obstacle(facts: Facts) -> str | None:
    """Why no image can be built here; None: one can."""
    if facts.system != "Linux":
        return f"this is {facts.system}; images are built with Debian's buildah, which needs Linux"
    if facts.machine not in _BUILDABLE_ON:
        return f"the processor is {facts.machine}; the build is for {' and '.join(_BUILDABLE_ON)}"
    if not facts.is_root:
        return "images are built as root, and this is another user: run it with sudo"
    if facts.missing_tools:
        return f"the build needs Debian or a derivative, and {', '.join(facts.missing_tools)} is not here"
    if not facts.may_mount:
        return "this root may not mount file systems, as in most containers: it needs CAP_SYS_ADMIN"
    if facts.keyring is None:
        return "the build cannot verify what it fetches without: apt install debian-archive-keyring"
    return None


def carries_overlay(below: Path) -> bool:
    """Whether overlay file systems may be made of folders below one; as root."""
    with tempfile.TemporaryDirectory(prefix=".overlay-", dir=below) as folder:
        lower, upper, work, merged = (Path(folder, name) for name in ("lower", "upper", "work", "merged"))
        for each in (lower, upper, work, merged):
            each.mkdir()
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        return _runs("unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, str(merged))


def _runs(*command: str) -> bool:
    """Whether a command succeeds. What it mounts is in a namespace of its own, and gone with it."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
