"""The control plane is a real one: what the other integration tests lean on, tested for itself."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.testbed.controlplane import ControlPlane, KubectlError, control_plane

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running


@pytest.fixture(scope="module")
def owned(plane: ControlPlane) -> ControlPlane:
    if not plane.owned:
        pytest.skip(f"needs a control plane of its own; this is {plane.origin}")
    return plane


@pytest.fixture
def namespace(plane: ControlPlane) -> Iterator[str]:
    name = f"test-{secrets.token_hex(4)}"
    plane.kubectl("create", "namespace", name)
    yield name
    plane.kubectl("delete", "namespace", name, "--wait=false")


def as_service_account(plane: ControlPlane, kubeconfig: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [str(plane.kubectl_path), f"--kubeconfig={kubeconfig}", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_rbac_denies_a_service_account_without_a_role(plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    plane.kubectl("create", "serviceaccount", "nobody", "--namespace", namespace)
    kubeconfig = plane.service_account_kubeconfig(namespace, "nobody", tmp_path / "nobody.kubeconfig")

    denied = as_service_account(plane, kubeconfig, "get", "configmaps")
    assert denied.returncode != 0
    user = f"system:serviceaccount:{namespace}:nobody"
    assert f'User "{user}" cannot list resource "configmaps"' in denied.stderr
    assert kubeconfig.stat().st_mode & 0o777 == 0o600

    allow(plane, namespace, "nobody", verbs="get,list")
    eventually(lambda: as_service_account(plane, kubeconfig, "get", "configmaps").returncode == 0)


def test_what_an_owner_leaves_behind_is_collected(plane: ControlPlane, namespace: str) -> None:
    if "garbage collection is off" in plane.origin:
        pytest.skip(plane.origin)
    plane.kubectl("create", "configmap", "owner", "--namespace", namespace)
    found = plane.kubectl("get", "configmap", "owner", "--namespace", namespace, "--output=json")
    uid = json.loads(found.stdout)["metadata"]["uid"]
    plane.apply(f"""
apiVersion: v1
kind: ConfigMap
metadata:
  name: child
  namespace: {namespace}
  ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: owner, uid: {uid}}}]
""")

    plane.kubectl("delete", "configmap", "owner", "--namespace", namespace)

    eventually(lambda: not exists(plane, namespace, "child"))


def test_the_audit_log_shows_each_write_once_and_by_whom(owned: ControlPlane, namespace: str, tmp_path: Path) -> None:
    owned.kubectl("create", "serviceaccount", "writer", "--namespace", namespace)
    allow(owned, namespace, "writer", verbs="get,list,create")
    kubeconfig = owned.service_account_kubeconfig(namespace, "writer", tmp_path / "writer.kubeconfig")
    eventually(lambda: as_service_account(owned, kubeconfig, "get", "configmaps").returncode == 0)
    since, user = datetime.now(UTC), f"system:serviceaccount:{namespace}:writer"

    as_service_account(owned, kubeconfig, "create", "configmap", "mine", "--dry-run=server")
    as_service_account(owned, kubeconfig, "create", "configmap", "mine")
    owned.kubectl("create", "configmap", "not-mine", "--namespace", namespace)

    (write,) = owned.audit_writes(username=user, since=since)
    assert (write.verb, write.resource, write.subresource) == ("create", "configmaps", "")
    assert (write.namespace, write.name, write.code, write.user) == (namespace, "mine", 201, user)
    assert owned.audit_writes(username=user, since=datetime.now(UTC)) == []
    assert {other.user for other in owned.audit_writes(since=since)} >= {user, "slipway-admin"}


def test_an_api_server_that_was_killed_comes_back_with_its_data(owned: ControlPlane, namespace: str) -> None:
    owned.kubectl("create", "configmap", "kept", "--namespace", namespace)

    owned.stop_apiserver()
    with pytest.raises(KubectlError, match="refused"):
        owned.kubectl("get", "namespaces")
    owned.start_apiserver()

    assert exists(owned, namespace, "kept")


def test_a_frozen_api_server_answers_nothing_and_goes_on_when_thawed(owned: ControlPlane, namespace: str) -> None:
    owned.freeze_apiserver()
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            owned.kubectl("get", "namespaces", timeout=2)
    finally:
        owned.thaw_apiserver()

    assert not exists(owned, namespace, "anything")


def test_crds_are_installed_and_served_whether_or_not_the_server_knows_cel(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "crd.yaml").write_text("""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: probes.test.slipway.dev}
spec:
  group: test.slipway.dev
  scope: Namespaced
  names: {kind: Probe, plural: probes}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              x-kubernetes-validations: [{rule: "self.size > 0"}]
              properties: {size: {type: integer, default: 3}}
""")
    plane.install_crds(tmp_path)
    plane.install_crds(tmp_path)  # a second time changes nothing

    probe = f"{{apiVersion: test.slipway.dev/v1, kind: Probe, metadata: {{name: p, namespace: {namespace}}}"
    plane.apply(f"{probe}, spec: {{}}}}")

    size = ("get", "probe", "p", "--namespace", namespace, "--output=jsonpath={.spec.size}")
    assert plane.kubectl(*size).stdout == "3", "the schema's default"
    with pytest.raises(KubectlError, match=r"spec\.size"):
        plane.apply(f"{probe}, spec: {{size: many}}}}")
    plane.kubectl("delete", "crd", "probes.test.slipway.dev")


def test_nothing_outlives_a_parent_that_was_killed(owned: ControlPlane, tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("the parent-death signal is Linux's")
    command = [sys.executable, "-m", "tests.testbed.controlplane", "--state", str(tmp_path)]
    with (tmp_path / "cli.log").open("w") as said:
        cli = subprocess.Popen(
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=said, stdin=subprocess.DEVNULL, text=True
        )
    assert cli.stdout is not None
    with cli.stdout:
        assert cli.stdout.readline() == f"export KUBECONFIG={tmp_path / 'admin.kubeconfig'}\n"
        assert len(processes_of(tmp_path)) == (3 if "off" not in owned.origin else 2) + 1

        cli.kill()
        cli.wait()

    eventually(lambda: processes_of(tmp_path) == [])


def allow(plane: ControlPlane, namespace: str, account: str, verbs: str) -> None:
    """A role of its own: the built-in view and edit are empty until a controller aggregates them."""
    where = ("--namespace", namespace)
    plane.kubectl("create", "role", account, f"--verb={verbs}", "--resource=configmaps", *where)
    binding = (f"--role={account}", f"--serviceaccount={namespace}:{account}")
    plane.kubectl("create", "rolebinding", account, *binding, *where)


def processes_of(state: Path) -> list[str]:
    """The command lines that name a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(state) in line:
                found.append(line)
    return found


def exists(plane: ControlPlane, namespace: str, configmap: str) -> bool:
    found = plane.kubectl("get", "configmap", configmap, "--namespace", namespace, "--ignore-not-found")
    return configmap in found.stdout


def eventually(condition: Callable[[], bool], within: float = 20) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not so within {within} s"
        time.sleep(0.1)
