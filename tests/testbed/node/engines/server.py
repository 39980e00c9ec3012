"""An HTTP server that drains: it stops listening, lets answers under way end, and closes idle connections."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, cast


@dataclass(frozen=True)
class Request:
    """One request, read whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """One answer. An iterator as its content is streamed, piece by piece."""

    status: int = 200
    content: bytes | Iterable[bytes] = b""
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Any, status: int = 200) -> Answer:
        """JSON."""
        return cls(status, json.dumps(data).encode())


Route = Callable[[Request], Answer]


class Server:
    """One thread a connection, none while nobody is connected."""

    def __init__(self, address: str, port: int, route: Route) -> None:
        """Opens the port. Raises OSError."""
        self.route = route
        self._listener = socket.create_server((address, port), backlog=256)
        self._lock = threading.Condition()
        self._connections: dict[socket.socket, bool] = {}
        """Whether a request is under way on it."""
        self.draining = False

    def start(self) -> None:
        """Serve, beside the caller's thread."""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, address = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections[connection] = False
            threading.Thread(target=self._talk, args=(connection, address), daemon=True).start()

    def drain(self, timeout: float) -> bool:
        """Stop listening, and wait for answers under way. Whether all were finished within `timeout` seconds."""
        self._listener.shutdown(socket.SHUT_RDWR)  # closing alone does not wake the thread that accepts
        self._listener.close()
        with self._lock:
            self.draining = True
            for connection, busy in self._connections.items():
                if not busy:
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RD)
            return self._lock.wait_for(lambda: not any(self._connections.values()), timeout)

    @property
    def under_way(self) -> int:
        """Requests that have no whole answer yet."""
        with self._lock:
            return sum(self._connections.values())

    @contextlib.contextmanager
    def busy(self, connection: socket.socket) -> Iterator[None]:
        """Around a request and its answer."""
        with self._lock:
            self._connections[connection] = True
        try:
            yield
        finally:
            with self._lock:
                self._connections[connection] = False
                self._lock.notify_all()

    def _talk(self, connection: socket.socket, address: Any) -> None:
        try:
            with contextlib.suppress(OSError):  # a client that leaves is no error of ours
                _Handler(connection, address, self)  # type: ignore[arg-type]  # it needs no more of a server
        finally:
            with self._lock:
                self._connections.pop(connection, None)
                self._lock.notify_all()
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _serve(self) -> None:
        server = cast(Server, self.server)
        with server.busy(self.connection):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            answer = server.route(Request(self.command, path, dict(self.headers.items()), body))
            self._send(answer, server)
            self.wfile.flush()
            self.close_connection = self.close_connection or server.draining

    def _send(self, answer: Answer, server: Server) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if server.draining:
            self.send_header("Connection", "close")
        if isinstance(answer.content, bytes):
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for piece in answer.content:
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    do_GET = _serve  # noqa: N815 - the base class's names
    do_POST = _serve  # noqa: N815
    do_HEAD = _serve  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """The engines log no requests by default."""
