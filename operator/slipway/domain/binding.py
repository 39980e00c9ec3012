"""The Secret that tells clients how to reach what a Deployment serves: its name, its content, and whose it is.

The Deployment is a Provisioned Service of the Service Binding specification (https://servicebinding.io/spec/core/1.1.0/,
"Provisioned Service"): `status.binding.name` names a Secret of the namespace. It holds no credential: clients have an
identity of their own. Nothing in it depends on the kind of target, except which entries there are.
"""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from slipway.api.v1alpha1 import FIELD_MANAGER
from slipway.api.v1alpha1.common import ObjectMeta
from slipway.api.v1alpha1.deployment_status import Binding, DeploymentStatus, Placement
from slipway.domain.conditions import Finding
from slipway.domain.ownership import owner_reference

BINDING_TYPE = "openai"
"""What the entry `type` says: which protocol the service speaks."""
SECRET_TYPE = f"servicebinding.io/{BINDING_TYPE}"
"""The Secret's own type, which the specification derives from the entry. It cannot change during a Secret's life."""
_PORTS = {"http": 80, "https": 443}
_LOOK = 1.0
"""Seconds of the longest wait between two looks at a Secret that each object adds, where there are many."""

Entries = dict[str, str]
"""Content of a binding Secret. Keys match [a-z0-9.-]{1,253}, as the specification asks of names of files."""
Secret = dict[str, Any]
"""A Secret as the API server sends it: values below `data`, in base64."""


@dataclass(frozen=True)
class Bound:
    """What became of the Secret in a pass."""

    binding: Binding | None
    """The Secret, if there is one of ours."""
    problem: Finding | None = None
    """Why there is none, or why it may be out of date."""


def binding_name(deployment: str) -> str:
    """Name of a Deployment's binding Secret. No two Deployments of a namespace share one."""
    return f"{deployment}-binding"


def recheck_after(shortest: float, objects: int, chance: float) -> float:
    """Seconds until the Secret of what rests is looked at again, where so many `objects` are watched.

    Each look is a pass and a request to the API server, so that all of them together have one or two in a second,
    however many there are: the wait is at most `shortest`, or a second for each object if that is longer. `chance`
    (from 0 to 1) takes up to a half of it away: after a restart, all of them were looked at in the same moment.
    """
    longest = max(shortest, objects * _LOOK)
    return longest / 2 + longest / 2 * chance


def entries(status: DeploymentStatus) -> Entries | None:
    """What clients need to know; None while nothing serves, or nothing is known about how to reach it.

    `type`, `provider`, `uri`, `host` and `port` are the specification's well-known entries. A client that was bound
    to one kind of target goes on working with another one: it reads `uri` and `model`.
    """
    endpoint, placement, serving = status.endpoint, status.placement, status.revision.serving
    if endpoint is None or endpoint.url is None or placement is None or serving is None:
        return None
    url = urlsplit(endpoint.url)
    found = {
        "type": BINDING_TYPE,
        "provider": placement.target.lower(),
        "uri": endpoint.url,
        "host": url.hostname,
        "port": str(url.port or _PORTS[url.scheme]),
        "model": endpoint.model,
        "engine": endpoint.engine,
        "region": placement.region if isinstance(placement, Placement) else None,
        "endpoint-name": endpoint.name,
    }
    return {key: value for key, value in found.items() if value is not None}


def manifest(metadata: ObjectMeta, content: Entries) -> Secret:
    """The Secret as it is applied: owned by the Deployment, so that it goes with it.

    Not `stringData`: entries that are applied that way do not go when they are no longer applied.
    """
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": binding_name(metadata.name),
            "namespace": metadata.namespace,
            "ownerReferences": [owner_reference(metadata.name, metadata.uid)],
        },
        "type": SECRET_TYPE,
        "data": {key: b64encode(value.encode()).decode() for key, value in content.items()},
    }


def differs(secret: Secret, wanted: Secret) -> bool:
    """Whether a Secret of ours must be applied again.

    What others have added is theirs. What was applied once and is not wanted any more has to go.
    """
    there, content = secret.get("data") or {}, wanted["data"]
    changed = any(there.get(key) != value for key, value in content.items())
    return secret.get("type") != wanted["type"] or changed or not _applied_keys(secret) <= content.keys()


def _applied_keys(secret: Secret) -> set[str]:
    """Keys of `data` that the operator has applied: https://kubernetes.io/docs/reference/using-api/server-side-apply/"""
    ours = (
        entry.get("fieldsV1", {}).get("f:data", {})
        for entry in secret["metadata"].get("managedFields") or []
        if (entry.get("manager"), entry.get("operation")) == (FIELD_MANAGER, "Apply")
    )
    return {field.removeprefix("f:") for fields in ours for field in fields if field.startswith("f:")}


def conflict(deployment: str) -> Finding:
    """The Secret's name is taken. Nothing of that Secret is said: whoever reads this may not be allowed to read it."""
    name = binding_name(deployment)
    text = (
        f"there is a Secret {name} that this Deployment does not own, and it is left alone: clients find no binding. "
        "Delete it, or give one of the two another name. The endpoint is not affected"
    )
    return Finding("BindingConflict", text)
