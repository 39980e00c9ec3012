"""Which Deployments care about which ModelVersion and which endpoint."""

from slipway.domain.names import default_endpoint_name
from slipway.loop.keys import Key
from slipway.loop.store import Indexer, Object

BY_MODEL = "by-model"
BY_ENDPOINT = "by-endpoint"


def model_index(namespace: str, name: str) -> str:
    """The index value of a ModelVersion."""
    return f"{namespace}/{name}"


def endpoint_index(region: str, name: str) -> str:
    """The index value of an endpoint. SageMaker's names are unique without regard to case."""
    return f"{region}/{name.lower()}"


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
    if key.kind != "Deployment":
        return []
    placement = (raw.get("status") or {}).get("placement") or {}
    target = (raw.get("spec", {}).get("target") or {}).get("sageMaker") or {}
    region = placement.get("region") or target.get("region")
    name = placement.get("endpointName") or target.get("endpointName")
    return [endpoint_index(region, name or default_endpoint_name(key.namespace, key.name))] if region else []


INDEXERS: dict[str, Indexer] = {BY_MODEL: _models_of, BY_ENDPOINT: _endpoint_of}
