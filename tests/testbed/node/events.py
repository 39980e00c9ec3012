"""Events about pods, as the scheduler and the kubelet write them."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from tests.testbed.node.api import Api, ApiError

Object = dict[str, Any]


def now() -> str:
    """As the API has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Events:
    """One event for each thing that is said of an object; a repetition counts it up, at 2, 4, 8, …"""

    def __init__(self, api: Api, component: str) -> None:
        self._api = api
        self._component = component
        self._seen: dict[tuple[str, str, str], tuple[str, int]] = {}

    async def say(self, subject: Object, kind: str, reason: str, message: str) -> None:
        """`kind`: Normal or Warning."""
        meta = subject["metadata"]
        key = (meta["uid"], reason, message)
        path = f"/api/v1/namespaces/{meta['namespace']}/events"
        name, count = self._seen.get(key, (f"{meta['name']}.{secrets.token_hex(8)}", 0))
        count += 1
        self._seen[key] = (name, count)
        try:
            if count == 1:
                await self._api.create(path, self._event(subject, name, kind, reason, message))
            elif count & (count - 1) == 0:
                await self._api.patch(f"{path}/{name}", {"count": count, "lastTimestamp": now()})
        except ApiError:  # the namespace is going
            return

    def _event(self, subject: Object, name: str, kind: str, reason: str, message: str) -> Object:
        meta, time = subject["metadata"], now()
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": meta["namespace"]},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": subject.get("kind", "Pod"),
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"],
            },
            "type": kind,
            "reason": reason,
            "message": message[:1024],
            "count": 1,
            "firstTimestamp": time,
            "lastTimestamp": time,
            "source": {"component": self._component},
        }
