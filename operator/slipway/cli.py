"""The command line: `slipway run`, `slipway uninstall-guard` and `slipway crds`."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slipway.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="slipway", description="From a model registry to a running endpoint, and kept there."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run the operator (settings: environment variables SLIPWAY_*)")
    run.set_defaults(function=_run)
    guard = commands.add_parser(
        "uninstall-guard", help="fail while there are Deployments that need the operator (settings: as for `run`)"
    )
    guard.add_argument(
        "--to-keep", metavar="COMMAND", help="how to keep a Helm release after a refusal, for the message"
    )
    guard.set_defaults(function=_uninstall_guard)
    crds = commands.add_parser("crds", help="write the CustomResourceDefinitions")
    crds.add_argument("folder", type=Path, help="where to write them")
    crds.add_argument("--chart", type=Path, help="a Helm chart, whose generated files are written as well")
    crds.add_argument("--check", action="store_true", help="write nothing; fail if a file is not current")
    crds.set_defaults(function=_crds)
    parsed = parser.parse_args(arguments)
    return int(parsed.function(parsed))


_TERMINATED = 128 + signal.SIGTERM
"""What shells and container runtimes say of a process that SIGTERM has ended."""


def _run(_: argparse.Namespace) -> int:
    if os.getpid() == 1:
        # In a container: the kernel drops SIGTERM for a first process that does not ask for it. kopf puts its own
        # handler in this one's place, but only once it runs; until then nothing is begun that would have to be ended.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(_TERMINATED))

    from kubernetes.aio.config import ConfigException

    from slipway import app  # the operator's imports take a second that `crds` need not wait for
    from slipway.telemetry import logs

    settings = _settings()
    if settings is None:
        return 2
    logs.set_up(settings.log_level)
    try:
        asyncio.run(app.run(settings, asyncio.Event()))
    except ConfigException as problem:
        print(
            f"slipway: no cluster is configured: {problem}. In a pod, give it a ServiceAccount whose token is mounted; "
            "elsewhere set KUBECONFIG to a file with a current context.",
            file=sys.stderr,
        )
        return 2
    return 0


def _uninstall_guard(parsed: argparse.Namespace) -> int:
    from slipway import uninstall_guard

    settings = _settings()
    if settings is None:
        return uninstall_guard.NOT_KNOWN
    return asyncio.run(uninstall_guard.run(settings, print, parsed.to_keep))


def _settings() -> "Settings | None":
    """The settings of this process; None after having said what is wrong with them."""
    from slipway.settings import InvalidSettings, load

    try:
        return load()
    except InvalidSettings as invalid:
        print(f"slipway: the settings are not valid: {invalid}", file=sys.stderr)
        return None


def _crds(parsed: argparse.Namespace) -> int:
    from slipway import chart, crds

    if not parsed.check:
        crds.write(parsed.folder)
        if parsed.chart:
            chart.write(parsed.chart)
        return 0
    outdated = [parsed.folder / name for name in crds.outdated(parsed.folder)]
    if parsed.chart:
        outdated += [parsed.chart / name for name in chart.outdated(parsed.chart)]
    for path in outdated:
        print(f"slipway: {path} is not current: run `make crds`", file=sys.stderr)
    return 1 if outdated else 0
