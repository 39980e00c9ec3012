"""One machine of the cluster: a network, processes and mounts of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from tests.testbed.controlplane.processes import Child, ControlPlaneError, Launcher
from tests.testbed.waiting import eventually

# The first process: it does nothing, and ignores the end of its children, so that no zombies stay.
_FIRST = """
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("up", flush=True)
while True:
    signal.pause()
"""
# Places that programs know by name, and that must not be this machine's. Mounts in a namespace are seen nowhere else.
_OWN_FOLDERS = ("/run", "/var/lib", "/var/log")


class Machine:
    """Namespaces that live as long as their first process, and end with the thread that started it."""

    def __init__(self, name: str, state: Path, launcher: Launcher, environment: Mapping[str, str]) -> None:
        self.name = name
        self.state = state
        """Folder of its files."""
        self._launcher = launcher
        self._environment = environment
        self._holder: Child | None = None
        self._first = 0
        state.mkdir(parents=True, mode=0o700)

    @property
    def pid(self) -> int:
        """The first process, as this machine's other processes see it."""
        return self._first

    @property
    def prefix(self) -> tuple[str, ...]:
        """What goes before a command that is to run there."""
        return ("nsenter", f"--target={self._first}", "--net", "--mount", "--pid", "--")

    @property
    def network_prefix(self) -> tuple[str, ...]:
        """The same for a command that is to be in its network only, and sees processes and files of this machine."""
        return ("nsenter", f"--target={self._first}", "--net", "--")

    def start(self) -> None:
        """Make the namespaces."""
        isolate = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
        log = self.state / "machine.log"
        self._holder = self._launcher.start(self.name, [*isolate, sys.executable, "-c", _FIRST], log, self._environment)
        eventually(lambda: self._is_up(log), f"the machine {self.name} is up", timeout=30)
        (first,) = psutil.Process(self._holder.pid).children()
        self._first = first.pid
        for folder in _OWN_FOLDERS:
            self.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
        self._protect_sysctls()
        self.run("ip", "link", "set", "lo", "up")

    def _protect_sysctls(self) -> None:
        """Only those of its network can be written: the others are this machine's, and a kubelet sets some."""
        self.run("mount", "--bind", "/proc/sys/net", "/proc/sys/net")
        self.run("mount", "--rbind", "/proc/sys", "/proc/sys")
        self.run("mount", "-o", "remount,bind,ro", "/proc/sys")

    def pretend_sysctl(self, name: str, value: str) -> None:
        """Let its programs read this value of one that is this machine's."""
        self.run("mount", "--bind", str(self.write(f"sysctls/{name}", f"{value}\n")), f"/proc/sys/{name}")

    def _is_up(self, log: Path) -> bool:
        assert self._holder is not None
        self._holder.check()
        return log.read_text().startswith("up")

    def run(self, *command: str, stdin: str | None = None, timeout: float = 60) -> str:
        """Run a command there to its end; returns what it said. Raises ControlPlaneError with its error."""
        return self._run([*self.prefix, *command], stdin, timeout)

    def run_in_network(self, *command: str) -> str:
        """The same with only its network: process ids mean what they mean here."""
        return self._run([*self.network_prefix, *command], None, 60)

    def launch(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
        """Start a server there. Its output goes to `<name>.log` of the state folder."""
        log = self.state / f"{name}.log"
        return self._launcher.start(name, [*self.prefix, *command], log, environment or self._environment)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the state folder that only root can read."""
        path = self.state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def set_sysctl(self, name: str, value: str) -> None:
        """Set one that belongs to its network, such as net/ipv4/ip_forward."""
        self.run("sh", "-c", f"echo {value} > /proc/sys/{name}")

    def stop(self) -> None:
        """Kill the first process; the kernel ends everything else."""
        if self._holder is not None:
            self._holder.kill()
            eventually(lambda: _is_gone(self._first), f"the machine {self.name} is gone", timeout=30)

    def _run(self, command: Sequence[str], stdin: str | None, timeout: float) -> str:
        answer = subprocess.run(
            command,
            input=stdin or "",
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            env=dict(self._environment),
        )
        if answer.returncode != 0:
            raise ControlPlaneError(f"{self.name}: {' '.join(command)}: {answer.returncode}\n{answer.stderr.strip()}")
        return answer.stdout


def _is_gone(first: int) -> bool:
    """The first process of a machine is the last to end; in a container it may wait forever to be collected."""
    try:
        return psutil.Process(first).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
