"""Which Deployments care about which ModelVersion and which endpoint."""

from slipway.domain.identity import OWN, Identity, identity_of
from slipway.domain.names import default_endpoint_name, digest
from slipway.loop.keys import Key
from slipway.loop.store import Indexer, Object

BY_MODEL = "by-model"
BY_ENDPOINT = "by-endpoint"
BY_IDENTITY = "by-identity"


def model_index(namespace: str, name: str) -> str:
    """The index value of a ModelVersion."""
    return f"{namespace}/{name}"


def endpoint_index(region: str, name: str, identity: Identity = OWN) -> str:
    """The index value of an endpoint. SageMaker's names are unique in an account, without regard to case."""
    return f"{region}/{name.lower()}/{identity.role_arn or ''}"


def identity_index(region: str, identity: Identity) -> str:
    """The index value of a region where an identity is used."""
    return digest([region, identity.role_arn, identity.external_id], 32)


def _models_of(key: Key, raw: Object) -> list[str]:
    """The ModelVersions of the model and of its adapters."""
    if key.kind != "Deployment":
        return []
    spec = raw.get("spec", {})
    users = [spec, *((spec.get("engine") or {}).get("adapters") or [])]
    names = [(user.get("modelRef") or {}).get("name") for user in users]
    return [model_index(key.namespace, name) for name in dict.fromkeys(names) if name]


def _endpoint_of(key: Key, raw: Object) -> list[str]:
    """The endpoint that a Deployment has, or wants and may have found taken."""
    region = _region_of(key, raw)
    if region is None:
        return []
    placement, target = _placement(raw), _target(raw)
    name = placement.get("endpointName") or target.get("endpointName")
    return [endpoint_index(region, name or default_endpoint_name(key.namespace, key.name), identity_of(raw))]


def _identity_of(key: Key, raw: Object) -> list[str]:
    """Whose rights are used in which region for a Deployment."""
    region = _region_of(key, raw)
    return [identity_index(region, identity_of(raw))] if region else []


def _region_of(key: Key, raw: Object) -> str | None:
    if key.kind != "Deployment":
        return None
    return _placement(raw).get("region") or _target(raw).get("region")


def _placement(raw: Object) -> Object:
    return (raw.get("status") or {}).get("placement") or {}


def _target(raw: Object) -> Object:
    return (raw.get("spec", {}).get("target") or {}).get("sageMaker") or {}


INDEXERS: dict[str, Indexer] = {BY_MODEL: _models_of, BY_ENDPOINT: _endpoint_of, BY_IDENTITY: _identity_of}
