"""Property tests try the same examples in every run, so that a red one means a change; HYPOTHESIS_PROFILE=explore
tries others, HYPOTHESIS_PROFILE=unshrunk too, and shows a failure at once instead of looking for the shortest one."""

import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

_E2E = Path(__file__).parent / "e2e"

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.register_profile("unshrunk", deadline=None, phases=(Phase.generate,))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side (--dist loadgroup) a file stays in one process; those of e2e stay together, and share a cluster."""
    for item in items:
        group = "e2e" if _E2E in item.path.parents else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
