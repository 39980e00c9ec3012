"""One control plane for the whole session, a namespace and fresh doubles for each test."""

import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testbed.controlplane import ControlPlane, control_plane
from tests.testbed.hub.models import llama_8b_repository
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


@pytest.fixture
def commit(bench: Workbench) -> str:
    """A public repository acme/twin; its newest commit."""
    bench.hub.create_repo("acme/twin")
    return bench.hub.commit("acme/twin", llama_8b_repository(shards=1))
