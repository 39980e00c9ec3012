"""A crash at every write of a create, a roll and a delete, before and after its effect, converges.

Writes are SageMaker's mutating calls and our own to Kubernetes: finalizer, placement, attempt, status, finalizer
removal. Whatever happens: one endpoint, no duplicate, and nothing left over in the end.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from slipway.settings import Settings
from tests.testbed.controlplane import ControlPlane
from tests.testbed.crashes import Crasher, Moment, Phase, RevivingOperator
from tests.testbed.hub.models import llama_8b_repository
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.workbench import Workbench, workbench

DURATION = 0.05
"""Seconds that each transition of an endpoint takes."""
TOGETHER = 4
"""Flows that run at the same time, each with its own operator, namespace and doubles."""

PHASES: tuple[Phase, ...] = ("before", "after")
WRITES = {
    "modelversions status",
    "deployments status",
    "deployments finalizers",
    "secrets",
    "create_model",
    "create_endpoint_config",
    "create_endpoint",
    "update_endpoint",
    "delete_endpoint",
    "delete_endpoint_config",
    "delete_model",
}
"""Everything that the operator writes in such a life."""


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


def crash_in_process(plane: ControlPlane, folder: Path, moment: Moment | None) -> Crasher:
    """Live a life with one crash. Returns what the first incarnation of the operator wrote, and whether it died."""
    name = str(moment or "nowhere").replace(":", "-").replace(" ", "-").replace("_", "-")
    with workbench(plane, folder, f"crash-{name}") as bench:
        bench.sagemaker.set_durations(Creating=DURATION, Updating=DURATION, Deleting=DURATION)
        settings = Settings(**bench.merged_settings())
        with RevivingOperator(settings, moment, bench.sagemaker.url) as operator:
            live_a_life(bench)
        assert operator.crasher is not None
        return operator.crasher


def test_a_crash_at_every_write_converges(plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeconfig = plane.service_account_kubeconfig("slipway", "slipway", tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    writes = crash_in_process(plane, tmp_path, None).writes
    assert set(writes) == WRITES
    moments = [
        Moment(write, nth, phase) for write, count in writes.items() for nth in range(1, count + 1) for phase in PHASES
    ]
    with ThreadPoolExecutor(TOGETHER) as pool:
        lives = {moment: pool.submit(crash_in_process, plane, tmp_path, moment) for moment in moments}
    broken = {str(moment): life.exception() for moment, life in lives.items() if life.exception()}
    assert not broken, "\n".join(f"{moment}: {problem}" for moment, problem in broken.items())
    # Two quick changes of status may be written as one, so the last of a kind may not come; all others must.
    missed = [moment for moment, life in lives.items() if not life.result().fired]
    assert all(moment.write.endswith("status") and moment.nth > 1 for moment in missed), missed
    print(f"{len(moments) - len(missed)} crashes, {len(missed)} moments that did not come")


@pytest.mark.parametrize(
    "moment",
    [
        Moment(write, nth, phase)
        for phase in PHASES
        for write, nth in (
            ("deployments status", 1),
            ("deployments finalizers", 1),
            ("secrets", 1),
            ("create_model", 1),
            ("create_endpoint", 1),
            ("update_endpoint", 1),
            ("delete_endpoint", 1),
            ("deployments finalizers", 2),
        )
    ],
    ids=str,
)
def test_a_killed_process_converges(bench: Workbench, moment: Moment) -> None:
    """The same with SIGKILL and a process of its own, on a sample."""
    log = bench.folder / f"operator-{bench.namespace}.log"
    bench.sagemaker.set_durations(Creating=DURATION, Updating=DURATION, Deleting=DURATION)
    environment = {**bench.environment(), "CRASH_AT": str(moment)}
    with (
        OperatorProcess(environment, log, module="tests.testbed.crashes", arguments=()) as doomed,
        ThreadPoolExecutor(1) as pool,
    ):
        life = pool.submit(live_a_life, bench)
        assert doomed.wait(timeout=60) == -9
        with bench.operator():
            life.result()
