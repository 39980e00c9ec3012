"""JSON logs; every line written during a pass carries the object and the number of the pass."""

import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

from slipway.loop.keys import Key

_pass: ContextVar[tuple[Key, int] | None] = ContextVar("pass", default=None)
_numbers = itertools.count(1)


@contextmanager
def during_pass(key: Key) -> Iterator[None]:
    """Mark the log lines of this task with the object and a number of their own."""
    token = _pass.set((key, next(_numbers)))
    try:
        yield
    finally:
        _pass.reset(token)


class _AddPass(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        current = _pass.get()
        if current:
            key, number = current
            record.object = {"kind": key.kind, "namespace": key.namespace, "name": key.name}
            record.reconcile = number
        return True


def set_up(level: str) -> None:
    """Write JSON lines to standard error."""
    handler = logging.StreamHandler()
    handler.addFilter(_AddPass())
    handler.setFormatter(
        JsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            json_default=repr,  # python-json-logger's own spells dataclasses out, a token's value included
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # kopf says "Handler ... succeeded" for every event; httpx2 logs every URL, signed ones included, and httpcore2
    # every header: they stay quiet at every level.
    for noisy in ("kopf", "httpx2", "httpcore2", "botocore", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    # It writes a traceback for each renewal that fails while the old credentials last; the request says what matters.
    logging.getLogger("botocore.credentials").setLevel(max(logging.ERROR, logging.getLevelName(level)))
