"""Deployments in several accounts and regions at once, under roles that are assumed."""

import json
from typing import Any

from tests.testbed.operator_process import OperatorProcess
from tests.testbed.sagemaker import ACCOUNT, ROLE, Call, Resource
from tests.testbed.workbench import REGION, Workbench

OTHER = "999999999999"
OTHER_REGION = "us-east-1"
ASSUMED = f"arn:aws:iam::{OTHER}:role/platform/slipway-target"
EXECUTION = f"arn:aws:iam::{OTHER}:role/execution"
SECRET = "hush-7f3a"
AWAY: dict[str, Any] = {
    "region": OTHER_REGION,
    "executionRoleArn": EXECUTION,
    "assumeRole": {"arn": ASSUMED, "externalId": SECRET},
}


def operator(bench: Workbench, **settings: Any) -> OperatorProcess:
    """An operator of an installation that allows the namespace both accounts."""
    home = {"accounts": [ACCOUNT], "regions": [REGION], "execution_roles": [ROLE]}
    away = {
        "accounts": [OTHER],
        "regions": [OTHER_REGION],
        "execution_roles": [EXECUTION],
        "assume_roles": ["arn:aws:iam::999999999999:role/platform/*"],
    }
    placements = [{"namespaces": [bench.namespace], **entry} for entry in (home, away)]
    bench.sagemaker.add_role(EXECUTION)
    return bench.operator(placements=placements, **settings)


def endpoints(bench: Workbench) -> list[tuple[str, str, str]]:
    """Account, region and name of each."""
    found: list[Resource] = [one for one in bench.sagemaker.resources() if one.kind == "endpoint"]
    return sorted((one.account, one.region, one.name) for one in found)


def calls_to(bench: Workbench, account: str) -> list[Call]:
    return [call for call in bench.sagemaker.calls if call.account == account]


def everything_said(bench: Workbench, process: OperatorProcess) -> str:
    """The log, statuses and events; not the spec, where the external id stands."""
    statuses = [one.get("status") for one in bench.cluster.list("Deployment", bench.namespace)]
    return process.log.read_text() + json.dumps([statuses, bench.cluster.list("Event", bench.namespace)])


def test_two_accounts_and_regions_at_once(bench: Workbench, commit: str) -> None:
    bench.sagemaker.trust(ASSUMED, SECRET)
    with operator(bench) as process:
        bench.model_version()
        bench.deployment("home", target={"endpointName": "same-name"})
        bench.deployment("away", target={**AWAY, "endpointName": "same-name"})
        bench.wait_serving(commit, "home")
        bench.wait_serving(commit, "away")
        assert endpoints(bench) == [(ACCOUNT, REGION, "same-name"), (OTHER, OTHER_REGION, "same-name")]
        placement = bench.status("Deployment", "away")["placement"]
        assert (placement["account"], placement["region"], placement["roleArn"]) == (OTHER, OTHER_REGION, ASSUMED)
        assert "roleArn" not in bench.status("Deployment", "home")["placement"]
        assert {call.params["RoleSessionName"] for call in bench.sagemaker.calls if call.operation == "AssumeRole"} == {
            "slipway-testbed"
        }

        # What somebody deletes in one account is missed there, and nothing happens in the other one.
        home = bench.get("Deployment", "home")
        bench.sagemaker.clear_calls()
        bench.sagemaker.client(region=OTHER_REGION, account=OTHER).delete_endpoint(EndpointName="same-name")
        bench.wait(
            lambda: [call for call in calls_to(bench, OTHER) if call.operation == "CreateEndpoint"], "created anew"
        )
        bench.wait_serving(commit, "away")
        assert bench.get("Deployment", "home") == home
        assert [call for call in calls_to(bench, ACCOUNT) if call.mutating] == []

        bench.cluster.delete("Deployment", bench.namespace, "away")
        bench.wait_gone("Deployment", "away")
        assert {one.account for one in bench.sagemaker.resources()} == {ACCOUNT}

        # With its last Deployment the other account is left alone.
        bench.wait(lambda: f"nobody has endpoints in {OTHER_REGION}" in process.log.read_text(), "the poller's end")
        bench.sagemaker.clear_calls()
        bench.wait(lambda: len(calls_to(bench, ACCOUNT)) > 3, "the other poller goes on")
        assert calls_to(bench, OTHER) == []
        assert bench.serving("home") == commit
        assert SECRET not in everything_said(bench, process)


def test_a_role_that_does_not_trust_the_operator(bench: Workbench, commit: str) -> None:
    with operator(bench) as process:
        bench.model_version()
        bench.deployment(target=AWAY)
        found = bench.wait_reason("Deployment", "twin", "Stalled", "AssumeRoleDenied")
        assert ASSUMED in found["message"]
        assert "spec.target.sageMaker.assumeRole" in found["message"]
        assert calls_to(bench, OTHER) == []
        bench.sagemaker.trust(ASSUMED, SECRET)
        bench.wait_serving(commit)
        assert SECRET not in everything_said(bench, process)

    # Trust that is taken away: what serves goes on, and a deletion waits until the role can be assumed again.
    bench.sagemaker.trust(ASSUMED, "another-one")
    with operator(bench):
        bench.wait_reason("Deployment", "twin", "Stalled", "AssumeRoleDenied")
        assert bench.serving() == commit
        bench.cluster.delete("Deployment", bench.namespace, "twin")

        def stuck() -> str:
            found = bench.condition("Deployment", "twin", "Stalled")
            return found["reason"] if "spec.deletionPolicy" in found.get("message", "") else ""

        assert bench.wait(stuck, "why the deletion is stuck") == "AssumeRoleDenied"
        # The external id may be corrected even then.
        change = {"assumeRole": {"externalId": "another-one"}}
        bench.cluster.patch("Deployment", bench.namespace, "twin", {"spec": {"target": {"sageMaker": change}}})
        bench.wait_gone("Deployment")
    assert bench.sagemaker.resources() == []


def test_a_namespace_that_may_not_assume_the_role_makes_no_call(bench: Workbench, commit: str) -> None:
    bench.sagemaker.trust(ASSUMED, SECRET)
    everything = [{"namespaces": ["*"], "accounts": ["*"], "regions": ["*"], "execution_roles": ["*"]}]
    with bench.operator(placements=everything):
        bench.model_version()
        bench.deployment(target=AWAY)
        found = bench.wait_reason("Deployment", "twin", "Stalled", "PlacementNotAllowed")
        assert f"spec.target.sageMaker.assumeRole.arn {ASSUMED}" in found["message"]
        bench.cluster.delete("Deployment", bench.namespace, "twin")
        bench.wait_gone("Deployment")
    assert bench.sagemaker.calls == []


def test_an_execution_role_of_another_account_makes_no_call(bench: Workbench, commit: str) -> None:
    bench.sagemaker.trust(ASSUMED, SECRET)
    with operator(bench):
        bench.model_version()
        bench.deployment(target={**AWAY, "executionRoleArn": ROLE})
        found = bench.wait_reason("Deployment", "twin", "Stalled", "InvalidSpec")
        assert "Cross-account pass role is not allowed" in found["message"]
    assert bench.sagemaker.calls == []


def test_permissions_that_are_missing_are_named_before_anything_is_created(bench: Workbench, commit: str) -> None:
    bench.sagemaker.trust(ASSUMED, SECRET)
    denials = [bench.sagemaker.deny("iam:PassRole", role=ASSUMED), bench.sagemaker.deny("DeleteModel", role=ASSUMED)]
    with operator(bench):
        bench.model_version()
        bench.deployment("home")
        bench.deployment("away", target=AWAY)
        found = bench.wait_reason("Deployment", "away", "Stalled", "PermissionMissing")
        assert found["message"].startswith(f"{ASSUMED} may not ")
        assert f"iam:PassRole on {EXECUTION}" in found["message"]
        assert f"sagemaker:DeleteModel on arn:aws:sagemaker:{OTHER_REGION}:{OTHER}:model/slw-" in found["message"]
        assert [call for call in calls_to(bench, OTHER) if call.mutating] == []
        bench.wait_serving(commit, "home")  # the other account is not affected
        for denial in denials:
            denial.cancel()
        bench.wait_serving(commit, "away")
