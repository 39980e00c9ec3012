"""One control plane for the whole session, a namespace and fresh doubles for each test."""

import itertools
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.integration.crashing import Stage
from tests.testbed.controlplane import ControlPlane, control_plane
from tests.testbed.hub.models import llama_8b_repository
from tests.testbed.workbench import Workbench, install, operators_kubeconfig, workbench

TOGETHER = 4
"""Flows that run at the same time, each with its own operator, namespace and doubles. They mostly wait."""
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


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """For flows: one that does not wait keeps an interpreter busy. Spawned, because this process has threads."""
    with ProcessPoolExecutor(TOGETHER, get_context("spawn")) as pool:
        yield pool


@pytest.fixture
def stage(plane: ControlPlane, tmp_path: Path) -> Stage:
    """Where flows in other processes take place."""
    return Stage(replace(plane, servers=None), tmp_path, operators_kubeconfig(plane, tmp_path / "kubeconfig"))
