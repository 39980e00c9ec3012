"""Kubernetes events: one for each transition of conditions, sent beside the work, never in its way."""

import asyncio
import logging
import os
from typing import Any

from slipway.api.v1alpha1 import API_VERSION
from slipway.domain.conditions import Finding, Transition
from slipway.domain.errors import OutsideError
from slipway.kube import Kube
from slipway.loop.clock import Clock
from slipway.loop.keys import Key
from slipway.telemetry.metrics import Metrics

_CAPACITY = 1000
_MESSAGE_LIMIT = 1000  # characters; the API server allows 1024
log = logging.getLogger(__name__)


class EventRecorder:
    """Sends events one after the other. When too many wait, further ones are dropped and counted."""

    def __init__(self, kube: Kube, clock: Clock, metrics: Metrics) -> None:
        self._kube = kube
        self._clock = clock
        self._metrics = metrics
        self._waiting: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(_CAPACITY)

    def record(self, key: Key, uid: str, transition: Transition) -> None:
        """Note that a condition of an object changed."""
        kind = "Warning" if transition.is_warning else "Normal"
        self._note(key, uid, kind, transition.reason, transition.message)

    def warn(self, key: Key, uid: str, finding: Finding) -> None:
        """Note something about an object, which need not exist any more."""
        self._note(key, uid, "Warning", finding.reason, finding.message)

    def _note(self, key: Key, uid: str, kind: str, reason: str, message: str) -> None:
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{key.name}-", "namespace": key.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": key.kind,
                "namespace": key.namespace,
                "name": key.name,
                "uid": uid,
            },
            "type": kind,
            "reason": reason,
            "message": message[:_MESSAGE_LIMIT],
            "source": {"component": "slipway"},
            "reportingComponent": "slipway",
            "reportingInstance": os.environ.get("HOSTNAME", "slipway"),
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            self._waiting.put_nowait((key.namespace, event))
        except asyncio.QueueFull:
            self._metrics.events_dropped.inc()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            namespace, event = await self._waiting.get()
            try:
                await self._kube.create_event(namespace, event)
            except OutsideError as refused:  # such as a namespace that is being deleted
                self._metrics.events_dropped.inc()
                log.info("an event could not be recorded: %s", refused)
