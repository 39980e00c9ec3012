"""The network between the machines, and from them to this one.

One segment with a bridge on the first machine. Addresses are of 198.18.0.0/15, which is set aside for tests of networks
(RFC 2544), so nothing else is hidden; pods' and Services' addresses exist inside only.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from tests.testbed.controlplane.processes import ControlPlaneError

from .machine import Machine

PODS = "10.244.0.0/16"
SERVICES = "10.96.0.0/16"
_ELSEWHERE = ("0.0.0.0/1", "128.0.0.0/1")
"""Everything, and more narrowly than a default route has it."""
_SEGMENTS = 512
_LINK = "slipway"
"""What the names of links begin with. A link's alias is the number of the process whose cluster it belongs to."""
_HERE = 254
_BRIDGE = "machines"


class Network:
    """Addresses: the first machine has .1, the others follow; this machine has .254."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._network = ""
        self._link = ""
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
        # Servers look for a default route. Nothing may take it: this machine may be a router (every one with Docker
        # is), and clouds hand out credentials at 169.254.169.254, which are no pod's business.
        machine.run("ip", "route", "add", "default", "via", self.here)
        for half in _ELSEWHERE:
            machine.run("ip", "route", "add", "unreachable", half)
        return number

    def close(self) -> None:
        """Remove the link. The kernel would, too, but keeps a network for minutes whose connections had no end."""
        if self._link:
            self._run("ip", "link", "delete", self._link)
            self._link = ""

    def remove_leftovers(self) -> None:
        """Remove the links of processes that were killed."""
        for alias in Path("/sys/class/net").glob(f"{_LINK}*/ifalias"):
            with suppress(OSError, ValueError, ControlPlaneError):  # it goes by itself, or has no owner's number yet
                if not psutil.pid_exists(int(alias.read_text())):
                    self._run("ip", "link", "delete", alias.parent.name)

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
        link = self._take_segment(machine)
        machine.run("ip", "link", "add", _BRIDGE, "type", "bridge")
        machine.run("ip", "address", "add", f"{self.address(1)}/24", "dev", _BRIDGE)
        machine.run("ip", "link", "set", _BRIDGE, "up")
        self._run("ip", "address", "add", f"{self.here}/24", "dev", link)
        self._run("ip", "link", "set", link, "up")
        self._attach(machine, "here")

    def _take_segment(self, machine: Machine) -> str:
        """Make the link to this machine, and return its name, which holds the segment's number.

        There cannot be two of a name, so no two clusters of this machine share a segment.
        """
        for number in random.sample(range(_SEGMENTS), _SEGMENTS):
            link = f"{_LINK}{number}"
            command = ["ip", "link", "add", link, "type", "veth", "peer", "name", "here", "netns", str(machine.pid)]
            try:
                self._run(*command)
            except ControlPlaneError as refused:
                if "File exists" not in str(refused):
                    raise
            else:
                self._network = f"198.{18 + number // 256}.{number % 256}"
                self._link = link
                self._run("ip", "link", "set", link, "alias", str(os.getpid()))
                return link
        raise ControlPlaneError(f"All {_SEGMENTS} segments are taken: see `ip link`.")

    def _plug(self, machine: Machine, number: int) -> None:
        switch, port = self._machines[0], f"port{number}"
        other_end = ("peer", "name", "eth0", "netns", str(machine.pid))
        switch.run_in_network("ip", "link", "add", port, "type", "veth", *other_end)
        self._attach(switch, port)
        machine.run("ip", "address", "add", f"{self.address(number)}/24", "dev", "eth0")
        machine.run("ip", "link", "set", "eth0", "up")
        # Nobody there answers for a Service: what a node asks of one only has to get as far as kube-proxy's rules.
        machine.run("ip", "route", "add", SERVICES, "dev", "eth0")

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
