"""Which control plane is chosen, decided from facts alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.testbed.controlplane import ControlPlaneUnavailable, apt, recipe
from tests.testbed.controlplane.audit import parse
from tests.testbed.controlplane.build import openapi_packages
from tests.testbed.controlplane.choice import (
    Binaries,
    BuildFromDebian,
    ExistingCluster,
    Facts,
    choose,
    look,
)
from tests.testbed.controlplane.plane import without_cel

DEBIAN = Facts(cache=Path("/cache/entry"), keyring=Path("/keyring.gpg"))
ENVTEST = frozenset({"kube-apiserver", "etcd", "kubectl"})


def test_an_existing_cluster_comes_first() -> None:
    facts = replace(
        DEBIAN,
        kubeconfig=Path("/k"),
        kubeconfig_exists=True,
        assets=Path("/a"),
        assets_found=ENVTEST,
        cached=True,
    )

    choice = choose(facts)

    assert isinstance(choice, ExistingCluster)
    assert choice.kubeconfig == Path("/k")
    assert "SLIPWAY_KUBECONFIG=/k" in choice.why


def test_a_named_kubeconfig_that_is_missing_is_an_error_and_nothing_else_is_tried() -> None:
    with pytest.raises(ControlPlaneUnavailable, match="SLIPWAY_KUBECONFIG names /k, which is not a file"):
        choose(replace(DEBIAN, kubeconfig=Path("/k"), cached=True))


def test_envtest_binaries_come_before_the_cache_and_lack_garbage_collection() -> None:
    choice = choose(replace(DEBIAN, assets=Path("/a"), assets_found=ENVTEST, cached=True))

    assert isinstance(choice, Binaries)
    assert (choice.apiserver, choice.etcd) == (Path("/a/kube-apiserver"), Path("/a/etcd"))
    assert choice.kubectl == Path("/a/kubectl")
    assert choice.controller_manager is None
    assert "garbage collection is off" in choice.why


def test_a_controller_manager_among_the_assets_is_used() -> None:
    found = frozenset({"kube-apiserver", "etcd", "kube-controller-manager"})

    choice = choose(replace(DEBIAN, assets=Path("/a"), assets_found=found))

    assert isinstance(choice, Binaries)
    assert choice.controller_manager == Path("/a/kube-controller-manager")
    assert choice.kubectl is None
    assert "garbage collection" not in choice.why


def test_assets_without_a_server_are_an_error() -> None:
    with pytest.raises(ControlPlaneUnavailable, match="lacks kube-apiserver and etcd"):
        choose(replace(DEBIAN, assets=Path("/a"), assets_found=frozenset({"kubectl"}), cached=True))


@pytest.mark.parametrize("system", ["Linux", "Darwin"])
def test_a_finished_build_is_used_again_wherever_it_lies(system: str) -> None:
    choice = choose(Facts(system=system, cache=Path("/cache/entry"), cached=True))

    assert isinstance(choice, Binaries)
    assert choice.apiserver == Path("/cache/entry/bin/kube-apiserver")
    assert choice.controller_manager is not None


def test_debian_builds() -> None:
    choice = choose(DEBIAN)

    assert isinstance(choice, BuildFromDebian)
    assert choice.cache == Path("/cache/entry")
    assert choice.keyring == Path("/keyring.gpg")
    assert "Debian's source package" in choice.why


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (replace(DEBIAN, system="Darwin", machine="arm64"), "this is Darwin"),
        (replace(DEBIAN, machine="riscv64"), "the processor is riscv64"),
        (replace(DEBIAN, missing_tools=("apt-get", "dpkg")), "apt-get, dpkg is not here"),
        (replace(DEBIAN, keyring=None), "apt install debian-archive-keyring"),
    ],
)
def test_where_nothing_can_be_had_the_message_says_why_and_names_every_way_out(facts: Facts, reason: str) -> None:
    with pytest.raises(ControlPlaneUnavailable) as caught:
        choose(facts)

    message = str(caught.value)
    assert reason in message
    assert "setup-envtest use" in message
    assert "kind create cluster" in message
    assert "export SLIPWAY_KUBECONFIG=" in message


def test_the_ambient_kubeconfig_is_never_looked_at(tmp_path: Path) -> None:
    ambient = tmp_path / ".kube" / "config"
    ambient.parent.mkdir()
    ambient.write_text("")

    facts = look({"KUBECONFIG": str(ambient), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)})

    assert facts.kubeconfig is None
    assert facts.cache == tmp_path / "slipway" / "control-plane" / recipe.CONTROL_PLANE.key()
    assert not facts.cached


def test_look_finds_what_is_there(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text("")
    for name in recipe.CONTROL_PLANE.binaries:
        binary = tmp_path / "slipway" / "control-plane" / recipe.CONTROL_PLANE.key() / "bin" / name
        binary.parent.mkdir(parents=True, exist_ok=True)
        binary.touch(mode=0o700)
    (tmp_path / "etcd").touch(mode=0o600)  # not executable, so not a binary
    environment = {
        "SLIPWAY_KUBECONFIG": str(kubeconfig),
        "KUBEBUILDER_ASSETS": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
    }

    facts = look(environment)

    assert facts.kubeconfig_exists
    assert facts.assets_found == frozenset()
    assert facts.cached


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://deb.debian.org/debian/", True),
        ("https://mirror.example.org/pub/debian", True),
        ("http://deb.debian.org/debian-security/", False),
        ("https://packages.example.org/apt", False),
        ("file:/srv/debian", False),
    ],
)
def test_the_mirror_is_taken_from_the_machine(uri: str, expected: bool) -> None:
    assert apt.is_debian_mirror(uri) is expected


def test_packages_that_ask_for_openapi_definitions_are_found_by_their_tag(tmp_path: Path) -> None:
    for path, text in {
        "pkg/apis/abac/v0/doc.go": "// +k8s:openapi-gen=true\npackage v0\n",
        "pkg/apis/other/doc.go": 'package other\n\nconst tag = "+k8s:openapi-gen="\n',
        "vendor/k8s.io/api/core/v1/types.go": "package v1\n\n//+k8s:openapi-gen=true\ntype T struct{}\n",
        "vendor/k8s.io/sample-apiserver/doc.go": "// +k8s:openapi-gen=true\npackage sample\n",
        "cmd/x/doc.go": "package x\n",
    }.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_text(text)

    assert openapi_packages(tmp_path) == ["pkg/apis/abac/v0", "vendor/k8s.io/api/core/v1"]


def test_cel_rules_are_stripped_at_every_depth() -> None:
    rules = [{"rule": "self == oldSelf"}]
    crd = {"a": {"x-kubernetes-validations": rules, "b": [{"x-kubernetes-validations": rules, "c": 1}]}}

    assert without_cel(crd) == {"a": {"b": [{"c": 1}]}}
    assert "x-kubernetes-validations" in crd["a"], "the original is left as it was"


def test_only_answered_writes_are_read_from_the_audit_log() -> None:
    def line(verb: str, stage: str = "ResponseComplete", uri: str = "/x") -> str:
        event = {
            "stage": stage,
            "verb": verb,
            "requestURI": uri,
            "user": {"username": "ann"},
            "objectRef": {"resource": "configmaps", "namespace": "n", "name": "c", "apiVersion": "v1"},
            "responseStatus": {"code": 200},
            "requestReceivedTimestamp": "2026-11-21T12:00:00.123456Z",
        }
        return json.dumps(event) + "\n"

    log = (
        line("patch")
        + line("get")
        + line("create", stage="Panic")
        + line("create", uri="/x?dryRun=All")
        + line("create")[:40]
    )

    (write,) = parse(log)

    assert (write.verb, write.resource, write.namespace, write.name) == ("patch", "configmaps", "n", "c")
    assert (write.group, write.subresource, write.code, write.user) == ("", "", 200, "ann")
    assert write.time.isoformat() == "2026-11-21T12:00:00.123456+00:00"
