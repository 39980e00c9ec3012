"""An installation in a few namespaces, with Roles in these alone."""

from collections.abc import Collection, Sequence
from pathlib import Path

import yaml

from tests.testbed.cluster import Object
from tests.testbed.controlplane import ControlPlane
from tests.testbed.rights import Grant, granted, rules_of

_RBAC = "rbac.authorization.k8s.io"
NAMESPACE = Grant("", "namespaces", "", "get", "kube-system")
"""What an installation needs that is given no identifier; no Role can grant it."""


def install_release(
    plane: ControlPlane,
    home: str,
    namespaces: Sequence[str],
    folder: Path,
    *,
    identifies_itself: bool = False,
    without: Collection[Grant] = (),
) -> Path:
    """A ServiceAccount in the namespace `home` and its Roles; its kubeconfig.

    `identifies_itself`: it may read the uid of the namespace kube-system, and nothing else of the cluster. `without`:
    rights that it lacks.
    """
    for namespace in (home, *namespaces):
        plane.apply(yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))
    rules = rules_of(granted() - {NAMESPACE, *without})
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "slipway", "namespace": home}}
    manifests = [account]
    for namespace in namespaces:
        where = {"name": f"slipway-{home}", "namespace": namespace}
        manifests.append({"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": where, "rules": rules})
        manifests.append(_binding("RoleBinding", where, "Role", home))
    if identifies_itself:
        name = {"name": f"slipway-{home}"}
        role = {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": name, "rules": rules_of([NAMESPACE])}
        manifests += [role, _binding("ClusterRoleBinding", name, "ClusterRole", home)]
    plane.apply(yaml.safe_dump_all(manifests))
    return plane.service_account_kubeconfig(home, "slipway", folder / f"{home}.kubeconfig")


def _binding(kind: str, metadata: Object, role: str, home: str) -> Object:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": {"apiGroup": _RBAC, "kind": role, "name": metadata["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": "slipway", "namespace": home}],
    }
