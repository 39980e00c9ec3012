"""Passes over Deployments under a role, and over those whose identity lacks a permission."""

from typing import Any

import pytest

from slipway.api.v1alpha1 import FINALIZER
from slipway.domain.identity import Identity
from slipway.domain.permissions import PlacementRule
from slipway.domain.sagemaker.permissions import Lacking, Permission
from tests.unit.domain.builders import ACCOUNT, REGION, A, merged
from tests.unit.reconcilers.harness import SDEP, Harness

OTHER = "999999999999"
ASSUMED = f"arn:aws:iam::{OTHER}:role/slipway-target"
EXECUTION = f"arn:aws:iam::{OTHER}:role/execution"
SECRET = "hush-7f3a"
RULE = PlacementRule(("ml",), (OTHER,), (REGION,), (EXECUTION,), (ASSUMED,))
SPEC: dict[str, Any] = {
    "target": {
        "sageMaker": {"executionRoleArn": EXECUTION, "assumeRole": {"arn": ASSUMED, "externalId": SECRET}},
    }
}
LACKING = Lacking(ASSUMED, (Permission("iam:PassRole", EXECUTION),))


@pytest.fixture
def there() -> Harness:
    """A Deployment that serves in another account."""
    harness = Harness(rules=(RULE,))
    harness.apply(A, **SPEC)
    harness.calm()
    assert harness.conditions() == {"Ready": ("True", "Serving")}
    return harness


class TestUnderARole:
    def test_the_role_is_stored_and_the_external_id_is_not(self, there: Harness) -> None:
        placement = there.live.status.placement
        assert placement
        assert (placement.account, placement.role_arn) == (OTHER, ASSUMED)
        assert there.world.identity == Identity(ASSUMED, SECRET)
        assert there.world.violations == []
        assert SECRET not in str(there.kube.objects[SDEP]["status"])

    def test_it_is_deleted_under_the_role_even_if_its_spec_cannot_be_read(self, there: Harness) -> None:
        live = there.kube.objects[SDEP]
        there.kube.put(SDEP, merged(live, {"spec": {"engine": {"name": "NoSuchEngine"}, "modelRef": None}}))
        there.delete()
        there.calm()
        assert there.deployment is None
        assert there.world.identity == Identity(ASSUMED, SECRET)
        assert (there.world.endpoints, there.world.models, there.world.configs) == ({}, {}, {})
        assert there.world.violations == []

    def test_it_is_deleted_under_the_role_when_the_installation_does_not_allow_that_any_more(
        self, there: Harness
    ) -> None:
        there.rules = ()
        there.start()
        there.delete()
        there.calm()
        assert there.deployment is None
        assert there.world.endpoints == {}
        assert there.world.violations == []

    def test_a_role_that_is_allowed_no_more_changes_nothing_and_what_serves_is_still_reported(
        self, there: Harness
    ) -> None:
        there.rules = ()
        there.start()
        sent = len(there.world.sent)
        there.edit(replicas=3)
        there.calm()
        assert there.conditions() == {"Ready": ("True", "Serving"), "Stalled": ("True", "PlacementNotAllowed")}
        assert len(there.world.sent) == sent

    def test_another_role_is_another_placement(self, there: Harness) -> None:
        there.edit(target={"sageMaker": {"assumeRole": {"arn": f"{ASSUMED}-2"}}})
        there.calm()
        assert there.conditions()["Stalled"] == ("True", "PlacementChanged")
        assert there.world.identity == Identity(ASSUMED)  # without the external id, which is for the other role

    def test_another_external_id_is_not(self, there: Harness) -> None:
        there.edit(target={"sageMaker": {"assumeRole": {"externalId": "another"}}})
        there.calm()
        assert there.conditions() == {"Ready": ("True", "Serving")}
        assert there.world.identity == Identity(ASSUMED, "another")


def test_what_is_deleted_does_not_come_back_with_the_answer_to_its_last_write(there: Harness) -> None:
    """The watch may bring the deletion before that answer. A poller would go on for an object that is gone."""
    there.delete()
    while there.deployment:
        there.deliver()
        there.one_pass()
        for name in list(there.world.endpoints):
            there.world.tick(name)
        there.clock.seconds += 1
    assert SDEP not in there.store


class TestNotAllowed:
    def test_no_call_is_made_for_a_role_that_may_not_be_assumed(self) -> None:
        harness = Harness()
        harness.apply(A, **SPEC)
        harness.calm()
        assert harness.conditions()["Stalled"] == ("True", "PlacementNotAllowed")
        assert "spec.target.sageMaker.assumeRole.arn" in harness.message("Stalled")
        assert harness.world.looks == []

    def test_nor_for_the_deletion_of_an_object_that_somebody_gave_our_finalizer(self) -> None:
        harness = Harness()
        harness.apply(A, **SPEC)
        harness.kube.put(SDEP, merged(harness.kube.objects[SDEP], {"metadata": {"finalizers": [FINALIZER]}}))
        harness.delete()
        harness.calm()
        assert harness.deployment is None
        assert harness.world.looks == []

    def test_nor_for_an_execution_role_of_another_account(self) -> None:
        harness = Harness(rules=(RULE,))
        harness.apply(
            A, **merged(SPEC, {"target": {"sageMaker": {"executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/r"}}})
        )
        harness.calm()
        assert harness.conditions()["Stalled"] == ("True", "InvalidSpec")
        assert harness.world.looks == []

    def test_rules_are_complete_before_the_first_pass(self) -> None:
        """They come from the settings: https://github.com/aws-controllers-k8s/community/issues/2011"""
        harness = Harness(rules=(RULE,))
        harness.apply(A, **SPEC)
        harness.deliver()
        harness.one_pass()
        assert harness.world.identity.role_arn == ASSUMED
        assert "PlacementNotAllowed" not in str(harness.conditions())


class TestPermissions:
    @pytest.mark.parametrize("spec", [{}, SPEC])
    def test_nothing_is_created_while_something_is_missing(self, spec: dict[str, Any]) -> None:
        default = PlacementRule(("ml",), ("*",), ("*",), ("*",), ("*",))
        harness = Harness(rules=(default,))
        harness.world.may_not = LACKING
        harness.apply(A, **spec)
        harness.calm()
        assert harness.conditions()["Stalled"] == ("True", "PermissionMissing")
        assert f"iam:PassRole on {EXECUTION}" in harness.message("Stalled")
        assert harness.world.sent == []
        assert harness.live.status.placement is None
        harness.world.may_not = None
        harness.clock.seconds += 1000
        harness.calm()
        assert harness.conditions() == {"Ready": ("True", "Serving")}

    def test_what_lives_is_not_asked_about_again(self, there: Harness) -> None:
        there.world.may_not = LACKING
        there.world.looks.clear()
        there.edit(replicas=2)
        there.calm()
        assert "lacking" not in there.world.looks
        assert there.conditions() == {"Ready": ("True", "Serving")}
