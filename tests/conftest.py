"""Property tests try the same examples in every run, so that a red one means a change; HYPOTHESIS_PROFILE=explore
tries others, HYPOTHESIS_PROFILE=unshrunk too, and shows a failure at once instead of looking for the shortest one."""

import os
from typing import Any

import pytest
from hypothesis import Phase, settings
from xdist.scheduler import LoadFileScheduling

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.register_profile("unshrunk", deadline=None, phases=(Phase.generate,))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


class FileByFile(LoadFileScheduling):
    """Side by side a file stays in one process; those of e2e stay together, and share a cluster."""

    def _split_scope(self, nodeid: str) -> str:
        return "e2e" if nodeid.startswith("tests/e2e/") else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """For --dist loadfile. Marks for --dist loadgroup would do, but pytest 9.2 makes nothing of them:
    https://github.com/pytest-dev/pytest-xdist/issues/1386
    """
    return FileByFile(config, log) if config.getvalue("dist") == "loadfile" else None
