"""An operator that crashes at any of its writes of several lives of a Deployment in the cluster: all of them converge.

Writes are our own to Kubernetes: everything that is made beside the revisions, the revisions, their counts, the Service
with its selector and the memory of a roll, what is remembered of a revision, our status, the Secret for clients.
Whatever happens: the same pods as without a crash and not one more, and no answer from what has not been asked before.

Every life is lived once by an operator that dies after each of its writes. An operator that has been at work for longer
and dies once is another matter: it does so at each thing that it makes in the first life, and CRASH_EVERYWHERE=1 in the
environment makes it do so before and after each write of every life, which takes half an hour.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from signal import SIGKILL

import pytest

from slipway.settings import Settings
from tests.integration.cluster_target import lives
from tests.integration.cluster_target.conftest import ClusterBench, cluster_bench
from tests.integration.cluster_target.lives import Life
from tests.integration.cluster_target.standing import LONGEST
from tests.integration.test_crashes import Stage
from tests.testbed.controlplane import ControlPlane
from tests.testbed.crashes import EACH, Moment, Phase, RevivingOperator
from tests.testbed.node.runtime import Pace
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.workbench import operators_kubeconfig, workbench

TOGETHER = 4
"""Flows that run at the same time, each with its own operator, namespace, nodes and Hub. They mostly wait."""
FEWEST = 10
"""Starts of an operator that dies after each write of the shortest life."""
PACE = Pace(speed=30, load_seconds=1.0)

LIVES = (
    lives.CREATE_SCALE_ROLL_DELETE,
    lives.ROLL_BACK,
    lives.FAILED_CHECK,
    lives.CANARY,
    lives.RECREATE,
    lives.CACHE,
)


@dataclass(frozen=True)
class Outcome:
    """What the first incarnation of the operator wrote, whether it died, and how many there were."""

    writes: Counter[str]
    fired: bool
    starts: int


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
    """Live a life with this crash, or without. `number`: of the flow."""
    os.environ["KUBECONFIG"] = str(stage.kubeconfig)
    with place(stage, life, f"each-{number}" if moment == EACH else str(number)) as here:
        settings = Settings(**here.bench.merged_settings())
        with RevivingOperator(settings, moment, here.bench.sagemaker.url) as operator:
            life.live(here, operator.endangered)
        assert operator.crasher is not None
        return Outcome(operator.crasher.writes, operator.crasher.fired, operator.starts)


def moments_of(life: Life, writes: Counter[str]) -> list[Moment]:
    """At which to crash once. What is before a write is what is after the one before it, but for what was in memory."""
    everywhere = bool(os.environ.get("CRASH_EVERYWHERE"))
    phases: tuple[Phase, ...] = ("before", "after") if everywhere else ("after",)
    chosen = {what: count for what, count in writes.items() if everywhere or not what.endswith("status")}
    return [
        Moment(what, nth, phase) for what, count in chosen.items() for nth in range(1, count + 1) for phase in phases
    ]


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Processes, because a flow that does not wait keeps an interpreter busy. Spawned: this one has threads."""
    with ProcessPoolExecutor(TOGETHER, get_context("spawn")) as pool:
        yield pool


@pytest.fixture
def stage(plane: ControlPlane, tmp_path: Path, pod_network: None) -> Stage:
    return Stage(replace(plane, servers=None), tmp_path, operators_kubeconfig(plane, tmp_path / "kubeconfig"))


def test_crashes_at_each_write_converge(stage: Stage, pool: ProcessPoolExecutor) -> None:
    flows = {str(life): pool.submit(crash_in_process, stage, life, 0, EACH) for life in LIVES}
    broken = {life: flow.exception() for life, flow in flows.items() if flow.exception()}
    assert not broken, "\n".join(f"{life}: {problem}" for life, problem in broken.items())
    starts = {life: flow.result().starts for life, flow in flows.items()}
    assert min(starts.values()) > FEWEST, starts
    print(f"starts of the operator: {starts}")


@pytest.mark.parametrize("life", LIVES if os.environ.get("CRASH_EVERYWHERE") else LIVES[:1], ids=str)
def test_one_crash_at_any_write_converges(stage: Stage, pool: ProcessPoolExecutor, life: Life) -> None:
    writes = pool.submit(crash_in_process, stage, life, 0, None).result().writes
    assert set(writes) == life.writes
    moments = moments_of(life, writes)
    numbered = enumerate(moments, start=1)
    flows = {moment: pool.submit(crash_in_process, stage, life, number, moment) for number, moment in numbered}
    broken = {str(moment): flow.exception() for moment, flow in flows.items() if flow.exception()}
    assert not broken, "\n".join(f"{moment}: {problem}" for moment, problem in broken.items())
    # How many passes it takes depends on what pods say when: the last write of a kind may be one too many.
    missed = [moment for moment, flow in flows.items() if not flow.result().fired]
    assert all(moment.nth > 1 for moment in missed), missed
    assert len(missed) <= len(moments) // 5, missed
    print(f"{life}: {len(moments) - len(missed)} crashes, {len(missed)} moments that did not come")


KILLS = [
    (lives.CREATE_SCALE_ROLL_DELETE, Moment("post deployments", 1, "after")),
    (lives.CREATE_SCALE_ROLL_DELETE, Moment("patch deployments/scale", 3, "before")),
    (lives.CACHE, Moment("patch jobs", 2, "after")),
    (lives.CACHE, Moment("patch services", 6, "after")),
]


def test_a_killed_process_converges(stage: Stage, pool: ProcessPoolExecutor) -> None:
    """The same with SIGKILL and a process of its own, on a sample."""
    flows = {str(moment): pool.submit(kill, stage, life, n, moment) for n, (life, moment) in enumerate(KILLS)}
    broken = {name: flow.exception() for name, flow in flows.items() if flow.exception()}
    assert not broken, "\n".join(f"{name}: {problem}" for name, problem in broken.items())


def kill(stage: Stage, life: Life, number: int, moment: Moment) -> None:
    """Live a life with one operator that kills itself, and another one after it."""
    with place(stage, life, f"killed-{number}") as here:
        log = stage.folder / f"operator-{here.bench.namespace}-doomed.log"
        environment = {**here.bench.environment(), "CRASH_AT": str(moment)}
        with (
            OperatorProcess(environment, log, module="tests.testbed.crashes", arguments=()) as doomed,
            ThreadPoolExecutor(1) as pool,
        ):
            flow = pool.submit(life.live, here, nullcontext)
            assert doomed.wait(timeout=LONGEST) == -SIGKILL
            with here.bench.operator():
                flow.result()
