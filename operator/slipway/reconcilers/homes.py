"""Where a Deployment lives, read from the object as it is stored: it need not be valid otherwise."""

from slipway.domain.identity import identity_of
from slipway.domain.sagemaker.orphans import Home, Site
from slipway.loop.store import Object


def home_of(raw: Object) -> Home:
    """What its status tells of its place and of what it uses there."""
    status = raw.get("status") or {}
    placement, revision = status.get("placement") or {}, status.get("revision") or {}
    used = (revision.get("serving"), revision.get("previous"), status.get("attempt"))
    names = (entry.get(what) for entry in used if entry for what in ("config", "model"))
    in_cluster = placement.get("target") == "Cluster"
    return Home(
        uid=raw["metadata"]["uid"],
        site=None if in_cluster or not placement else Site(placement["account"], placement["region"]),
        identity=identity_of(raw),
        endpoint=placement.get("endpointName"),
        has_endpoint=bool(status.get("endpoint")),
        is_in_cluster=in_cluster,
        uses=frozenset(name for name in names if name),
    )
