"""What a look-alike finds around it in a container of its own: paths are what they say, and limits are the kernel's.

The image says what it is (`IMAGE`). What a container cannot see, because no GPU is there, has the values of `Host`;
a pod may set others by `SLIPWAY_LOOK_ALIKE`, such as `{"gpu_memory": 85899345920, "load_seconds": 20}` in
spec.engine.env.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.node.engines.host import SHARED_MEMORY, VARIABLE, Host

IMAGE = "SLIPWAY_LOOK_ALIKE_IMAGE"
"""Variable of the image: the name of the image that it looks like."""
VISIBLE = "NVIDIA_VISIBLE_DEVICES"
"""https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html#gpu-enumeration"""
ON_NODE = 8
"""GPUs that the node has: `all` are seen where a device plugin does not name some."""
DEFAULT_SHARED_MEMORY = 64 * 2**20
"""Bytes at /dev/shm unless the pod mounts something there."""
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""In cgroups of version 2 and 1: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files"""
_UNLIMITED = 2**62


@dataclass(frozen=True)
class Inside(Host):
    """A container that a runtime has made."""

    def place(self, path: str) -> Path:
        return Path(path)

    def is_mounted(self, path: str) -> bool:
        if path == SHARED_MEMORY:  # every container has some there
            found = os.statvfs(path)
            return found.f_blocks * found.f_frsize > DEFAULT_SHARED_MEMORY
        return os.path.ismount(path)

    def write_problem(self, path: str) -> OSError | None:
        there = next(place for place in (Path(path), *Path(path).parents) if place.exists())
        try:
            with tempfile.TemporaryFile(dir=there):
                return None
        except OSError as problem:
            return OSError(problem.errno, problem.strerror, path)

    def exceed_memory(self) -> None:
        """Take more than the limit, until the kernel kills the process."""
        taken = []
        while True:
            taken.append(b"x" * 2**24)


def host(environment: Mapping[str, str] = os.environ) -> Host:
    """Of the container if this process is in one, else what the node's double tells."""
    image = environment.get(IMAGE)
    if image is None:
        return Host.here()
    told = json.loads(environment.get(VARIABLE) or "{}")
    found = {"address": "0.0.0.0", "gpus": gpus(environment.get(VISIBLE, "all")), "memory_limit": memory_limit()}
    return Inside(**{"image": image, "uid": os.getuid(), "workdir": os.getcwd(), **found, **told})


def gpus(visible: str) -> int:
    """How many GPUs a container sees by its variable NVIDIA_VISIBLE_DEVICES: `void`, `none`, `all`, or a list."""
    if visible in ("", "void", "none"):
        return 0
    return ON_NODE if visible == "all" else len(visible.split(","))


def memory_limit() -> int | None:
    """Bytes; None: there is no limit."""
    for file in _LIMITS:
        if file.is_file():
            said = file.read_text().strip()
            return None if said == "max" or int(said) >= _UNLIMITED else int(said)
    return None
