"""The chart, installed by the real helm on an API server of its own; the operator and its guard run as processes.

There is no node, so no pod of the release ever starts: what the hook's Job does is done here by hand.
"""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.testbed.chart import CHART
from tests.testbed.controlplane import ControlPlane, control_plane
from tests.testbed.helm import run_helm
from tests.testbed.hub.models import llama_8b_repository
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.sagemaker import ACCOUNT, ROLE
from tests.testbed.waiting import eventually
from tests.testbed.workbench import REGION, ROOT, Workbench, workbench

CRDS = ["deployments.slipway.dev", "modelversions.slipway.dev"]
BESIDE = ("http_host", "http_port")
"""Settings of a process that is in no pod: by variables, which win over the file."""
_numbers = itertools.count(1)


@dataclass
class Release:
    """A release, and what people do with it."""

    plane: ControlPlane
    name: str = "slipway"
    namespace: str = "slipway"

    def helm(self, command: str, *arguments: str, values: Mapping[str, Any] | None = None, check: bool = True) -> str:
        """What helm says, on both channels."""
        given = [f"--kubeconfig={self.plane.admin_kubeconfig}", f"--namespace={self.namespace}", *arguments]
        if values is not None:
            given = [str(CHART), "--values=-", *given]
        stdin = yaml.safe_dump(dict(values)) if values is not None else ""
        result = run_helm(command, self.name, *given, stdin=stdin, check=check)
        assert check or result.returncode != 0, result.stdout
        return result.stdout + result.stderr

    def install(self, **values: Any) -> str:
        return self.helm("install", "--create-namespace", values=values)

    def refused(self, **values: Any) -> str:
        """What an installation says that must not succeed."""
        return self.helm("install", "--create-namespace", values=values, check=False)

    def state(self) -> str:
        return str(json.loads(self.helm("status", "--output=json"))["info"]["status"])

    def settings_file(self, folder: Path) -> Path:
        """The settings as the operator's pod would see them."""
        config = json.loads(self.plane.kubectl("get", "configmap", "-n", self.namespace, "slipway", "-ojson").stdout)
        path = folder / "settings.yaml"
        path.write_text(config["data"]["settings.yaml"])
        return path

    def objects(self) -> set[str]:
        """Everything in the cluster that carries the release's label, but for what Kubernetes makes of it."""
        kinds = "crd,serviceaccount,configmap,deployment,service,job,role,rolebinding,clusterrole,clusterrolebinding"
        selector = f"app.kubernetes.io/instance={self.name}"
        found = self.plane.kubectl("get", kinds, "-A", f"--selector={selector}", "--output=name").stdout
        return {line.partition(".")[0] if "/" not in line else line for line in found.split()}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server on which nothing was installed yet."""
    with control_plane(tmp_path_factory.mktemp("chart")) as plane:
        if not plane.owned:
            pytest.skip("installs and removes CRDs, which is not done to somebody else's cluster")
        yield plane


@pytest.fixture
def release(fresh: ControlPlane) -> Iterator[Release]:
    """A release `slipway` that is not installed yet; whatever is left of it afterwards goes, CRDs included."""
    made = Release(fresh)
    yield made
    run = f"--kubeconfig={fresh.admin_kubeconfig}", f"--namespace={made.namespace}"
    run_helm("uninstall", made.name, *run, "--no-hooks", "--ignore-not-found")
    fresh.kubectl("delete", "crd", *CRDS, "--ignore-not-found")


@pytest.fixture
def bench(release: Release, tmp_path: Path) -> Iterator[Workbench]:
    """Hub, SageMaker and a namespace of its own. The release is installed, and watches it."""
    release.plane.kubectl("create", "namespace", "slipway", check=False)
    namespace = f"ml-{next(_numbers)}"
    with workbench(release.plane, tmp_path, namespace, kubeconfig=tmp_path / "kubeconfig") as bench:
        release.install(**values(bench))
        release.plane.service_account_kubeconfig("slipway", "slipway", bench.kubeconfig)
        yield bench


def values(bench: Workbench, **settings: Any) -> dict[str, Any]:
    """For an installation in one namespace, that finds the stand-ins for the Hub and for AWS."""
    usual = bench.merged_settings()
    derived = ("namespaces", "aws_regions", "aws_execution_roles", *BESIDE)
    entry = {"namespaces": [bench.namespace], "accounts": [ACCOUNT], "regions": [REGION], "execution_roles": [ROLE]}
    return {
        "watchNamespaces": [bench.namespace],
        "placements": [entry],
        "settings": {**{name: value for name, value in usual.items() if name not in derived}, **settings},
    }


def environment(release: Release, bench: Workbench) -> dict[str, str]:
    """What the operator's pod has, and where the stand-ins are."""
    beside = {"SLIPWAY_HTTP_HOST": "127.0.0.1", "SLIPWAY_HTTP_PORT": "0"}
    return {**bench.credentials(), **beside, "SLIPWAY_CONFIG": str(release.settings_file(bench.folder))}


def guard(release: Release, bench: Workbench) -> tuple[int, str]:
    """What the hook's Job does: exit status, and what its log says."""
    process = subprocess.run(
        [sys.executable, "-m", "slipway", "uninstall-guard", "--to-keep", "helm rollback slipway 1"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "operator"), **environment(release, bench)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return process.returncode, process.stdout + process.stderr


def test_a_life(release: Release, bench: Workbench) -> None:
    """Installed, serving, upgraded, rolled back, refused, uninstalled, and installed again where objects were left."""
    plane = release.plane
    bench.hub.create_repo("acme/twin")
    commit = bench.hub.commit("acme/twin", llama_8b_repository(shards=1))
    with OperatorProcess(environment(release, bench), bench.folder / f"operator-{bench.namespace}.log"):
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        endpoint = bench.endpoint

        code, said = guard(release, bench)
        assert code == 1
        assert f"{bench.namespace}/twin: endpoint {endpoint} in {REGION}, account {ACCOUNT}" in said
        assert f"kubectl delete deployments.slipway.dev -n {bench.namespace} twin" in said
        assert "helm rollback slipway 1" in said

        before = bench.get("Deployment")
        assert before is not None
        crd = ["crd", "deployments.slipway.dev"]
        plane.kubectl("patch", *crd, "--type=json", '--patch=[{"op": "remove", "path": "/spec/names/categories"}]')
        release.helm("upgrade", values=values(bench, workers=7))
        assert yaml.safe_load(release.settings_file(bench.folder).read_text())["workers"] == 7
        upgraded = json.loads(plane.kubectl("get", *crd, "-ojson").stdout)
        assert upgraded["spec"]["names"]["categories"] == ["slipway"], "a CRD is upgraded with the release"
        after = bench.get("Deployment")
        assert after is not None
        assert after["metadata"]["generation"] == before["metadata"]["generation"]

        release.helm("rollback", "1")
        assert "workers" not in yaml.safe_load(release.settings_file(bench.folder).read_text())

        bench.cluster.delete("Deployment", bench.namespace, "twin")
        bench.wait_gone("Deployment")
    assert guard(release, bench) == (0, "No Deployment of slipway.dev needs the operator any more.\n")

    said = release.helm("uninstall", "--no-hooks")
    assert "kept due to the resource policy" in said
    assert {name.partition("/")[2] for name in release.objects()} == {*CRDS}
    assert bench.get("ModelVersion") is not None, "what people have written stays with the CRDs"
    release.install(**values(bench))
    assert release.state() == "deployed"


def test_the_guard_where_the_crds_are_gone_and_where_it_may_not_look(release: Release, bench: Workbench) -> None:
    release.plane.kubectl("delete", "rolebinding", "slipway:slipway:slipway", "-n", bench.namespace)
    code, said = guard(release, bench)
    assert code == 2
    assert "cannot be seen" in said
    assert "deployments.slipway.dev is forbidden" in said
    assert "helm rollback slipway 1" in said, "the release is `uninstalling` here as well"
    release.helm("upgrade", values=values(bench))
    release.plane.kubectl("delete", "crd", *CRDS)
    assert guard(release, bench)[0] == 0


def test_a_refused_uninstallation_removes_nothing_and_can_be_taken_back(release: Release) -> None:
    """The Job has no node here, so its time runs out, which is a refusal like another."""
    release.install()
    before = release.objects()
    command = [f"--kubeconfig={release.plane.admin_kubeconfig}", f"--namespace={release.namespace}"]
    job = ["job", "slipway-guard", "-n", release.namespace]

    def started() -> bool:
        """Before that, a change of the deadline may pass the Job's controller by."""
        found = release.plane.kubectl("get", *job, "--output=jsonpath={.status.startTime}", check=False)
        return bool(found.stdout)

    with ThreadPoolExecutor(1) as pool:
        uninstallation = pool.submit(run_helm, "uninstall", release.name, *command, check=False)
        eventually(started, "the guard's Job has started", timeout=30)
        release.plane.kubectl("patch", *job, '--patch={"spec": {"activeDeadlineSeconds": 1}}')
        result = uninstallation.result(timeout=120)
    assert result.returncode != 0
    assert "slipway-guard" in result.stderr
    assert release.objects() == before | {"job.batch/slipway-guard"}
    assert release.state() == "uninstalling"
    refused = release.helm("upgrade", values={}, check=False)
    assert "has no deployed releases" in refused
    release.helm("rollback", "1")  # what the guard tells people to do
    assert release.state() == "deployed"
    release.helm("upgrade", values={})
    release.helm("uninstall", "--no-hooks")


def test_two_releases(release: Release) -> None:
    """One each for its own namespaces; never two for one."""
    for namespace in ("ml", "qa"):
        release.plane.kubectl("create", "namespace", namespace, check=False)
    said = release.install()
    assert "older than 1.25" in said
    assert "`placements` is empty" in said
    other = Release(release.plane, "two", "elsewhere")
    beside: dict[str, Any] = {"crds": {"enabled": False}}
    words = "the release slipway/slipway watches all namespaces already"
    assert words in other.refused(**beside)
    assert words in other.refused(**beside, watchNamespaces=["qa"])
    release.helm("upgrade", values={"watchNamespaces": ["ml"]})
    assert "the release slipway/slipway watches the namespace ml already" in other.refused(**beside)
    assert "watches the namespace ml already" in other.refused(**beside, watchNamespaces=["qa", "ml"])
    assert "exists and cannot be imported" in other.refused(watchNamespaces=["qa"]), "the CRDs have one owner"
    other.install(**beside, watchNamespaces=["qa"])
    other.helm("upgrade", values={**beside, "watchNamespaces": ["qa"], "settings": {"workers": 3}})
    mine = release.objects()
    other.helm("uninstall", "--no-hooks")
    assert release.objects() == mine
    assert not {name for name in other.objects() if "guard" not in name}
