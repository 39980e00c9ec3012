"""The Secret for clients as passes keep it: when it appears, what it follows, and what it never does."""

from dataclasses import replace
from typing import Any

import pytest

from slipway.domain.errors import Conflict, OutsideError, Rejected, Transient
from slipway.loop.keys import Key
from slipway.loop.store import Object
from slipway.reconcilers.deployment import DeploymentReconciler
from tests.unit.domain.builders import IMAGE, A, B
from tests.unit.reconcilers.harness import SDEP, Harness

ENDPOINT = "ml-twin"
URL = f"https://runtime.sagemaker.eu-central-1.amazonaws.com/endpoints/{ENDPOINT}/openai/v1"
NAME = "twin-binding"
SOON = 30.0
"""Seconds until what is wrong with the Secret is looked at again."""


@pytest.fixture
def serving() -> Harness:
    """Commit A serves and everything is at rest."""
    harness = Harness(secret_recheck=SOON)
    harness.apply(A)
    harness.calm()
    return harness


def bound(harness: Harness) -> str | None:
    """The Secret that the status names."""
    binding = harness.live.status.binding
    return binding.name if binding else None


def test_it_is_there_once_something_serves_and_not_before() -> None:
    harness = Harness()
    harness.apply(A)
    while "Serving" not in [reason for _, reason in harness.conditions().values()]:
        assert harness.secret is None
        assert bound(harness) is None
        harness.deliver()
        harness.one_pass()
        harness.world.tick(ENDPOINT)
    assert harness.secret
    assert (harness.secret["uri"], harness.secret["model"], harness.secret["engine"]) == (URL, "tgi", "TGI")
    assert bound(harness) == NAME


def test_the_status_tells_the_url_before_anything_serves() -> None:
    harness = Harness()
    harness.apply(A)
    while ENDPOINT not in harness.world.endpoints:
        harness.deliver()
        harness.one_pass()
    harness.deliver()
    harness.one_pass()
    assert harness.live.status.endpoint
    assert (harness.live.status.endpoint.url, harness.live.status.endpoint.model) == (URL, None)


def test_a_restart_writes_nothing(serving: Harness) -> None:
    writes = serving.kube.writes
    serving.start()
    serving.calm()
    assert serving.kube.writes == writes


def test_a_roll_to_another_commit_leaves_it_alone(serving: Harness) -> None:
    before = serving.kube.secrets[NAME]
    serving.resolve(B)
    serving.calm()
    assert serving.kube.secrets[NAME] == before


def test_it_follows_the_engine_when_the_other_one_serves_and_not_when_the_spec_is_edited(serving: Harness) -> None:
    """What the spec says and what answers are two things for as long as the roll takes."""
    serving.edit(engine={"name": "vLLM", "image": IMAGE + "-vllm"})
    seen = []
    for _ in range(12):
        serving.deliver()
        serving.one_pass()
        serves = serving.live.status.revision.serving
        assert serves
        assert serving.secret
        seen.append((serves.image == IMAGE, serving.secret["engine"], serving.secret["model"]))
        serving.world.tick(ENDPOINT)
    assert set(seen) == {(True, "TGI", "tgi"), (False, "vLLM", "acme/twin")}


def test_a_roll_that_fails_leaves_it_as_it_was(serving: Harness) -> None:
    serving.world.bad.add(A)
    before = serving.kube.secrets[NAME]
    serving.edit(engine={"name": "vLLM", "image": IMAGE + "-vllm"})
    serving.calm()
    assert serving.conditions()["Stalled"] == ("True", "RolloutFailed")
    assert serving.kube.secrets[NAME] == before


def test_a_spec_that_cannot_be_acted_on_changes_nothing_of_it(serving: Harness) -> None:
    before = serving.kube.secrets[NAME]
    serving.edit(engine={"name": "vLLM", "maxInputTokens": 7})
    serving.calm()
    assert serving.conditions()["Stalled"] == ("True", "InvalidSpec")
    assert serving.kube.secrets[NAME] == before
    del serving.kube.secrets[NAME]
    serving.calm()
    assert serving.kube.secrets[NAME]["data"] == before["data"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda secrets: secrets.clear(),
        lambda secrets: secrets[NAME]["data"].update(uri="aHR0cHM6Ly9ldmlsLmV4YW1wbGU="),
        lambda secrets: secrets[NAME]["data"].pop("model"),
    ],
    ids=["deleted", "changed", "robbed of an entry"],
)
def test_what_somebody_did_to_it_is_mended_at_the_next_look(serving: Harness, harm: Any) -> None:
    before = serving.kube.secrets[NAME]["data"].copy()
    status = serving.live.status
    harm(serving.kube.secrets)
    again = serving.one_pass()
    assert again == serving.timing.binding_recheck
    assert serving.kube.secrets[NAME]["data"] == before
    assert serving.live.status == status


def test_passes_that_come_for_nothing_else_are_spread_and_rarer_where_there_are_many(serving: Harness) -> None:
    serving.timing = replace(serving.timing, binding_recheck=100.0)
    installation = replace(serving.tools.installation, timing=serving.timing)
    tools = replace(serving.tools, installation=installation, chance=lambda: 0.0)
    serving.reconciler = DeploymentReconciler(tools)
    assert serving.one_pass() == 50.0
    for number in range(200):
        key = Key("ModelVersion", "other", f"m-{number}")
        serving.store.put(key, {"metadata": {"resourceVersion": "1"}})
    assert serving.one_pass() == len(serving.store) / 2 > 100.0


def test_somebody_elses_secret_is_left_alone_and_does_not_stop_what_serves(serving: Harness) -> None:
    foreign = {"metadata": {"name": NAME, "resourceVersion": "7"}, "type": "Opaque", "data": {"password": "c2VjcmV0"}}
    serving.kube.secrets[NAME] = foreign
    serving.resolve(B)
    serving.calm()
    assert serving.kube.secrets[NAME] == foreign
    assert serving.conditions() == {"Ready": ("True", "Serving"), "BindingFailed": ("True", "BindingConflict")}
    assert bound(serving) is None
    assert serving.live.status.revision.serving
    assert serving.live.status.revision.serving.revision == B
    assert "password" not in str(serving.live.to_api())
    assert serving.one_pass() == SOON
    del serving.kube.secrets[NAME]
    serving.calm()
    assert serving.conditions() == {"Ready": ("True", "Serving")}
    assert bound(serving) == NAME


def test_the_secret_of_a_predecessor_is_not_taken_over(serving: Harness) -> None:
    """The garbage collector is about to remove it; until then it is somebody else's."""
    serving.edit(deletionPolicy="Retain")
    left = serving.kube.secrets[NAME]
    serving.delete()
    serving.calm()
    assert serving.deployment is None
    assert NAME not in serving.kube.secrets
    serving.kube.secrets[NAME] = left
    serving.apply(A)
    serving.calm()
    assert serving.conditions()["BindingFailed"] == ("True", "BindingConflict")
    assert serving.kube.secrets[NAME] == left


class TestRefusals:
    """What the API server says to the Secret is no reason to stop."""

    @pytest.fixture
    def refusing(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        def refuse(harness: Harness, error: OutsideError) -> None:
            async def apply_secret(manifest: Object, resource_version: str | None) -> Object:
                raise error

            monkeypatch.setattr(harness.kube, "apply_secret", apply_secret)

        return refuse

    def test_a_missing_right_is_said_and_everything_else_goes_on(self, refusing: Any) -> None:
        harness = Harness(secret_recheck=SOON)
        refusing(harness, Rejected("ApiServerRefused", 'User "slipway" cannot patch resource "secrets"'))
        harness.apply(A)
        harness.calm()
        assert harness.conditions() == {"Ready": ("True", "Serving"), "BindingFailed": ("True", "ApiServerRefused")}
        assert 'cannot patch resource "secrets"' in harness.message("BindingFailed")
        assert NAME in harness.message("BindingFailed")
        assert bound(harness) is None
        assert harness.one_pass() == SOON

    def test_one_that_was_there_stays_named_while_it_cannot_be_changed(self, serving: Harness, refusing: Any) -> None:
        refusing(serving, Transient("ApiServerError", "no"))
        serving.kube.secrets[NAME]["data"].pop("uri")
        serving.calm()
        assert serving.conditions()["BindingFailed"] == ("True", "ApiServerError")
        assert bound(serving) == NAME

    def test_a_change_meanwhile_is_looked_at_again_and_not_reported(self, serving: Harness, refusing: Any) -> None:
        refusing(serving, Conflict("Conflict", "the object has been modified"))
        serving.kube.secrets[NAME]["data"].pop("uri")
        assert serving.one_pass() == serving.timing.retry_first
        assert serving.conditions() == {"Ready": ("True", "Serving")}


def test_it_goes_with_the_deployment(serving: Harness) -> None:
    serving.delete()
    serving.calm()
    assert SDEP not in serving.kube.objects
    assert serving.kube.secrets == {}


def test_a_deployment_that_is_being_deleted_does_not_make_it_anew(serving: Harness) -> None:
    serving.delete()
    serving.kube.secrets.clear()
    serving.deliver()
    for _ in range(3):
        serving.one_pass()
        assert serving.kube.secrets == {}
