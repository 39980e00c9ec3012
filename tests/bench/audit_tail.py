"""The API server's audit log, read as it grows: who wrote what, and when that was answered.

Reading the log costs the API server nothing. A watch of the bench's own would cost it as much as the subject's.
"""

import json
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Write:
    """One answered request that wanted to change something."""

    verb: str
    resource: str
    """With its subresource: deployments/status."""
    name: str
    user: str
    code: int
    answered: float
    """When the server had answered it, as time.time()."""


def parse(line: str) -> Write | None:
    """A line of an audit log; None if it is not about a write."""
    event: dict[str, Any] = json.loads(line)
    if event["stage"] != "ResponseComplete" or event["verb"] not in _WRITES or "objectRef" not in event:
        return None
    target = event["objectRef"]
    subresource = target.get("subresource")
    return Write(
        verb=event["verb"],
        resource=f"{target['resource']}/{subresource}" if subresource else target["resource"],
        name=target.get("name", ""),
        user=event["user"].get("username", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        answered=datetime.fromisoformat(event["stageTimestamp"]).timestamp(),
    )


class AuditTail:
    """The writes of one user, from the moment that this is made."""

    def __init__(self, log: Path, user: str) -> None:
        self._file = log.open("rb")
        self._file.seek(0, 2)
        self._rest = b""
        self._user = f'"username":"{user}"'.encode()
        self.writes: list[Write] = []

    def close(self) -> None:
        """Close the log."""
        self._file.close()

    def read(self) -> list[Write]:
        """What is new."""
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        mine = (parse(line.decode()) for line in lines if self._user in line)
        new = [write for write in mine if write is not None]
        self.writes += new
        return new

    def wait_for_statuses(self, number: int, timeout: float) -> float:
        """Until that many different Deployments had their status written. Returns when the last one had.

        Raises TimeoutError.
        """
        deadline = time.monotonic() + timeout
        written: dict[str, float] = {}
        while True:
            for write in self.read():
                if write.resource == "deployments/status" and write.code < 300:
                    written.setdefault(write.name, write.answered)
            if len(written) >= number:
                return max(written.values())
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(written)} of {number} objects have their status after {timeout:.0f} s")
            time.sleep(0.1)

    def wait_for_quiet(self, seconds: float, timeout: float) -> None:
        """Until nothing was written for so many seconds. Raises TimeoutError."""
        deadline = time.monotonic() + timeout
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < seconds:
            if self.read():
                quiet_since = time.monotonic()
            if time.monotonic() > deadline:
                raise TimeoutError(f"still writing after {timeout:.0f} s")
            time.sleep(0.1)

    def counts(self) -> dict[str, int]:
        """The writes so far as `verb resource`; those that were refused carry their code."""
        return dict(Counter(_label(write) for write in self.writes))


def _label(write: Write) -> str:
    refused = f" ({write.code})" if write.code >= 300 else ""
    return f"{write.verb} {write.resource}{refused}"
