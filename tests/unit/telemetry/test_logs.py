"""Log lines: JSON, with the object and the number of the pass, and without secrets."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from contextlib import redirect_stderr
from typing import Any

import pytest

from slipway.domain.errors import Rejected
from slipway.domain.models import RegistryToken
from slipway.registries.huggingface_errors import redacted
from slipway.telemetry import logs
from tests.unit.loop.fakes import key

A, B = key("a"), key("b", "ModelVersion")
NOISY = ("kopf", "httpx2", "httpcore2", "botocore", "aiohttp.access")
SECRET = "hf_ThisMustNeverBeSeenAnywhere"
log = logging.getLogger("slipway.test")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in NOISY}
    for handler in handlers:
        root.removeHandler(handler)  # or `force` would close pytest's own
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.NOTSET)
    yield
    root.handlers[:], root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


class Lines:
    """What is written to standard error."""

    def __init__(self, level: str) -> None:
        self._stream = io.StringIO()
        self.set_up(level)

    def set_up(self, level: str) -> None:
        with redirect_stderr(self._stream):
            logs.set_up(level)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def lines() -> Lines:
    return Lines("INFO")


def test_a_line_is_json_with_time_level_and_logger(lines: Lines) -> None:
    log.warning("%s is\nodd", "something")
    (line,) = lines.read()
    assert line.pop("time")
    assert line == {"level": "WARNING", "logger": "slipway.test", "message": "something is\nodd"}


def test_during_a_pass_it_names_the_object_and_the_pass(lines: Lines) -> None:
    with logs.during_pass(A):
        log.info("one")
        log.info("two")
    with logs.during_pass(A):
        log.info("three")
    one, two, three = lines.read()
    assert one["object"] == {"kind": "Deployment", "namespace": "ml", "name": "a"}
    assert one["reconcile"] == two["reconcile"] < three["reconcile"]


def test_after_a_pass_it_does_not_even_if_the_pass_failed(lines: Lines) -> None:
    with pytest.raises(ValueError, match="a defect"), logs.during_pass(A):
        raise ValueError("a defect")
    log.info("afterwards")
    (line,) = lines.read()
    assert "object" not in line
    assert "reconcile" not in line


async def test_passes_side_by_side_do_not_mix(lines: Lines) -> None:
    async def work(one: Any) -> None:
        with logs.during_pass(one):
            for _ in range(3):
                log.info(one.name)
                await asyncio.sleep(0)

    await asyncio.gather(work(A), work(B))
    found = lines.read()
    assert len(found) == 6
    assert all(line["object"]["name"] == line["message"] for line in found)


def test_lines_of_libraries_carry_the_object_too(lines: Lines) -> None:
    with logs.during_pass(B):
        logging.getLogger("some.library").error("trouble")
    (line,) = lines.read()
    assert line["object"]["kind"] == "ModelVersion"


def failed(error: Exception, cause: Exception | None = None) -> Exception:
    """An error as it is caught, with its traceback."""
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def test_a_traceback_is_one_line(lines: Lines) -> None:
    log.error("it failed", exc_info=failed(ValueError("a defect")))
    (line,) = lines.read()
    assert "Traceback" in line["exc_info"]
    assert "ValueError: a defect" in line["exc_info"]


def test_no_line_holds_a_token(lines: Lines) -> None:
    token = RegistryToken(SECRET)
    error = redacted(Rejected("TokenInvalid", f"the server echoed {SECRET}"), token)
    log.info("%s %r %s", token, token, {"token": token})
    log.error("it failed with %s", error, exc_info=failed(ValueError(token), error))
    assert len(lines.read()) == 2
    assert SECRET not in lines.text


def test_nor_does_what_is_attached_to_a_line(lines: Lines) -> None:
    """The formatter writes dataclasses out field by field, whatever their repr hides."""
    log.info("with more", extra={"token": RegistryToken(SECRET), "tokens": [RegistryToken(SECRET)]})
    assert lines.text
    assert SECRET not in lines.text


@pytest.mark.parametrize(("level", "written"), [("DEBUG", 3), ("INFO", 2), ("ERROR", 1)])
def test_the_level_is_the_one_that_was_asked_for(level: str, written: int) -> None:
    lines = Lines(level)
    for severity in (logging.DEBUG, logging.INFO, logging.ERROR):
        log.log(severity, "a line")
    assert len(lines.read()) == written


@pytest.mark.parametrize("library", NOISY)
@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_libraries_that_log_urls_and_headers_are_quiet_at_every_level(library: str, level: str) -> None:
    lines = Lines(level)
    logging.getLogger(f"{library}.below").info("GET https://cdn.example/model?signature=secret")
    logging.getLogger(library).warning("something is wrong")
    assert [line["message"] for line in lines.read()] == ["something is wrong"]


def test_setting_up_twice_writes_each_line_once(lines: Lines) -> None:
    lines.set_up("INFO")
    log.info("once")
    assert len(lines.read()) == 1


@pytest.mark.parametrize("level", ["DEBUG", "WARNING"])
def test_credentials_that_cannot_be_renewed_yet_are_not_written_about(level: str) -> None:
    lines = Lines(level)
    logging.getLogger("botocore.credentials").warning("Refreshing temporary credentials failed")
    assert lines.read() == []
