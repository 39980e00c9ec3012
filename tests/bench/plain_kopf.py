"""The reference: what most people write with kopf. Run by `python -m kopf run -m tests.bench.plain_kopf`.

One status field, set by create, update and resume handlers. All settings are kopf's own, but for what makes it
run at all under the ServiceAccount of the bench (no peering, no look at CRDs and namespaces), and for the login:
kopf's default imports the `kubernetes` package where that is installed, which costs memory that is not kopf's.
All differences are in the reference's favour.
"""

import time
from typing import Any

import kopf

from slipway.api.v1alpha1 import GROUP, VERSION


@kopf.on.login()
def login(**arguments: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_with_kubeconfig(**arguments)


@kopf.on.startup()
def started(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.scanning.disabled = True
    print(f"bench: started {time.time()}", flush=True)


@kopf.on.resume(GROUP, VERSION, "deployments")
@kopf.on.create(GROUP, VERSION, "deployments")
@kopf.on.update(GROUP, VERSION, "deployments")
def reconcile(meta: kopf.Meta, patch: kopf.Patch, **_: Any) -> None:
    patch.status["observedGeneration"] = meta["generation"]
