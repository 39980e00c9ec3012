"""A Deployment whose time is over: the endpoint goes, the object stays, and it can come back."""

from datetime import datetime, timedelta

from tests.testbed.workbench import Workbench


def shown(bench: Workbench) -> str:
    """The row of `kubectl get sdep -o wide`."""
    return bench.plane.kubectl("get", "sdep", "-n", bench.namespace, "-o", "wide").stdout


def age(bench: Workbench) -> float:
    """Seconds since the Deployment was created."""
    created = (bench.get("Deployment") or {})["metadata"]["creationTimestamp"]
    began = datetime.fromisoformat(created)
    return (datetime.now(began.tzinfo) - began).total_seconds()


def expire_in(bench: Workbench, seconds: float) -> None:
    """What is there expires in so many seconds."""
    change = {"spec": {"expireAfter": f"{int(age(bench) + seconds) + 1}s"}}
    bench.cluster.patch("Deployment", bench.namespace, "twin", change)


def test_it_expires_at_its_time_and_comes_back_when_that_is_raised(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        created = bench.deployment(expireAfter="2h", deletionPolicy="Retain")
        bench.wait_serving(commit)
        due = datetime.fromisoformat(created["metadata"]["creationTimestamp"]) + timedelta(hours=2)
        assert datetime.fromisoformat(bench.status("Deployment")["expiresAt"]) == due
        assert bench.status("Deployment")["expiresAt"] in shown(bench)

        expire_in(bench, 2)
        bench.wait_reason("Deployment", "twin", "Stalled", "Expired")
        assert bench.sagemaker.resources() == []
        status = bench.status("Deployment")
        assert bench.condition("Deployment", "twin", "Ready")["status"] == "False"
        assert datetime.fromisoformat(status["expiresAt"]) < due
        assert status["placement"]["endpointName"] == bench.endpoint
        assert "Expired" in shown(bench)
        events = bench.cluster.list("Event", bench.namespace)
        assert sorted(event["type"] for event in events if event["reason"] == "Expired") == ["Normal", "Warning"]

        bench.cluster.patch("Deployment", bench.namespace, "twin", {"spec": {"expireAfter": "2h"}})
        bench.wait_serving(commit)
        assert bench.sagemaker.names("endpoint") == [bench.endpoint]


def test_an_operator_that_starts_later_wakes_it_too(bench: Workbench, commit: str) -> None:
    """Nothing but the queue of the new process knows when the resting object is due."""
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
    expire_in(bench, 6)
    with bench.operator() as operator:
        bench.wait_first_pass(operator, "Deployment", 1)
        bench.wait_reason("Deployment", "twin", "Stalled", "Expired")
    assert bench.sagemaker.resources() == []


def test_without_its_model_version_it_expires_all_the_same(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        bench.cluster.delete("ModelVersion", bench.namespace, "twin")
        bench.wait_reason("Deployment", "twin", "Stalled", "ModelVersionNotFound")
        expire_in(bench, 0)
        bench.wait_reason("Deployment", "twin", "Stalled", "Expired")
        assert bench.sagemaker.resources() == []
        bench.cluster.delete("Deployment", bench.namespace, "twin")
        bench.wait_gone("Deployment")


def test_an_endpoint_in_motion_is_waited_for(bench: Workbench, commit: str) -> None:
    bench.sagemaker.hold()
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait(lambda: bench.sagemaker.status(bench.endpoint) == "Creating", "Creating")
        expire_in(bench, 0)
        bench.wait_reason("Deployment", "twin", "Reconciling", "WaitingToDelete")
        bench.sagemaker.release()
        bench.wait_reason("Deployment", "twin", "Stalled", "Expired")
    assert bench.sagemaker.resources() == []
