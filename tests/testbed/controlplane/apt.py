"""Debian's archive, read with the machine's apt but without touching what that apt knows.

Lists, caches and sources are in a folder of our own; packages are unpacked, never installed. Signatures are
verified as always. None of it needs root.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from .processes import ControlPlaneError
from .progress import Progress

DEFAULT_MIRROR = "http://deb.debian.org/debian"
ARCHIVE = "http://archive.debian.org/debian"  # where a suite goes when its support ends

# Read after the machine's own configuration (-c), so that #clear takes its hooks away.
_CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Default-Release;
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State::Lists "{folder}/lists";
Dir::Cache "{folder}/cache";
"""


class Archive:
    """One suite of Debian's archive."""

    def __init__(self, suite: str, folder: Path, keyring: Path, progress: Progress) -> None:
        self._suite = suite
        self._folder = folder
        self._keyring = keyring
        self._progress = progress
        for part in ("lists/partial", "cache/archives/partial", "downloads"):
            (folder / part).mkdir(parents=True)
        (folder / "apt.conf").write_text(_CONFIGURATION.format(folder=folder))

    def update(self) -> None:
        """Fetch the suite's lists, from the first mirror that has it."""
        *others, last = mirrors()
        for mirror in others:
            try:
                return self._update(mirror)
            except ControlPlaneError:  # it is in the log; the next mirror may have the suite
                continue
        return self._update(last)

    def unpack(self, packages: tuple[str, ...], into: Path) -> None:
        """Download binary packages and unpack them into a folder."""
        downloads = self._folder / "downloads"
        self._apt("download", *packages)
        for package in packages:
            (deb,) = downloads.glob(f"{package}_*.deb")
            self._progress.run(["dpkg", "-x", str(deb), str(into)], cwd=self._folder)
            deb.unlink()

    def source(self, package: str, into: Path) -> None:
        """Download a source package (apt verifies it) and unpack its upstream part, not Debian's patches."""
        self._apt("source", "--download-only", package)
        (tarball,) = (self._folder / "downloads").glob(f"{package}_*.orig.tar.*")
        into.mkdir()
        self._progress.run(
            ["tar", "--extract", "--file", str(tarball), "--strip-components=1", "--no-same-owner"], cwd=into
        )
        tarball.unlink()

    def _update(self, mirror: str) -> None:
        kinds = ("deb", "deb-src")
        lines = (f"{kind} [signed-by={self._keyring}] {mirror} {self._suite} main\n" for kind in kinds)
        (self._folder / "sources.list").write_text("".join(lines))
        self._apt("update")

    def _apt(self, *arguments: str) -> None:
        command = ["apt-get", "-c", str(self._folder / "apt.conf"), "--quiet=2", *arguments]
        self._progress.run(command, cwd=self._folder / "downloads", env={**os.environ, "LC_ALL": "C.UTF-8"})


def mirrors() -> list[str]:
    """Where to look, in order: the mirror that this machine uses, Debian's own, the archive of old suites."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    own = sorted({uri.rstrip("/") for uri in listing.stdout.split() if is_debian_mirror(uri)})
    return list(dict.fromkeys([*own, DEFAULT_MIRROR, ARCHIVE]))


def is_debian_mirror(uri: str) -> bool:
    """Whether a repository of the machine's apt looks like a mirror of Debian's main archive.

    One that only looks like it is no harm: its signature will not do, and the next mirror is asked.
    """
    parts = urlsplit(uri)
    return parts.scheme in ("http", "https") and parts.path.rstrip("/").endswith("/debian")
