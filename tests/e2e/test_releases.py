"""What a platform team sees on a real node: upgrades, a way back, the guard before an end, and two releases."""

from collections.abc import Callable

import pytest

from tests.e2e.release import Release, image_values
from tests.e2e.team import Team
from tests.testbed.helm import HelmError
from tests.testbed.images import Image
from tests.testbed.real_node.cluster import RealCluster
from tests.testbed.sagemaker import ROLE, LocalSageMaker
from tests.testbed.workbench import REGION

ON_SAGEMAKER = {"sageMaker": {"region": REGION, "executionRoleArn": ROLE, "instanceType": "ml.g5.2xlarge"}}


@pytest.fixture(scope="module")
def red(team: Callable[[str], Team]) -> Team:
    return team("red")


@pytest.fixture(scope="module")
def blue(team: Callable[[str], Team]) -> Team:
    return team("blue")


@pytest.fixture(scope="module")
def red_release(release: Callable[..., Release], red: Team) -> Release:
    """Installed, and a model of its namespace serves."""
    made = release("red-operator", "red")
    made.install()
    red.publish()
    red.model()
    red.deployment(replicas=1)
    return made


@pytest.fixture(scope="module")
def blue_release(release: Callable[..., Release], red_release: Release, blue: Team) -> Release:
    """The second one, which leaves the CRDs to the first."""
    made = release("blue-operator", "blue", crds=False)
    made.install()
    blue.publish()
    blue.model()
    blue.deployment(replicas=1)
    return made


def test_two_releases_leave_each_other_alone(
    red: Team, blue: Team, red_release: Release, blue_release: Release, cluster: RealCluster
) -> None:
    for each in (red, blue):
        each.serves(each.commit)
        assert each.commit in each.ask()
    for each, operator in ((red, red_release), (blue, blue_release)):
        account = f"system:serviceaccount:{operator.namespace}:"
        written = [one for one in cluster.plane.audit_writes() if one.user.startswith(account)]
        assert written
        assert {one.namespace for one in written} <= {each.namespace, operator.namespace}
        assert [one for one in written if one.code == 403] == []


def test_a_third_release_for_the_same_namespace_is_refused(
    release: Callable[..., Release], blue_release: Release
) -> None:
    with pytest.raises(HelmError, match="blue-operator/slipway watches the namespace blue already"):
        release("green-operator", "blue", crds=False).install()


def test_an_upgrade_restarts_no_pod_of_a_model_and_neither_does_the_way_back(
    red: Team, red_release: Release, next_image: Image
) -> None:
    red.serves(red.commit)
    before = red.lives()
    (old,) = red_release.pods()

    red_release.upgrade(image=image_values(next_image))
    (new,) = red_release.pods()
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    assert new["spec"]["containers"][0]["image"] == next_image.reference
    red.kubectl("scale", "sdep/twin", "--replicas=2")
    red.serves(red.commit, replicas=2)  # so the new operator has worked
    assert before.items() < red.lives().items()

    between = red.lives()
    red_release.rollback(1)
    (again,) = red_release.pods()
    assert again["spec"]["containers"][0]["image"] == old["spec"]["containers"][0]["image"]
    red.kubectl("scale", "sdep/twin", "--replicas=1")
    red.serves(red.commit)
    assert red.lives().items() < between.items()


def test_an_uninstallation_waits_for_what_is_on_sagemaker(
    red: Team, red_release: Release, blue: Team, sagemaker: LocalSageMaker
) -> None:
    red.deployment("rented", target=ON_SAGEMAKER, engine={"name": "TGI", "version": "3.3.6"})
    red.wait(lambda: red.conditions("rented").get("Ready") == "Serving", "it serves on SageMaker")

    with pytest.raises(HelmError) as refusal:
        red_release.uninstall()
    said = str(refusal.value)
    assert "red/rented: endpoint red-rented in eu-central-1" in said
    assert "kubectl delete deployments.slipway.dev -n red rented" in said
    assert len(red_release.pods()) == 1, "the operator is still there"

    red.kubectl("delete", "sdep", "rented")
    assert not sagemaker.resources()
    served = red.lives()
    red_release.uninstall()
    red.wait(lambda: not red_release.pods(), "the operator is gone")
    assert red.lives() == served, "what serves in the cluster goes on serving"
    assert red.commit in red.ask()
    kept = red.kubectl("get", "crds", "--output=name").split()
    assert "customresourcedefinition.apiextensions.k8s.io/deployments.slipway.dev" in kept
    blue.serves(blue.publish("later"))  # so its operator still works


def test_a_release_that_comes_back_takes_over_what_serves(red: Team, red_release: Release) -> None:
    served = red.lives()
    red_release.install()
    red.kubectl("scale", "sdep/twin", "--replicas=2")
    red.serves(red.commit, replicas=2)
    assert served.items() < red.lives().items()
