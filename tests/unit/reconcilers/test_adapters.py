"""Passes over a Deployment with adapters: each follows its own ModelVersion, and what serves never depends on one."""

from typing import Any

import pytest

from slipway.loop.keys import Key
from tests.unit.domain.builders import A, B, C, model_version_json, resolved_json
from tests.unit.reconcilers.harness import Harness

SQL = Key("ModelVersion", "ml", "sql")
ENGINE = {"adapters": [{"name": "acme/sql", "modelRef": {"name": "sql"}}]}


def resolve(harness: Harness, commit: str | None, **changes: Any) -> None:
    """The adapter's ModelVersion names this commit; None: it is deleted."""
    if commit is None:
        harness.kube.objects.pop(SQL, None)
        harness.store.discard(SQL)
        return
    resolved = resolved_json(commit, repo="acme/sql", **changes)
    source = {"source": {"huggingFace": {"repo": "acme/sql"}}}
    raw = model_version_json(commit, source, status={"observedGeneration": 1, "resolved": resolved})
    harness.store.put(SQL, harness.kube.put(SQL, raw))


def loaded(harness: Harness) -> str | None:
    """What the container in service was told of adapters."""
    serving = harness.live.status.revision.serving
    assert serving
    assert serving.model
    return harness.world.models[serving.model].environment.get("LORA_ADAPTERS")


@pytest.fixture
def serving() -> Harness:
    """Commit A serves with the adapter's commit B, and everything is at rest."""
    harness = Harness()
    resolve(harness, B)
    harness.apply(A, engine=ENGINE)
    harness.calm()
    return harness


def test_an_adapter_is_served_at_its_commit_and_remembered(serving: Harness) -> None:
    assert loaded(serving) == f"acme/sql@{B}"
    entry = serving.live.status.revision.serving
    assert entry
    assert [adapter.to_api() for adapter in entry.adapters or []] == [
        {"name": "acme/sql", "repo": "acme/sql", "revision": B}
    ]
    assert serving.conditions() == {"Ready": ("True", "Serving"), "UnpinnedReference": ("True", "UnpinnedReference")}


def test_a_new_commit_of_it_is_rolled_out(serving: Harness) -> None:
    resolve(serving, C)
    serving.calm()
    assert loaded(serving) == f"acme/sql@{C}"
    previous = serving.live.status.revision.previous
    assert previous
    assert previous.revision == A


@pytest.mark.parametrize("models_own_too", [False, True])
def test_one_that_disappears_stops_nothing_and_is_told(serving: Harness, models_own_too: bool) -> None:
    sent = len(serving.world.sent)
    resolve(serving, None)
    if models_own_too:
        serving.resolve(None)
    serving.calm()
    assert loaded(serving) == f"acme/sql@{B}"
    assert len(serving.world.sent) == sent
    assert serving.conditions()["Ready"] == ("True", "Serving")
    assert serving.conditions()["Stalled"] == ("True", "ModelVersionNotFound")
    field = "spec.modelRef" if models_own_too else "spec.engine.adapters[acme/sql].modelRef"
    assert serving.message("Stalled").startswith(f"{field}: there is no ModelVersion")


def test_what_is_kept_is_kept_through_a_restart_and_a_change_of_the_count(serving: Harness) -> None:
    resolve(serving, None)
    serving.start()
    serving.edit(replicas=3)
    serving.calm()
    assert loaded(serving) == f"acme/sql@{B}"
    assert serving.live.status.ready_replicas == 3


def test_one_that_disappears_while_it_is_rolled_out_comes_into_service(serving: Harness) -> None:
    resolve(serving, C)
    serving.deliver()
    serving.one_pass()
    resolve(serving, None)
    serving.calm()
    assert loaded(serving) == f"acme/sql@{C}"


def test_the_first_start_waits_for_it() -> None:
    harness = Harness()
    harness.apply(A, engine=ENGINE)
    harness.calm()
    assert harness.world.endpoints == {}
    assert harness.conditions()["Ready"] == ("False", "ModelVersionNotFound")
    resolve(harness, B)
    harness.calm()
    assert loaded(harness) == f"acme/sql@{B}"


def test_one_that_becomes_private_is_refused_and_what_serves_goes_on(serving: Harness) -> None:
    resolve(serving, C, access="Private")
    serving.calm()
    assert loaded(serving) == f"acme/sql@{B}"
    assert serving.conditions()["Stalled"] == ("True", "WeightsNotReachable")


def test_without_it_in_the_spec_it_is_served_no_more(serving: Harness) -> None:
    serving.edit(engine={"adapters": []})
    resolve(serving, None)
    serving.calm()
    assert loaded(serving) is None
    assert serving.conditions() == {"Ready": ("True", "Serving")}


def test_the_model_and_its_adapter_move_alone(serving: Harness) -> None:
    serving.resolve(C)
    serving.calm()
    assert loaded(serving) == f"acme/sql@{B}"
    entry = serving.live.status.revision.serving
    assert entry
    assert entry.revision == C
