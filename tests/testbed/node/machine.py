"""What a machine with GPUs looks like to a cluster: capacity, labels of GPU feature discovery, taints."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
"""What clouds put on nodes with GPUs: https://cloud.google.com/kubernetes-engine/docs/how-to/gpus#create"""
_CONDITIONS = {
    "MemoryPressure": ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    "Ready": ("True", "KubeletReady", "kubelet is posting ready status"),
}


@dataclass(frozen=True)
class Machine:
    """One node. The defaults are a g6.xlarge: one L4 (facts of GPU feature discovery)."""

    name: str = "gpu"
    gpus: int = 1
    gpu_resource: str = "nvidia.com/gpu"
    gpu_product: str = "NVIDIA-L4"
    gpu_memory: int = 23034
    """MiB of each GPU, as nvidia-smi says."""
    cpu: str = "16"
    memory: str = "64Gi"
    pods: int = 110
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Mapping[str, str], ...] = ()

    def manifest(self, name: str) -> Object:
        """The Node as its kubelet registers it."""
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": self._labels(name)},
            "spec": {"taints": [dict(taint) for taint in self.taints]},
        }

    def status(self, address: str, now: str) -> Object:
        """The Node's status as its kubelet reports it."""
        capacity = {"cpu": self.cpu, "memory": self.memory, "pods": str(self.pods), "ephemeral-storage": "500Gi"}
        if self.gpus:
            capacity[self.gpu_resource] = str(self.gpus)
        return {
            "capacity": capacity,
            "allocatable": capacity,
            "addresses": [{"type": "InternalIP", "address": address}],
            "conditions": [
                {
                    "type": kind,
                    "status": status,
                    "reason": reason,
                    "message": message,
                    "lastHeartbeatTime": now,
                    "lastTransitionTime": now,
                }
                for kind, (status, reason, message) in _CONDITIONS.items()
            ],
            "nodeInfo": {
                "machineID": hashlib.sha256(self.name.encode()).hexdigest()[:32],
                "systemUUID": "",
                "bootID": "",
                "kernelVersion": "testbed",
                "osImage": "slipway's test bed",
                "containerRuntimeVersion": "testbed://1",
                "kubeletVersion": "v1.0.0-testbed",
                "kubeProxyVersion": "v1.0.0-testbed",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        }

    def _labels(self, name: str) -> dict[str, str]:
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        if self.gpus and self.gpu_resource.startswith("nvidia.com/"):
            labels |= {
                "nvidia.com/gpu.present": "true",
                "nvidia.com/gpu.product": self.gpu_product,
                "nvidia.com/gpu.memory": str(self.gpu_memory),
                "nvidia.com/gpu.count": str(self.gpus),
            }
        return labels | dict(self.labels)
