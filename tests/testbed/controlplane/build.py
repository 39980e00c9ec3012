"""The build of a control plane, or a node, from Debian's source package: a few minutes, once a machine.

It needs apt, dpkg and tar, and neither root nor make, rsync or a C compiler: what Kubernetes' Makefile does
for these binaries comes down to one generated file and one `go build`. Everything is fetched and unpacked
under the cache folder; only the kits and the log stay.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import recipe
from .apt import Archive
from .choice import is_complete
from .lock import locked
from .processes import ControlPlaneError
from .progress import Progress, Report
from .recipe import Kit

_MODULE = "k8s.io/kubernetes"
_OPENAPI_TAG = b"+k8s:openapi-gen="
_OPENAPI_PACKAGE = "pkg/generated/openapi"
_OPENAPI_BOILERPLATE = "vendor/k8s.io/code-generator/hack/boilerplate.go.txt"
_OPENAPI_KNOWN_VIOLATIONS = "api/api-rules/violation_exceptions.list"
_BUILDING = ".building-"
_SPACE_NEEDED = 4 * 1024**3


def build(kits: Sequence[Kit], root: Path, keyring: Path, why: str, report: Report) -> None:
    """Build what the cache lacks of these kits, all from one source tree, unless another process does so first.

    `root` is the folder of the cache's entries; an interrupted build leaves none. Raises ControlPlaneError.
    """
    root.mkdir(parents=True, exist_ok=True)
    with locked(root / "lock", "building the control plane", report):
        missing = [kit for kit in kits if not is_complete(root / kit.key(), kit)]
        if missing:
            for kit in missing:
                shutil.rmtree(root / kit.key(), ignore_errors=True)
            _clear_leftovers(root)
            _build_in(root, missing, keyring, why, report)


def _build_in(root: Path, kits: Sequence[Kit], keyring: Path, why: str, report: Report) -> None:
    if shutil.disk_usage(root).free < _SPACE_NEEDED:
        raise ControlPlaneError(f"The build needs {_SPACE_NEEDED >> 30} GB under {root} while it runs.")
    log = root / f"{kits[0].key()}.log"
    log.unlink(missing_ok=True)
    report(f"{why}; the log is {log}")
    progress = Progress(report, log)
    with tempfile.TemporaryDirectory(prefix=_BUILDING, dir=root) as folder:
        work = Path(folder)
        tools, source = work / "tools", work / "source"
        packages = _fetch(work, keyring, progress, tools, source)
        environment = _go_environment(work, tools / recipe.GO_ROOT)
        with progress.phase("Generating the OpenAPI definitions"):
            _generate_openapi(work, source, environment, progress)
        for kit in kits:
            finished = work / kit.key()
            with progress.phase(f"Compiling {' and '.join(kit.commands)} (about three minutes on two cores)"):
                _compile(kit, source, finished / "bin", environment, progress)
            _add_packages(kit, packages, finished, progress)
            for name in kit.commands:
                progress.run([str(finished / "bin" / name), "--version"], cwd=work)
            finished.rename(root / kit.key())


def _fetch(work: Path, keyring: Path, progress: Progress, tools: Path, source: Path) -> Archive:
    """The toolchain and the source; returns the archive that the kits' packages come from."""
    newer = Archive(recipe.KUBERNETES_SUITE, work / "newer", keyring, progress)
    older = Archive(recipe.GO_SUITE, work / "older", keyring, progress)
    with progress.phase(f"Reading Debian's lists for {recipe.KUBERNETES_SUITE} and {recipe.GO_SUITE}"):
        newer.update()
        older.update()
    with progress.phase("Fetching Go (60 MB)"):
        older.unpack(recipe.GO_PACKAGES, tools)
    with progress.phase("Fetching the source of Kubernetes (35 MB)"):
        newer.source(recipe.KUBERNETES_SOURCE, source)
    return newer


def _add_packages(kit: Kit, archive: Archive, finished: Path, progress: Progress) -> None:
    root = finished / "root"
    with progress.phase(f"Fetching Debian's packages for the {kit.name}"):
        archive.unpack(kit.packages, root)
    for path in kit.copied:
        shutil.copy2(root / path, finished / "bin")
    if not kit.whole:
        shutil.rmtree(root)


def _go_environment(work: Path, go_root: Path) -> dict[str, str]:
    """An environment in which Go writes nowhere but in the work folder, and asks no network for anything."""
    folders = {"HOME": "home", "GOPATH": "path", "GOCACHE": "cache", "GOTMPDIR": "tmp", "TMPDIR": "tmp"}
    for name in folders.values():
        (work / name).mkdir(exist_ok=True)
    return {
        **{variable: str(work / name) for variable, name in folders.items()},
        "PATH": f"{go_root / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        "GOROOT": str(go_root),
        "GOENV": "off",
        "GOPROXY": "off",
        "CGO_ENABLED": "0",
        "LC_ALL": "C.UTF-8",
    }


def _generate_openapi(work: Path, source: Path, environment: dict[str, str], progress: Progress) -> None:
    """The one generated file that the source lacks. The generator wants to see the tree in a GOPATH."""
    generator, violations = work / "openapi-gen", work / "violations"
    package = "./vendor/k8s.io/kube-openapi/cmd/openapi-gen"
    progress.run(["go", "build", "-mod=vendor", "-o", str(generator), package], cwd=source, env=environment)
    tree = work / "path" / "src" / _MODULE
    tree.parent.mkdir(parents=True)
    tree.symlink_to(source)
    packages = ",".join(f"{_MODULE}/{package}" for package in openapi_packages(source))
    options = {
        "--input-dirs": packages,
        "--output-package": f"{_MODULE}/{_OPENAPI_PACKAGE}",
        "--output-file-base": "zz_generated.openapi",
        "--go-header-file": str(source / _OPENAPI_BOILERPLATE),
        "--report-filename": str(violations),
    }
    command = [str(generator), "--logtostderr", *(f"{option}={value}" for option, value in options.items())]
    gopath = {**environment, "GO111MODULE": "off", "PWD": str(tree)}
    progress.run(command, cwd=tree, env=gopath)
    if violations.read_bytes() != (source / _OPENAPI_KNOWN_VIOLATIONS).read_bytes():
        raise ControlPlaneError("The OpenAPI definitions came out differently from those of the release.")


def openapi_packages(source: Path) -> list[str]:
    """The Go packages, relative to the tree, that ask for OpenAPI definitions."""
    roots = [source / "cmd", source / "pkg", *(source / "vendor" / "k8s.io").iterdir()]
    elsewhere = {"code-generator", "sample-apiserver"}
    found = set()
    for root in roots:
        if root.name in elsewhere:
            continue
        for folder, _, files in os.walk(root):
            if any(_asks_for_openapi(Path(folder, name)) for name in files if name.endswith(".go")):
                found.add(str(Path(folder).relative_to(source)))
    return sorted(found)


def _asks_for_openapi(file: Path) -> bool:
    text = file.read_bytes()
    if _OPENAPI_TAG not in text:
        return False
    lines = (line.lstrip(b"/ ") for line in text.splitlines() if line.startswith(b"//"))
    return any(line.startswith(_OPENAPI_TAG) for line in lines)


def _compile(kit: Kit, source: Path, into: Path, environment: dict[str, str], progress: Progress) -> None:
    into.mkdir(parents=True)
    packages = [f"./cmd/{command}" for command in kit.commands]
    flags = ["-mod=vendor", "-trimpath", "-ldflags", recipe.version_flags(), "-o", f"{into}/"]
    progress.run(["go", "build", *flags, *packages], cwd=source, env=environment)
    for name in kit.programs:
        command = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(into / name), str(recipe.program(name))]
        progress.run(command, cwd=into, env=environment)


def _clear_leftovers(root: Path) -> None:
    """What a killed build left. We hold the lock, so nobody works there."""
    for leftover in root.glob(f"{_BUILDING}*"):
        shutil.rmtree(leftover, ignore_errors=True)
