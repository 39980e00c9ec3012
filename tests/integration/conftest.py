"""One control plane for the whole session, a namespace and fresh doubles for each test."""

import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testbed.controlplane import ControlPlane, control_plane
from tests.testbed.workbench import Workbench, install, workbench

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("control-plane")) as plane:
        install(plane)
        yield plane


@pytest.fixture
def bench(plane: ControlPlane, tmp_path: Path) -> Iterator[Workbench]:
    """Everything but the operator, which the test starts."""
    with workbench(plane, tmp_path, f"test-{next(_numbers)}-{uuid.uuid4().hex[:6]}") as bench:
        yield bench
