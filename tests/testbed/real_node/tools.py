"""The programs of the node's kit, and how to call them: Debian's packages are unpacked, not installed."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.controlplane.build import build
from tests.testbed.controlplane.choice import debian_keyring
from tests.testbed.controlplane.progress import Report
from tests.testbed.controlplane.recipe import CONTROL_PLANE, NODE, cache_root


@dataclass(frozen=True)
class Tools:
    """An unpacked kit."""

    kit: Path

    @property
    def bin(self) -> Path:
        """Kubernetes' programs, and `pause`."""
        return self.kit / "bin"

    @property
    def root(self) -> Path:
        """Debian's packages, as they would lie in /."""
        return self.kit / "root"

    @property
    def cni(self) -> Path:
        """The network plugins."""
        return self.root / "usr" / "lib" / "cni"

    def environment(self, links: Path) -> dict[str, str]:
        """The environment in which they find each other. `links`: the folder that `link` filled."""
        libraries = f"{platform.machine()}-linux-gnu"
        places = [self.root / "usr" / "lib" / libraries, self.root / "lib" / libraries]
        programs = [links, self.bin, *(self.root / place for place in ("usr/sbin", "usr/bin", "sbin", "bin"))]
        environment = {**os.environ}
        environment.pop("KUBECONFIG", None)
        return {
            **environment,
            "PATH": ":".join([*map(str, programs), os.environ.get("PATH", os.defpath)]),
            "LD_LIBRARY_PATH": ":".join(map(str, places)),
            "XTABLES_LIBDIR": str(places[0] / "xtables"),
        }

    def link(self, links: Path) -> None:
        """Make the names that an installation of Debian's iptables would make (update-alternatives)."""
        links.mkdir(parents=True, exist_ok=True)
        multi = self.root / "usr" / "sbin" / "xtables-legacy-multi"
        for family in ("iptables", "ip6tables"):
            for name in (family, f"{family}-save", f"{family}-restore"):
                (links / name).symlink_to(multi)


def prepare(report: Report) -> Tools:
    """Build or find the kit, and the control plane's in the same go where that is missing, too."""
    keyring = debian_keyring()
    assert keyring is not None, "whoever calls has looked for obstacles"
    build((NODE, CONTROL_PLANE), cache_root(), keyring, "building a control plane and a node", report)
    return Tools(cache_root() / NODE.key())
