"""A node: a machine with container runtime, kubelet and kube-proxy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.controlplane import ControlPlane

from . import cgroups, kubelet
from .certificate import ClientCertificate
from .containerd import Containerd
from .kubelet import KubeletOptions
from .machine import Machine
from .network import PODS, Network
from .tools import Tools

GPU = "nvidia.com/gpu"
GPU_LABELS = {
    "nvidia.com/gpu.product": "NVIDIA-L4",
    "nvidia.com/gpu.memory": "23034",
    "nvidia.com/gpu.count": "2",
    "nvidia.com/gpu.present": "true",
}
"""What GPU feature discovery says of a machine with two L4."""


@dataclass(frozen=True)
class Kubeconfigs:
    """With which a node's servers log in."""

    kubelet: Path
    proxy: Path


class Node:
    """One node. Its name is its machine's."""

    def __init__(self, machine: Machine, tools: Tools, network: Network) -> None:
        self.machine = machine
        self._tools = tools
        self._network = network
        self._containerd: Containerd | None = None

    @property
    def name(self) -> str:
        """The name of the Node object."""
        return self.machine.name

    def start(self, kubeconfigs: Kubeconfigs, certificate: ClientCertificate, labels: Mapping[str, str]) -> None:
        """Start its servers on a machine that runs; returns before the node is ready."""
        number = self._network.join(self.machine)
        cgroup = cgroups.name_of(self.name)
        cgroups.make(cgroup)
        self._containerd = Containerd(self.machine, self._tools, self._network.pods(number))
        self._containerd.start()
        options = KubeletOptions(
            name=self.name,
            address=self._network.address(number),
            cgroup=cgroup,
            client_ca=certificate.authority,
            labels=",".join(f"{key}={value}" for key, value in labels.items()),
        )
        kubelet.start(self.machine, options, kubeconfigs.kubelet)
        command = [
            "kube-proxy",
            f"--kubeconfig={kubeconfigs.proxy}",
            f"--hostname-override={self.name}",
            f"--cluster-cidr={PODS}",
            "--proxy-mode=iptables",
            "--conntrack-max-per-core=0",  # these are the whole machine's, not the namespace's
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
            "--iptables-min-sync-period=100ms",
        ]
        self.machine.launch("kube-proxy", command)

    def load(self, archive: Path) -> None:
        """Load images, as if they had been pulled."""
        self._runtime.load(archive)

    def images_in_use(self) -> set[str]:
        """The images of the containers that are there."""
        return self._runtime.images_in_use()

    def advertise_gpus(self, plane: ControlPlane, gpus: int, resource: str = GPU) -> None:
        """What a device plugin would do for the scheduler, by the documented way for extended resources.

        https://kubernetes.io/docs/tasks/administer-cluster/extended-resource-node/
        """
        path = f"/status/capacity/{resource.replace('/', '~1')}"
        patch = json.dumps([{"op": "add", "path": path, "value": str(gpus)}])
        plane.kubectl("patch", "node", self.name, "--subresource=status", "--type=json", f"--patch={patch}")

    @property
    def _runtime(self) -> Containerd:
        assert self._containerd is not None, f"the node {self.name} was not started"
        return self._containerd
