"""The API server goes away and comes back; /healthz tells whether the operator does its work."""

import httpx2
import pytest

from tests.testbed.operator_process import OperatorProcess
from tests.testbed.waiting import eventually
from tests.testbed.workbench import Workbench


@pytest.fixture
def bench(bench: Workbench) -> Workbench:
    if not bench.plane.owned:
        pytest.skip(f"stops the API server, which is not ours: {bench.plane.origin}")
    return bench


def health(operator: OperatorProcess) -> tuple[int, str]:
    """What /healthz says."""
    answer = httpx2.get(f"{operator.http_address}/healthz", timeout=10, trust_env=False)
    return answer.status_code, answer.text


def test_an_api_server_that_was_killed_during_a_roll_does_not_stop_it(bench: Workbench, commit: str) -> None:
    with bench.operator(sweep_interval=1, request_timeout=5) as operator:
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        bench.sagemaker.hold()
        second = bench.hub.commit("acme/twin", {"README.md": b"# better\n"})
        bench.wait_reason("Deployment", "twin", "Reconciling", "Updating")
        bench.plane.stop_apiserver()
        try:
            bench.sagemaker.release()
        finally:
            bench.plane.start_apiserver()
        bench.wait_serving(second, timeout=60)
        updates = [call for call in bench.sagemaker.mutations() if call.operation == "UpdateEndpoint"]
        assert len(updates) == 1
        # The watches are back as well: a change is seen, and a deletion is carried out.
        bench.cluster.delete("Deployment", bench.namespace, "twin")
        bench.wait_gone("Deployment", timeout=60)
        assert bench.sagemaker.resources() == []
        assert operator.is_running


def test_healthz_fails_while_the_api_server_is_frozen(bench: Workbench, commit: str) -> None:
    with bench.operator(sweep_interval=1, request_timeout=2) as operator:
        bench.model_version()
        bench.wait_reason("ModelVersion", "twin", "Ready", "Resolved")
        bench.wait(lambda: health(operator) == (200, '{"problems": []}'), "healthy")
        bench.plane.freeze_apiserver()
        try:
            status, text = eventually(lambda: _unhealthy(operator), "unhealthy", timeout=60)
        finally:
            bench.plane.thaw_apiserver()
        assert (status, "no successful list" in text) == (503, True), text
        bench.wait(lambda: health(operator)[0] == 200, "healthy again", timeout=60)
        second = bench.hub.commit("acme/twin", {"README.md": b"# better\n"})
        bench.wait(lambda: bench.status("ModelVersion")["resolved"]["revision"] == second, "it goes on", timeout=60)


def _unhealthy(operator: OperatorProcess) -> tuple[int, str] | None:
    found = health(operator)
    return found if found[0] != 200 else None
