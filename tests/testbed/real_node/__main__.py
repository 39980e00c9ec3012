"""`python -m tests.testbed.real_node`: a cluster with two nodes to play with, until Ctrl-C (Linux, as root)."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from tests.testbed.controlplane import ControlPlaneError

from .cluster import RealNodeUnavailable, real_cluster
from .folder import cluster_folder
from .obstacle import look, obstacle
from .tools import prepare


def main() -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.testbed.real_node", description=__doc__)
    parser.add_argument("--build-only", action="store_true", help="build what is missing, if a node can run here")
    options = parser.parse_args()
    try:
        if options.build_only:
            _build()
        else:
            with cluster_folder() as folder:
                _serve(folder)
    except (RealNodeUnavailable, ControlPlaneError) as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("stopped")
    return 0


def _build() -> None:
    if why := obstacle(look()):
        _say(f"No real node: {why}")
    else:
        _say(f"a node: {prepare(_say).kit}")


def _serve(folder: Path) -> None:
    with real_cluster(folder / "state", report=_say) as cluster:
        for node in cluster.nodes:
            node.advertise_gpus(cluster.plane, 2)
        print(f"export KUBECONFIG={cluster.plane.admin_kubeconfig}", flush=True)
        _say(f"pods reach this machine as {cluster.network.here}; Ctrl-C stops it")
        signal.pause()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    for asked in (signal.SIGINT, signal.SIGTERM):  # a background job starts with SIGINT ignored
        signal.signal(asked, signal.default_int_handler)
    sys.exit(main())
