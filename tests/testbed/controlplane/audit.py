"""What was written through an API server, and by whom: the evidence for 'at rest, no writes'."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
  - level: None
    verbs: [get, list, watch]
  - level: None
    nonResourceURLs: ["*"]
  - level: Metadata
"""

_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_SETTLED = 0.05


@dataclass(frozen=True)
class AuditedWrite:
    """One answered request that wanted to change something; `code` says whether it did."""

    verb: str
    """create, update, patch (server-side apply too), delete or deletecollection."""
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    user: str
    time: datetime
    """When the server received the request."""


def read_writes(log: Path, username: str | None = None, since: datetime | None = None) -> list[AuditedWrite]:
    """The writes in an audit log, oldest first; dry runs are not writes."""
    writes = parse(_settled_text(log))
    return [
        write
        for write in writes
        if (username is None or write.user == username) and (since is None or write.time >= since)
    ]


def parse(text: str) -> list[AuditedWrite]:
    """The writes in the text of an audit log. A line without its end, still being written, is left out."""
    *lines, _ = text.split("\n")
    events = (json.loads(line) for line in lines)
    return sorted((_write(event) for event in events if _is_write(event)), key=lambda write: write.time)


def _is_write(event: dict[str, Any]) -> bool:
    answered = event["stage"] == "ResponseComplete" and "objectRef" in event
    return answered and event["verb"] in _WRITES and "dryRun=" not in event["requestURI"]


def _write(event: dict[str, Any]) -> AuditedWrite:
    target = event["objectRef"]
    user = event.get("impersonatedUser") or event["user"]
    return AuditedWrite(
        verb=event["verb"],
        group=target.get("apiGroup", ""),
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        user=user.get("username", ""),
        time=datetime.fromisoformat(event["requestReceivedTimestamp"]),
    )


def _settled_text(log: Path) -> str:
    """The log once it has stopped growing for a moment.

    In blocking mode the server writes an event before a request is over, but the client may have the answer a
    little earlier than that. A busy cluster never settles, so there is an end to the wait.
    """
    size, deadline = -1, time.monotonic() + 1
    while log.exists() and (now := log.stat().st_size) != size and time.monotonic() < deadline:
        size = now
        time.sleep(_SETTLED)
    return log.read_text() if log.exists() else ""
