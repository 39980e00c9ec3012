"""Access keys that are no longer good. [M] which code each protocol has for it."""

from __future__ import annotations

import threading

from tests.testbed.sagemaker.refusals import Refusal

_EXPIRED = "The security token included in the request is expired"
_INVALID = "The security token included in the request is invalid."


class Credentials:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expired: set[str] = set()
        self._invalid: set[str] = set()

    def expire(self, *keys: str) -> None:
        with self._lock:
            self._expired.update(keys)

    def invalidate(self, *keys: str) -> None:
        with self._lock:
            self._invalid.update(keys)

    def check(self, key: str, protocol: str) -> None:
        """Raises ExpiredTokenException or UnrecognizedClientException, in the query protocol's words if need be."""
        if not self._expired and not self._invalid:
            return
        query = protocol == "query"
        status = 400 if protocol == "json" else 403
        with self._lock:
            expired, invalid = key in self._expired, key in self._invalid
        if expired:
            raise Refusal("ExpiredToken" if query else "ExpiredTokenException", _EXPIRED, status)
        if invalid:
            raise Refusal("InvalidClientTokenId" if query else "UnrecognizedClientException", _INVALID, status)
