"""An operator that meets an API server without the versions of built-in kinds that it uses, and works with older ones.

For tests of rights alone: RBAC knows groups and resources, no versions
(https://kubernetes.io/docs/reference/access-authn-authz/rbac/), so what policy/v1beta1 takes, policy/v1 takes as well.
What the operator sends and is answered is the same object otherwise: the fields that it sets did not change.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from typing import Any

from slipway import app
from slipway.kube import Kube
from slipway.settings import Settings
from slipway.telemetry import logs

VARIABLE = "OLDER_VERSIONS"
OLDER = {
    "policy/v1": ("policy/v1beta1", 21),
    "discovery.k8s.io/v1": ("discovery.k8s.io/v1beta1", 21),
    "autoscaling/v2": ("autoscaling/v2beta2", 23),
}
"""By the version that the operator uses: the one before it, and the Kubernetes 1.N that has both."""


def lacking(minor: int) -> dict[str, str]:
    """What stands in for the versions that Kubernetes 1.`minor` does not have."""
    return {version: older for version, (older, since) in OLDER.items() if minor < since}


def kube_with(older: Mapping[str, str]) -> type[Kube]:
    """Kube whose requests and answers are about other versions than it knows."""

    class KubeWithOlderVersions(Kube):
        async def _text(self, path: str, method: str = "get", **parameters: Any) -> str:
            for version, stand_in in older.items():
                if path == f"/apis/{version}" or path.startswith(f"/apis/{version}/"):
                    path = path.replace(f"/apis/{version}", f"/apis/{stand_in}", 1)
                    if "apiVersion" in (parameters.get("body") or {}) and method != "delete":
                        parameters["body"] = {**parameters["body"], "apiVersion": stand_in}
                    text = await super()._text(path, method, **parameters)
                    return text.replace(f'"{stand_in}"', f'"{version}"')
            return await super()._text(path, method, **parameters)

    return KubeWithOlderVersions


def main() -> None:
    """`python -m tests.testbed.older_versions`: the operator, as `slipway run` starts it."""
    older: dict[str, str] = json.loads(os.environ.get(VARIABLE, "{}"))
    settings = Settings()
    logs.set_up(settings.log_level)
    asyncio.run(app.run(settings, asyncio.Event(), make_kube=kube_with(older)))


if __name__ == "__main__":
    main()
