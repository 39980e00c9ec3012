"""What a container needs of its pod and of its node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.testbed.node.environment import Surroundings
from tests.testbed.node.images import Image
from tests.testbed.node.mounts import Volume
from tests.testbed.node.runtime import Sandbox

Say = Callable[[str, str, str], Awaitable[None]]
"""Kind, reason and message of an event."""


@dataclass(frozen=True)
class Surrounding:
    """What a container needs of its pod."""

    sandbox: Sandbox
    surroundings: Surroundings
    volumes: Mapping[str, Volume]
    session: aiohttp.ClientSession
    pull: Callable[[str], Awaitable[tuple[Image | None, bool]]]
    """The image of a name, None where there is none, and whether it had to be pulled."""
    say: Say
    changed: Callable[[], None]
    logs: Path
