"""A world for each test: the fake, or the real API server."""

import itertools
import uuid
from collections.abc import AsyncIterator

import pytest

from tests.integration.cluster_port.worlds import FakeWorld, RealWorld, World, real_world
from tests.testbed.controlplane import ControlPlane

_numbers = itertools.count(1)


@pytest.fixture
async def real(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RealWorld]:
    """The real API server."""
    namespace = f"target-{next(_numbers)}-{uuid.uuid4().hex[:6]}"
    async with real_world(plane, namespace, monkeypatch) as world:
        yield world


@pytest.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Each in turn."""
    if request.param == "fake":
        yield FakeWorld()
        return
    plane: ControlPlane = request.getfixturevalue("plane")
    namespace = f"target-{next(_numbers)}-{uuid.uuid4().hex[:6]}"
    async with real_world(plane, namespace, monkeypatch) as real:
        yield real
