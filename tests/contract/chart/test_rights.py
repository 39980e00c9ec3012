"""RBAC by scope, and releases that do not get in each other's way."""

import json
from typing import Any

import pytest

from tests.contract.chart.rendering import found, only, rendered
from tests.testbed.chart import Manifest, manifests

KUBE_SYSTEM = {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]}
CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding"}


def rbac(release: str = "slipway", namespace: str = "slipway", **values: Any) -> list[Manifest]:
    wanted = ["rbac.yaml", *(["aggregated-roles.yaml"] if values.get("rbac", {}).get("aggregate") else [])]
    return manifests(values, release=release, namespace=namespace, only=wanted)


def rules(objects: list[Manifest], kind: str) -> list[Any]:
    return [each["rules"] for each in found(objects, kind)]


class TestScope:
    def test_all_namespaces(self) -> None:
        objects = rbac()
        (granted,) = rules(objects, "ClusterRole")
        assert granted[-1] == KUBE_SYSTEM
        assert len(granted) > 15
        assert rules(objects, "Role") == []

    def test_a_list_gives_the_same_there_and_no_more_in_the_cluster_than_who_it_is(self) -> None:
        (everywhere,) = rules(rbac(), "ClusterRole")
        objects = rbac(watchNamespaces=["ml", "qa"])
        assert rules(objects, "Role") == [everywhere[:-1], everywhere[:-1]]
        assert [role["metadata"]["namespace"] for role in found(objects, "Role")] == ["ml", "qa"]
        assert rules(objects, "ClusterRole") == [[KUBE_SYSTEM]]

    def test_with_a_name_of_its_own_it_need_not_ask_who_it_is(self) -> None:
        named = {"settings": {"installation": "example"}}
        assert {each["kind"] for each in rbac(watchNamespaces=["ml"], **named)} == {"Role", "RoleBinding"}
        (granted,) = rules(rbac(**named), "ClusterRole")
        assert KUBE_SYSTEM not in granted

    def test_every_role_is_bound_to_the_releases_account(self) -> None:
        for objects in (rbac("two", "ops"), rbac("two", "ops", watchNamespaces=["ml"])):
            bindings = [each for each in objects if each["kind"].endswith("Binding")]
            assert len(bindings) * 2 == len(objects)
            for binding in bindings:
                assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "two-slipway", "namespace": "ops"}]
                roles = found(objects, binding["roleRef"]["kind"])
                assert binding["roleRef"]["name"] in [role["metadata"]["name"] for role in roles]


class TestParts:
    def test_without_the_cluster_target(self) -> None:
        (granted,) = rules(rbac(targets={"cluster": False}), "ClusterRole")
        named = {(group, name) for rule in granted for group in rule["apiGroups"] for name in rule["resources"]}
        assert named == {
            *(("slipway.dev", kind) for kind in ("modelversions", "deployments")),
            *(("slipway.dev", f"{kind}/status") for kind in ("modelversions", "deployments")),
            *(("", kind) for kind in ("secrets", "events", "namespaces")),
        }

    def test_without_the_logs_of_pods(self) -> None:
        def named(**values: Any) -> str:
            return json.dumps(rules(rbac(**values), "ClusterRole"))

        assert "pods/log" in named()
        assert "pods/log" not in named(rbac={"podLogs": False})

    def test_none_at_all(self) -> None:
        assert [each["kind"] for each in rendered("minimal") if "Role" in each["kind"]] == []

    def test_people_get_both_kinds_by_the_roles_that_they_have(self) -> None:
        roles = {
            each["metadata"]["name"].rpartition(":")[2]: each
            for each in found(rbac(rbac={"aggregate": True}), "ClusterRole")
        }
        aggregated = "rbac.authorization.k8s.io/aggregate-to-"
        assert {label for label in roles["view"]["metadata"]["labels"] if label.startswith(aggregated)} == {
            f"{aggregated}{name}" for name in ("view", "edit", "admin")
        }
        assert f"{aggregated}view" not in roles["edit"]["metadata"]["labels"]
        assert {verb for rule in roles["view"]["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
        writes = {kind for rule in roles["edit"]["rules"] for kind in rule["resources"]}
        assert writes == {"modelversions", "deployments", "deployments/scale"}, "never a status: the operator's word"


class TestTwoReleases:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (("slipway", "a"), ("slipway", "b")),
            (("one", "a"), ("two", "a")),
            (("b", "c-a"), ("b-c", "a")),  # a dash between them would make both the same
        ],
    )
    def test_their_names_do_not_collide(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        def names(release: str, namespace: str) -> set[tuple[str, str, str]]:
            values = {"watchNamespaces": ["ml"], "rbac": {"aggregate": True}, "crds": {"enabled": False}}
            return {
                (
                    each["kind"],
                    "" if each["kind"] in CLUSTER_SCOPED else each["metadata"]["namespace"],
                    each["metadata"]["name"],
                )
                for each in manifests(values, release=release, namespace=namespace)
            }

        mine, theirs = names(*one), names(*other)
        assert len(mine) > 8
        assert mine & theirs == set()

    def test_a_long_name_stays_a_valid_one(self) -> None:
        for each in manifests({"watchNamespaces": ["ml"]}, release="r" * 53, namespace="n" * 63):
            if each["kind"] not in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"):
                assert len(each["metadata"]["name"]) <= 63
            for value in each["metadata"].get("labels", {}).values():
                assert len(value) <= 63

    @pytest.mark.parametrize(
        ("release", "name"),
        [
            ("123", "slipway-123"),
            ("1slipway", "slipway-1slipway"),
            ("slipway.v1", "slipway-v1"),
            ("a.b", "a-b-slipway"),
            (f"{'a' * 42}--b", f"{'a' * 42}-slipway"),
            (f"{'a' * 43}slipway--b", f"{'a' * 43}slipway"),
        ],
    )
    def test_whatever_a_release_and_its_namespaces_are_called(self, release: str, name: str) -> None:
        """Helm takes dots and numbers; YAML takes a number for one, and a Service no name with either in front."""
        values: dict[str, Any] = {"watchNamespaces": ["42", "on"], "serviceAccount": {"name": "7"}}
        objects = manifests(values, release=release, namespace="456")
        assert only(objects, "Service")["metadata"]["name"] == name
        for each in objects:
            about = each["metadata"]
            said = [about["name"], about.get("namespace", ""), *about["labels"].values()]
            assert [word for word in said if not isinstance(word, str)] == [], each["kind"]
        assert [each["metadata"]["namespace"] for each in found(objects, "Role")] == ["42", "on"]
        assert only(objects, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "7"
        for binding in found(objects, "RoleBinding"):
            assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "7", "namespace": "456"}]

    def test_what_watches_is_marked_for_others(self) -> None:
        def mark(objects: list[Manifest], kind: str) -> str | None:
            return only(objects, kind)["metadata"]["labels"].get("slipway.dev/watches")

        scoped = rbac(watchNamespaces=["ml"])
        assert mark(rbac(), "ClusterRoleBinding") == "all"
        assert mark(scoped, "RoleBinding") == "namespace"
        assert mark(scoped, "ClusterRoleBinding") is None, "who it is, it may ask beside others"
