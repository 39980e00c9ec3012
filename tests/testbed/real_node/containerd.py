"""The container runtime of a node."""

from __future__ import annotations

import json
from pathlib import Path

from tests.testbed.controlplane.processes import Child
from tests.testbed.images.facts import carries_overlay
from tests.testbed.waiting import eventually

from .images import PAUSE, pause_image
from .machine import Machine
from .tools import Tools

SOCKET = "/run/containerd/containerd.sock"
_CTR = ("ctr", "--address", SOCKET, "--namespace", "k8s.io")

# restrict_oom_score_adj: where the machine lacks CAP_SYS_RESOURCE, pods would not start.
_CONFIG = """\
version = 2
root = "{folder}"
state = "/run/containerd"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{networks}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
"""


def network(pods: str) -> str:
    """The network of a node's pods: routed, no bridge, so that what goes to a Service always passes kube-proxy."""
    plugin = {
        "type": "ptp",
        "ipam": {"type": "host-local", "ranges": [[{"subnet": pods}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    return json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": [plugin]})


class Containerd:
    """containerd on a machine that runs."""

    def __init__(self, machine: Machine, tools: Tools, pods: str) -> None:
        self._machine = machine
        # Else a copy for each container.
        self._snapshotter = "overlayfs" if carries_overlay(machine.state) else "native"
        networks = machine.write("cni/10-pods.conflist", network(pods)).parent
        self._config = machine.write(
            "containerd.toml",
            _CONFIG.format(
                folder=machine.state / "containerd",
                socket=SOCKET,
                pause=PAUSE,
                plugins=tools.cni,
                networks=networks,
                snapshotter=self._snapshotter,
            ),
        )
        self._pause = tools.bin / "pause"

    def start(self) -> None:
        """Start it, and give it the one image that it needs itself."""
        child = self._machine.launch("containerd", ["containerd", "--config", str(self._config)])
        eventually(lambda: self._answers(child), "containerd answers", timeout=30)
        archive = self._machine.state / "pause.tar"
        archive.write_bytes(pause_image(self._pause))
        self.load(archive)

    def load(self, archive: Path) -> None:
        """Load the images of an archive, which keep the names that it gives them."""
        self._machine.run(
            *_CTR, "images", "import", "--snapshotter", self._snapshotter, "--no-unpack", str(archive), timeout=300
        )

    def images_in_use(self) -> set[str]:
        """The images of the containers that are there; not of those that hold pods."""
        listed = self._machine.run(*_CTR, "containers", "list").splitlines()[1:]  # CONTAINER IMAGE RUNTIME
        return {line.split()[1] for line in listed} - {PAUSE}

    def _answers(self, child: Child) -> bool:
        child.check()
        return Path(f"/proc/{self._machine.pid}/root{SOCKET}").exists()
