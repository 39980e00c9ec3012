"""What a release consists of: valid on every Kubernetes that counts, restricted, and in files that people can read.

`SLIPWAY_WRITE_GOLDEN=1 pytest tests/contract/chart` writes the files anew: read the difference before it is committed.
"""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils

from tests.contract.chart.rendering import (
    CASES,
    CUSTOM,
    VERSIONS,
    found,
    only,
    read,
    rendered,
    settings_file,
    templates,
)
from tests.testbed.chart import CHART, Manifest, manifests, template
from tests.testbed.controlplane.plane import without_cel
from tests.testbed.helm import run_helm
from tests.unit.domain.cluster.pod_security import violations

ROOT = CHART.parents[1]
GOLDEN = Path(__file__).parent / "golden"

each_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(scope="module")
def validate() -> Iterator[Any]:
    """kubernetes_validate, which would read a file of 2 MB again for each object."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield kubernetes_validate.validate


@each_case
def test_helm_finds_nothing_wrong_with_it(case: str) -> None:
    said = run_helm("lint", "--strict", str(CHART), *(f"--values={path}" for path in CASES[case])).stdout
    assert "0 chart(s) failed" in said
    assert [line for line in said.splitlines() if line.startswith("[") and "icon is recommended" not in line] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(version: str, validate: Any) -> None:
    """Strictly: a field that a version does not know would make the apply fail there."""
    for case in CASES:
        for manifest in rendered(case, version):
            if manifest["kind"] not in CUSTOM:
                assert validate(manifest, version, strict=True) == version, (case, manifest["kind"])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_field_that_does_not_exist_is_no_valid_one(version: str, validate: Any) -> None:
    """The check above is able to fail, in each version."""
    deployment = only(manifests(kube_version=version, only=["deployment.yaml"]), "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["gpus"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="gpus"):
        validate(deployment, version, strict=True)


@each_case
def test_its_pods_fulfil_the_restricted_profile(case: str) -> None:
    pods = templates(rendered(case))
    assert pods
    assert [violations(pod) for pod in pods] == [[] for _ in pods]
    contexts = [container["securityContext"] for pod in pods for container in pod["spec"]["containers"]]
    assert all(context["readOnlyRootFilesystem"] for context in contexts)


@each_case
def test_these_are_its_objects(case: str) -> None:
    """All but the CRDs, which are files of their own."""
    objects = [each for each in rendered(case) if each["kind"] != "CustomResourceDefinition"]
    path = GOLDEN / f"{case}.yaml"
    if os.environ.get("SLIPWAY_WRITE_GOLDEN") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text("---\n".join(yaml.dump(each, Dumper=_Plain, sort_keys=False, width=110) for each in objects))
    assert read(path) == objects


class TestCustomResourceDefinitions:
    def test_they_are_those_of_the_repository(self) -> None:
        crds = found(rendered("default"), "CustomResourceDefinition")
        files = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / "crds").iterdir()}
        assert {crd["metadata"]["name"]: crd["spec"] for crd in crds} == {
            crd["metadata"]["name"]: crd["spec"] for crd in files.values()
        }

    def test_before_1_25_they_have_no_cel_rules_and_are_else_the_same(self) -> None:
        old = found(rendered("default", "1.24.17"), "CustomResourceDefinition")
        new = found(rendered("default", "1.25"), "CustomResourceDefinition")
        assert old == without_cel(new)
        assert old != new

    def test_a_vendors_suffix_is_no_older_version(self) -> None:
        """EKS and GKE put theirs where semantic versions have that of a preview."""
        for version, wanted in (("v1.24.17-eks-0a1b2c3", False), ("v1.25.3-gke.800", True), ("v1.25.0-eks-1", True)):
            text = template(only=["crds.yaml"], kube_version=version)
            assert ("x-kubernetes-validations" in text) == wanted, version

    def test_they_are_kept_and_carry_annotations(self) -> None:
        kept = {"helm.sh/resource-policy": "keep"}
        given = {"argocd.argoproj.io/sync-options": "ServerSideApply=true"}
        for case, wanted in (("default", kept), ("everything", {**kept, **given})):
            crds = found(rendered(case), "CustomResourceDefinition")
            assert [crd["metadata"]["annotations"] for crd in crds] == [wanted, wanted]
        gone = manifests({"crds": {"keep": False}}, only=["crds.yaml"])
        assert [crd["metadata"].get("annotations") for crd in gone] == [None, None]

    def test_they_may_be_left_out(self) -> None:
        assert found(rendered("scoped"), "CustomResourceDefinition") == []


class TestThePod:
    def test_served_pods_let_it_in_by_its_label(self) -> None:
        """`slipway.domain.cluster.settings`: whatever the release is called."""
        for case in CASES:
            labels = [pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in templates(rendered(case))]
            assert set(labels) == {"slipway"}

    def test_the_guard_is_no_operator(self) -> None:
        """Else the Service would send it requests, and the Deployment would count it as its own."""
        deployment, job = only(rendered("default"), "Deployment"), only(rendered("default"), "Job")
        selected = deployment["spec"]["selector"]["matchLabels"].items()
        assert selected <= deployment["spec"]["template"]["metadata"]["labels"].items()
        assert not selected <= job["spec"]["template"]["metadata"]["labels"].items()
        assert only(rendered("default"), "Service")["spec"]["selector"].items() == selected

    def test_it_starts_again_when_a_setting_changes_and_only_then(self) -> None:
        def checksum(**values: Any) -> str:
            deployment = only(manifests(values, only=["deployment.yaml"]), "Deployment")
            return str(deployment["spec"]["template"]["metadata"]["annotations"]["checksum/settings"])

        before = checksum()
        assert checksum(metrics={"service": {"port": 81}}) == before
        assert checksum(settings={"workers": 21}) != before
        assert checksum(watchNamespaces=["ml"]) != before

    @pytest.mark.parametrize(
        ("image", "reference"),
        [
            ({}, "registry.example.com/slipway:0.1.0"),
            ({"registry": "", "repository": "acme/slipway"}, "acme/slipway:0.1.0"),
            ({"registry": "r.acme.org:5000/", "tag": "1.2"}, "r.acme.org:5000/slipway:1.2"),
            ({"digest": f"sha256:{'a' * 64}"}, f"registry.example.com/slipway:0.1.0@sha256:{'a' * 64}"),
        ],
    )
    def test_its_image(self, image: dict[str, str], reference: str) -> None:
        objects = manifests({"image": image}, only=["deployment.yaml", "uninstall-guard.yaml"])
        images = [container["image"] for pod in templates(objects) for container in pod["spec"]["containers"]]
        assert images == [reference, reference]

    def test_the_guard_knows_what_the_operator_knows(self) -> None:
        """The same settings, account, proxy and authorities: where one gets to the API server, so does the other."""
        for case in ("default", "scoped", "everything"):
            operator, guard = templates(rendered(case))
            for field in ("serviceAccountName", "securityContext", "volumes", "nodeSelector", "imagePullSecrets"):
                assert operator["spec"].get(field) == guard["spec"].get(field)
            one, other = operator["spec"]["containers"][0], guard["spec"]["containers"][0]
            for field in ("image", "env", "envFrom", "volumeMounts", "securityContext"):
                assert one.get(field) == other.get(field)

    def test_no_mesh_puts_a_proxy_beside_the_guard(self) -> None:
        """The Job would never be complete, and an uninstallation be refused without a reason."""
        asked = {"podLabels": {"sidecar.istio.io/inject": "true"}, "podAnnotations": {"linkerd.io/inject": "enabled"}}
        (pod,) = templates(manifests(asked, only=["uninstall-guard.yaml"]))
        assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"
        assert pod["metadata"]["annotations"]["linkerd.io/inject"] == "disabled"

    def test_a_persons_annotation_wins_and_is_there_once(self) -> None:
        given = {"prometheus.io/scrape": "false", "checksum/settings": "mine"}
        text = template({"podAnnotations": given}, only=["deployment.yaml"])
        assert text.count("prometheus.io/scrape:") == text.count("checksum/settings:") == 1
        annotations = yaml.safe_load(text)["spec"]["template"]["metadata"]["annotations"]
        assert annotations["prometheus.io/scrape"] == "false"
        assert annotations["prometheus.io/port"] == "8080"
        assert annotations["checksum/settings"] != "mine"

    def test_a_probe_may_be_left_out(self) -> None:
        (pod,) = templates(manifests({"startupProbe": None}, only=["deployment.yaml"]))
        assert "startupProbe" not in pod["spec"]["containers"][0]
        assert "livenessProbe" in pod["spec"]["containers"][0]


class TestSettings:
    def test_what_the_chart_knows_itself(self) -> None:
        values = {"watchNamespaces": ["b", "a"], "httpPort": 9000}
        found = settings_file(manifests(values, release="two", namespace="ops", kube_version="1.26"))
        assert found == {
            "release": "ops/two",
            "namespaces": ["a", "b"],
            "http_port": 9000,
            "placements": [],
            "cluster": {"operator_namespace": "ops", "evicts_unhealthy": False},
        }

    def test_a_key_with_nothing_below_it_is_an_empty_one(self) -> None:
        """What is left when everything in a section of a values file has been commented out."""
        empty = ["settings", "placements", "watchNamespaces", "commonLabels", "podLabels", "podAnnotations"]
        policy = {"networkPolicy": {"enabled": True}, "proxy": {"httpsProxy": "http://p:1", "noProxy": None}}
        assert manifests({**dict.fromkeys(empty), **policy}) == manifests(
            {**policy, "proxy": {"httpsProxy": "http://p:1"}}
        )

    def test_eviction_of_unhealthy_pods_follows_the_cluster_unless_it_is_set(self) -> None:
        assert settings_file(rendered("default", "1.26"))["cluster"]["evicts_unhealthy"] is False
        assert settings_file(rendered("default", "1.27"))["cluster"]["evicts_unhealthy"] is True
        assert settings_file(rendered("everything", "1.27"))["cluster"]["evicts_unhealthy"] is False

    @each_case
    def test_the_operator_takes_them(self, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from slipway.settings import load

        for name in [name for name in os.environ if name.startswith("SLIPWAY_")]:
            monkeypatch.delenv(name)
        path = tmp_path / "settings.yaml"
        path.write_text(yaml.safe_dump(found := settings_file(rendered(case))))
        monkeypatch.setenv("SLIPWAY_CONFIG", str(path))
        loaded = load()
        assert loaded.namespaces == found["namespaces"]
        assert loaded.endpoint_sweep == found.get("endpoint_sweep", 240)
        assert [placement.model_dump() for placement in loaded.placements] == [
            {"assume_roles": [], "adopt": [], **placement} for placement in found["placements"]
        ]


def test_before_1_21_a_disruption_budget_is_a_beta() -> None:
    values = {"podDisruptionBudget": {"enabled": True}}
    for version, api in (("1.20.2", "policy/v1beta1"), ("1.21.0", "policy/v1")):
        budget = only(manifests(values, only=["poddisruptionbudget.yaml"], kube_version=version), "PodDisruptionBudget")
        assert budget["apiVersion"] == api


def test_a_policy_lets_the_operator_ask_the_pods_that_serve_where_it_watches() -> None:
    values: dict[str, Any] = {"networkPolicy": {"enabled": True, "metricsFrom": []}}

    def policy(**more: Any) -> Manifest:
        return only(manifests({**values, **more}, only=["networkpolicy.yaml"]), "NetworkPolicy")["spec"]

    def of_pods(spec: Manifest) -> list[Manifest]:
        return [peer for rule in spec["egress"] for peer in rule.get("to", []) if "podSelector" in peer]

    assert policy()["ingress"] == []
    assert of_pods(policy()) == [
        {"podSelector": {"matchLabels": {"slipway.dev/role": "server"}}, "namespaceSelector": {}}
    ]
    (scoped,) = of_pods(policy(watchNamespaces=["ml"]))
    assert scoped["namespaceSelector"]["matchExpressions"][0]["values"] == ["ml"]
    assert of_pods(policy(targets={"cluster": False})) == []


def test_a_policy_lets_the_operator_reach_the_ports_of_hubs_and_proxies() -> None:
    def ports(**values: Any) -> list[int]:
        objects = manifests({"networkPolicy": {"enabled": True}, **values}, only=["networkpolicy.yaml"])
        return [port["port"] for port in only(objects, "NetworkPolicy")["spec"]["egress"][2]["ports"]]

    assert ports() == [443]
    assert ports(proxy={"httpsProxy": "http://[fd00::1]:3128"}) == [443, 3128]
    assert ports(proxy={"httpsProxy": "http://proxy.acme.org"}) == [443, 80]
    hubs = {"hub_endpoint": "https://hub.acme.org", "hub_endpoints": ["https://a.acme.org:8443/hub", "http://b"]}
    assert ports(settings=hubs) == [443, 8443, 80]


def test_labels_that_are_given_twice_are_there_once() -> None:
    """Helm takes the last of two keys, and Kustomize, through which Flux puts what Helm has rendered, refuses both."""
    values = {
        "commonLabels": {"team": "platform"},
        "crds": {"annotations": {"helm.sh/resource-policy": "delete"}},
        "metrics": {
            "service": {"labels": {"team": "metrics", "app.kubernetes.io/name": "other"}},
            "serviceMonitor": {
                "enabled": True,
                "labels": {"team": "metrics", "app.kubernetes.io/part-of": "prometheus"},
            },
        },
    }
    text = template(values, only=["service.yaml", "servicemonitor.yaml"])
    assert text.count("team:") == 2
    service, monitor = (each["metadata"]["labels"] for each in yaml.safe_load_all(text))
    assert service["team"] == monitor["team"] == "metrics"
    assert service["app.kubernetes.io/name"] == "slipway", "the ServiceMonitor selects it"
    assert monitor["app.kubernetes.io/part-of"] == "prometheus"
    assert template(values, only=["crds.yaml"]).count("helm.sh/resource-policy: keep") == 2
    assert "helm.sh/resource-policy: delete" not in template(values, only=["crds.yaml"])


def test_the_proxy_is_not_between_the_operator_and_the_api_server() -> None:
    """$(KUBERNETES_SERVICE_HOST) is a service variable, which the kubelet puts in:
    https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/"""
    (container,) = templates(rendered("everything"))[0]["spec"]["containers"]
    env = {variable["name"]: variable["value"] for variable in container["env"]}
    assert env["HTTPS_PROXY"] == "http://proxy.acme.org:3128"
    beside = env["NO_PROXY"].split(",")
    assert {"$(KUBERNETES_SERVICE_HOST)", ".svc", ".cluster.acme", "169.254.170.23", ".acme.org"} <= {*beside}
    assert len(beside) == len({*beside})


class _Plain(yaml.SafeDumper):
    """Without references to what was written before, and texts of several lines as such."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)
