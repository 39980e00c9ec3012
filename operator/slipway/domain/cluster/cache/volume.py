"""The volume that keeps the weights."""

from typing import Any

from slipway.api.v1alpha1.cluster_target import Cache
from slipway.domain.cluster.cache.layout import claim_name
from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.subject import Subject, marked


def volume(subject: Subject, cache: Cache) -> Manifest:
    """The PersistentVolumeClaim `<name>-weights`. It goes with the Deployment, and the weights with it.

    Of its spec only the size may change later, and only upwards, where the StorageClass allows that:
    https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
    """
    spec: dict[str, Any] = {
        "accessModes": [cache.access_mode],
        "resources": {"requests": {"storage": cache.size}},
    }
    if cache.storage_class is not None:
        spec["storageClassName"] = cache.storage_class
    return marked(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": subject.metadata(claim_name(subject.name)),
            "spec": spec,
        }
    )
