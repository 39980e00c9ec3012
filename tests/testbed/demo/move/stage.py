"""What the move needs beside the first demo: a machine with a GPU, the cluster's network, and AWS by its name."""

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.cluster import Object
from tests.testbed.controlplane import ControlPlaneUnavailable
from tests.testbed.controlplane.choice import look
from tests.testbed.demo import stage as first_stage
from tests.testbed.demo.interrupts import Interrupts
from tests.testbed.demo.move.client import Client
from tests.testbed.demo.quickstart import Quickstart
from tests.testbed.demo.screen import Screen
from tests.testbed.demo.stage import FAST, NAMESPACE, Stage
from tests.testbed.node.addresses import PodNetwork
from tests.testbed.node.bed import Things
from tests.testbed.node.machine import Machine
from tests.testbed.node.models import small_repository
from tests.testbed.node.nodes import Nodes
from tests.testbed.node.runtime import Pace
from tests.testbed.node.service_network import ServiceNetwork
from tests.testbed.sagemaker.front import Front

_PERSON = Pace(speed=5.0, load_seconds=10.0, pull_seconds=5.0)
"""For people: a pod is ready after some seconds, of which each state is seen."""
_TEST = Pace(load_seconds=1.0)
MACHINE = Machine("gpu")
"""One L4."""


@dataclass(frozen=True)
class MoveStage:
    """What the story plays with."""

    stage: Stage
    things: Things
    nodes: Nodes
    client: Client

    def secret(self) -> Object | None:
        """The binding Secret as it is now."""
        return self.things.get("Secret", f"{self.stage.quickstart.deployment}-binding")


def check_machine() -> None:
    """That pods can run here. Raises ControlPlaneUnavailable and NoPodNetwork, each in a sentence."""
    if look().kubeconfig:
        raise ControlPlaneUnavailable(
            "This demo brings a node of its own, which only fits a control plane of its own: unset SLIPWAY_KUBECONFIG."
        )
    with PodNetwork():
        pass


@contextmanager
def staged(
    folder: Path, quickstart: Quickstart, pace: first_stage.Pace, screen: Screen, interrupts: Interrupts
) -> Iterator[MoveStage]:
    """Start everything; take everything away again, whatever happens."""
    with first_stage.staged(folder, quickstart, pace, screen, interrupts, repository=small_repository) as stage:
        if "garbage collection is off" in stage.plane.origin:
            raise ControlPlaneUnavailable(f"Pods need a kube-controller-manager; this is {stage.plane.origin}.")
        yield _with_a_node(stage, folder, _TEST if pace == FAST else _PERSON, screen)


def _with_a_node(stage: Stage, folder: Path, pace: Pace, screen: Screen) -> MoveStage:
    kubeconfig = stage.plane.admin_kubeconfig
    things = Things(kubeconfig, NAMESPACE)
    stage.stack.callback(things.close)
    with screen.step(f"a node with a GPU ({MACHINE.gpu_product}), and the cluster's network"):
        nodes = stage.enter(
            Nodes(kubeconfig, folder / "nodes", NAMESPACE, machines=(MACHINE,), pace=pace, hub=stage.hub.url)
        )
        network = stage.enter(ServiceNetwork(kubeconfig, NAMESPACE, speed=pace.speed))
        front = stage.enter(Front(stage.sagemaker.url, folder / "front"))
    client = Client(folder / "client", stage.quickstart.deployment, _outside(stage, network, front))
    client.folder.mkdir()
    seen = dataclasses.replace(stage, pods=lambda: things.list("Pod"))
    return MoveStage(seen, things, nodes, client)


def _outside(stage: Stage, network: ServiceNetwork, front: Front) -> dict[str, str]:
    """The client's environment: an AWS identity that is not the operator's, the cluster's DNS, and the way to AWS."""
    key, secret = stage.sagemaker.credentials(stage.quickstart.account)
    return {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HTTP_PROXY": network.url,
        "HTTPS_PROXY": front.url,
        "SSL_CERT_FILE": str(front.ca_file),
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
    }
