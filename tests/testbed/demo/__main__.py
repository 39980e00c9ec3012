"""`python -m tests.testbed.demo`. Signals are ours before the imports, which take a second or two."""

import sys
import time

from tests.testbed.demo.interrupts import EXIT_STATUS, Interrupts


def main() -> int:
    """Run the demo. Returns the exit status."""
    began = time.monotonic()
    interrupts = Interrupts()
    interrupts.install()
    try:
        from tests.testbed.demo.command import run

        return run(interrupts, began)
    except KeyboardInterrupt:  # before there was anything to clean up
        return EXIT_STATUS
    finally:
        interrupts.ignore()


if __name__ == "__main__":
    sys.exit(main())
