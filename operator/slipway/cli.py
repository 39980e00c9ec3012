"""The command line: `slipway run` and `slipway crds`."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="slipway", description="From a model registry to a running endpoint, and kept there."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run the operator (settings: environment variables SLIPWAY_*)")
    run.set_defaults(function=_run)
    crds = commands.add_parser("crds", help="write the CustomResourceDefinitions")
    crds.add_argument("folder", type=Path, help="where to write them")
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
    from slipway.settings import InvalidSettings, load
    from slipway.telemetry import logs

    try:
        settings = load()
    except InvalidSettings as invalid:
        print(f"slipway: the settings are not valid: {invalid}", file=sys.stderr)
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


def _crds(parsed: argparse.Namespace) -> int:
    from slipway import crds

    if not parsed.check:
        crds.write(parsed.folder)
        return 0
    outdated = crds.outdated(parsed.folder)
    for name in outdated:
        print(f"slipway: {parsed.folder / name} is not current: run `make crds`", file=sys.stderr)
    return 1 if outdated else 0
