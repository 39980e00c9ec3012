"""Whose the objects in the cluster are: our Deployment as their owner, and the mark of what was applied."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1.common import ObjectMeta
from slipway.domain.cluster import marks
from slipway.domain.cluster.marks import CONTENT, Manifest
from slipway.domain.names import digest
from slipway.domain.ownership import owner_reference

_CONTENT_DIGITS = 16


@dataclass(frozen=True)
class Subject:
    """Our Deployment, as far as what is made for it needs to know."""

    namespace: str
    name: str
    uid: str

    @classmethod
    def of(cls, metadata: ObjectMeta) -> "Subject":
        """The Deployment with this metadata."""
        return cls(metadata.namespace, metadata.name, metadata.uid)

    def metadata(
        self,
        name: str,
        *,
        revision: str | None = None,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Metadata of an object of ours. Further `labels` never replace those by which it is found again."""
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": self.namespace,
            "labels": {**(labels or {}), **marks.labels(self.name, revision)},
            "ownerReferences": [owner_reference(self.name, self.uid)],
        }
        return metadata | ({"annotations": dict(annotations)} if annotations else {})


def marked(manifest: Manifest) -> Manifest:
    """The manifest with the annotation CONTENT: a digest of everything else in it.

    The same manifest always gets the same mark, marked before or not. What stands in the cluster with another mark was
    applied from another spec; what carries the same mark and yet differs was changed by somebody else.
    """
    metadata = manifest["metadata"]
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != CONTENT}
    unmarked = manifest | {"metadata": metadata | {"annotations": annotations}}
    mark = {CONTENT: digest(unmarked, _CONTENT_DIGITS)}
    return unmarked | {"metadata": metadata | {"annotations": annotations | mark}}


def content_of(manifest: Manifest) -> str | None:
    """The mark that an object carries; None: it was not applied by us."""
    found = (manifest.get("metadata", {}).get("annotations") or {}).get(CONTENT)
    return found if isinstance(found, str) else None
