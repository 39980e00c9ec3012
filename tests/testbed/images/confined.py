"""Runs an image's own command as a strict pod does: first process, not root, and nowhere to write but where it may.

Namespaces of its own keep mounts and processes apart, and the network is this machine's. Resources, capabilities and
system calls are not limited: that is the matter of a real node.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed.controlplane.processes import die_with_parent
from tests.testbed.images.builder import Builder
from tests.testbed.images.workshop import ROOT


@dataclass(frozen=True)
class Container:
    """A container of an image, whose file system is mounted here."""

    root: Path
    configuration: Mapping[str, Any]
    """https://github.com/opencontainers/image-spec/blob/main/config.md#properties, the field `config`."""

    def start(
        self,
        *arguments: str,
        command: Sequence[str] | None = None,
        user: int = 65532,
        environment: Mapping[str, str] | None = None,
        mounts: Mapping[str, Path | None] | None = None,
        workdir: str | None = None,
    ) -> subprocess.Popen[str]:
        """Start the image's entrypoint with arguments, or another command, as Kubernetes' fields of these names do.

        `mounts`: by path in the container, which the image has, the folder of this machine; None: memory. /tmp is
        memory. The process dies with the one that it is returned for, which has its output in one pipe.
        """
        mounted = {"/tmp": None, **(mounts or {})}
        given = dict(entry.split("=", 1) for entry in self.configuration["Env"])
        told = {
            "root": str(self.root),
            "workdir": workdir or self.configuration.get("WorkingDir") or "/",
            "user": user,
            "environment": given | {"HOSTNAME": "a-pod"} | dict(environment or {}),
            "mounts": {path: str(folder) if folder else None for path, folder in mounted.items()},
            "command": [*(self.configuration["Entrypoint"] if command is None else command), *arguments],
        }
        outside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", sys.executable]
        return subprocess.Popen(
            [*outside, "-m", "tests.testbed.images.enter", json.dumps(told)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=die_with_parent(),
        )

    def run(self, *arguments: str, **how: Any) -> tuple[int, str]:
        """Exit status and output of what `start` starts, once it has ended, which takes a minute at most."""
        process = self.start(*arguments, **how)
        try:
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
        return process.returncode, said


@contextmanager
def container(builder: Builder, name: str) -> Iterator[Container]:
    """A container of an image in the builder's store."""
    with builder.mounted(name) as (identifier, root):
        found = json.loads(builder.output("inspect", "--type", "container", identifier))
        yield Container(root, found["OCIv1"]["config"])


def first_process(process: subprocess.Popen[str]) -> int | None:
    """The container's first process, as this machine knows it; None while it is not there yet."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(children[0]) if children else None
