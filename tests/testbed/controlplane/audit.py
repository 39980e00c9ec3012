"""What was asked of an API server, and by whom: the evidence for 'at rest, no writes' and for 'no right too many'."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
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


def policy_with_reads(groups: Iterable[str]) -> str:
    """A policy that records every request of these groups of users besides, reads and discovery included.

    A watch is recorded when it begins: one that goes on has no end to be recorded.
    """
    return f"""\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    userGroups: {json.dumps(sorted(groups))}
{POLICY.partition("rules:")[2].lstrip(chr(10))}"""


_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_SETTLED = 0.05


_ANSWERED = frozenset({"ResponseStarted", "ResponseComplete"})


@dataclass(frozen=True)
class AuditedRequest:
    """One answered request; `code` says how."""

    verb: str
    """As RBAC knows it: get, list, watch, create, update, patch (server-side apply too), delete, deletecollection."""
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    user: str
    time: datetime
    """When the server received the request."""
    path: str = ""
    """What was asked for, without the query: of what is no resource, nothing else says it."""


AuditedWrite = AuditedRequest
"""One answered request that wanted to change something; `code` says whether it did."""


def read_writes(log: Path, username: str | None = None, since: datetime | None = None) -> list[AuditedWrite]:
    """The writes in an audit log, oldest first; dry runs are not writes."""
    writes = parse(_settled_text(log))
    return [
        write
        for write in writes
        if (username is None or write.user == username) and (since is None or write.time >= since)
    ]


def read_requests(log: Path, username: str) -> list[AuditedRequest]:
    """Every request of a user that an audit log holds, oldest first. Needs `policy_with_reads`.

    A watch and a log are there twice, with their beginning and their end.
    """
    *lines, _ = _settled_text(log).split("\n")
    events = (json.loads(line) for line in lines)
    found = [_request(event) for event in events if event["stage"] in _ANSWERED]
    return sorted((request for request in found if request.user == username), key=lambda request: request.time)


def parse(text: str) -> list[AuditedWrite]:
    """The writes in the text of an audit log. A line without its end, still being written, is left out."""
    *lines, _ = text.split("\n")
    events = (json.loads(line) for line in lines)
    return sorted((_request(event) for event in events if _is_write(event)), key=lambda write: write.time)


def _is_write(event: dict[str, Any]) -> bool:
    answered = event["stage"] == "ResponseComplete" and "objectRef" in event
    return answered and event["verb"] in _WRITES and "dryRun=" not in event["requestURI"]


def _request(event: dict[str, Any]) -> AuditedRequest:
    target = event.get("objectRef") or {}
    user = event.get("impersonatedUser") or event["user"]
    return AuditedRequest(
        verb=event["verb"],
        group=target.get("apiGroup", ""),
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        user=user.get("username", ""),
        time=datetime.fromisoformat(event["requestReceivedTimestamp"]),
        path=event["requestURI"].partition("?")[0],
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
