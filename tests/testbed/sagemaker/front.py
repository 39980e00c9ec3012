"""runtime.sagemaker.<region>.amazonaws.com on this machine: an HTTPS proxy, for clients that take the URL as it is.

A client with HTTPS_PROXY set to `url` and SSL_CERT_FILE to `ca_file` asks for that host by name, over TLS, and reaches
the local SageMaker. There is no way to any other host.
"""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self, cast
from urllib.parse import urlsplit

from tests.testbed.hub.certificates import PrivateAuthority

_RUNTIME = re.compile(r"runtime\.sagemaker\.[a-z0-9-]+\.amazonaws\.com:443")
_PIECE = 65536
_PATIENCE = 70.0
"""Seconds, more than SageMaker waits for an answer."""


class Front:
    """A context manager."""

    def __init__(self, sagemaker: str, folder: Path) -> None:
        """`sagemaker`: the local one's URL; `folder`: for keys and certificates, which it makes."""
        folder.mkdir(parents=True, exist_ok=True)
        self._authority = PrivateAuthority(folder)
        self._server = _Server(("127.0.0.1", 0), _Tunnel)
        self._server.front = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="front", daemon=True)
        self._lock = threading.Lock()
        self._contexts: dict[str, ssl.SSLContext] = {}
        there = urlsplit(sagemaker)
        self.there = (there.hostname or "", there.port or 80)
        self.ca_file = self._authority.ca_file
        host, port = self._server.server_address[:2]
        self.url = f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def context(self, host: str) -> ssl.SSLContext:
        """TLS with a certificate for this host."""
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._authority.server_context(host)
            return self._contexts[host]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    front: Front


class _Tunnel(socketserver.StreamRequestHandler):
    rbufsize = 0  # what follows the CONNECT is TLS's to read

    def handle(self) -> None:
        method, _, rest = self.rfile.readline(_PIECE).decode("latin-1").partition(" ")
        target = rest.split(" ")[0]
        while self.rfile.readline(_PIECE).strip():
            pass
        if method != "CONNECT" or not _RUNTIME.fullmatch(target):
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        front = cast("_Server", self.server).front
        host = target.partition(":")[0]
        try:
            with (
                front.context(host).wrap_socket(self.request, server_side=True) as client,
                socket.create_connection(front.there, timeout=_PATIENCE) as there,
            ):
                client.settimeout(_PATIENCE)
                back = threading.Thread(target=_pump, args=(there, client), daemon=True)
                back.start()
                _pump(client, there)
                back.join()
        except OSError:  # one of the two has gone; so has what they talked about
            return


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Until the source has nothing more to say. The sink is told."""
    try:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                sink.sendall(piece)
    finally:
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR if isinstance(sink, ssl.SSLSocket) else socket.SHUT_WR)
