"""The network between the machines, and from them to this one.

One segment with a bridge on the first machine. Addresses are of 198.18.0.0/15, which is set aside for tests of networks
(RFC 2544), so nothing else is hidden; pods' and Services' addresses exist inside only.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Mapping

from tests.testbed.controlplane.processes import ControlPlaneError

from .machine import Machine

PODS = "10.244.0.0/16"
SERVICES = "10.96.0.0/16"
_METADATA = "169.254.0.0/16"
_HERE = 254
_BRIDGE = "machines"


class Network:
    """Addresses: the first machine has .1, the others follow; this machine has .254."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        number = secrets.randbelow(512)
        self._network = f"198.{18 + number // 256}.{number % 256}"
        self._link = f"slw{os.getpid()}"[:15]  # the kernel's limit for names of interfaces
        self._machines: list[Machine] = []

    @property
    def here(self) -> str:
        """The address at which machines and pods reach a server of this machine."""
        return f"{self._network}.{_HERE}"

    def address(self, number: int) -> str:
        """The address of a machine, counted from 1."""
        return f"{self._network}.{number}"

    @staticmethod
    def pods(number: int) -> str:
        """The addresses of the pods of a machine."""
        return f"10.244.{number}.0/24"

    def join(self, machine: Machine) -> int:
        """Connect a machine that runs; returns its number. The first becomes the switch."""
        self._machines.append(machine)
        number = len(self._machines)
        if number == 1:
            self._make_switch(machine)
        else:
            self._plug(machine, number)
        if not machine.run("ip", "route", "show", "default"):
            machine.run("ip", "route", "add", "default", "via", self.here)
        # Clouds hand out credentials there, which are no pod's business; and the kubelet asks it for ten seconds.
        machine.run("ip", "route", "add", "unreachable", _METADATA)
        return number

    def route_pods(self) -> None:
        """Every machine finds every pod; the first one finds Services, too, as a client outside of the nodes."""
        for to, target in enumerate(self._machines, 1):
            for number, machine in enumerate(self._machines, 1):
                if number != to and to > 1:
                    machine.run("ip", "route", "replace", self.pods(to), "via", self.address(to))
            if to > 1:
                self._masquerade(target)
        self._machines[0].run("ip", "route", "replace", SERVICES, "via", self.address(2))

    def _make_switch(self, machine: Machine) -> None:
        machine.run("ip", "link", "add", _BRIDGE, "type", "bridge")
        machine.run("ip", "address", "add", f"{self.address(1)}/24", "dev", _BRIDGE)
        machine.run("ip", "link", "set", _BRIDGE, "up")
        other_end = ("peer", "name", "here", "netns", str(machine.pid))
        self._run("ip", "link", "add", self._link, "type", "veth", *other_end)
        self._run("ip", "address", "add", f"{self.here}/24", "dev", self._link)
        self._run("ip", "link", "set", self._link, "up")
        self._attach(machine, "here")

    def _plug(self, machine: Machine, number: int) -> None:
        switch, port = self._machines[0], f"port{number}"
        other_end = ("peer", "name", "eth0", "netns", str(machine.pid))
        switch.run_in_network("ip", "link", "add", port, "type", "veth", *other_end)
        self._attach(switch, port)
        machine.run("ip", "address", "add", f"{self.address(number)}/24", "dev", "eth0")
        machine.run("ip", "link", "set", "eth0", "up")

    @staticmethod
    def _attach(switch: Machine, interface: str) -> None:
        switch.run("ip", "link", "set", interface, "master", _BRIDGE)
        switch.run("ip", "link", "set", interface, "up")

    @staticmethod
    def _masquerade(node: Machine) -> None:
        """Pods are known inside only; to others they speak with their node's address."""
        node.set_sysctl("net/ipv4/ip_forward", "1")
        rule = ["POSTROUTING", "-s", PODS, "!", "-d", PODS, "-j", "MASQUERADE"]
        node.run("iptables", "-t", "nat", "-A", *rule)

    def _run(self, *command: str) -> None:
        """Run a command on this machine."""
        environment = dict(self._environment)
        answer = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if answer.returncode != 0:
            raise ControlPlaneError(f"{' '.join(command)}: {answer.returncode}\n{answer.stderr.strip()}")
