"""What the demo shows of the two resources."""

from typing import Any

from tests.testbed.demo import rows
from tests.testbed.demo.watching import Snapshot

OLD, NEW = "a" * 40, "b" * 40


def resource(kind: str, *conditions: tuple[str, str, str], **status: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"name": "twin", "generation": 2},
        "status": {
            "observedGeneration": 2,
            "conditions": [
                {"type": one, "status": value, "reason": reason, "message": f"{reason}!", "observedGeneration": 2}
                for one, value, reason in conditions
            ],
            **status,
        },
    }


def model_version(revision: str) -> dict[str, Any]:
    return resource("ModelVersion", ("Ready", "True", "Resolved"), resolved={"revision": revision})


def deployment(revision: str, *more: tuple[str, str, str]) -> dict[str, Any]:
    serving = {"serving": {"revision": revision}}
    placement = {"endpointName": "ml-twin"}
    return resource("Deployment", ("Ready", "True", "Serving"), *more, revision=serving, placement=placement)


def test_a_resource_without_status_has_a_row() -> None:
    row = rows.deployment_row({"kind": "Deployment", "metadata": {"name": "twin"}})

    assert (row.ready, row.reason, row.revision, row.under_way, row.endpoint) == ("-", "-", "-", "-", "-")


def test_a_roll_shows_what_serves_and_what_is_under_way() -> None:
    row = rows.deployment_row(deployment(OLD, ("Reconciling", "True", "Updating")))

    assert (row.ready, row.revision, row.under_way, row.message) == ("True", OLD[:12], "Updating", "Updating!")
    assert row.endpoint == "ml-twin"


def test_a_commit_serves_once_both_resources_agree_and_rest() -> None:
    assert Snapshot(model_version(NEW), deployment(NEW)).serves(NEW)
    assert not Snapshot(model_version(NEW), deployment(OLD)).serves(NEW)
    assert not Snapshot(model_version(OLD), deployment(OLD)).serves(NEW)
    assert not Snapshot(model_version(NEW), deployment(NEW, ("Reconciling", "True", "TidyingUp"))).serves(NEW)
    assert not Snapshot(None, deployment(NEW)).serves(NEW)


def test_a_status_of_an_older_generation_is_not_believed() -> None:
    stale = deployment(NEW)
    stale["metadata"]["generation"] = 3

    assert not Snapshot(model_version(NEW), stale).serves(NEW)


def test_what_is_stalled_says_why() -> None:
    assert rows.why_stalled(deployment(OLD)) is None
    assert rows.why_stalled(deployment(OLD, ("Stalled", "True", "RolloutFailed"))) == (
        "Deployment/twin is stalled, RolloutFailed: RolloutFailed!"
    )


def test_commits_in_events_are_cut_short() -> None:
    event = {
        "involvedObject": {"kind": "Deployment", "name": "twin"},
        "reason": "RollingOut",
        "message": f"rolling ml-twin to {NEW}",
    }

    assert rows.brief_event(event) == ("Deployment/twin", "RollingOut", f"rolling ml-twin to {NEW[:12]}")


def test_what_stalled_before_the_last_change_has_not_stalled_yet() -> None:
    stalled = deployment(NEW, ("Stalled", "True", "ModelVersionNotFound"))
    assert rows.why_stalled(stalled) == "Deployment/twin is stalled, ModelVersionNotFound: ModelVersionNotFound!"

    stalled["metadata"]["generation"] = 3
    assert rows.why_stalled(stalled) is None


def pod(**status: Any) -> dict[str, Any]:
    engine = {"name": "engine", "args": ["--model-id", "acme/twin", f"--revision={NEW}"]}
    return {"kind": "Pod", "metadata": {"name": "twin-1-2"}, "spec": {"containers": [engine]}, "status": status}


def test_a_pod_shows_what_it_waits_for_and_what_it_was_told_to_serve() -> None:
    waiting = {"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}
    row = rows.pod_row(pod(phase="Pending", **waiting))
    assert (row.ready, row.reason, row.revision) == ("False", "ImagePullBackOff", NEW[:12])

    ready = pod(phase="Running", conditions=[{"type": "Ready", "status": "True"}])
    assert (rows.pod_row(ready).ready, rows.pod_row(ready).reason) == ("True", "Running")
    ready["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert rows.pod_row(ready).reason == "Terminating"

    told = pod(phase="Pending")
    told["spec"]["containers"] = [{"name": "engine", "env": [{"name": "REVISION", "value": OLD}]}]
    assert rows.pod_row(told).revision == OLD[:12]


def test_nothing_is_gone_while_a_pod_is_left() -> None:
    assert not Snapshot(None, None, [pod(phase="Running")]).is_gone
    assert not Snapshot(model_version(NEW), None, [pod(phase="Running")]).deployment_is_gone
    assert Snapshot(model_version(NEW), None).deployment_is_gone


def test_what_the_cluster_lacks_does_not_keep_a_commit_from_serving() -> None:
    lacking = deployment(NEW, ("OptionalApiMissing", "True", "OptionalApiMissing"))
    assert Snapshot(model_version(NEW), lacking).serves(NEW)
    assert rows.notes(lacking) == ["OptionalApiMissing"]
    assert not Snapshot(model_version(NEW), deployment(NEW, ("BindingFailed", "True", "BindingConflict"))).serves(NEW)
