"""The container that serves: what it is told, what it may do, and where it may write."""

from collections.abc import Mapping
from typing import Any

from slipway.api.v1alpha1.cluster_target import ClusterTarget
from slipway.api.v1alpha1.common import SecretKeyRef, seconds
from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.domain.cluster.cache.layout import SERVER_ENVIRONMENT, pod_volume, server_mount
from slipway.domain.cluster.engines.known import rules_of, version_of
from slipway.domain.cluster.engines.rules import TOKEN, Rules, Task
from slipway.domain.cluster.manifests.probes import probes
from slipway.domain.cluster.manifests.stopping import pre_stop
from slipway.domain.cluster.marks import PORT, PORT_NAME, SERVER_CONTAINER
from slipway.domain.served import ServedModel

HOME = "/home/engine"
_USER_NAME = "engine"
_PLACES: Mapping[str, str] = {
    # The user has no entry in the image's /etc/passwd: PyTorch asks for its name, and these come first
    # (https://docs.python.org/3/library/getpass.html#getpass.getuser).
    "HOME": HOME,
    "USER": _USER_NAME,
    "HF_HOME": f"{HOME}/huggingface",
    "TRITON_CACHE_DIR": f"{HOME}/.triton/cache",
}
"""Where the libraries may write: the root file system is read-only. What is not named here lies below HOME or /tmp.

HF_KERNELS_CACHE stays what TGI's image says: kernels lie there, and nothing is written.
"""
_NO_GPU = {"NVIDIA_VISIBLE_DEVICES": "void"}
"""Where NVIDIA's is the default runtime, the image's own `all` would show the pod every GPU of the node:
https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html#gpu-enumeration"""

Fields = dict[str, Any]


def container(
    spec: DeploymentSpec, target: ClusterTarget, served: ServedModel, image: str, token: SecretKeyRef | None
) -> Fields:
    """The container `engine`.

    `token`: access token for the Hub. A server that starts from a cache asks the Hub for nothing and does not get it.
    """
    rules, cached = rules_of(spec.engine), target.cache is not None
    task = Task(served, target.gpus, cached, version_of(spec.engine, image))
    result: Fields = {
        "name": SERVER_CONTAINER,
        "image": image,
        "command": list(rules.command()),
        "args": list(rules.arguments(spec.engine, task)),
        "workingDir": HOME if rules.WORKS_IN_HOME else None,
        "env": _environment(spec, rules, task, None if cached else token),
        "ports": [{"name": PORT_NAME, "containerPort": PORT, "protocol": "TCP"}],
        "resources": _resources(target),
        "volumeMounts": _mounts(cached),
        # The engine's last words end in the pod's status, where they can be read without a right to read logs.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **probes(seconds(spec.rollout.startup_timeout)),
        "lifecycle": {"preStop": pre_stop(rules.drains(task.version))},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {name: value for name, value in result.items() if value not in (None, [])}


def volumes(deployment: str, target: ClusterTarget) -> list[Fields]:
    """The pod's volumes. /dev/shm is memory, which the processes of several GPUs talk through.

    Without a cache, the weights are downloaded to the volume `home`, that is to the node's own disk.
    """
    return [
        {"name": "home", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": target.shared_memory}},
        *([pod_volume(deployment)] if target.cache else []),
    ]


def _mounts(cached: bool) -> list[Fields]:
    return [
        {"name": "home", "mountPath": HOME},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # a volume of the pod's own
        {"name": "shared-memory", "mountPath": "/dev/shm"},  # noqa: S108  # likewise
        *([server_mount()] if cached else []),
    ]


def _environment(spec: DeploymentSpec, rules: Rules, task: Task, token: SecretKeyRef | None) -> list[Fields]:
    given: dict[str, object | None] = {
        **_PLACES,
        **(SERVER_ENVIRONMENT if task.cached else {}),
        **(_NO_GPU if task.gpus == 0 else {}),
        **rules.variables(spec.engine, task),
        **{variable.name: variable.value for variable in spec.engine.env},
    }
    found: list[Fields] = [{"name": name, "value": str(value)} for name, value in given.items() if value is not None]
    if token:
        reference = {"name": token.name, "key": token.key}
        found.append({"name": TOKEN, "valueFrom": {"secretKeyRef": reference}})
    return found


def _resources(target: ClusterTarget) -> Fields:
    """Requests, and of GPUs a limit, which is what an extended resource has.

    There is no limit of memory: what it takes to load weights differs, and the pod would be killed in the middle of it.
    https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/
    """
    requests = {"requests": {"cpu": target.cpu, "memory": target.memory}}
    return requests | ({"limits": {target.gpu_resource: str(target.gpus)}} if target.gpus else {})
