"""Whether an object differs from what is wanted of it: what the API server and others add is not looked at.

An apply that changes nothing writes nothing, so a difference that is none costs a request, never a loop of writes.
"""

from collections.abc import Mapping
from typing import Any

from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.quantities import amount
from slipway.domain.cluster.subject import content_of


def differs(there: Manifest, wanted: Manifest) -> bool:
    """Whether an object must be applied again."""
    return not _covers(_compared(there), _compared(wanted))


def is_foreign_change(there: Manifest, wanted: Manifest) -> bool:
    """Whether somebody else has changed it: it was applied as it is wanted now, and is not so any more."""
    return content_of(there) == content_of(wanted) and differs(there, wanted)


def _compared(manifest: Manifest) -> Manifest:
    metadata = manifest["metadata"]
    kept = {key: metadata[key] for key in ("labels", "annotations", "ownerReferences") if key in metadata}
    rest = {key: value for key, value in manifest.items() if key not in ("metadata", "status", "apiVersion", "kind")}
    return {"metadata": kept, **rest}


def _covers(there: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if not isinstance(there, Mapping):
            return not wanted and there is None
        return all(_covers(there.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        if not isinstance(there, list):
            return not wanted and there is None
        return len(there) == len(wanted) and all(_covers(t, w) for t, w in zip(there, wanted, strict=True))
    return there == wanted or _same_quantity(there, wanted) or (there is None and wanted in (False, 0, ""))


def _same_quantity(there: Any, wanted: Any) -> bool:
    """The API server writes quantities in its own way: 0.5 becomes 500m, 1024Mi becomes 1Gi."""
    if isinstance(there, bool) or isinstance(wanted, bool):
        return False
    if not isinstance(there, str | int) or not isinstance(wanted, str | int):
        return False
    found = amount(str(there))
    return found is not None and found == amount(str(wanted))
