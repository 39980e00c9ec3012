"""What happens where these tests cannot run."""

import os
from typing import NoReturn

import pytest


def is_required() -> bool:
    """Whether they have to run."""
    return os.environ.get("SLIPWAY_E2E") == "required"


def do_without(why: Exception) -> NoReturn:
    """`make e2e` ends and says why; other runs skip the tests, and say why."""
    if is_required():
        pytest.exit(str(why), returncode=1)
    pytest.skip(str(why))
