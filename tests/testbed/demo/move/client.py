"""The client: examples/client/ask.py, a process that is told nothing but where its binding is mounted."""

import re
import shlex
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.cluster import Object
from tests.testbed.workbench import ROOT

PROGRAM = Path("examples/client/ask.py")
"""Relative to the root of the repository."""
_COMMIT = re.compile(r"\b[0-9a-f]{40}\b")
_LONGEST = 90
"""Seconds."""


@dataclass(frozen=True)
class Said:
    """What one run of the client printed."""

    status: int
    answer: str
    """Of the model; empty where there was none."""
    note: str
    """Where it came from, or why there is no answer."""

    @property
    def commit(self) -> str | None:
        """The commit that the answer names."""
        found = _COMMIT.search(self.answer)
        return found[0] if found else None


@dataclass(frozen=True)
class Client:
    """A client of one binding. Program, arguments and environment are the same each time."""

    folder: Path
    """Its home, and where its bindings are mounted."""
    binding: str
    environment: Mapping[str, str]
    """Its AWS identity, and the ways out of this machine's stand-ins."""

    def command(self, prompt: str) -> str:
        """What a person would type."""
        return shlex.join(["python", str(PROGRAM), self.binding, prompt])

    def mount(self, secret: Object | None) -> dict[str, str]:
        """The Secret's entries as files, as a kubelet keeps them in the volume of a pod that runs. Returns them.

        Where there is no Secret any more, a kubelet leaves the files as they are.
        """
        folder = self._bindings / self.binding
        if secret is not None:
            entries = {key: b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for key, value in entries.items():
                (folder / key).write_text(value)
        return {file.name: file.read_text() for file in sorted(folder.iterdir())}

    def ask(self, prompt: str) -> Said:
        """One question."""
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "SERVICE_BINDING_ROOT": str(self._bindings),
            **self.environment,
        }
        command = [sys.executable, str(ROOT / PROGRAM), self.binding, prompt]
        ran = subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=_LONGEST, check=False
        )
        return Said(ran.returncode, ran.stdout.strip(), ran.stderr.strip())

    @property
    def _bindings(self) -> Path:
        return self.folder / "bindings"
