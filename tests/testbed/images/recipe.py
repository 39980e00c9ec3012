"""What images are made of and with, and the names under which the results are kept.

Nothing can be pulled here, so the base image is made of Debian's packages, and buildah is run from a folder that its
package was unpacked into.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.testbed.controlplane import recipe as control_plane

SUITE = "bookworm"
_LIBRARIES = ("libgpgme11", "libassuan0", "libgpg-error0", "libdevmapper1.02.1", "libseccomp2")
_OFTEN_THERE = ("libselinux1", "libpcre2-8-0", "libudev1")
TOOLS = ("buildah", *_LIBRARIES, *_OFTEN_THERE, "mmdebstrap", "patchelf")
"""buildah with the libraries that not every system has. patchelf tells it where they are: in its build steps it starts
itself again with an empty environment, which LD_LIBRARY_PATH does not survive."""
PYTHON = ("python3", "python3-venv", "python-is-python3", "ca-certificates")
"""What the base image has beside apt and what is essential: as the official image `python:3-slim`."""
LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*")
LICENCES = "/usr/share/doc/*/copyright"

# Raise this when a step changes what comes out of it.
REVISION = 1


def cache_root(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder for tools, layers and finished archives."""
    return control_plane.cache_root(environment).parent / "images"


def tools_key() -> str:
    """Name of the folder with buildah."""
    return f"tools-{digest([SUITE, *TOOLS, platform.machine(), str(REVISION)])}"


def base_key() -> str:
    """Name of the base image."""
    return f"base-{digest([SUITE, *PYTHON, *LEFT_OUT, LICENCES, platform.machine(), str(REVISION)])}"


def digest(words: Iterable[str]) -> str:
    """Twelve hex digits of a list of words."""
    return hashlib.sha256(json.dumps([*words]).encode()).hexdigest()[:12]


def digest_of_files(root: Path, names: Iterable[str], words: Iterable[str] = ()) -> str:
    """Twelve hex digits of the contents, paths and modes of files and folders below `root`, and of further words.

    What Python leaves beside its sources is not looked at. Raises FileNotFoundError.
    """
    content = [*words]
    for name in names:
        place = root / name
        files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
        for file in files:
            if "__pycache__" not in file.parts:
                executable = "x" if os.access(file, os.X_OK) else "-"
                path = str(file.relative_to(root))
                content += [path, executable, hashlib.sha256(file.read_bytes()).hexdigest()]
    return digest(content)
