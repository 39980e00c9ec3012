"""Nodes with GPUs beside the control plane; with an operator, or for pods alone."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.testbed.controlplane import ControlPlane
from tests.testbed.node.addresses import NoPodNetwork, PodNetwork
from tests.testbed.node.bed import Bed, Things, node_bed
from tests.testbed.node.gateway import Gateway
from tests.testbed.node.gateway_api import http_routes
from tests.testbed.node.machine import Machine
from tests.testbed.node.nodes import Nodes
from tests.testbed.node.runtime import Pace
from tests.testbed.node.service_network import ServiceNetwork
from tests.testbed.workbench import Workbench


@dataclass
class ClusterBench:
    """A workbench whose namespace has nodes: what a test of the operator's cluster target works with."""

    bench: Workbench
    bed: Bed


@contextmanager
def cluster_bench(
    plane: ControlPlane,
    bench: Workbench,
    folder: Path,
    machines: Sequence[Machine] = (),
    *,
    pace: Pace | None = None,
    **more: Any,
) -> Iterator[ClusterBench]:
    """Nodes in a workbench's namespace, by default two with one GPU each. `more`: keywords of `Nodes`."""
    pace = pace or Pace()
    chosen = machines or (Machine("one"), Machine("two"))
    with ExitStack() as stack:
        nodes = stack.enter_context(
            Nodes(
                plane.admin_kubeconfig,
                folder,
                bench.namespace,
                machines=chosen,
                pace=pace,
                hub=bench.hub.url,
                **more,
            )
        )
        services = ServiceNetwork(plane.admin_kubeconfig, bench.namespace, speed=pace.speed)
        network = stack.enter_context(services)
        things = Things(plane.admin_kubeconfig, bench.namespace)
        stack.callback(things.close)
        yield ClusterBench(bench, Bed(things, bench.hub, nodes, network, bench.namespace))


@pytest.fixture(scope="session")
def pod_network(plane: ControlPlane) -> None:
    """That pods can run here: on a control plane of our own, by a user who may give them addresses."""
    if not plane.owned:
        pytest.skip(f"the nodes are for a control plane of our own; this is {plane.origin}")
    try:
        with PodNetwork():
            pass
    except NoPodNetwork as problem:
        pytest.skip(str(problem))


@pytest.fixture
def make_bed(plane: ControlPlane, tmp_path: Path, pod_network: None) -> Iterator[Callable[..., Bed]]:
    """A namespace with the machines that the test wants: keywords of `node_bed`."""
    with ExitStack() as stack:

        def make(**wanted: Any) -> Bed:
            return stack.enter_context(node_bed(plane, tmp_path, **wanted))

        yield make


@pytest.fixture
def bed(make_bed: Callable[..., Bed]) -> Bed:
    """A namespace with two machines of one GPU each."""
    return make_bed(machines=(Machine("one"), Machine("two")))


@pytest.fixture
def make_cluster_bench(
    plane: ControlPlane, bench: Workbench, tmp_path: Path, pod_network: None
) -> Iterator[Callable[..., ClusterBench]]:
    """The operator's workbench with nodes in its namespace: keywords of `Nodes`. The test starts the operator."""
    with ExitStack() as stack:

        def make(*machines: Machine, **more: Any) -> ClusterBench:
            return stack.enter_context(cluster_bench(plane, bench, tmp_path / "nodes", machines, **more))

        yield make


@pytest.fixture(scope="module")
def gateway_api(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The cluster has HTTPRoutes as long as the tests of a module run that asks for them, and no longer."""
    with http_routes(plane, tmp_path_factory.mktemp("gateway-api")):
        yield


@pytest.fixture
def make_gateway(plane: ControlPlane, gateway_api: None) -> Iterator[Callable[..., Gateway]]:
    """A Gateway for the routes of a namespace: arguments of `Gateway` but for the kubeconfig."""
    with ExitStack() as stack:

        def make(namespace: str, **wanted: Any) -> Gateway:
            return stack.enter_context(Gateway(plane.admin_kubeconfig, namespace, **wanted))

        yield make
