"""Whose an object in the cluster is: https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/"""

from collections.abc import Mapping
from typing import Any

from slipway.api.v1alpha1 import API_VERSION


def owner_reference(name: str, uid: str) -> dict[str, Any]:
    """Makes the garbage collector delete what carries it once our Deployment is gone.

    It does not block the owner's deletion: that would need a right to change finalizers, for nothing.
    """
    return {"apiVersion": API_VERSION, "kind": "Deployment", "name": name, "uid": uid, "controller": True}


def is_owned(manifest: Mapping[str, Any], uid: str) -> bool:
    """Whether an object belongs to the one with this uid."""
    return any(owner.get("uid") == uid for owner in manifest["metadata"].get("ownerReferences") or [])
