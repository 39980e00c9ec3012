"""`python -m tests.bench`: prints what `figures` describes, for each number of objects."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import report, report_noticing, subjects
from tests.bench.figures import Noticing, Round
from tests.bench.noticing import noticing
from tests.bench.subjects import Bench
from tests.bench.whole_operator import whole_operator
from tests.testbed.controlplane import ControlPlaneError, ControlPlaneUnavailable, control_plane
from tests.testbed.workbench import install

_ROOT = Path(__file__).parents[2]
_QUICK = 200
_PARTS = ("start", "noticing")


def main() -> int:
    """Measure and print. Exits with 2 where a limit of `noticing` does not hold; aims beside that are only printed."""
    options = _options()
    rounds: list[Round] = []
    found: Noticing | None = None
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        try:
            with control_plane(Path(folder), _progress) as plane:
                install(plane)
                bench = Bench.on(plane, Path(folder))
                here = report.machine(plane.origin)
                _show_machine(here)
                for objects in options.objects if "start" in options.only else ():
                    rounds.append(_round(bench, objects, options.rest))
                    print("\n" + "\n".join(report.lines(rounds[-1])), flush=True)
                if "noticing" in options.only:
                    _progress(f"{options.noticing_objects} objects: what the operator notices, and its calls at rest")
                    found = noticing(bench, options.noticing_objects, options.seed, options.rest)
                    print("\n" + "\n".join(report_noticing.lines(found)), flush=True)
        except (ControlPlaneUnavailable, ControlPlaneError) as error:
            _progress(str(error))
            return 1
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(_as_json(here, rounds, found), indent=1) + "\n")
    print(f"\nThe same as JSON: {options.output}")
    return 0 if found is None or all(aim.met for aim in report_noticing.limits(found)) else 2


def _as_json(here: report.Machine, rounds: list[Round], found: Noticing | None) -> dict[str, Any]:
    return report.as_json(here, rounds) | ({"noticing": report_noticing.as_json(found)} if found else {})


def _round(bench: Bench, objects: int, rest: float) -> Round:
    """Plain kopf comes first, on an API server with the least behind it."""
    _progress(f"{objects} objects: plain kopf")
    kopf = subjects.plain_kopf(bench, objects)
    _progress(f"{objects} objects: the loop alone")
    loop = subjects.loop_alone(bench, objects)
    _progress(f"{objects} objects: the whole operator, and {rest:.0f} s at rest")
    return Round(objects, kopf, loop, whole_operator(bench, objects, rest))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--objects", type=int, nargs="+", default=[1000, 5000], help="numbers of Deployments")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK} Deployments and 15 s at rest, no noticing")
    parser.add_argument("--only", choices=_PARTS, nargs="+", default=list(_PARTS), help="parts to measure (all)")
    parser.add_argument("--noticing-objects", type=int, default=1000, help="Deployments of the part noticing (1000)")
    parser.add_argument("--seed", type=int, default=1, help="of the endpoints and moments that noticing chooses (1)")
    parser.add_argument(
        "--rest", type=float, help="seconds to look at the operator at rest (60; noticing: 300 at least)"
    )
    name = time.strftime("%Y%m%d-%H%M%S.json")
    parser.add_argument("--output", type=Path, default=_ROOT / ".bench" / name, help="file for the figures as JSON")
    options = parser.parse_args()
    if options.quick:
        options.objects, options.only = [_QUICK], ["start"]
    if options.rest is None:
        options.rest = 15.0 if options.quick else 60.0
    return options


def _show_machine(here: report.Machine) -> None:
    packages = ", ".join(f"{name} {number}" for name, number in here.packages.items())
    print(f"{here.cores} cores ({here.processor}), load {here.load}; Python {here.python}; {packages}")
    print(here.control_plane, flush=True)


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
