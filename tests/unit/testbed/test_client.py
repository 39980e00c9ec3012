"""The client that says of each request how it went."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.testbed.real_node.client import ask

HALF = b'{"generated_text": "it b'


class Server(BaseHTTPRequestHandler):
    """/whole, /refused, /half (the end of the connection comes too early)."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(503 if self.path == "/refused" else 200)
        self.send_header("Content-Length", str(len(HALF) * (2 if self.path == "/half" else 1)))
        self.end_headers()
        self.wfile.write(HALF)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_an_answer_that_ends_too_early_is_none(url: str) -> None:
    assert ask(f"{url}/whole", b"{}") == {"status": 200, "text": HALF.decode()}
    assert ask(f"{url}/refused", b"{}") == {"status": 503, "text": HALF.decode()}
    assert "IncompleteRead" in str(ask(f"{url}/half", b"{}")["error"])


def test_it_asks_until_its_input_ends_and_at_least_once(url: str) -> None:
    command = [sys.executable, "-m", "tests.testbed.real_node.client", f"{url}/half", "{}", "2"]
    said = subprocess.run(command, input="", capture_output=True, text=True, check=True).stdout
    assert [list(json.loads(line)) for line in said.splitlines()] == [["error"], ["error"]]
