"""A crash at every write of a create, a roll and a delete, before and after its effect, converges.

Writes are SageMaker's mutating calls and our own to Kubernetes: finalizer, placement, attempt, status, finalizer
removal. Whatever happens: one endpoint, no duplicate, and nothing left over in the end.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from slipway.settings import Settings
from tests.testbed.controlplane import ControlPlane
from tests.testbed.crashes import Phase, RevivingOperator
from tests.testbed.hub.models import llama_8b_repository
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.workbench import Workbench, workbench

DURATION = 0.05
"""Seconds that each transition of an endpoint takes."""
TOGETHER = 4
"""Flows that run at the same time, each with its own operator, namespace and doubles."""


def live_a_life(bench: Workbench) -> None:
    """Create, roll, delete; after each of them what is there must be exactly what should be."""
    bench.hub.create_repo("acme/twin")
    commit = bench.hub.commit("acme/twin", llama_8b_repository(shards=1))
    bench.model_version()
    bench.deployment()
    bench.wait_serving(commit, timeout=60)
    assert kinds(bench) == ["endpoint", "endpoint-config", "model"]

    second = bench.hub.commit("acme/twin", {"README.md": b"# better\n"})
    bench.wait_serving(second, timeout=60)
    assert kinds(bench) == ["endpoint", "endpoint-config", "endpoint-config", "model", "model"]

    bench.cluster.delete("Deployment", bench.namespace, "twin")
    bench.wait_gone("Deployment", timeout=60)
    assert bench.sagemaker.resources() == []
    for operation in ("CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint"):
        done = [c for c in bench.sagemaker.mutations(effective=True) if c.operation == operation]
        assert len(done) == 1, done


def kinds(bench: Workbench) -> list[str]:
    """What is in SageMaker."""
    return sorted(resource.kind for resource in bench.sagemaker.resources())


def crash_in_process(plane: ControlPlane, folder: Path, at: int, phase: Phase) -> str | None:
    """Live a life with a crash at the `at`-th write. Returns what was hit; None if there are not so many."""
    with workbench(plane, folder, f"crash-{at}-{phase}") as bench:
        bench.sagemaker.set_durations(Creating=DURATION, Updating=DURATION, Deleting=DURATION)
        settings = Settings(**bench.merged_settings())
        with RevivingOperator(settings, at, phase, bench.sagemaker.url) as operator:
            live_a_life(bench)
            return operator.crasher.fired if operator.crasher else None


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_crash_at_every_write_converges(
    plane: ControlPlane, tmp_path: Path, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig = plane.service_account_kubeconfig("slipway", "slipway", tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    hit: list[str] = []
    with ThreadPoolExecutor(TOGETHER) as pool:
        for first in range(1, 1000, TOGETHER):
            flows = [pool.submit(crash_in_process, plane, tmp_path, at, phase) for at in range(first, first + TOGETHER)]
            fired = [what for flow in flows if (what := flow.result())]
            hit += fired
            if len(fired) < TOGETHER:
                break
    print("\n".join(hit))
    expected = ("finalizers", "status", "create_model", "create_endpoint_config", "create_endpoint")
    expected += ("update_endpoint", "delete_endpoint", "delete_endpoint_config", "delete_model")
    for write in expected:
        assert any(f"{phase} {write}" in what for what in hit), f"no crash at {write}"


@pytest.mark.parametrize("at", [2, 4, 6, 9, 12, 15, 18])
@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_killed_process_converges(bench: Workbench, at: int, phase: Phase) -> None:
    """The same with SIGKILL and a process of its own, on a sample."""
    environment = {**bench.environment(), "CRASH_AT": str(at), "CRASH_PHASE": phase}
    log = bench.folder / f"operator-{bench.namespace}.log"
    bench.sagemaker.set_durations(Creating=DURATION, Updating=DURATION, Deleting=DURATION)
    with (
        OperatorProcess(environment, log, module="tests.testbed.crashes", arguments=()) as doomed,
        ThreadPoolExecutor(1) as pool,
    ):
        life = pool.submit(live_a_life, bench)
        assert doomed.wait(timeout=60) == -9
        with bench.operator():
            life.result()
