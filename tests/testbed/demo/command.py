"""The command of a demo: says what is real, runs the story, and reports how it went."""

import argparse
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.controlplane import ControlPlaneError, ControlPlaneUnavailable, KubectlError
from tests.testbed.controlplane.choice import look
from tests.testbed.demo import quickstart
from tests.testbed.demo.interrupts import EXIT_STATUS, Interrupts
from tests.testbed.demo.screen import Screen
from tests.testbed.demo.stage import FAST, Pace
from tests.testbed.demo.watching import Deviation
from tests.testbed.node.addresses import NoPodNetwork

_PREFIX = "slipway-demo-"
_UNAVAILABLE = (ControlPlaneUnavailable, NoPodNetwork)
_EXPECTED = (Deviation, ControlPlaneError, KubectlError, quickstart.NotAQuickstart)


@dataclass(frozen=True)
class Play:
    """One demo: what it is called, what of it is real, and how it goes."""

    module: str
    """As after `python -m`."""
    title: str
    truths: Sequence[tuple[str, str]]
    """What is real and what is a stand-in, beside the cluster."""
    perform: Callable[[Path, Pace, Screen, Interrupts, float], None]
    """Given a folder, the pace, the screen, the signals and the time of the start. Raises what `run` explains."""


def run(play: Play, interrupts: Interrupts, began: float) -> int:
    """Returns the exit status: 0, 1 if anything deviated, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog=f"python -m {play.module}", description=play.title)
    parser.add_argument("--fast", action="store_true", help="the stand-ins take less than a second each (tests)")
    options = parser.parse_args()
    screen = Screen()
    try:
        with _folder(interrupts) as folder:
            status = _play(play, folder, FAST if options.fast else Pace(), screen, interrupts, began)
    except KeyboardInterrupt:
        status = EXIT_STATUS
    if interrupts.seen:
        screen.failure("Interrupted. Everything is stopped and removed.")
        return EXIT_STATUS
    return status


def _play(play: Play, folder: Path, pace: Pace, screen: Screen, interrupts: Interrupts, began: float) -> int:
    try:
        _introduce(play, screen)
        play.perform(folder, pace, screen, interrupts, began)
    except _UNAVAILABLE as unavailable:
        screen.failure(str(unavailable))
        return 1
    except _EXPECTED as failure:
        return EXIT_STATUS if interrupts.seen else _failed(screen, folder, str(failure))
    except Exception as failure:
        if interrupts.seen:  # what was going on in that moment could not end well
            return EXIT_STATUS
        (folder / "demo.log").write_text(traceback.format_exc())
        return _failed(screen, folder, f"{type(failure).__name__}: {failure}")
    return 0


def _introduce(play: Play, screen: Screen) -> None:
    existing = look().kubeconfig
    cluster = f"the cluster of {existing}" if existing else "kube-apiserver, etcd and kube-controller-manager"
    screen.title(play.title)
    screen.blank()
    screen.pairs(
        [
            ("real", f"{cluster}, and kubectl"),
            ("real", "the operator, a process of its own, with the rights of its ServiceAccount and no others"),
            *play.truths,
        ]
    )
    screen.blank()
    screen.note("Ctrl-C stops it at any time and leaves nothing behind.")
    screen.blank()


def _failed(screen: Screen, folder: Path, why: str) -> int:
    screen.failure(why)
    kept = _keep_logs(folder)
    screen.note(f"The logs are in {kept}" if kept else "There are no logs yet.")
    return 1


def _keep_logs(folder: Path) -> Path | None:
    """Logs alone are worth keeping, and they hold no keys."""
    logs = sorted(folder.rglob("*.log"))
    if not logs:
        return None
    kept = Path(tempfile.mkdtemp(prefix="slipway-demo-failed-"))
    for log in logs:
        shutil.copy(log, kept / log.name)
    return kept


@contextmanager
def _folder(interrupts: Interrupts) -> Iterator[Path]:
    """A temporary folder, whose removal cannot be interrupted."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        yield folder
    finally:
        with interrupts.shielded():
            shutil.rmtree(folder, ignore_errors=True)
