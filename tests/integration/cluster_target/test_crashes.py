"""A crash at every write of several lives of a Deployment in the cluster converges.

Writes are our own to Kubernetes: everything that is made beside the revisions, the revisions, their counts, the Service
with its selector and the memory of a roll, what is remembered of a revision, our status, the Secret for clients.
Whatever happens: the same pods as without a crash and not one more, and no answer from what has not been asked before.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from slipway.settings import Settings
from tests.integration.cluster_target import lives
from tests.integration.cluster_target.conftest import ClusterBench, cluster_bench
from tests.integration.cluster_target.lives import Life
from tests.integration.test_crashes import Outcome, Stage
from tests.testbed.controlplane import ControlPlane
from tests.testbed.crashes import Moment, Phase, RevivingOperator
from tests.testbed.node.runtime import Pace
from tests.testbed.workbench import operators_kubeconfig, workbench

TOGETHER = 4
"""Flows that run at the same time, each with its own operator, namespace, nodes and Hub. They mostly wait."""
PACE = Pace(speed=30, load_seconds=1.0)

LIVES = (
    lives.CREATE_SCALE_ROLL_DELETE,
    lives.ROLL_BACK,
    lives.FAILED_CHECK,
    lives.CANARY,
    lives.RECREATE,
    lives.CACHE,
)


@contextmanager
def place(stage: Stage, life: Life, name: str) -> Iterator[ClusterBench]:
    """Where a flow takes place: a namespace with nodes."""
    namespace = f"crash-{life}-{name}"
    log = stage.folder / f"operator-{namespace}.log"
    logging.basicConfig(filename=log, level=logging.INFO, force=True)  # this process is there for nothing else
    with workbench(stage.plane, stage.folder, namespace, kubeconfig=stage.kubeconfig) as bench:
        bench.interval = 0.15  # several wait at the same time, and every look is work for the one API server
        with cluster_bench(stage.plane, bench, stage.folder / namespace, life.machines, pace=PACE) as here:
            yield here


def crash_in_process(stage: Stage, life: Life, number: int, moment: Moment | None) -> Outcome:
    """Live a life with one crash, or without. `number`: of the flow."""
    os.environ["KUBECONFIG"] = str(stage.kubeconfig)
    with place(stage, life, str(number)) as here:
        settings = Settings(**here.bench.merged_settings())
        with RevivingOperator(settings, moment, here.bench.sagemaker.url) as operator:
            life.live(here, operator.endangered)
        assert operator.crasher is not None
        return Outcome(operator.crasher.writes, operator.crasher.fired)


def moments_of(life: Life, writes: Counter[str]) -> list[Moment]:
    """Those of the life at which to crash."""
    phases: tuple[Phase, ...] = ("before", "after") if life is lives.CREATE_SCALE_ROLL_DELETE else ("after",)
    return [
        Moment(what, nth, phase) for what, count in writes.items() for nth in range(1, count + 1) for phase in phases
    ]


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Processes, because a flow that does not wait keeps an interpreter busy. Spawned: this one has threads."""
    with ProcessPoolExecutor(TOGETHER, get_context("spawn")) as pool:
        yield pool


@pytest.fixture
def stage(plane: ControlPlane, tmp_path: Path, pod_network: None) -> Stage:
    return Stage(replace(plane, servers=None), tmp_path, operators_kubeconfig(plane, tmp_path / "kubeconfig"))


@pytest.mark.parametrize("life", LIVES, ids=str)
def test_a_crash_at_every_write_converges(stage: Stage, pool: ProcessPoolExecutor, life: Life) -> None:
    writes = pool.submit(crash_in_process, stage, life, 0, None).result().writes
    assert set(writes) == life.writes
    moments = moments_of(life, writes)
    numbered = enumerate(moments, start=1)
    flows = {moment: pool.submit(crash_in_process, stage, life, number, moment) for number, moment in numbered}
    broken = {str(moment): flow.exception() for moment, flow in flows.items() if flow.exception()}
    assert not broken, "\n".join(f"{moment}: {problem}" for moment, problem in broken.items())
    # Two quick changes of status may be written as one, so the last of a kind may not come; all others must.
    missed = [moment for moment, flow in flows.items() if not flow.result().fired]
    assert all(moment.write.endswith("status") and moment.nth > 1 for moment in missed), missed
    print(f"{life}: {len(moments) - len(missed)} crashes, {len(missed)} moments that did not come")
