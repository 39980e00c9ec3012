"""Everything that the demo starts: the control plane, both stand-ins and the operator."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from tests.testbed.cluster import Cluster, Object
from tests.testbed.controlplane import ControlPlane, control_plane
from tests.testbed.controlplane.credentials import write_private
from tests.testbed.demo import guest
from tests.testbed.demo.interrupts import Interrupts
from tests.testbed.demo.quickstart import Quickstart
from tests.testbed.demo.screen import Screen
from tests.testbed.hub import Content, LocalHub, llama_8b_repository
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.sagemaker import LocalSageMaker
from tests.testbed.workbench import OPERATOR_NAMESPACE, install

NAMESPACE = "slipway-demo"
T = TypeVar("T")
Repository = Callable[[], Mapping[str, bytes | Content | None]]
"""Makes the files of the first commit."""


@dataclass(frozen=True)
class Pace:
    """Seconds: how long the stand-in for SageMaker takes, and how often the operator looks at it."""

    creating: float = 6.0
    updating: float = 5.0
    deleting: float = 2.0
    look: float = 1.0


FAST = Pace(creating=0.8, updating=0.8, deleting=0.4, look=0.2)
"""For tests."""


@dataclass(frozen=True)
class Stage:
    """What the story plays with."""

    plane: ControlPlane
    cluster: Cluster
    hub: LocalHub
    sagemaker: LocalSageMaker
    operator: OperatorProcess
    quickstart: Quickstart
    first_commit: str
    stack: ExitStack
    """What is taken away at the end."""
    pods: Callable[[], Sequence[Object]] = tuple
    """The pods of the namespace, where there is something for them to run on."""

    def enter(self, more: AbstractContextManager[T]) -> T:
        """Something else for this story: it goes first, before the operator and the control plane."""
        return self.stack.enter_context(more)

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        return self.quickstart.endpoint(NAMESPACE)

    def aws(self, service: str) -> Any:
        """A boto3 client for the account and region of the manifest."""
        return self.sagemaker.client(service, region=self.quickstart.region, account=self.quickstart.account)


@contextmanager
def staged(
    folder: Path,
    quickstart: Quickstart,
    pace: Pace,
    screen: Screen,
    interrupts: Interrupts,
    *,
    repository: Repository = llama_8b_repository,
) -> Iterator[Stage]:
    """Start everything; take everything away again, whatever happens."""
    stack = ExitStack()
    try:
        stage = _start(stack, folder, quickstart, pace, screen, repository)
        yield stage
        if not stage.plane.owned:
            screen.note("\nRemoving what was installed in the cluster ...")
    finally:
        with interrupts.shielded():
            if interrupts.seen:
                screen.note("\nStopping ...")
            stack.close()


def _start(
    stack: ExitStack, folder: Path, quickstart: Quickstart, pace: Pace, screen: Screen, repository: Repository
) -> Stage:
    with screen.step("local Hub and local SageMaker"):
        hub = stack.enter_context(LocalHub())
        hub.create_repo(quickstart.repo)
        first = hub.commit(quickstart.repo, repository(), ref=quickstart.ref)
        sagemaker = stack.enter_context(_sagemaker(hub, quickstart, pace))
    with screen.step("control plane"):
        plane = stack.enter_context(control_plane(folder / "control-plane", screen.note))
    with screen.step("CRDs, ServiceAccount and RBAC"):
        cluster = _cluster(stack, plane, folder)
        if plane.owned:
            install(plane)
            cluster.create_namespace(NAMESPACE)
        else:
            stack.enter_context(guest.installed(plane, NAMESPACE))
    with screen.step("operator"):
        kubeconfig = folder / "operator.kubeconfig"
        plane.service_account_kubeconfig(OPERATOR_NAMESPACE, "slipway", kubeconfig)
        environment = _environment(kubeconfig, hub, sagemaker, quickstart, pace)
        operator = OperatorProcess(environment, folder / "operator.log").start()
        stack.callback(_stop, operator)
    return Stage(plane, cluster, hub, sagemaker, operator, quickstart, first, stack)


def _sagemaker(hub: LocalHub, quickstart: Quickstart, pace: Pace) -> LocalSageMaker:
    durations = {"Creating": pace.creating, "Updating": pace.updating, "Deleting": pace.deleting}

    def downloads(repo: str, revision: str) -> bool:
        return can_download(hub.url, repo, revision)

    sagemaker = LocalSageMaker(durations=durations, check_weights=downloads)
    sagemaker.add_role(quickstart.role)
    return sagemaker


def can_download(hub: str, repo: str, revision: str) -> bool:
    """Whether a container without a token gets all weights of that commit, asked as a download asks."""
    with httpx2.Client(base_url=hub, timeout=10, trust_env=False) as http:
        record = http.get(f"/api/models/{repo}/revision/{revision}")
        if record.status_code != 200 or record.json()["sha"] != revision:
            return False
        names = [file["rfilename"] for file in record.json()["siblings"]]
        weights = [name for name in names if name.endswith(".safetensors")]
        answers = [http.head(f"/{repo}/resolve/{revision}/{name}") for name in weights]
        return bool(answers) and all(answer.status_code in (200, 302) for answer in answers)


def _cluster(stack: ExitStack, plane: ControlPlane, folder: Path) -> Cluster:
    """The present context alone: Cluster reads the first entry of each list, and no files beside."""
    flat = plane.kubectl("config", "view", "--raw", "--minify", "--flatten").stdout
    cluster = Cluster(write_private(folder / "admin.kubeconfig", flat))
    stack.callback(cluster.close)
    return cluster


def _environment(
    kubeconfig: Path, hub: LocalHub, sagemaker: LocalSageMaker, quickstart: Quickstart, pace: Pace
) -> dict[str, str]:
    """The settings of an installation, and credentials for the account in the manifest."""
    key, secret = sagemaker.credentials(quickstart.account)
    placement = {
        "namespaces": [NAMESPACE],
        "accounts": [quickstart.account],
        "regions": [quickstart.region],
        "execution_roles": [quickstart.role],
    }
    return {
        "KUBECONFIG": str(kubeconfig),
        "AWS_ENDPOINT_URL": sagemaker.url,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SLIPWAY_HUB_ENDPOINT": hub.url,
        "SLIPWAY_NAMESPACES": json.dumps([NAMESPACE]),
        "SLIPWAY_PLACEMENTS": json.dumps([placement]),
        "SLIPWAY_AWS_REQUESTS_PER_SECOND": "100",  # nobody else is served here
        "SLIPWAY_ENDPOINT_POLL": str(pace.look),
        "SLIPWAY_TIMING": json.dumps({"poll_moving": pace.look}),
        "SLIPWAY_HTTP_HOST": "127.0.0.1",
        "SLIPWAY_HTTP_PORT": "0",
    }


def _stop(operator: OperatorProcess) -> None:
    try:
        operator.stop(timeout=2)
    except subprocess.TimeoutExpired:  # killed by now; what it could leave undone goes with the stand-ins
        return
