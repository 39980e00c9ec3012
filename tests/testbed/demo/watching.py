"""Waits for the two resources, shows them meanwhile, and says at once when something goes wrong."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.testbed.demo import rows
from tests.testbed.demo.rows import Object, Row
from tests.testbed.demo.screen import Screen
from tests.testbed.demo.stage import NAMESPACE, Stage

_TICK = 0.2


class Deviation(Exception):
    """The demo did not go as it should; the message says how."""


@dataclass(frozen=True)
class Snapshot:
    """Both resources, and pods, at one moment; None where one is not there."""

    model_version: Object | None
    deployment: Object | None
    pods: Sequence[Object] = ()
    """Where a story has any."""

    def rows(self) -> list[Row]:
        """What to show."""
        found = []
        if self.model_version:
            found.append(rows.model_version_row(self.model_version))
        if self.deployment:
            found.append(rows.deployment_row(self.deployment))
        return found + [rows.pod_row(pod) for pod in self.pods]

    def said(self) -> str:
        """All conditions, for whoever has to find out why something does not come."""
        return "; ".join(
            f"{found['kind']}: " + ", ".join(f"{one['type']} {one['reason']}" for one in rows.conditions(found))
            for found in (self.model_version, self.deployment)
            if found
        )

    def serves(self, commit: str) -> bool:
        """Whether this commit serves, and nothing is under way any more."""
        return (
            self.model_version is not None
            and self.deployment is not None
            and rows.resolved(self.model_version) == rows.serving(self.deployment) == commit
            and rows.is_settled(self.model_version)
            and rows.is_settled(self.deployment)
        )

    @property
    def is_gone(self) -> bool:
        """Whether neither is there, nor any pod."""
        return self.model_version is None and self.deployment_is_gone

    @property
    def deployment_is_gone(self) -> bool:
        """Whether the Deployment is not there, nor any pod."""
        return self.deployment is None and not self.pods


def watch(
    stage: Stage,
    screen: Screen,
    done: Callable[[Snapshot], bool],
    what: str,
    *,
    within: float = 60,
    footer: Callable[[], str] = str,
) -> Snapshot:
    """Show both resources until `done`. Raises Deviation when it takes too long or cannot come true."""
    deadline = time.monotonic() + within
    with screen.board() as board:
        for snapshot in _snapshots(stage):
            board.show(snapshot.rows(), footer())
            if done(snapshot):
                return snapshot
            _check(stage, snapshot)
            if time.monotonic() > deadline:
                raise Deviation(f"{what}: not within {within:.0f} s; {snapshot.said()}")
    raise AssertionError("snapshots never end")


def _snapshots(stage: Stage) -> Iterator[Snapshot]:
    names = stage.quickstart
    while True:
        yield Snapshot(
            stage.cluster.get("ModelVersion", NAMESPACE, names.model_version),
            stage.cluster.get("Deployment", NAMESPACE, names.deployment),
            stage.pods(),
        )
        time.sleep(_TICK)


def _check(stage: Stage, snapshot: Snapshot) -> None:
    if not stage.operator.is_running:
        raise Deviation("the operator has ended; its log says why")
    for found in (snapshot.model_version, snapshot.deployment):
        why = rows.why_stalled(found) if found else None
        if why:
            raise Deviation(why)
