"""What is built when no control plane is at hand, and where the result is kept.

No package registry carries a kube-apiserver binary. Debian's *source package* `kubernetes` of bookworm has
the whole tree with its vendored modules (later suites have only kubectl), and bullseye's Go 1.15 is the
toolchain that this release was made with: with a newer one a vendored module corrupts memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

KUBERNETES_VERSION = "1.20.2"
KUBERNETES_SUITE = "bookworm"
KUBERNETES_SOURCE = "kubernetes"
ETCD_PACKAGES = ("etcd-server",)
GO_SUITE = "bullseye"
GO_PACKAGES = ("golang-1.15-go", "golang-1.15-src")
GO_ROOT = Path("usr/lib/go-1.15")

COMMANDS = ("kube-apiserver", "kube-controller-manager")
BINARIES = (*COMMANDS, "etcd")

# Raise this when a step of the build changes what comes out of it: the cache is keyed by this page.
REVISION = 1


def version_flags() -> str:
    """The linker flags that tell the binaries their version; without them /version would say v0.0.0."""
    major, minor, _ = KUBERNETES_VERSION.split(".")
    values = {
        "gitVersion": f"v{KUBERNETES_VERSION}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitCommit": "debian",
        "gitTreeState": "clean",
    }
    packages = ("k8s.io/client-go/pkg/version", "k8s.io/component-base/version")
    flags = [f"-X {package}.{key}={value}" for package in packages for key, value in values.items()]
    return " ".join(["-s", "-w", *flags])


def key() -> str:
    """Name of the cache entry: the version, and a hash of everything that decides what is built."""
    recipe = [
        [KUBERNETES_VERSION, KUBERNETES_SUITE, KUBERNETES_SOURCE],
        [*ETCD_PACKAGES],
        [GO_SUITE, *GO_PACKAGES],
        [*COMMANDS, version_flags()],
        [platform.machine(), REVISION],
    ]
    digest = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()
    return f"{KUBERNETES_VERSION}-{digest[:12]}"


def cache_root(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that holds one entry for each recipe, by the XDG base directory rules."""
    configured = environment.get("XDG_CACHE_HOME", "")
    base = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
    return base / "slipway" / "control-plane"
