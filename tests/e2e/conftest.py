"""One cluster with two nodes for the whole session, its images, and the doubles that its pods reach."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest

from tests.e2e.needed import do_without, is_required
from tests.e2e.release import Release, image_values
from tests.e2e.team import Team
from tests.testbed.cluster import Cluster
from tests.testbed.controlplane.progress import Report
from tests.testbed.hub import LocalHub
from tests.testbed.images import Image, ImagesUnavailable, operator_image, tgi_image, vllm_image
from tests.testbed.real_node.cluster import RealCluster, RealNodeUnavailable, real_cluster
from tests.testbed.real_node.folder import cluster_folder
from tests.testbed.real_node.obstacle import look, obstacle
from tests.testbed.sagemaker import ROLE, LocalSageMaker
from tests.testbed.workbench import FAST, REGION

CRDS = Path(__file__).parents[2] / "crds"
GPUS = 2
"""Of each node."""


@pytest.fixture(scope="session", autouse=True)
def _said_at_once() -> None:
    """Where a node is required and cannot be, the images need not be built before that is said."""
    if is_required() and (why := obstacle(look())):
        do_without(RealNodeUnavailable(f"No real node: {why}"))


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Report:
    """Tells a person what takes so long, at once: pytest would keep it until a test fails."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def show(text: str) -> None:
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            print(f"\n  {text}", end=" ", file=sys.stderr, flush=True)

    return show


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, say: Report) -> Iterator[RealCluster]:
    """Two nodes with two GPUs each. Their servers' logs stay where a test has failed."""

    def keep() -> bool:
        return request.session.testsfailed > 0

    with cluster_folder(keep) as folder:
        try:
            with real_cluster(folder / "state", report=say) as cluster:
                for node in cluster.nodes:
                    node.advertise_gpus(cluster.plane, GPUS)
                yield cluster
        except RealNodeUnavailable as why:
            do_without(why)
        finally:
            if keep():
                say(f"the servers' logs are in {folder}")


@pytest.fixture(scope="session")
def image(cluster: RealCluster, say: Report) -> Image:
    """The operator's image, built from the Dockerfile, on every node; and those of the engines."""
    try:
        operator, *engines = operator_image(say), tgi_image(say), vllm_image(say)
    except ImagesUnavailable as why:
        do_without(why)
    for each in (operator, *engines):
        say(f"loading {each.reference} on {len(cluster.nodes)} nodes")
        cluster.load(each.archive)
    return operator


@pytest.fixture(scope="session")
def next_image(cluster: RealCluster, say: Report) -> Image:
    """The image of the operator's next version, on every node."""
    image = operator_image(say, version="0.2.0")
    cluster.load(image.archive)
    return image


@pytest.fixture(scope="session")
def hub(cluster: RealCluster) -> Iterator[LocalHub]:
    with LocalHub(host=cluster.network.here) as hub:
        yield hub


@pytest.fixture(scope="session")
def sagemaker(cluster: RealCluster) -> Iterator[LocalSageMaker]:
    with LocalSageMaker(host=cluster.network.here) as sagemaker:
        sagemaker.add_role(ROLE)
        yield sagemaker


@pytest.fixture(scope="session")
def api(cluster: RealCluster) -> Iterator[Cluster]:
    api = Cluster(cluster.plane.admin_kubeconfig)
    yield api
    api.close()


@pytest.fixture(scope="module")
def team(cluster: RealCluster, api: Cluster, hub: LocalHub) -> Callable[[str], Team]:
    """A team in a new namespace, which is called so."""

    def make(namespace: str) -> Team:
        api.create_namespace(namespace)
        return Team(cluster, api, hub, namespace, f"{namespace}/twin")

    return make


@pytest.fixture(scope="module")
def release(
    cluster: RealCluster,
    image: Image,
    hub: LocalHub,
    sagemaker: LocalSageMaker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Release]]:
    """A release, not installed yet: its namespace, and the namespaces that it watches. It is gone in the end."""
    with ExitStack() as stack:

        def make(namespace: str, *watched: str, name: str = "slipway", crds: bool = True) -> Release:
            values = {
                "image": image_values(image),
                "watchNamespaces": list(watched),
                "crds": {"enabled": crds},
                "settings": {
                    "hub_endpoint": hub.url,
                    "aws_regions": [REGION],
                    "aws_execution_roles": [ROLE],
                    "endpoint_poll": 0.5,
                    "endpoint_sweep": 2.0,
                    "timing": FAST,
                },
                "extraEnv": [
                    {"name": "AWS_ENDPOINT_URL", "value": sagemaker.url},
                    {"name": "AWS_ACCESS_KEY_ID", "value": "AKIAIOSFODNN7EXAMPLE"},
                    {"name": "AWS_SECRET_ACCESS_KEY", "value": "secret"},
                    {"name": "AWS_EC2_METADATA_DISABLED", "value": "true"},
                ],
            }
            made = Release(cluster.plane, tmp_path_factory.mktemp("release"), namespace, name, values)
            stack.callback(_remove, made)
            return made

        yield make


def _remove(release: Release) -> None:
    """With the CRDs, which helm keeps: a release of another name may bring its own."""
    if release.is_installed():
        release.uninstall()
        if release.values["crds"]["enabled"]:
            release.plane.kubectl("delete", "--filename", str(CRDS))
