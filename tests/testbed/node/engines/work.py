"""Requests in an engine: how many wait, how many run, and what became of them."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator

from tests.testbed.node.engines.behaviour import Speaker
from tests.testbed.node.engines.host import Host


class Overloaded(Exception):
    """More requests than the engine takes."""


class GpuFailed(Exception):
    """A kernel failed under a request."""


class Work:
    """Counts, a queue, and the speed of tokens."""

    def __init__(self, host: Host, speaker: Speaker, running: int, most: int | None) -> None:
        """`running`: requests that a batch holds. `most`: with those that wait; None: no end."""
        self._host = host
        self.speaker = speaker
        self._free = threading.Semaphore(running)
        self._most = most
        self._lock = threading.Lock()
        self.waiting = 0
        self.running = 0
        self.counts: Counter[str] = Counter()
        self.tokens_read = 0
        self.tokens_written = 0

    @contextlib.contextmanager
    def admitted(self) -> Iterator[None]:
        """Around a request, from its arrival to the end of its answer. Raises Overloaded."""
        with self._lock:
            if self._most is not None and self.waiting + self.running >= self._most:
                self.counts["overloaded"] += 1
                raise Overloaded
            self.waiting += 1
            self.counts["requests"] += 1
        self._free.acquire()
        with self._lock:
            self.waiting -= 1
            self.running += 1
        try:
            yield
        except GpuFailed:
            self.counts["generation"] += 1
            raise
        else:
            self.counts["success"] += 1
        finally:
            with self._lock:
                self.running -= 1
            self._free.release()

    def tokens(self, prompt: str, limit: int | None, adapter: str | None = None) -> Iterator[str]:
        """The tokens of an answer as they come. Raises GpuFailed."""
        if self.speaker.answers == "error":
            raise GpuFailed
        if self.speaker.answers == "never":
            threading.Event().wait()
        self.tokens_read += len(prompt.split())
        for token in self.speaker.tokens(prompt, limit, adapter):
            self._host.sleep(self._host.token_seconds)
            self.tokens_written += 1
            yield token
