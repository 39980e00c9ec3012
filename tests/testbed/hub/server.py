"""The HTTP side of the local Hub: connections, ranges, faults and the CDN's own origin."""

import contextlib
import re
import socket
import ssl
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, urlsplit

from tests.testbed.hub.content import Content
from tests.testbed.hub.faults import Fault, Kind
from tests.testbed.hub.routes import Call, Reply

if TYPE_CHECKING:
    from tests.testbed.hub.hub import LocalHub

GARBAGE = b"<!DOCTYPE html><html><body>Sign in to the guest network</body></html>"
TRICKLE_SECONDS = 0.02


class HubServer(ThreadingHTTPServer):
    """One origin: the Hub itself, or the CDN that its redirects lead to."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, hub: "LocalHub", host: str, port: int, tls: ssl.SSLContext | None, *, is_cdn: bool) -> None:
        super().__init__((host, port), Handler)
        self.hub = hub
        self.is_cdn = is_cdn
        if tls is not None:
            # The handshake belongs into the connection's thread: a stranger must not block the accepting one.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://{host}:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves, or does not trust us, is no error of ours; the rest fails the test."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.hub.crashes.append(error)


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive as the Hub keeps it."""

    protocol_version = "HTTP/1.1"
    server_version = "local-hub"
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """The hub keeps its own log."""

    def _serve(self) -> None:
        server = cast("HubServer", self.server)
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = Call(self.command, parts.path, parse_qs(parts.query), dict(self.headers.items()), body)
        reply, fault = server.hub.serve(call, is_cdn=server.is_cdn)
        if fault is not None and fault.kind is not Kind.STATUS:
            self._misbehave(fault, server.hub)
            return
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        status, start, end = _range(self.headers.get("Range"), reply)
        self.send_response(status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if status in (206, 416):
            span = f"{start}-{end - 1}" if status == 206 else "*"
            self.send_header("Content-Range", f"bytes {span}/{reply.content.size}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if self.command != "HEAD":
            self._write(reply.content, start, end)
        self.wfile.flush()

    def _write(self, content: Content, start: int, end: int) -> None:
        for chunk in content.chunks(start, end):
            self.wfile.write(chunk)

    def _misbehave(self, fault: Fault, hub: "LocalHub") -> None:
        self.close_connection = fault.kind is not Kind.GARBAGE
        if fault.kind is Kind.HANG:
            hub.released.wait()
        elif fault.kind is Kind.GARBAGE:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(GARBAGE)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(GARBAGE)
            self.wfile.flush()
        elif fault.kind is Kind.TRICKLE:
            self._trickle(hub)
        else:
            # Closing with a linger time of zero sends RST, not FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _trickle(self, hub: "LocalHub") -> None:
        """Headers without an end, a byte at a time: each read succeeds, the answer never comes."""
        with contextlib.suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not hub.released.wait(TRICKLE_SECONDS):
                self.wfile.write(b"x")
                self.wfile.flush()


def _range(header: str | None, reply: Reply) -> tuple[int, int, int]:
    """Status, start and end (not included) of what is sent."""
    size = reply.content.size
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "")
    if found is None or reply.status != 200 or reply.headers.get("Accept-Ranges") != "bytes":
        return reply.status, 0, size
    first, last = found.groups()
    if not first:
        return 206, max(0, size - int(last or 0)), size
    start, end = int(first), min(size, int(last) + 1 if last else size)
    return (206, start, end) if start < end else (416, 0, 0)
