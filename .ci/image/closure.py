"""Collects what a Python application needs of the image that it was built in, and nothing else.

    python image/closure.py APPLICATION ROOT

APPLICATION is a folder with a virtual environment somewhere in it; ROOT is filled with the interpreter, its standard
library, every shared library that one of these or an extension module of the application is linked with, the store of
certificate authorities, and a few files of /etc. The application itself is not copied. What decides is what the files
say that they need, not the name of a distribution: any base does whose Python has `ldd` beside it.

Packages of Debian that a copied file belongs to are recorded in ROOT/var/lib/dpkg/status.d, one file each, which is
where scanners look in images without a package manager
(https://github.com/GoogleContainerTools/distroless/blob/main/PACKAGE_METADATA.md).
"""

import os
import re
import shutil
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

USER = 65532
"""Of the operator: what distroless images call `nonroot`."""
_NOT_NEEDED = re.compile(
    r"(test|tests|idlelib|tkinter|turtledemo|turtle\.py|ensurepip|venv|lib2to3|pydoc_data|config-.*|EXTERNALLY-MANAGED"
    r"|site-packages|dist-packages|__pycache__"
    r"|(_tkinter|_curses|_curses_panel|readline|_gdbm|_dbm|nis|ossaudiodev|_test\w*|_ctypes_test|_xx\w*|xx\w*)\..*so)"
)
"""Of the standard library: tests, installers, and what draws on screens and terminals."""
_OPENED_BY_NAME = ("libgcc_s.so.1", "libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2", "ossl-modules")
"""What glibc and OpenSSL load when they need it, which `ldd` cannot see. From the folders of what it does see."""
_CONFIGURATION = ("/etc/os-release", "/etc/nsswitch.conf", "/etc/ld.so.cache", "/etc/ssl/openssl.cnf")
_LINKED = re.compile(r"^\s+(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$")
_LACKING = re.compile(r"^\s+(\S+) => not found$|^Error loading shared library (\S+?):")


class Root:
    """A folder that becomes the root of the image. What is added keeps its path, symbolic links included."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: set[Path] = set()
        """The files of this machine that were copied."""

    def place(self, path: Path) -> Path:
        """Where a path of the image lies."""
        return self.folder / path.relative_to("/")

    def add(self, path: Path) -> Path:
        """Copy a file, and the links on the way to it. Returns the path without links."""
        real = Path("/")
        parts = path.parts[1:]
        for number, part in enumerate(parts):
            real /= part
            if real.is_symlink():
                target = os.readlink(real)
                if not self.place(real).is_symlink():
                    self.place(real).symlink_to(target)
                return self.add(Path(os.path.normpath(real.parent / target), *parts[number + 1 :]))
            if real.is_dir():
                self.place(real).mkdir(exist_ok=True)
            elif real not in self.files:
                shutil.copy2(real, self.place(real))
                self.files.add(real)
        return real

    def add_tree(self, folder: Path, without: re.Pattern[str] | None = None) -> None:
        """Copy a folder, without entries of such names."""
        for entry in sorted(folder.iterdir()):
            if without and without.fullmatch(entry.name):
                continue
            if entry.is_dir():
                self.add_tree(entry, without)
            elif entry.exists():
                self.add(entry)

    def write(self, path: str, text: str) -> None:
        """A file of the image's own."""
        place = self.place(Path(path))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def main(application: Path, folder: Path) -> None:
    """Fill the folder, which is empty or not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    root = Root(folder)
    for link in application.rglob("bin/python*"):
        root.add(Path(os.path.normpath(link.parent / os.readlink(link))) if link.is_symlink() else link)
    for kind in ("stdlib", "platstdlib"):
        root.add_tree(Path(sysconfig.get_path(kind)), _NOT_NEEDED)
    for library in linked([*root.files, *application.rglob("*")]):
        root.add(library)
    for beside in sorted({file.parent for file in root.files if ".so" in file.name} | _as_named(root)):
        for name in _OPENED_BY_NAME:
            found = beside / name
            if found.is_dir():
                root.add_tree(found)
            elif found.exists():
                root.add(found)
    add_certificates(root)
    for name in _CONFIGURATION:
        if Path(name).exists():
            root.add(Path(name))
    write_own(root)
    compile_library(root)
    record_packages(root)


def _as_named(root: Root) -> set[Path]:
    return {Path(os.path.realpath(sys.executable)).parent.parent / "lib"} | {
        file.parent for file in root.files if file.name.startswith("libc.")
    }


def linked(files: Iterable[Path]) -> list[Path]:
    """The shared libraries that executables and libraries among the files need. Raises SystemExit if one lacks."""
    of_machine = [str(file) for file in files if file.is_file() and not file.is_symlink() and _is_elf(file)]
    said = subprocess.run(["ldd", *of_machine], capture_output=True, text=True, check=False)
    libraries = set()
    for line in (said.stdout + said.stderr).splitlines():
        if found := _LINKED.match(line):
            libraries.add(Path(os.path.normpath(found[1])))
        elif lacking := _LACKING.match(line):
            raise SystemExit(f"the base image lacks {lacking[1] or lacking[2]}, which this needs:\n{said.stdout}")
    if not libraries:
        raise SystemExit(f"ldd found no library at all: {said.stderr}")
    return sorted(libraries)


def _is_elf(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(4) == b"\x7fELF"


def add_certificates(root: Root) -> None:
    """The store that OpenSSL reads by itself. Raises SystemExit where it is empty."""
    if not ssl.create_default_context().cert_store_stats()["x509_ca"]:
        raise SystemExit("the base image has no CA certificates: install its package ca-certificates")
    paths = ssl.get_default_verify_paths()
    for name in (paths.openssl_cafile, "/etc/ssl/certs/ca-certificates.crt"):
        if Path(name).exists():
            root.add(Path(name))
    if Path(paths.openssl_capath).is_dir():
        root.add_tree(Path(paths.openssl_capath))


def write_own(root: Root) -> None:
    """Users, places for what a container runtime mounts, and the one folder that anybody may write to."""
    home = "/home/slipway"
    root.write(
        "/etc/passwd", f"root:x:0:0:root:/:/sbin/nologin\nslipway:x:{USER}:{USER}:slipway:{home}:/sbin/nologin\n"
    )
    root.write("/etc/group", f"root:x:0:\nslipway:x:{USER}:\n")
    if not root.place(Path("/etc/nsswitch.conf")).exists():
        root.write("/etc/nsswitch.conf", "hosts: files dns\n")
    for name in ("/dev", "/proc", "/sys", "/run", "/tmp", home):  # noqa: S108  # folders of the image
        root.place(Path(name)).mkdir(parents=True)
    root.place(Path("/tmp")).chmod(0o1777)  # noqa: S108  # likewise
    os.chown(root.place(Path(home)), USER, USER)


def compile_library(root: Root) -> None:
    """Official images of Python come without, and would compile their library at each start.

    By hash and unchecked: what is compiled does not change with the time at which it is.
    """
    library = sysconfig.get_path("stdlib")
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, "-s", str(root.folder), "-p", "/", str(root.folder) + library], check=True)


def record_packages(root: Root) -> None:
    """What dpkg knows of the packages that the copied files are from; nothing where there is no dpkg."""
    if shutil.which("dpkg-query") is None:
        return
    for package in sorted(packages_of(root.files)):
        status = subprocess.run(["dpkg-query", "--status", package], capture_output=True, text=True, check=True)
        name = package.partition(":")[0]
        root.write(f"/var/lib/dpkg/status.d/{name}", status.stdout)
        licence = Path("/usr/share/doc", name, "copyright")
        if licence.exists():
            root.add(licence)


def packages_of(files: Iterable[Path]) -> set[str]:
    """Names of Debian packages, with their architecture where dpkg names it.

    dpkg knows a file by the path that its package has, which may lack the /usr of a merged system.
    """
    paths = {str(file) for file in files} | {str(file).removeprefix("/usr") for file in files}
    said = subprocess.run(["dpkg-query", "--search", *sorted(paths)], capture_output=True, text=True, check=False)
    return set(_owners(said.stdout.splitlines()))


def _owners(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        owners, _, path = line.rpartition(": ")
        if path.startswith("/") and not owners.startswith("diversion by"):
            yield from (owner.strip() for owner in owners.split(","))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
