"""Which ModelVersions wake which Deployments."""

from typing import Any

import pytest

from slipway.loop.keys import Key
from slipway.loop.store import Store
from slipway.reconcilers.indexes import BY_MODEL, INDEXERS, model_index
from tests.unit.domain.builders import deployment_json, metadata

SDEP = Key("Deployment", "ml", "twin")


def woken_by(model_version: str, spec: dict[str, Any]) -> bool:
    store = Store(INDEXERS)
    store.put(SDEP, deployment_json(spec))
    return SDEP in set(store.find(BY_MODEL, model_index("ml", model_version)))


def adapters(*names: str) -> dict[str, Any]:
    return {"engine": {"adapters": [{"name": f"acme/{name}", "modelRef": {"name": name}} for name in names]}}


@pytest.mark.parametrize(
    ("spec", "model_version", "expected"),
    [
        ({}, "twin", True),
        ({}, "sql", False),
        (adapters("sql", "chat"), "twin", True),
        (adapters("sql", "chat"), "sql", True),
        (adapters("sql", "chat"), "chat", True),
        (adapters("sql", "chat"), "other", False),
        (adapters("twin"), "twin", True),
        ({"engine": {"adapters": None}}, "twin", True),
    ],
)
def test_the_models_own_and_those_of_its_adapters(spec: dict[str, Any], model_version: str, expected: bool) -> None:
    assert woken_by(model_version, spec) == expected


def test_what_the_spec_has_no_more_wakes_nobody() -> None:
    store = Store(INDEXERS)
    store.put(SDEP, deployment_json(adapters("sql")))
    store.put(SDEP, deployment_json(metadata=metadata(resourceVersion="2")))
    assert list(store.find(BY_MODEL, model_index("ml", "sql"))) == []
