"""An operator that crashes at any of its writes of several lives of a Deployment in the cluster: all of them converge.

Writes are our own to Kubernetes: everything that is made beside the revisions, the revisions, their counts, the Service
with its selector and the memory of a roll, what is remembered of a revision, our status, the Secret for clients.
Whatever happens: the same pods as without a crash and not one more, and no answer from what has not been asked before.

Every life is lived once by an operator that dies after each of its writes. An operator that has been at work for longer
and dies once is another matter: it does so at each thing that it makes in the first life, and CRASH_EVERYWHERE=1 in the
environment makes it do so before and after each write of every life, which takes half an hour.
"""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest

from tests.integration.cluster_target import lives
from tests.integration.cluster_target.conftest import ClusterBench, cluster_bench
from tests.integration.cluster_target.lives import Life
from tests.integration.cluster_target.standing import LONGEST
from tests.integration.crashing import Outcome, Stage, crash, kill, missed, moments, results
from tests.testbed.crashes import EACH, Moment
from tests.testbed.node.runtime import Pace

pytestmark = pytest.mark.usefixtures("pod_network", "gateway_api")

FEWEST = 10
"""Starts of an operator that dies after each write of the shortest life."""
PACE = Pace(speed=30, load_seconds=1.0)

LIVES = (
    lives.CREATE_SCALE_ROLL_DELETE,
    lives.ROLL_BACK,
    lives.FAILED_CHECK,
    lives.CANARY,
    lives.CANARY_BY_ROUTE,
    lives.RECREATE,
    lives.CACHE,
)


@contextmanager
def place(stage: Stage, life: Life, name: str) -> Iterator[ClusterBench]:
    """Where a flow takes place: a namespace with nodes."""
    with stage.workbench(f"crash-{life}-{name}") as bench:
        folder = stage.folder / bench.namespace
        with cluster_bench(stage.plane, bench, folder, life.machines, pace=PACE) as here:
            yield here


def crash_in_process(stage: Stage, life: Life, number: int, moment: Moment | None) -> Outcome:
    """Live a life with this crash, or without. `number`: of the flow."""
    with place(stage, life, f"each-{number}" if moment == EACH else str(number)) as here:
        return crash(here.bench, partial(life.live, here), moment)


def moments_of(life: Life, writes: Counter[str]) -> list[Moment]:
    """At which to crash once. What is before a write is what is after the one before it, but for what was in memory."""
    everywhere = bool(os.environ.get("CRASH_EVERYWHERE"))
    chosen = {what: count for what, count in writes.items() if everywhere or not what.endswith("status")}
    return moments(chosen, ("before", "after") if everywhere else ("after",))


def test_crashes_at_each_write_converge(stage: Stage, processes: ProcessPoolExecutor) -> None:
    found = results({str(life): processes.submit(crash_in_process, stage, life, 0, EACH) for life in LIVES})
    starts = {life: outcome.starts for life, outcome in found.items()}
    assert min(starts.values()) > FEWEST, starts
    print(f"starts of the operator: {starts}")


@pytest.mark.parametrize("life", LIVES if os.environ.get("CRASH_EVERYWHERE") else LIVES[:1], ids=str)
def test_one_crash_at_any_write_converges(stage: Stage, processes: ProcessPoolExecutor, life: Life) -> None:
    crashed = partial(crash_in_process, stage, life)
    writes = processes.submit(crashed, 0, None).result().writes
    assert set(writes) == life.writes
    chosen = moments_of(life, writes)
    absent = missed(processes, crashed, chosen)
    # How many passes it takes depends on what pods say when: the last write of a kind may be one too many.
    assert all(moment.nth > 1 for moment in absent), absent
    assert len(absent) <= len(chosen) // 5, absent
    print(f"{life}: {len(chosen) - len(absent)} crashes, {len(absent)} moments that did not come")


KILLS = [
    (lives.CREATE_SCALE_ROLL_DELETE, Moment("post deployments", 1, "after")),
    (lives.CREATE_SCALE_ROLL_DELETE, Moment("patch deployments/scale", 3, "before")),
    (lives.CACHE, Moment("patch jobs", 2, "after")),
    (lives.CACHE, Moment("patch services", 6, "after")),
]


def test_a_killed_process_converges(stage: Stage, processes: ProcessPoolExecutor) -> None:
    """The same with SIGKILL and a process of its own, on a sample."""
    results({str(moment): processes.submit(killed, stage, life, n, moment) for n, (life, moment) in enumerate(KILLS)})


def killed(stage: Stage, life: Life, number: int, moment: Moment) -> None:
    """Live a life with an operator that kills itself. `number`: of the flow."""
    with place(stage, life, f"killed-{number}") as here:
        kill(here.bench, partial(life.live, here), moment, LONGEST)
