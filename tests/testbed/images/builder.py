"""buildah, run from the folder that its package was unpacked into, with a store of its own."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from tests.testbed.controlplane.processes import ControlPlaneError
from tests.testbed.controlplane.progress import Progress
from tests.testbed.images.plan import Plan

_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_POLICY = {"default": [{"type": "insecureAcceptAnything"}]}
"""Of images that are pulled, of which there are none: what is verified are Debian's signatures and uv.lock's hashes."""

_LOOKED_INTO = "look-"
"""What the name of a container begins with that belongs to a process; its number comes next."""


class Builder:
    """Builds images. Layers are kept in its store, so that what has not changed is not built again."""

    def __init__(self, tools: Path, root: Path, driver: str, progress: Progress) -> None:
        """`root`: a folder for the store, its settings, and what is written on the way."""
        self._buildah = tools / "usr/bin/buildah"
        self._settings = root / "settings"
        self._progress = progress
        self._settings.mkdir(parents=True, exist_ok=True)
        storage = {"driver": driver, "graphroot": str(root / f"store-{driver}"), "runroot": str(root / f"run-{driver}")}
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in storage.items())
        self._write("storage.conf", f"[storage]\n{lines}")
        self._write("registries.conf", "unqualified-search-registries = []\n")
        self._write("containers.conf", "")
        self._write("auth.json", "{}")
        self._write("policy.json", json.dumps(_POLICY))
        self._root = root

    def build(self, plan: Plan, name: str, arguments: Mapping[str, str]) -> None:
        """Build with the network of this machine, its proxy and its certificate authorities."""
        given = [option for key, value in arguments.items() for option in ("--build-arg", f"{key}={value}")]
        if "UV_DEFAULT_INDEX" in os.environ:  # its value is read from the environment: it may hold a password
            given += ["--build-arg", "UV_DEFAULT_INDEX"]
        read = [option for key, path in _secrets().items() for option in ("--secret", f"id={key},src={path}")]
        stage = ["--target", plan.target] if plan.target else []
        ignore = ["--ignorefile", str(plan.ignore)] if plan.ignore else []
        command = ["bud", "--layers", "--network", "host", "--file", str(plan.file), "--tag", name]
        self._run([*command, *stage, *ignore, *given, *read, *self._policy(), str(plan.context)])

    def from_archive(self, archive: Path, name: str, *, command: str) -> None:
        """An image of one layer: a file system in a tar archive."""
        container = self.output("from", "scratch")
        try:
            self._run(["add", "--quiet", container, str(archive), "/"])
            self._run(["config", "--cmd", command, container])
            self._run(["commit", "--quiet", *self._policy(), container, name])
        finally:
            self._run(["rm", container])

    def save(self, name: str, reference: str, archive: Path) -> None:
        """Write an image as an archive of Docker's format, under the name `reference`; all of it or nothing.

        `ctr images import`, `docker load` and `kind load image-archive` take it.
        """
        part = archive.with_suffix(".part")
        part.unlink(missing_ok=True)
        self._run(["push", "--quiet", *self._policy(), name, f"docker-archive:{part}:{reference}"])
        part.replace(archive)

    def has(self, name: str) -> bool:
        """Whether an image is in the store."""
        return self._finished("inspect", "--type", "image", name).returncode == 0

    def remove(self, name: str) -> None:
        """Remove an image, and of its layers those that no other needs. One that is not there is no error."""
        if self.has(name):
            self._run(["rmi", name])

    def prune(self) -> None:
        """Remove layers that belong to no image with a name."""
        self._run(["rmi", "--prune"])

    def remove_leftovers(self) -> None:
        """Remove the containers of processes that were killed: no image goes that one is made of.

        Whoever calls holds the lock, so that nobody builds. Containers that are looked into are somebody's without it.
        """
        for found in json.loads(self.output("containers", "--json") or "null") or []:
            name = found["containername"]
            if not (name.startswith(_LOOKED_INTO) and psutil.pid_exists(int(name.split("-")[1]))):
                self._finished("umount", name)
                self._run(["rm", name])

    @contextmanager
    def mounted(self, name: str) -> Iterator[tuple[str, Path]]:
        """A container of an image, for `run`, and its file system on this machine."""
        with ExitStack() as stack:
            mine = f"{_LOOKED_INTO}{os.getpid()}-{secrets.token_hex(4)}"
            container = self.output("from", "--pull-never", "--name", mine, *self._policy(), name)
            stack.callback(self._run, ["rm", container])
            folder = Path(self.output("mount", container))
            stack.callback(self._run, ["umount", container])
            yield container, folder

    def command(self, *arguments: str) -> list[str]:
        """A command line, for those who start a container themselves. It needs `environment`."""
        return [str(self._buildah), *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """In which buildah finds its settings and store, and nothing of this machine's."""
        return {
            **os.environ,
            "BUILDAH_ISOLATION": "chroot",
            "CONTAINERS_CONF": str(self._settings / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self._settings / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(self._settings / "registries.conf"),
            "REGISTRY_AUTH_FILE": str(self._settings / "auth.json"),
            "TMPDIR": str(self._settings),
        }

    def output(self, *arguments: str) -> str:
        """What a command prints. Raises ControlPlaneError."""
        found = self._finished(*arguments)
        if found.returncode:
            raise ControlPlaneError(f"buildah {' '.join(arguments)} failed ({found.returncode}): {found.stderr}")
        return found.stdout.strip()

    def _finished(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, check=False
        )

    def _run(self, arguments: Sequence[str]) -> None:
        self._progress.run(self.command(*arguments), cwd=self._settings, env=self.environment)

    def _policy(self) -> list[str]:
        return ["--signature-policy", str(self._settings / "policy.json")]

    def _write(self, name: str, text: str) -> None:
        (self._settings / name).write_text(text)


def _secrets() -> dict[str, Path]:
    """What a build may read and does not keep: this machine's certificate authorities, and logins for its index."""
    candidates = {
        "ca": Path(os.environ.get("SSL_CERT_FILE") or _CERTIFICATES),
        "netrc": Path(os.environ.get("NETRC") or Path.home() / ".netrc"),
    }
    return {name: path for name, path in candidates.items() if path.is_file()}
