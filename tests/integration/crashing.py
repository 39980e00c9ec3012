"""What a test of crashes does with any life: live it with an operator that dies at a write, in a process of its own."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import TypeVar

from slipway.settings import Settings
from tests.testbed.controlplane import ControlPlane
from tests.testbed.crashes import Moment, Phase, RevivingOperator
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.workbench import Workbench, workbench

T = TypeVar("T")
Endangered = Callable[[], AbstractContextManager[None]]
Live = Callable[[Endangered], None]
"""What a user does, up to the end; only within what it is given are writes counted, and crashes made."""


@dataclass(frozen=True)
class Stage:
    """Where a flow takes place; goes to another process, which is there for nothing else."""

    plane: ControlPlane
    folder: Path
    kubeconfig: Path

    @contextmanager
    def workbench(self, namespace: str) -> Iterator[Workbench]:
        """In that process: a namespace of the flow's own, with its doubles."""
        os.environ["KUBECONFIG"] = str(self.kubeconfig)
        logging.basicConfig(filename=self.folder / f"operator-{namespace}.log", level=logging.INFO, force=True)
        with workbench(self.plane, self.folder, namespace, kubeconfig=self.kubeconfig) as bench:
            bench.interval = 0.15  # several wait at the same time, and every look is work for the one API server
            yield bench


@dataclass(frozen=True)
class Outcome:
    """What the first incarnation of the operator wrote, whether it died, and how many there were."""

    writes: Counter[str]
    fired: bool
    starts: int


def crash(bench: Workbench, live: Live, moment: Moment | None) -> Outcome:
    """Live with an operator that dies at this moment and is started again, or (None) with one that does not die."""
    settings = Settings(**bench.merged_settings())
    with RevivingOperator(settings, moment, bench.sagemaker.url) as operator:
        live(operator.endangered)
    assert operator.crasher is not None
    return Outcome(operator.crasher.writes, operator.crasher.fired, operator.starts)


def kill(bench: Workbench, live: Live, moment: Moment, timeout: float) -> None:
    """Live with one operator that kills itself at this moment, within `timeout` seconds, and another one after it."""
    log = bench.folder / f"operator-{bench.namespace}.log"
    environment = {**bench.environment(), "CRASH_AT": str(moment)}
    with (
        OperatorProcess(environment, log, module="tests.testbed.crashes", arguments=()) as doomed,
        ThreadPoolExecutor(1) as thread,
    ):
        flow = thread.submit(live, nullcontext)
        assert doomed.wait(timeout=timeout) == -SIGKILL
        with bench.operator():
            flow.result()


def moments(writes: Mapping[str, int], phases: Iterable[Phase]) -> list[Moment]:
    """Those of a life with so many writes of each kind."""
    return [
        Moment(what, nth, phase) for what, count in writes.items() for nth in range(1, count + 1) for phase in phases
    ]


def results(flows: Mapping[str, Future[T]]) -> dict[str, T]:
    """Of the flows, by their names. Fails with what has broken any of them."""
    broken = {name: flow.exception() for name, flow in flows.items() if flow.exception()}
    assert not broken, "\n".join(f"{name}: {problem}" for name, problem in broken.items())
    return {name: flow.result() for name, flow in flows.items()}


def missed(
    processes: Executor, crashed: Callable[[int, Moment | None], Outcome], chosen: Iterable[Moment]
) -> list[Moment]:
    """Live a life once for each of the moments; those that did not come. `crashed`: the life, by number and moment."""
    numbered = {moment: number for number, moment in enumerate(chosen, start=1)}
    flows = {str(moment): processes.submit(crashed, number, moment) for moment, number in numbered.items()}
    found = results(flows)
    return [moment for moment in numbered if not found[str(moment)].fired]
