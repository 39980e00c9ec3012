"""A crash at every write of several lives of a Deployment, before and after its effect, converges.

Writes are AWS's mutating calls, questions to an endpoint, and our own to Kubernetes: finalizer, placement, attempt,
status, Secret, finalizer removal. Whatever happens: one endpoint, no duplicate, and nothing left over in the end.

The first life is crashed before and after each of its writes. What a crash before a write leaves behind is what one
after the write before it does, so the other lives, which would take too long else, are crashed after each write only.
"""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest

from tests.integration import lives
from tests.integration.crashing import Outcome, Stage, crash, kill, missed, moments
from tests.integration.lives import Life
from tests.testbed.crashes import Moment, Phase
from tests.testbed.workbench import Workbench

DURATION = 0.05
"""Seconds that each transition of an endpoint takes, and each phase of an update."""

PHASES: tuple[Phase, ...] = ("before", "after")
LIVES = (
    lives.CREATE_ROLL_DELETE,
    lives.CANARY,
    lives.ROLL_BACK,
    lives.FAILED_CHECK,
    lives.ADOPTION,
    lives.RETAIN,
)


def prepare(bench: Workbench, life: Life) -> None:
    if life.adopts:
        bench.allow_adoption()
    motions = ("Creating", "Updating", "ActivatingTraffic", "Baking", "Terminating", "Scaling", "RollingBack")
    bench.sagemaker.set_durations(**dict.fromkeys((*motions, "Deleting"), DURATION))


def crash_in_process(stage: Stage, life: Life, number: int, moment: Moment | None) -> Outcome:
    """Live a life with one crash, or without. `number`: of the flow."""
    with stage.workbench(f"crash-{life}-{number}") as bench:
        prepare(bench, life)
        return crash(bench, partial(life.live, bench), moment)


def moments_of(life: Life, writes: Counter[str]) -> list[Moment]:
    """Those of the life at which to crash."""
    return moments(writes, PHASES if life is lives.CREATE_ROLL_DELETE else PHASES[1:])


@pytest.mark.parametrize("life", LIVES, ids=str)
def test_a_crash_at_every_write_converges(stage: Stage, processes: ProcessPoolExecutor, life: Life) -> None:
    crashed = partial(crash_in_process, stage, life)
    writes = processes.submit(crashed, 0, None).result().writes
    assert set(writes) == life.writes
    chosen = moments_of(life, writes)
    absent = missed(processes, crashed, chosen)
    # Two quick changes of status may be written as one, so the last of a kind may not come; all others must.
    assert all(moment.write.endswith("status") and moment.nth > 1 for moment in absent), absent
    print(f"{life}: {len(chosen) - len(absent)} crashes, {len(absent)} moments that did not come")


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
    prepare(bench, life)
    kill(bench, partial(life.live, bench), moment, lives.LONGEST)
