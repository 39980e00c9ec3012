"""What users see of the Deployments of a namespace, and when: a watch of the bench's own.

At rest nothing is delivered, so it costs the API server nothing that would distort the measurement.
"""

import base64
import json
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
import yaml

from slipway.api.v1alpha1 import API_VERSION

_WORDS = frozenset({"Reconciling", "Stalled", "Drifted"})


@dataclass(frozen=True)
class Seen:
    """A Deployment as it became."""

    at: float
    """When the bench learned of it, as time.time()."""
    name: str
    reasons: dict[str, str]
    """The reason of each of the conditions Reconciling, Stalled and Drifted that it has."""


class StatusWatch:
    """Collects what changes, in a thread, from the moment that it is entered."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._http = httpx2.Client(
            base_url=cluster["server"],
            headers={"Authorization": f"Bearer {user['token']}"},
            verify=ssl.create_default_context(cadata=authority),
            trust_env=False,
            timeout=30,
        )
        self._path = f"/apis/{API_VERSION}/namespaces/{namespace}/deployments"
        self._seen: list[Seen] = []
        self._problem: Exception | None = None
        self._version = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="status-watch", daemon=True)

    def __enter__(self) -> Self:
        self._version = self._http.get(self._path, params={"limit": 1}).json()["metadata"]["resourceVersion"]
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()  # the thread is a daemon: it ends with the server's next time-out, or with the process

    def seen(self) -> list[Seen]:
        """Everything so far, in order. Raises what has ended the watch."""
        if self._problem:
            raise self._problem
        return list(self._seen)

    def noticed(self, name: str, since: float) -> Seen | None:
        """The first sign that somebody has noticed what became of this Deployment's endpoint."""
        found = (one for one in self.seen() if one.name == name and one.at >= since and one.reasons)
        return next(found, None)

    def is_well(self, name: str) -> bool:
        """Whether nothing is under way or wrong, as far as is known."""
        latest = next((one for one in reversed(self.seen()) if one.name == name), None)
        return latest is None or not latest.reasons

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._follow()
        except Exception as problem:  # the thread of the bench must learn of it
            self._problem = problem

    def _follow(self) -> None:
        asked = {"watch": "1", "resourceVersion": self._version, "timeoutSeconds": "1200"}
        with self._http.stream("GET", self._path, params=asked, timeout=None) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                event: dict[str, Any] = json.loads(line)
                if event["type"] == "ERROR":
                    raise RuntimeError(f"the watch of {self._path} ended: {event['object']}")
                self._take(event["object"])

    def _take(self, raw: dict[str, Any]) -> None:
        self._version = raw["metadata"]["resourceVersion"]
        conditions = raw.get("status", {}).get("conditions", [])
        reasons = {one["type"]: one["reason"] for one in conditions if one["type"] in _WORDS}
        self._seen.append(Seen(time.time(), raw["metadata"]["name"], reasons))
