"""The tools that build, and the base image that takes the place of `python:3-slim` where nothing can be pulled."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from tests.testbed.controlplane.apt import Archive
from tests.testbed.controlplane.progress import Progress
from tests.testbed.images import recipe
from tests.testbed.images.builder import Builder

_LIBRARIES = ("usr/lib", "lib")


def fetch_tools(tools: Path, archive: Archive, progress: Progress) -> None:
    """buildah, mmdebstrap and what they need, unpacked into a folder, which appears whole or not at all."""
    with tempfile.TemporaryDirectory(prefix=".tools-", dir=tools.parent) as folder:
        unpacked = Path(folder) / "root"
        archive.unpack(recipe.TOOLS, unpacked)
        libraries = ":".join(str(tools / place.relative_to(unpacked)) for place in _library_folders(unpacked))
        patchelf, buildah = unpacked / "usr/bin/patchelf", unpacked / "usr/bin/buildah"
        command = [str(patchelf), "--force-rpath", "--set-rpath", libraries, str(buildah)]
        progress.run(command, cwd=unpacked)
        shutil.rmtree(tools, ignore_errors=True)
        unpacked.rename(tools)
    progress.run([str(tools / "usr/bin/buildah"), "--version"], cwd=tools)


def _library_folders(unpacked: Path) -> list[Path]:
    return sorted({file.parent for place in _LIBRARIES for file in (unpacked / place).glob("*-linux-gnu/*.so.*")})


def make_base(name: str, tools: Path, sources: Path, builder: Builder, progress: Progress) -> None:
    """An image of Debian with Python, apt and dpkg, by mmdebstrap, which verifies signatures as apt does.

    `sources`: a sources.list with the mirror to use.
    """
    with tempfile.TemporaryDirectory(prefix=".base-", dir=tools.parent) as folder:
        own = Path(folder, "sources.list")
        own.write_text("".join(line for line in sources.read_text().splitlines(True) if line.startswith("deb ")))
        system = Path(folder, "system.tar")
        options = [f"--dpkgopt=path-exclude={pattern}" for pattern in recipe.LEFT_OUT]
        options += [f"--dpkgopt=path-include={recipe.LICENCES}", "--dpkgopt=force-unsafe-io"]
        command = ["perl", str(tools / "usr/bin/mmdebstrap"), "--mode=root", "--variant=apt", "--format=tar"]
        packages = f"--include={','.join(recipe.PYTHON)}"
        path = f"{tools / 'usr/bin'}:{os.environ.get('PATH', os.defpath)}"  # where it finds mmtarfilter
        environment = {**os.environ, "PATH": path, "TMPDIR": folder, "LC_ALL": "C.UTF-8"}
        arguments = [*command, packages, *options, recipe.SUITE, str(system), str(own)]
        progress.run(arguments, cwd=Path(folder), env=environment)
        builder.from_archive(system, name, command="python3")
