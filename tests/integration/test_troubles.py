"""Every trouble ends in its own condition, with the service's own words, and goes away once its cause does."""

from tests.testbed.hub import LocalHub
from tests.testbed.hub.models import llama_8b_repository
from tests.testbed.sagemaker import CAPACITY_REASON, ROLE
from tests.testbed.workbench import PING, REGION, Workbench

# The Hub


def test_an_unknown_revision_recovers_when_the_branch_appears(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version(revision="release")
        found = bench.wait_reason("ModelVersion", "twin", "Stalled", "RevisionNotFound")
        assert "release" in found["message"]
        bench.deployment()
        stalled = bench.wait_reason("Deployment", "twin", "Stalled", "ModelVersionNotReady")
        assert "RevisionNotFound" in stalled["message"]
        bench.hub.branch("acme/twin", "release")
        bench.wait_serving(commit)
        assert bench.condition("ModelVersion", "twin", "Stalled") == {}


def test_a_corrected_spec_is_tried_at_once(bench: Workbench, commit: str) -> None:
    slow = {"rejected_first": 3600, "rejected_longest": 3600}
    with bench.operator(timing=slow):
        bench.model_version(revision="mian")
        bench.wait_reason("ModelVersion", "twin", "Stalled", "RevisionNotFound")
        change = {"spec": {"source": {"huggingFace": {"revision": "main"}}}}
        bench.cluster.patch("ModelVersion", bench.namespace, "twin", change)
        bench.wait_reason("ModelVersion", "twin", "Ready", "Resolved", timeout=10)
        assert bench.status("ModelVersion")["resolved"]["revision"] == commit


def test_reconcile_now_tries_again_at_once(bench: Workbench, commit: str) -> None:
    slow = {"rejected_first": 3600, "rejected_longest": 3600}
    with bench.operator(timing=slow):
        bench.model_version(revision="release")
        bench.wait_reason("ModelVersion", "twin", "Stalled", "RevisionNotFound")
        bench.hub.branch("acme/twin", "release")
        bench.plane.kubectl("annotate", "mv/twin", "slipway.dev/reconcile-now=1", "-n", bench.namespace)
        bench.wait_reason("ModelVersion", "twin", "Ready", "Resolved", timeout=10)


def test_a_rotated_token_is_picked_up(bench: Workbench) -> None:
    bench.hub.create_repo("acme/secret", private=True)
    commit = bench.hub.commit("acme/secret", llama_8b_repository(shards=1))
    bench.hub.add_token("hf_new_one", "ann", can_read=["acme/secret"])
    slow = {"rejected_first": 3600, "rejected_longest": 3600, "secret_recheck": 0.3}
    with bench.operator(timing=slow) as operator:
        bench.secret("hf", token="hf_revoked")
        bench.model_version(repo="acme/secret", tokenSecretRef={"name": "hf"})
        bench.wait_reason("ModelVersion", "twin", "Stalled", "TokenInvalid")
        bench.secret("hf", token="hf_new_one")
        bench.wait_reason("ModelVersion", "twin", "Ready", "Resolved", timeout=10)
        resolved = bench.status("ModelVersion")["resolved"]
        assert (resolved["revision"], resolved["access"]) == (commit, "Private")
        # Private weights on SageMaker are refused, without a call.
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Stalled", "WeightsNotReachable")
        assert "private" in found["message"]
        assert bench.sagemaker.calls == []
    everything = operator.log.read_text() + bench.everything_written()
    assert "hf_new_one" not in everything
    assert "hf_revoked" not in everything


def test_a_secret_that_appears_is_picked_up(bench: Workbench) -> None:
    bench.hub.create_repo("acme/twin", private=True)
    bench.hub.commit("acme/twin", llama_8b_repository(shards=1))
    bench.hub.add_token("hf_good", "ann", can_read=["acme/twin"])
    with bench.operator():
        bench.model_version(tokenSecretRef={"name": "hf", "key": "api"})
        bench.wait_reason("ModelVersion", "twin", "Stalled", "SecretNotFound")
        bench.secret("hf", token="hf_good")
        found = bench.wait_reason("ModelVersion", "twin", "Stalled", "SecretKeyNotFound")
        assert "has no key api" in found["message"]
        bench.secret("hf", token="hf_good", api="hf_good")
        bench.wait_reason("ModelVersion", "twin", "Ready", "Resolved")


def test_a_hub_that_the_installation_does_not_know_gets_nothing(bench: Workbench) -> None:
    with LocalHub() as stranger:
        stranger.create_repo("acme/twin")
        commit = stranger.commit("acme/twin", llama_8b_repository(shards=1))
        bench.secret("database", password="not-for-strangers")
        with bench.operator():
            reference = {"name": "database", "key": "password"}
            bench.model_version(endpoint=stranger.url, tokenSecretRef=reference)
            found = bench.wait_reason("ModelVersion", "twin", "Stalled", "HubNotAllowed")
            assert "SLIPWAY_HUB_ENDPOINTS" in found["message"]
        assert stranger.calls() == 0
        with bench.operator(hub_endpoints=[stranger.url]):
            bench.model_version("open", endpoint=stranger.url)
            bench.wait_reason("ModelVersion", "open", "Ready", "Resolved")
            assert bench.status("ModelVersion", "open")["resolved"]["revision"] == commit


def test_a_gated_repository_is_told_from_a_missing_one(bench: Workbench) -> None:
    bench.hub.create_repo("acme/gated", gated="manual")
    bench.hub.commit("acme/gated", llama_8b_repository(shards=1))
    with bench.operator():
        bench.model_version("gated", repo="acme/gated")
        bench.model_version("missing", repo="acme/missing")
        bench.wait_reason("ModelVersion", "gated", "Stalled", "GatedRepository")
        bench.wait_reason("ModelVersion", "missing", "Stalled", "RepositoryNotFound")


def test_a_hub_that_is_down_keeps_what_is_resolved(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.wait_reason("ModelVersion", "twin", "Ready", "Resolved")
        bench.hub.fail(503, times=10_000)
        bench.wait_reason("ModelVersion", "twin", "Reconciling", "HubUnavailable")
        assert bench.condition("ModelVersion", "twin", "Ready")["status"] == "True"
        bench.hub.clear_faults()
        bench.wait(lambda: not bench.condition("ModelVersion", "twin", "Reconciling"), "recovered")
        assert bench.status("ModelVersion")["resolved"]["revision"] == commit


def test_approve_serves_only_what_was_approved(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version(updates={"policy": "Approve", "interval": "1s"})
        bench.deployment()
        bench.wait_reason("ModelVersion", "twin", "Stalled", "AwaitingApproval")
        assert bench.status("ModelVersion")["candidate"]["revision"] == commit
        bench.approve(commit)
        bench.wait_serving(commit)
        second = bench.hub.commit("acme/twin", {"README.md": b"# better\n"})
        bench.wait(lambda: (bench.status("ModelVersion").get("candidate") or {}).get("revision") == second, "candidate")
        assert bench.serving() == commit
        bench.approve(second)
        bench.wait_serving(second)


def test_pin_stays_where_it_was_resolved(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version(updates={"policy": "Pin"})
        bench.wait_reason("ModelVersion", "twin", "UnpinnedReference", "UnpinnedReference")
        bench.hub.commit("acme/twin", {"README.md": b"# better\n"})
        bench.plane.kubectl("annotate", "mv/twin", "slipway.dev/reconcile-now=1", "-n", bench.namespace)
        bench.model_version("other", updates={"policy": "Track", "interval": "1s"})
        bench.wait_reason("ModelVersion", "other", "Ready", "Resolved")
        assert bench.status("ModelVersion")["resolved"]["revision"] == commit
        assert bench.status("ModelVersion", "other")["resolved"]["revision"] != commit


# SageMaker


def test_a_bad_role_recovers_when_it_exists(bench: Workbench, commit: str) -> None:
    bench.sagemaker.remove_role(ROLE)
    with bench.operator():
        bench.model_version()
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Stalled", "RoleNotAssumable")
        assert f"Could not assume role {ROLE}" in found["message"]
        assert "executionRoleArn" in found["message"]
        bench.sagemaker.add_role(ROLE)
        bench.wait_serving(commit)


def test_a_quota_recovers_when_it_is_raised(bench: Workbench, commit: str) -> None:
    bench.sagemaker.set_quota("ml.g5.2xlarge", 0)
    with bench.operator():
        bench.model_version()
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Stalled", "QuotaExceeded")
        assert "account-level service limit 'ml.g5.2xlarge for endpoint usage' is 0" in found["message"]
        bench.sagemaker.set_quota("ml.g5.2xlarge", None)
        bench.wait_serving(commit)


def test_a_bad_instance_type_says_what_sagemaker_says(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment(target={"instanceType": "ml.g55.2xlarge"})
        found = bench.wait_reason("Deployment", "twin", "Stalled", "ValidationFailed")
        assert "Member must satisfy enum value set" in found["message"]
        change = {"spec": {"target": {"sageMaker": {"instanceType": "ml.g5.xlarge"}}}}
        bench.cluster.patch("Deployment", bench.namespace, "twin", change)
        bench.wait_serving(commit)


def test_a_failed_endpoint_is_kept_until_the_spec_changes(bench: Workbench, commit: str) -> None:
    bench.sagemaker.next_failure(bench.endpoint, PING)
    with bench.operator():
        bench.model_version()
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Stalled", "EndpointFailed")
        assert PING in found["message"]
        assert bench.status("Deployment")["attempt"]["reason"] == "HealthCheckFailed"
        assert bench.sagemaker.status(bench.endpoint) == "Failed"
        change = {"spec": {"engine": {"maxTotalTokens": 2048}}}
        bench.cluster.patch("Deployment", bench.namespace, "twin", change)
        bench.wait_serving(commit)


def test_a_failed_endpoint_is_tried_again_on_request(bench: Workbench, commit: str) -> None:
    bench.sagemaker.next_failure(bench.endpoint, PING)
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_reason("Deployment", "twin", "Stalled", "EndpointFailed")
        bench.plane.kubectl("annotate", "sdep/twin", "slipway.dev/reconcile-now=1", "-n", bench.namespace)
        bench.wait_serving(commit)


def test_missing_capacity_is_tried_again_by_itself(bench: Workbench, commit: str) -> None:
    bench.sagemaker.no_capacity("ml.g5.2xlarge", times=2)
    with bench.operator():
        bench.model_version()
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Reconciling", "InsufficientCapacity")
        assert CAPACITY_REASON[:40] in found["message"]
        bench.wait_serving(commit)


def test_a_failed_roll_leaves_the_old_revision_and_is_not_repeated(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        bench.sagemaker.next_failure(bench.endpoint, PING)
        bad = bench.hub.commit("acme/twin", {"README.md": b"# worse\n"})
        found = bench.wait_reason("Deployment", "twin", "Stalled", "RolloutFailed")
        assert PING in found["message"]
        assert bench.serving() == commit
        assert bench.status("Deployment")["revision"]["desired"] == bad
        updates = [c for c in bench.sagemaker.mutations() if c.operation == "UpdateEndpoint"]
        assert len(updates) == 1
        good = bench.hub.commit("acme/twin", {"README.md": b"# better\n"})
        bench.wait_serving(good)
        outcomes = [entry["outcome"] for entry in bench.status("Deployment")["history"]]
        assert outcomes == ["Serving", "Failed", "Replaced"]


def test_a_missing_permission_names_the_action(bench: Workbench, commit: str) -> None:
    bench.sagemaker.deny("iam:SimulatePrincipalPolicy")  # so that it is found out by trying
    denial = bench.sagemaker.deny("CreateModel")
    with bench.operator():
        bench.model_version()
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Stalled", "AccessDenied")
        assert ". Allow sagemaker:CreateModel on arn:aws:sagemaker:" in found["message"]
        assert "to the role slipway of account" in found["message"]
        denial.cancel()
        bench.wait_serving(commit)


def test_throttling_and_outages_pass_by_themselves(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.sagemaker.fail("CreateModel", times=2, error=("InternalFailure", "try again", 500))
        bench.sagemaker.fail("CreateEndpoint", times=2, when="after", error="reset")
        bench.deployment()
        bench.wait_serving(commit)
    assert len(bench.sagemaker.names("endpoint")) == 1


def test_a_config_that_is_not_visible_yet_is_waited_for(bench: Workbench, commit: str) -> None:
    bench.sagemaker.hide_new_configs(2)
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)


# What others do


def test_an_endpoint_deleted_behind_our_back_comes_back(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        bench.sagemaker.hold()
        bench.sagemaker.remove_endpoint(bench.endpoint)
        bench.wait(lambda: bench.condition("Deployment", "twin", "Ready").get("status") == "False", "noticed")
        bench.sagemaker.release()
        bench.wait_serving(commit)
        reasons = {event["reason"] for event in bench.cluster.list("Event", bench.namespace)}
        assert "EndpointMissing" in reasons


def test_a_config_changed_behind_our_back_is_put_right(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        (ours,) = bench.sagemaker.names("endpoint-config")
        client = bench.sagemaker.client(region=REGION)
        variant = client.describe_endpoint_config(EndpointConfigName=ours)["ProductionVariants"][0]
        client.create_endpoint_config(EndpointConfigName="theirs", ProductionVariants=[variant])
        bench.sagemaker.change_config(bench.endpoint, "theirs")
        bench.wait(
            lambda: "ChangedOutside" in {e["reason"] for e in bench.cluster.list("Event", bench.namespace)},
            "noticed",
        )
        bench.wait_serving(commit)
        described = client.describe_endpoint(EndpointName=bench.endpoint)
        assert described["EndpointConfigName"] == ours
        assert "theirs" in bench.sagemaker.names("endpoint-config")


def test_a_count_changed_behind_our_back_is_put_right(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment(replicas=2)
        bench.wait_serving(commit)
        bench.sagemaker.change_count(bench.endpoint, 5)
        bench.wait(lambda: "Scaling" in {e["reason"] for e in bench.cluster.list("Event", bench.namespace)}, "noticed")
        bench.wait_serving(commit)
        assert bench.status("Deployment")["readyReplicas"] == 2


def test_of_two_that_want_one_name_the_first_wins(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment("first", target={"endpointName": "shared"})
        bench.wait_serving(commit, "first")
        bench.deployment("second", target={"endpointName": "Shared"})
        found = bench.wait_reason("Deployment", "second", "Stalled", "NameConflict")
        assert f"{bench.namespace}/first" in found["message"]
        # Deleting the loser leaves the winner alone; deleting the winner lets another loser in.
        bench.deployment("third", target={"endpointName": "shared"})
        bench.wait_reason("Deployment", "third", "Stalled", "NameConflict")
        bench.cluster.delete("Deployment", bench.namespace, "second")
        bench.wait_gone("Deployment", "second")
        assert bench.sagemaker.names("endpoint") == ["shared"]
        bench.wait_serving(commit, "first")
        bench.cluster.delete("Deployment", bench.namespace, "first")
        bench.wait_serving(commit, "third")


def test_a_foreign_endpoint_is_never_touched(bench: Workbench, commit: str) -> None:
    bench.sagemaker.seed([bench.endpoint], region=REGION, tags={"team": "others"})
    before = bench.sagemaker.resources()
    with bench.operator():
        bench.model_version()
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Stalled", "NameConflict")
        assert "does not manage" in found["message"]
        bench.cluster.delete("Deployment", bench.namespace, "twin")
        bench.wait_gone("Deployment")
    assert bench.sagemaker.resources() == before
    assert bench.sagemaker.mutations() == []


def test_a_model_version_deleted_while_it_serves(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        bench.cluster.delete("ModelVersion", bench.namespace, "twin")
        bench.wait_reason("Deployment", "twin", "Stalled", "ModelVersionNotFound")
        assert bench.serving() == commit
        # It is even made anew when it vanishes: the status knows what to serve.
        bench.sagemaker.remove_endpoint(bench.endpoint)
        bench.wait(lambda: bench.sagemaker.status(bench.endpoint) == "InService", "made anew")
        bench.model_version()
        bench.wait_serving(commit)


def test_a_namespace_may_use_only_what_it_was_given(bench: Workbench, commit: str) -> None:
    with bench.operator(aws_execution_roles=["arn:aws:iam::123456789012:role/other"]):
        bench.model_version()
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "Stalled", "PlacementNotAllowed")
        assert "spec.target.sageMaker.executionRoleArn" in found["message"]
    assert bench.sagemaker.mutations() == []


def test_an_environment_with_a_token_is_refused(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment(engine={"env": [{"name": "HF_TOKEN", "value": "x"}]})
        found = bench.wait_reason("Deployment", "twin", "Stalled", "InvalidSpec")
        assert "spec.engine.env may not set HF_TOKEN" in found["message"]
    assert bench.sagemaker.calls == []
