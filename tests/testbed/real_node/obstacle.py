"""Whether a real node can run here. `look` reads the machine, `obstacle` decides and touches nothing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.controlplane.choice import KEYRINGS, debian_keyring

_CGROUPS = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "freezer", "blkio")
"""What the kubelet and runc of that time want to see, each as a hierarchy of cgroup v1."""
_TOOLS = ("apt-get", "dpkg", "tar", "unshare", "nsenter", "mount")


@dataclass(frozen=True)
class Facts:
    """Everything that the answer depends on. The defaults are a machine that can."""

    system: str = "Linux"
    machine: str = "x86_64"
    root: bool = True
    missing_tools: tuple[str, ...] = ()
    keyring: Path | None = KEYRINGS[0]
    """Debian's archive keyring, without which nothing that is fetched could be verified."""
    missing_controllers: tuple[str, ...] = ()
    """Of CONTROLLERS, those that have no hierarchy of cgroup v1 here, or one that is read-only."""
    namespaces_refused: str = ""
    """What `unshare` said, if new namespaces may not be made."""


def look() -> Facts:
    """Gather the facts."""
    missing = tuple(tool for tool in _TOOLS if shutil.which(tool) is None)
    root = os.geteuid() == 0
    return Facts(
        system=platform.system(),
        machine=platform.machine(),
        root=root,
        missing_tools=missing,
        keyring=debian_keyring(),
        missing_controllers=tuple(name for name in CONTROLLERS if not os.access(_CGROUPS / name / "tasks", os.W_OK)),
        namespaces_refused=_refused() if root and "unshare" not in missing else "",
    )


def obstacle(facts: Facts) -> str | None:
    """Why there can be no real node here, and what would change that; None if there can."""
    if facts.system != "Linux":
        return f"this is {facts.system}; nodes are Linux."
    if facts.machine != "x86_64":
        return f"the processor is {facts.machine}; it was written for x86_64."
    if not facts.root:
        return "containers, mounts and network interfaces need root: run it as root."
    if facts.missing_tools:
        return f"it needs Debian 12 or a derivative, and {', '.join(facts.missing_tools)} is not here."
    if facts.keyring is None:
        return "what is fetched cannot be verified without: apt install debian-archive-keyring."
    if facts.missing_controllers:
        names = ", ".join(facts.missing_controllers)
        return (
            f"the kubelet of Kubernetes 1.20 wants cgroup v1, and there is no writable hierarchy for {names}: boot "
            "with systemd.unified_cgroup_hierarchy=0, or use `make kind-demo`."
        )
    if facts.namespaces_refused:
        return f"this process may not make namespaces ({facts.namespaces_refused}): run it outside of a container."
    return None


def _refused() -> str:
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if answer.returncode == 0 else answer.stderr.strip() or f"unshare: {answer.returncode}"
