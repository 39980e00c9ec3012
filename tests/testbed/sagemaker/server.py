"""The HTTP server: our operations on top of moto's server, which answers every other service.

werkzeug closes each connection after its answer; the operations answered here keep it open, as the real
service does (and as a bench with thousands of endpoints needs).
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import struct
import threading
from typing import Any, cast

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import ThreadedWSGIServer

from tests.testbed.sagemaker import neighbours, wire
from tests.testbed.sagemaker.lost import Lost
from tests.testbed.sagemaker.refusals import Refusal
from tests.testbed.sagemaker.service import Service


class _Server(ThreadedWSGIServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, service: Service) -> None:
        super().__init__(host, port, DomainDispatcherApplication(create_backend_app), handler=_Handler)
        self.service = service
        self.closing = threading.Event()
        self.lost: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()

    def opened(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.discard(connection)

    def drop_connections(self) -> None:
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def shutdown_request(self, request: Any) -> None:
        """A dropped connection is reset, without the orderly end that socketserver would add."""
        if request in self.lost:
            self.lost.discard(request)
            request.close()
        else:
            super().shutdown_request(request)


class _Handler(MotoRequestHandler):
    disable_nagle_algorithm = True  # or each kept connection waits 40 ms for the other side's delayed ACK

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  werkzeug's name
        """Quiet: the call log is the record."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Quiet, as above."""

    @property
    def _local(self) -> _Server:
        return cast("_Server", self.server)

    def setup(self) -> None:
        super().setup()
        self._local.opened(self.connection)

    def finish(self) -> None:
        self._local.closed(self.connection)
        super().finish()

    def run_wsgi(self) -> None:
        protocol = wire.sniff(self.path, self.headers)
        if protocol is None or (protocol != "openai" and "Content-Length" not in self.headers):
            super().run_wsgi()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            answer = self._answered(protocol, body)
        except Lost as lost:
            self._lose(lost.how)
            return
        self.wfile.write(answer.rendered())
        self.wfile.flush()

    def _answered(self, protocol: wire.Protocol, body: bytes) -> wire.Answer:
        try:
            request = wire.parse(protocol, self.path, self.headers, body)
        except Refusal as refusal:
            return wire.error(protocol, refusal)
        return self._local.service.handle(request, lambda: self._forward(body))

    def _forward(self, body: bytes) -> wire.Answer:
        """moto's answer, held back so that it can still be lost."""
        real = self.rfile, self.wfile, self.close_connection
        written = io.BytesIO()
        self.rfile, self.wfile = io.BufferedReader(cast("Any", io.BytesIO(body))), cast("Any", written)
        try:
            super().run_wsgi()
        finally:
            self.rfile, self.wfile, self.close_connection = real
        return _read_answer(written.getvalue())

    def _lose(self, how: str) -> None:
        self.close_connection = True
        if how == "timeout":
            self._wait_for_the_caller_to_give_up()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._local.lost.add(self.connection)

    def _wait_for_the_caller_to_give_up(self) -> None:
        while not self._local.closing.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.05)
            if readable:
                return


class _Bytes:
    """What http.client needs of a socket to read an answer from memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def _read_answer(data: bytes) -> wire.Answer:
    response = http.client.HTTPResponse(cast("socket.socket", _Bytes(data)))
    response.begin()
    dropped = {"connection", "content-length", "transfer-encoding", "server", "date"}
    headers = {name: value for name, value in response.getheaders() if name.lower() not in dropped}
    return wire.Answer(response.status, response.read(), headers)


class Running:
    """A server on its thread. Several may run in one process; moto's own state is theirs in common."""

    _count = 0
    _lock = threading.Lock()

    def __init__(self, service: Service, host: str, port: int) -> None:
        with Running._lock:
            if Running._count == 0:
                neighbours.reset()
            Running._count += 1
        self._server = _Server(host, port, service)
        self.host, self.port = host, self._server.port
        self._thread = threading.Thread(target=self._serve, name="local-sagemaker", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        self._server.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.drop_connections()
        self._server.server_close()
        with Running._lock:
            Running._count -= 1
