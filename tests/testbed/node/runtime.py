"""From a container of a pod to a command of this machine: image, user, environment, mounts."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.testbed.node.engines.host import VARIABLE
from tests.testbed.node.environment import ConfigError, expanded
from tests.testbed.node.images import Image
from tests.testbed.node.machine import Machine
from tests.testbed.node.mounts import Mount, protected, rewritten
from tests.testbed.node.quantity import quantity

Object = dict[str, Any]
ROOT = Path(__file__).parents[3]
TERMINATION_LOG = "/dev/termination-log"
_API_SERVER = "vllm.entrypoints.openai.api_server"


class StartError(Exception):
    """The runtime cannot start it; runc's words."""


@dataclass(frozen=True)
class Pace:
    """How much faster than real everything is that only takes time; times are real seconds."""

    speed: float = 10.0
    load_seconds: float = 5.0
    """How long an engine loads a model, unless the model's repository says otherwise."""
    token_seconds: float = 0.02
    pull_seconds: float = 1.0
    """How long an image is pulled that the node does not have yet."""

    def real(self, seconds: float) -> float:
        """How long it takes here."""
        return seconds / self.speed


@dataclass(frozen=True)
class Started:
    """What is run."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    termination_log: Path
    scratch: Path
    places: Mapping[str, Path] = field(default_factory=dict)
    """For hooks and probes that run in the container."""


def user(pod: Object, container: Object) -> int:
    """The user id. Raises ConfigError where the pod forbids what the image would do.

    https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/kubelet/kuberuntime/security_context_others.go
    """
    of_pod, own = pod["spec"].get("securityContext") or {}, container.get("securityContext") or {}
    found = own.get("runAsUser", of_pod.get("runAsUser"))
    uid = 0 if found is None else int(found)
    if own.get("runAsNonRoot", of_pod.get("runAsNonRoot")) and uid == 0:
        meta = pod["metadata"]
        which = f'(pod: "{meta["name"]}_{meta["namespace"]}({meta["uid"]})", container: {container["name"]})'
        what = "image will run as root" if found is None else "runAsUser breaks non-root policy"
        raise ConfigError(
            f"container has runAsNonRoot and {what} {which}" if found is None else f"container's {what} {which}"
        )
    return uid


@dataclass(frozen=True)
class Sandbox:
    """What all containers of a pod share, and the machine below."""

    pod: Object
    address: str
    machine: Machine
    folder: Path
    pace: Pace
    hub: str
    """Where huggingface.co leads to."""

    def start(self, container: Object, image: Image, found: Mapping[str, str], mounted: Sequence[Mount]) -> Started:
        """What a container comes to. Raises ConfigError and StartError."""
        uid = user(self.pod, container)
        scratch = self.folder / "containers" / container["name"]
        (scratch / "tmp").mkdir(parents=True, exist_ok=True)
        (scratch / "dev").mkdir(exist_ok=True)
        environment = {"HOME": image.users.get(uid, "/"), **found}
        gpus = self._gpus(container)
        environment.setdefault("NVIDIA_VISIBLE_DEVICES", ",".join(map(str, range(gpus))) if gpus else "void")
        words = [
            expanded(word, environment) for word in [*(container.get("command") or []), *(container.get("args") or [])]
        ]
        engine = _engine(words, image, has_command=bool(container.get("command")))
        termination_log = scratch / "dev" / "termination-log"
        termination_log.unlink(missing_ok=True)
        if engine is not None:
            name, rest = engine
            host = self._host(container, image, uid, gpus, mounted, scratch)
            told = {"PATH": "/usr/bin:/bin", **environment, "PYTHONPATH": str(ROOT), VARIABLE: json.dumps(host)}
            command = [sys.executable, "-S", "-m", f"tests.testbed.node.engines.{name}", *rest]
            return Started(command, told, ROOT, termination_log, scratch)
        if not words:
            raise StartError("no command specified")
        places = {each.path: protected(each, scratch) for each in mounted}
        places |= {TERMINATION_LOG: termination_log} | ({} if "/tmp" in places else {"/tmp": scratch / "tmp"})
        return self._command(words, environment, container, image, scratch, places)

    def _command(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        container: Object,
        image: Image,
        scratch: Path,
        places: Mapping[str, Path],
    ) -> Started:
        """Any other command, which runs as it is: with this test bed's Python and its packages."""
        own = str(Path(sys.executable).parent)
        told = {name: rewritten(value, places) for name, value in environment.items()}
        if told["HOME"] == environment["HOME"]:  # it lies in the image
            told["HOME"] = str(scratch / environment["HOME"].strip("/"))
        told = {"TMPDIR": str(places["/tmp"]), "HF_ENDPOINT": self.hub, **told, "PATH": f"{own}:/usr/bin:/bin"}
        command = [rewritten(word, places) for word in words]
        program = shutil.which(command[0], path=told["PATH"])
        if program is None:
            raise StartError(
                "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
                f'failed: unable to start container process: exec: "{words[0]}": executable file not found in $PATH: '
                "unknown"
            )
        workdir = rewritten(container.get("workingDir") or image.workdir, places)
        folder = Path(workdir) if workdir.startswith(str(self.folder)) else scratch
        return Started([program, *command[1:]], told, folder, places[TERMINATION_LOG], scratch, places)

    def _host(
        self, container: Object, image: Image, uid: int, gpus: int, mounted: Sequence[Mount], scratch: Path
    ) -> Object:
        """`engines.host.Host`, as the look-alike is told it."""
        context = container.get("securityContext") or {}
        limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
        return {
            "image": image.name,
            "address": self.address,
            "gpus": gpus,
            "gpu_product": self.machine.gpu_product,
            "gpu_memory": self.machine.gpu_memory * 2**20,
            "memory_limit": int(quantity(limit)) if limit else None,
            "uid": uid,
            "read_only_root": bool(context.get("readOnlyRootFilesystem")),
            "workdir": container.get("workingDir") or image.workdir,
            "mounts": {each.path: [str(each.folder), each.writable] for each in mounted},
            "scratch": str(scratch),
            "hub": self.hub,
            "speed": self.pace.speed,
            "load_seconds": self.pace.load_seconds,
            "token_seconds": self.pace.token_seconds,
        }

    def _gpus(self, container: Object) -> int:
        limits = (container.get("resources") or {}).get("limits") or {}
        return int(limits.get(self.machine.gpu_resource, 0))


def _engine(words: Sequence[str], image: Image, *, has_command: bool) -> tuple[str, list[str]] | None:
    """The look-alike that a command comes to, and its arguments; None: it is another command."""
    if not has_command:
        return None if image.engine is None else (image.engine, _arguments(image.engine, list(words)))
    program, rest = words[0].rpartition("/")[2], list(words[1:])
    if image.engine == "tgi" and program in ("text-generation-launcher", "tgi-entrypoint.sh"):
        return "tgi", rest
    if image.engine == "vllm" and program == "vllm" and rest[:1] == ["serve"]:
        return "vllm", rest[1:]
    if image.engine == "vllm" and program.startswith("python") and rest[:2] == ["-m", _API_SERVER]:
        return "vllm", rest[2:]
    return None


def _arguments(engine: str, words: list[str]) -> list[str]:
    """The entrypoint of vLLM's image is `vllm serve`, of TGI's a script that passes its arguments on."""
    return words[1:] if engine == "vllm" and words[:1] == ["serve"] else words
