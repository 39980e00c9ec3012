"""The kubelet of a node."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .containerd import SOCKET
from .machine import Machine

_KERNEL = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What a kubelet sets where it is not so, and does not start without: setupKernelTunables in
https://github.com/kubernetes/kubernetes/blob/v1.20.2/pkg/kubelet/cm/container_manager_linux.go"""


@dataclass(frozen=True)
class KubeletOptions:
    """What is different from node to node."""

    name: str
    address: str
    cgroup: str
    client_ca: Path
    """Signs the certificate that the API server shows."""
    labels: str


def configuration(options: KubeletOptions, resolver: Path, plugins: Path) -> str:
    """A KubeletConfiguration (JSON, which is YAML). `plugins`: a folder for volume plugins; the default is in /usr."""
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": options.address,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": str(options.client_ca)},
            },
            "authorization": {"mode": "AlwaysAllow"},  # of those who have such a certificate: the API server
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{options.cgroup}",
            "failSwapOn": False,
            # Thresholds of a node that shares its disk and memory with whatever runs here.
            "evictionHard": {"memory.available": "64Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "resolvConf": str(resolver),
            "volumePluginDir": str(plugins),
            "clusterDNS": [],
            "clusterDomain": "cluster.local",
            "nodeStatusUpdateFrequency": "2s",
            "registryPullQPS": 0,
            "eventRecordQPS": 0,
            "kubeAPIQPS": 200,
            "kubeAPIBurst": 400,
        }
    )


def start(machine: Machine, options: KubeletOptions, kubeconfig: Path) -> None:
    """Start it. It registers its node by itself."""
    for name, value in _KERNEL.items():
        machine.pretend_sysctl(name, value)
    resolver = machine.write("resolv.conf", "options attempts:1 timeout:1\n")
    config = machine.write("kubelet.json", configuration(options, resolver, machine.state / "plugins"))
    command = [
        "kubelet",
        f"--config={config}",
        f"--kubeconfig={kubeconfig}",
        f"--root-dir={machine.state / 'kubelet'}",
        f"--cert-dir={machine.state / 'pki'}",
        "--container-runtime=remote",
        f"--container-runtime-endpoint=unix://{SOCKET}",
        f"--node-ip={options.address}",
        f"--hostname-override={options.name}",
        f"--node-labels={options.labels}",
    ]
    machine.launch("kubelet", command)
