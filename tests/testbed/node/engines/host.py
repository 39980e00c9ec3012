"""What a container finds around it: image, files, user, GPUs. The node tells, by one environment variable."""

from __future__ import annotations

import errno
import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

VARIABLE = "SLIPWAY_LOOK_ALIKE"
"""JSON of `Host`. A container runtime's own knowledge: no engine reads it."""
ALWAYS_WRITABLE = ("/tmp", "/var/tmp", "/dev/shm")
SHARED_MEMORY = "/dev/shm"
OOM_MARK = "memory.events"
"""File in the container's scratch folder: what the kernel counts in the cgroup's file of that name."""


@dataclass(frozen=True)
class Host:
    """The container as the node made it. Times of the engine are real ones; `speed` makes them shorter."""

    image: str = "ghcr.io/huggingface/text-generation-inference:3.3.6"
    address: str = "127.0.0.1"
    """The pod's IP."""
    gpus: int = 1
    """How many GPUs the device plugin has given to the container."""
    gpu_product: str = "NVIDIA-L4"
    gpu_memory: int = 23034 * 2**20
    """Bytes of each."""
    memory_limit: int | None = None
    """Bytes at which the kernel kills the container."""
    uid: int = 0
    read_only_root: bool = False
    workdir: str = "/usr/src"
    mounts: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    """By path in the container: the folder that stands for it here, and whether this user may write to it."""
    scratch: str = "/tmp"
    """A folder of this machine that stands for the container's own file system."""
    hub: str = "https://huggingface.co"
    """Where the name huggingface.co leads to."""
    speed: float = 1.0
    load_seconds: float = 2.0
    """How long a model loads, unless its repository says otherwise."""
    token_seconds: float = 0.02
    """How long a token takes."""

    @classmethod
    def here(cls) -> Host:
        """The one that this process runs in; by itself: a root container without volumes."""
        known: dict[str, Any] = json.loads(os.environ.get(VARIABLE, "{}"))
        known["mounts"] = {path: (folder, bool(may)) for path, (folder, may) in known.get("mounts", {}).items()}
        return cls(**known)

    @property
    def repository(self) -> str:
        """The image without tag and digest."""
        name = self.image.partition("@")[0]
        return name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name

    @property
    def version(self) -> tuple[int, ...]:
        """Of the engine, from the image's tag; empty where that does not say."""
        tag = self.image.partition("@")[0].rpartition("/")[2].partition(":")[2].removeprefix("v")
        numbers = tag.partition("-")[0].split(".")
        return tuple(int(number) for number in numbers) if all(number.isdigit() for number in numbers) else ()

    def sleep(self, seconds: float) -> None:
        """Seconds of the engine's own time."""
        time.sleep(seconds / self.speed)

    def place(self, path: str) -> Path:
        """Where a path of the container is on this machine."""
        mount, folder = self._mount(path)
        if folder is not None:
            return Path(folder) / PurePosixPath(path).relative_to(mount)
        return Path(self.scratch) / path.lstrip("/")

    def is_mounted(self, path: str) -> bool:
        return self._mount(path)[1] is not None

    def write_problem(self, path: str) -> OSError | None:
        """Why this user cannot write under a path of the container; None: it can."""
        mount, folder = self._mount(path)
        if folder is not None:
            return None if self.mounts[mount][1] else OSError(errno.EACCES, "Permission denied", path)
        if _below(path, SHARED_MEMORY):
            return None
        if self.read_only_root:
            return OSError(errno.EROFS, "Read-only file system", path)
        if self.uid == 0 or any(_below(path, free) for free in ALWAYS_WRITABLE):
            return None
        return OSError(errno.EACCES, "Permission denied", path)

    def folder(self, path: str) -> Path:
        """A folder of the container that is there and can be written to. Raises OSError as the engine would see it."""
        problem = self.write_problem(path)
        if problem is not None:
            raise problem
        place = self.place(path)
        place.mkdir(parents=True, exist_ok=True)
        return place

    def exceed_memory(self) -> None:
        """What the kernel does to a container that takes more than its limit."""
        mark = self.place("/") / OOM_MARK
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text("oom_kill 1\n")
        os.kill(os.getpid(), signal.SIGKILL)

    def _mount(self, path: str) -> tuple[str, str | None]:
        """The innermost mount that a path is below."""
        found = max((mount for mount in self.mounts if _below(path, mount)), key=len, default="")
        return found, self.mounts[found][0] if found else None


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
