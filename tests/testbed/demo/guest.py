"""In somebody else's cluster (SLIPWAY_KUBECONFIG): install what is missing, and take away what was installed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.testbed import chart
from tests.testbed.controlplane import ControlPlane, ControlPlaneUnavailable
from tests.testbed.workbench import OPERATOR_NAMESPACE, install

_OPERATORS = "app.kubernetes.io/name=slipway"


@contextmanager
def installed(plane: ControlPlane, namespace: str) -> Iterator[None]:
    """CRDs, RBAC and the demo's namespace. What was there before stays; the namespace must not be."""
    _refuse_if_taken(plane, namespace)
    crds, rbac = _crds(plane), _rbac(plane)
    try:
        install(plane)
        plane.kubectl("create", "namespace", namespace)
        yield
    finally:
        _remove_namespace(plane, namespace)
        _remove_rbac(plane, _rbac(plane) - rbac)
        for crd in sorted(_crds(plane) - crds):
            _remove_crd(plane, crd)


def _refuse_if_taken(plane: ControlPlane, namespace: str) -> None:
    if _names(plane, "get", "deployments.apps", "--all-namespaces", f"--selector={_OPERATORS}"):
        raise ControlPlaneUnavailable(
            "Slipway is installed in the cluster of SLIPWAY_KUBECONFIG already: two operators would both act on the "
            "resources of the demo. Use another cluster, or unset the variable."
        )
    if _names(plane, "get", "namespace", namespace, "--ignore-not-found"):
        raise ControlPlaneUnavailable(
            f"The cluster of SLIPWAY_KUBECONFIG has a namespace {namespace} already. If a demo that was killed left "
            f"it behind: kubectl delete namespace {namespace}"
        )


def _names(plane: ControlPlane, *arguments: str, stdin: str | None = None) -> set[str]:
    return set(plane.kubectl(*arguments, "--output=name", check=False, stdin=stdin).stdout.split())


def _crds(plane: ControlPlane) -> set[str]:
    found = _names(plane, "get", "customresourcedefinitions")
    return {name.partition("/")[2] for name in found if name.endswith(".slipway.dev")}


def _rbac(plane: ControlPlane) -> set[str]:
    return _names(plane, "get", "--filename=-", "--ignore-not-found", stdin=chart.rights())


def _remove_namespace(plane: ControlPlane, namespace: str) -> None:
    """The operator is gone by now, and its stand-in for SageMaker with it: nobody else takes the finalizers off."""
    unfinalized = json.dumps({"metadata": {"finalizers": None}})
    kinds = "deployments.slipway.dev"
    for name in sorted(_names(plane, "get", kinds, f"--namespace={namespace}")):
        patch = ("patch", name, f"--namespace={namespace}", "--type=merge", f"--patch={unfinalized}")
        plane.kubectl(*patch, check=False)
    plane.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=60s", check=False)


def _remove_rbac(plane: ControlPlane, names: set[str]) -> None:
    if names:
        where = f"--namespace={OPERATOR_NAMESPACE}"
        plane.kubectl("delete", *sorted(names), where, "--ignore-not-found", "--timeout=60s", check=False)


def _remove_crd(plane: ControlPlane, crd: str) -> None:
    """Deleting a CRD deletes its objects, so one that others use meanwhile stays."""
    if not _names(plane, "get", crd, "--all-namespaces"):
        plane.kubectl("delete", "customresourcedefinition", crd, "--timeout=60s", check=False)
