"""A control plane that records every request of operators, and asks who may change an owner reference."""

from collections.abc import Iterator

import pytest

from tests.testbed.controlplane import ControlPlane, control_plane
from tests.testbed.optional_apis import install_optional_apis
from tests.testbed.workbench import install

OPERATORS = ("slipway", "alpha", "beta", "gamma")
"""Namespaces of their ServiceAccounts."""
OWNERS = "OwnerReferencesPermissionEnforcement"
"""Off by default, on in OpenShift:
https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#ownerreferencespermissionenforcement"""


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """With everything optional that the operator can use."""
    groups = [f"system:serviceaccounts:{namespace}" for namespace in OPERATORS]
    state = tmp_path_factory.mktemp("audited-control-plane")
    with control_plane(state, audited_groups=groups, admission=[OWNERS]) as plane:
        if not plane.owned:
            pytest.skip(f"needs the API server's audit log; this is {plane.origin}")
        install(plane)
        install_optional_apis(plane, state / "optional")
        yield plane
