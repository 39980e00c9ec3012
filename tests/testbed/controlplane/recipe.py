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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KUBERNETES_VERSION = "1.20.2"
KUBERNETES_SUITE = "bookworm"
KUBERNETES_SOURCE = "kubernetes"
GO_SUITE = "bullseye"
GO_PACKAGES = ("golang-1.15-go", "golang-1.15-src")
GO_ROOT = Path("usr/lib/go-1.15")


@dataclass(frozen=True)
class Kit:
    """Programs that are built and kept together."""

    name: str
    """What people call it."""
    commands: tuple[str, ...]
    """Commands of Kubernetes to compile."""
    packages: tuple[str, ...]
    """Debian's packages that it takes programs from."""
    copied: tuple[Path, ...] = ()
    """Programs of these packages that are copied beside the compiled ones."""
    programs: tuple[str, ...] = ()
    """Go programs of our own (`<name>.go` beside this page), to compile."""
    whole: bool = False
    """Whether the unpacked packages are kept whole, in `root`: their programs need libraries and plugins."""
    prefix: str = ""
    """What the name of its cache entry begins with."""
    # Raise this when a step of the build changes what comes out of it: the cache is keyed by this page.
    revision: int = 1

    @property
    def binaries(self) -> tuple[str, ...]:
        """Names of the executables in `bin`."""
        return (*self.commands, *(path.name for path in self.copied), *self.programs)

    def key(self) -> str:
        """Name of the cache entry: the version, and a hash of everything that decides what is built."""
        recipe: list[list[Any]] = [
            [KUBERNETES_VERSION, KUBERNETES_SUITE, KUBERNETES_SOURCE],
            [*self.packages],
            [GO_SUITE, *GO_PACKAGES],
            [*self.commands, version_flags()],
            [platform.machine(), self.revision],
        ]
        recipe += [[name, program(name).read_text()] for name in self.programs]
        digest = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()
        return f"{self.prefix}{KUBERNETES_VERSION}-{digest[:12]}"


CONTROL_PLANE = Kit(
    name="control plane",
    commands=("kube-apiserver", "kube-controller-manager"),
    packages=("etcd-server",),
    copied=(Path("usr/bin/etcd"),),
)
NODE = Kit(
    name="node",
    commands=("kubelet", "kube-proxy", "kube-scheduler"),
    packages=(
        *("containerd", "runc", "libseccomp2", "containernetworking-plugins"),
        *("iptables", "libip4tc2", "libip6tc2", "libxtables12", "libnftnl11", "libmnl0"),
        *("conntrack", "libnetfilter-conntrack3", "libnfnetlink0"),
        *("iproute2", "libbpf1", "libelf1", "libbsd0", "libmd0", "libcap2", "libdb5.3"),
    ),
    programs=("pause",),
    whole=True,
    prefix="node-",
)
"""What a real node needs beside the control plane. Its C library is the machine's own."""


def program(name: str) -> Path:
    """The source of a Go program of our own."""
    return Path(__file__).with_name(f"{name}.go")


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


def cache_root(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that holds one entry for each recipe, by the XDG base directory rules."""
    configured = environment.get("XDG_CACHE_HOME", "")
    base = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
    return base / "slipway" / "control-plane"
