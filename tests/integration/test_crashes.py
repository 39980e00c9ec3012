"""A crash at every write of several lives of a Deployment, before and after its effect, converges.

Writes are AWS's mutating calls, questions to an endpoint, and our own to Kubernetes: finalizer, placement, attempt,
status, Secret, finalizer removal. Whatever happens: one endpoint, no duplicate, and nothing left over in the end.

The first life is crashed before and after each of its writes. What a crash before a write leaves behind is what one
after the write before it does, so the other lives, which would take too long else, are crashed after each write only.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from slipway.settings import Settings
from tests.integration import lives
from tests.integration.lives import Life
from tests.testbed.controlplane import ControlPlane
from tests.testbed.crashes import Moment, Phase, RevivingOperator
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.workbench import Workbench, operators_kubeconfig, workbench

DURATION = 0.05
"""Seconds that each transition of an endpoint takes, and each phase of an update."""
TOGETHER = 4
"""Flows that run at the same time, each with its own operator, namespace and doubles. They mostly wait."""

PHASES: tuple[Phase, ...] = ("before", "after")
LIVES = (
    lives.CREATE_ROLL_DELETE,
    lives.CANARY,
    lives.ROLL_BACK,
    lives.FAILED_CHECK,
    lives.ADOPTION,
    lives.RETAIN,
)


@dataclass(frozen=True)
class Stage:
    """Where a flow takes place; goes to another process."""

    plane: ControlPlane
    folder: Path
    kubeconfig: Path


@dataclass(frozen=True)
class Outcome:
    """What the first incarnation of the operator wrote, and whether it died."""

    writes: Counter[str]
    fired: bool


def prepare(bench: Workbench, life: Life) -> None:
    if life.adopts:
        bench.allow_adoption()
    bench.interval = 0.15  # several wait at the same time, and every look is work for the one API server
    motions = ("Creating", "Updating", "ActivatingTraffic", "Baking", "Terminating", "Scaling", "RollingBack")
    bench.sagemaker.set_durations(**dict.fromkeys((*motions, "Deleting"), DURATION))


def crash_in_process(stage: Stage, life: Life, number: int, moment: Moment | None) -> Outcome:
    """Live a life with one crash, or without. `number`: of the flow."""
    namespace = f"crash-{life}-{number}"
    os.environ["KUBECONFIG"] = str(stage.kubeconfig)  # this process is there for nothing else
    logging.basicConfig(filename=stage.folder / f"operator-{namespace}.log", level=logging.INFO, force=True)
    with workbench(stage.plane, stage.folder, namespace, kubeconfig=stage.kubeconfig) as bench:
        prepare(bench, life)
        settings = Settings(**bench.merged_settings())
        with RevivingOperator(settings, moment, bench.sagemaker.url) as operator:
            life.live(bench, operator.endangered)
        assert operator.crasher is not None
        return Outcome(operator.crasher.writes, operator.crasher.fired)


def moments_of(life: Life, writes: Counter[str]) -> list[Moment]:
    """Those of the life at which to crash."""
    phases = PHASES if life is lives.CREATE_ROLL_DELETE else PHASES[1:]
    return [
        Moment(what, nth, phase) for what, count in writes.items() for nth in range(1, count + 1) for phase in phases
    ]


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Processes, because a flow that does not wait keeps an interpreter busy. Spawned: this one has threads."""
    with ProcessPoolExecutor(TOGETHER, get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("life", LIVES, ids=str)
def test_a_crash_at_every_write_converges(
    plane: ControlPlane, tmp_path: Path, pool: ProcessPoolExecutor, life: Life
) -> None:
    kubeconfig = operators_kubeconfig(plane, tmp_path / "kubeconfig")
    stage = Stage(replace(plane, servers=None), tmp_path, kubeconfig)
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


KILLS = [
    (lives.CREATE_ROLL_DELETE, Moment("deployments finalizers", 1, "after")),
    (lives.CREATE_ROLL_DELETE, Moment("create_endpoint", 1, "before")),
    (lives.CREATE_ROLL_DELETE, Moment("create_endpoint", 1, "after")),
    (lives.CREATE_ROLL_DELETE, Moment("update_endpoint", 1, "after")),
    (lives.CREATE_ROLL_DELETE, Moment("deployments finalizers", 2, "before")),
    (lives.CANARY, Moment("put_metric_alarm", 1, "before")),
    (lives.FAILED_CHECK, Moment("invoke_endpoint", 4, "after")),
    (lives.ADOPTION, Moment("add_tags", 1, "after")),
    (lives.RETAIN, Moment("add_tags", 2, "after")),
]


@pytest.mark.parametrize(("life", "moment"), KILLS, ids=str)
def test_a_killed_process_converges(bench: Workbench, life: Life, moment: Moment) -> None:
    """The same with SIGKILL and a process of its own, on a sample."""
    log = bench.folder / f"operator-{bench.namespace}.log"
    prepare(bench, life)
    environment = {**bench.environment(), "CRASH_AT": str(moment)}
    with (
        OperatorProcess(environment, log, module="tests.testbed.crashes", arguments=()) as doomed,
        ThreadPoolExecutor(1) as pool,
    ):
        flow = pool.submit(life.live, bench, nullcontext)
        assert doomed.wait(timeout=60) == -9
        with bench.operator():
            flow.result()
