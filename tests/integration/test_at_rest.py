"""Where nothing moves, nothing is written: neither to the API server nor to SageMaker."""

import os
import time
from datetime import UTC, datetime

import pytest

from tests.testbed.controlplane.audit import AuditedWrite
from tests.testbed.workbench import OPERATOR_USER, PING, Workbench

WINDOW = float(os.environ.get("SLIPWAY_TEST_REST", "60"))
"""Seconds to look at. This is the one test that is about time itself."""


@pytest.fixture
def bench(bench: Workbench) -> Workbench:
    if not bench.plane.owned:
        pytest.skip(f"needs the API server's audit log; this is {bench.plane.origin}")
    return bench


def writes(bench: Workbench, since: datetime) -> list[AuditedWrite]:
    """The operator's, events included."""
    return bench.plane.audit_writes(OPERATOR_USER, since)


def wait_until_quiet(bench: Workbench) -> None:
    """Until the operator has written nothing for three seconds: what is known is reported."""
    for _ in range(10):
        since = datetime.now(UTC)
        time.sleep(3)
        found = writes(bench, since)
        if not found:
            return
    raise AssertionError(f"it goes on writing: {found}\n{bench.report()}")


def test_at_rest_nothing_is_written(bench: Workbench, commit: str) -> None:
    with bench.operator() as operator:
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        # What is wrong is at rest as well, while it is asked again and again.
        bench.model_version("lost", revision="no-such-branch")
        bench.wait_reason("ModelVersion", "lost", "Stalled", "RevisionNotFound")
        bench.deployment("orphan", model="nobody")
        bench.wait_reason("Deployment", "orphan", "Stalled", "ModelVersionNotFound")
        bench.sagemaker.set_quota("ml.g5.12xlarge", 0)
        bench.deployment("quota", target={"instanceType": "ml.g5.12xlarge"})
        bench.wait_reason("Deployment", "quota", "Stalled", "QuotaExceeded")
        bench.model_version("pinned", updates={"policy": "Pin"}, revision=commit)
        bench.deployment("failed", model="pinned", replicas=1)
        bench.wait_serving(commit, "failed")
        bench.sagemaker.next_failure(f"{bench.namespace}-failed", PING)
        bench.cluster.patch("Deployment", bench.namespace, "failed", {"spec": {"engine": {"maxTotalTokens": 2048}}})
        bench.wait_reason("Deployment", "failed", "Stalled", "RolloutFailed")
        wait_until_quiet(bench)

        bench.sagemaker.clear_calls()
        since, passes = datetime.now(UTC), bench.metric(operator, "slipway_reconcile_total", result="done")
        time.sleep(WINDOW)

        assert writes(bench, since) == []
        assert bench.sagemaker.mutations(effective=True) == []
        # Only what was refused is asked for again.
        assert {call.target for call in bench.sagemaker.mutations()} <= {f"{bench.namespace}-quota"}
        # It was not asleep: the tracked reference was asked for all the time, and what was refused, too.
        assert bench.metric(operator, "slipway_reconcile_total", result="done") > passes
        asked = {call.operation for call in bench.sagemaker.calls}
        print(f"{WINDOW:.0f} s at rest: no write; calls to SageMaker: {sorted(asked)}")


def test_a_restart_writes_nothing_and_describes_no_endpoint(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        wait_until_quiet(bench)
    bench.sagemaker.clear_calls()
    since = datetime.now(UTC)
    with bench.operator() as operator:
        bench.wait_first_pass(operator, "Deployment", 1)
        bench.wait_first_pass(operator, "ModelVersion", 1)
        wait_until_quiet(bench)
        assert writes(bench, since) == []
        assert {call.operation for call in bench.sagemaker.calls} <= {"ListEndpoints", "GetCallerIdentity"}
