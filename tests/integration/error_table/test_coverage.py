"""No row without a test, and no test here that belongs to no row."""

import importlib
from pathlib import Path

import pytest

from tests.integration.error_table.rows import ROWS

HERE = "tests.integration.error_table"
SITUATIONS = {
    "not found", "exists", "busy", "config not yet visible", "role propagation / trust", "image tag", "quota",
    "capacity (async)", "autoscaled variant, instance type changed", "delete w/o permission",
    "managed scaling w/o IC", "IC too big", "IC delete busy", "throttle", "creds",
}  # fmt: skip
"""The first column of table 3.2."""


def test_every_row_of_the_table_is_listed() -> None:
    assert set(ROWS) == SITUATIONS


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_a_test(row: str) -> None:
    assert ROWS[row]
    for name in ROWS[row]:
        module, _, function = name.rpartition(".")
        found = importlib.import_module(module if module.startswith("tests.") else f"{HERE}.{module}")
        assert function.startswith("test_")
        assert callable(getattr(found, function))


def test_every_test_belongs_to_a_row() -> None:
    listed = {name for names in ROWS.values() for name in names}
    for path in Path(__file__).parent.glob("test_*.py"):
        if path.stem != Path(__file__).stem:
            module = importlib.import_module(f"{HERE}.{path.stem}")
            tests = {f"{path.stem}.{name}" for name in vars(module) if name.startswith("test_")}
            assert tests - listed == set(), path.name
