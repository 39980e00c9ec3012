"""Which control plane the tests get. `look` reads the machine, `choose` decides and touches nothing."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import recipe
from .recipe import CONTROL_PLANE, Kit

KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
_BUILDABLE_ON = ("x86_64", "aarch64")
_ASSETS_NEEDED = ("kube-apiserver", "etcd")


class ControlPlaneUnavailable(RuntimeError):
    """No control plane can be had here; the message says what to set or install."""


@dataclass(frozen=True)
class Facts:
    """Everything that the choice depends on."""

    kubeconfig: Path | None = None
    """The value of SLIPWAY_KUBECONFIG."""
    kubeconfig_exists: bool = False
    assets: Path | None = None
    """The value of KUBEBUILDER_ASSETS."""
    assets_found: frozenset[str] = frozenset()
    """The executables in that folder."""
    cache: Path = Path()
    """The folder that holds, or will hold, the build for this recipe."""
    cached: bool = False
    system: str = "Linux"
    machine: str = "x86_64"
    missing_tools: tuple[str, ...] = ()
    """Of the tools that a build needs, those that the machine lacks."""
    keyring: Path | None = None
    """Debian's archive keyring, without which nothing that is fetched could be verified."""


@dataclass(frozen=True)
class ExistingCluster:
    """A cluster that somebody else runs."""

    kubeconfig: Path
    why: str


@dataclass(frozen=True)
class Binaries:
    """Servers to start from ready-made binaries."""

    apiserver: Path
    etcd: Path
    controller_manager: Path | None
    kubectl: Path | None
    why: str


@dataclass(frozen=True)
class BuildFromDebian:
    """Binaries to build first."""

    cache: Path
    keyring: Path
    why: str


Choice = ExistingCluster | Binaries | BuildFromDebian


def look(environment: Mapping[str, str] = os.environ) -> Facts:
    """Gather the facts. KUBECONFIG and ~/.kube/config are left out on purpose: tests write and delete."""
    kubeconfig = _path(environment, "SLIPWAY_KUBECONFIG")
    assets = _path(environment, "KUBEBUILDER_ASSETS")
    cache = recipe.cache_root(environment) / CONTROL_PLANE.key()
    return Facts(
        kubeconfig=kubeconfig,
        kubeconfig_exists=kubeconfig is not None and kubeconfig.is_file(),
        assets=assets,
        assets_found=_executables(assets),
        cache=cache,
        cached=is_complete(cache, CONTROL_PLANE),
        system=platform.system(),
        machine=platform.machine(),
        missing_tools=tuple(tool for tool in ("apt-get", "dpkg", "tar") if shutil.which(tool) is None),
        keyring=debian_keyring(),
    )


def debian_keyring() -> Path | None:
    """Debian's archive keyring, without which nothing that is fetched could be verified."""
    return next((keyring for keyring in KEYRINGS if keyring.is_file()), None)


def choose(facts: Facts) -> Choice:
    """The first that applies: an existing cluster, envtest's binaries, the cache, a build."""
    if facts.kubeconfig is not None:
        return _existing(facts, facts.kubeconfig)
    if facts.assets is not None:
        return _from_assets(facts, facts.assets)
    if facts.cached:
        return cached_binaries(facts.cache)
    if obstacle := _obstacle(facts):
        raise ControlPlaneUnavailable(_ways_out(obstacle))
    assert facts.keyring is not None  # else it would have been the obstacle
    what = f"Kubernetes {recipe.KUBERNETES_VERSION} from Debian's source package"
    why = f"building {what}, once, into {facts.cache}"
    return BuildFromDebian(facts.cache, facts.keyring, why)


def is_complete(entry: Path, kit: Kit) -> bool:
    """Whether an entry of the cache is a finished build of a kit."""
    return _executables(entry / "bin") >= set(kit.binaries)


def cached_binaries(cache: Path) -> Binaries:
    """The binaries of a finished build."""
    folder = cache / "bin"
    why = f"Kubernetes {recipe.KUBERNETES_VERSION}, built from Debian's source package, in {folder}"
    return Binaries(
        apiserver=folder / "kube-apiserver",
        etcd=folder / "etcd",
        controller_manager=folder / "kube-controller-manager",
        kubectl=None,
        why=why,
    )


def _existing(facts: Facts, kubeconfig: Path) -> ExistingCluster:
    if not facts.kubeconfig_exists:
        raise ControlPlaneUnavailable(
            f"SLIPWAY_KUBECONFIG names {kubeconfig}, which is not a file. "
            "Name one kubeconfig file of a cluster that tests may write to, or unset the variable."
        )
    return ExistingCluster(kubeconfig, f"the existing cluster of SLIPWAY_KUBECONFIG={kubeconfig}")


def _from_assets(facts: Facts, assets: Path) -> Binaries:
    if lacking := [name for name in _ASSETS_NEEDED if name not in facts.assets_found]:
        raise ControlPlaneUnavailable(
            f"KUBEBUILDER_ASSETS={assets} lacks {' and '.join(lacking)}. "
            'Set it with: export KUBEBUILDER_ASSETS="$(setup-envtest use -p path)", or unset it.'
        )
    why = f"the binaries of KUBEBUILDER_ASSETS={assets}"
    manager = assets / "kube-controller-manager" if "kube-controller-manager" in facts.assets_found else None
    if manager is None:
        why += "; no kube-controller-manager there, so garbage collection is off"
    return Binaries(
        apiserver=assets / "kube-apiserver",
        etcd=assets / "etcd",
        controller_manager=manager,
        kubectl=assets / "kubectl" if "kubectl" in facts.assets_found else None,
        why=why,
    )


def _obstacle(facts: Facts) -> str | None:
    if facts.system != "Linux":
        return f"this is {facts.system}; the build of a control plane from Debian's packages needs Linux."
    if facts.machine not in _BUILDABLE_ON:
        return f"the processor is {facts.machine}; the build is for {' and '.join(_BUILDABLE_ON)}."
    if facts.missing_tools:
        return f"the build needs Debian or a derivative, and {', '.join(facts.missing_tools)} is not here."
    if facts.keyring is None:
        return "the build cannot verify what it fetches without: apt install debian-archive-keyring."
    return None


def _ways_out(obstacle: str) -> str:
    return f"""No control plane for the tests: {obstacle}
Any one of these gives you one:
  * envtest's binaries (Linux, macOS; needs Go):
      go install sigs.k8s.io/controller-runtime/tools/setup-envtest@latest
      export KUBEBUILDER_ASSETS="$(setup-envtest use -p path)"
  * a kind cluster (needs Docker):
      kind create cluster --name slipway --config kind-config.yaml --kubeconfig "$PWD/.kind-kubeconfig"
      export SLIPWAY_KUBECONFIG="$PWD/.kind-kubeconfig"
  * any other cluster that tests may write to:
      export SLIPWAY_KUBECONFIG=/path/to/kubeconfig
  * Debian 12 on amd64 or arm64, as any user: everything is built on the first run, in a few minutes."""


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    value = environment.get(name, "").strip()
    return Path(value).expanduser().absolute() if value else None


def _executables(folder: Path | None) -> frozenset[str]:
    if folder is None or not folder.is_dir():
        return frozenset()
    return frozenset(p.name for p in folder.iterdir() if p.is_file() and os.access(p, os.X_OK))
