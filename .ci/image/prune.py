"""Removes from a virtual environment what the operator never runs, and compiles the rest.

    python image/prune.py VIRTUAL_ENVIRONMENT

- the typed clients of the package `kubernetes`, some 70 MB of generated code: the operator speaks to the API server
  through the dynamic client alone
- botocore's descriptions of services that are never called: 430 of 440
- tests and console scripts of other packages

What goes is taken out of the packages' RECORD, too, so that they say what is there. A test of the image imports every
module of the operator, and makes a client of every service that its source names.
"""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

CALLED = frozenset({"sagemaker", "sagemaker-runtime", "cloudwatch", "iam", "sts"})
"""The services of AWS that the operator calls."""
LOGIN = frozenset({"sts", "sso", "sso-oidc", "signin"})
"""Those with which botocore comes by credentials: roles, and what ~/.aws/config says where a person runs the image."""
SERVICES = CALLED | LOGIN
TYPED = ("client/models", "client/api", "aio/client/models", "aio/client/api")
"""Generated code in the package `kubernetes`, whose modules load each other by name when one is asked for."""
KEPT = frozenset({"__init__.py", "v1_object_meta.py", "v1_owner_reference.py", "v1_managed_fields_entry.py"})
"""kopf asks for the first two of these objects when it is imported (kopf/_cogs/helpers/thirdparty.py)."""
SCRIPTS = re.compile(r"python[\d.]*|slipway")


def main(environment: Path) -> None:
    """Prune the environment, whatever version of Python it is of."""
    (packages,) = environment.glob("lib/python*/site-packages")
    for path in surplus(packages):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for script in (environment / "bin").iterdir():
        if not SCRIPTS.fullmatch(script.name):
            script.unlink()
    (environment / ".lock").unlink(missing_ok=True)  # uv's own, which anybody may write to
    for record in packages.glob("*.dist-info/RECORD"):
        amend(record, packages)
    # By hash and unchecked, so that what is compiled does not change with the time at which it is.
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-j", "0"]
    subprocess.run([*command, str(packages)], check=True)


def surplus(packages: Path) -> Iterator[Path]:
    """What may go from site-packages. Raises SystemExit where a package is not as it was when this was written."""
    services = [path for path in (packages / "botocore" / "data").glob("*") if path.is_dir()]
    typed = [path for folder in TYPED for path in (packages / "kubernetes" / folder).glob("*.py")]
    if not services or len(typed) < len(TYPED) * 50:
        raise SystemExit("botocore or kubernetes is laid out differently: look at image/prune.py again")
    if lacking := SERVICES - {path.name for path in services}:
        raise SystemExit(f"botocore has no {', '.join(sorted(lacking))}: look at SERVICES in image/prune.py")
    yield from (path for path in services if path.name not in SERVICES)
    yield from (path for path in typed if path.name not in KEPT)
    yield from packages.glob("*/tests")


def amend(record: Path, packages: Path) -> None:
    """Take out of a RECORD what is not there any more.

    https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file
    """
    rows = list(csv.reader(record.read_text().splitlines()))
    there = [row for row in rows if os.path.lexists(packages / row[0])]
    if there != rows:
        record.write_text(_table(there))


def _table(rows: Iterable[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
