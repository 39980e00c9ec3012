"""python -m tests.testbed.sagemaker --port 4566: serves until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys

from tests.testbed.sagemaker import ROLE, LocalSageMaker
from tests.testbed.sagemaker.rules import default_durations


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.testbed.sagemaker", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: the kernel chooses")
    parser.add_argument("--role", action="append", default=[], help=f"a role SageMaker may assume ({ROLE})")
    parser.add_argument("--trust", action="append", default=[], help="a role the caller may assume with STS")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each transition takes")
    options = parser.parse_args()
    steps = set(default_durations()) - {"ActivatingTraffic"}
    stopping = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)  # before the threads: they inherit it
    with LocalSageMaker(port=options.port, durations=dict.fromkeys(steps, options.seconds)) as sagemaker:
        sagemaker.add_role(*(options.role or [ROLE]))
        for role in options.trust:
            sagemaker.trust(role)
        sys.stdout.write(f"{sagemaker.url}\n")
        sys.stdout.flush()
        signal.sigwait(stopping)


if __name__ == "__main__":
    main()
