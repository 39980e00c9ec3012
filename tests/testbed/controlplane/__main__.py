"""`python -m tests.testbed.controlplane`: a control plane to play with, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from . import ControlPlaneError, ControlPlaneUnavailable, control_plane, prepare


def main() -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.testbed.controlplane", description=__doc__)
    parser.add_argument("--build-only", action="store_true", help="build if necessary, start nothing")
    parser.add_argument("--state", type=Path, help="folder for data and logs (default: temporary)")
    options = parser.parse_args()
    try:
        if options.build_only:
            _say(f"control plane: {prepare(_say).why}")
        elif options.state:
            _serve(options.state)
        else:
            with tempfile.TemporaryDirectory(prefix="slipway-control-plane-") as folder:
                _serve(Path(folder))
    except (ControlPlaneUnavailable, ControlPlaneError) as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("stopped")
    return 0


def _serve(state: Path) -> None:
    with control_plane(state, _say) as plane:
        print(f"export KUBECONFIG={plane.admin_kubeconfig}", flush=True)
        _say("Ctrl-C stops it")
        signal.pause()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    for asked in (signal.SIGINT, signal.SIGTERM):  # a background job starts with SIGINT ignored
        signal.signal(asked, signal.default_int_handler)
    sys.exit(main())
