"""GET /metrics over HTTP, or HTTPS with the certificates of the backend. With a token it is asked for here too, and
client certificates are. Without, everybody on this machine may ask, also where the backend's own socket is its user's
alone."""

from __future__ import annotations

import hmac
import socket
import ssl
import threading
from contextlib import suppress
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import urlparse

from prometheus_client import CollectorRegistry, MetricsHandler

from ..rpc.security import AddressRefused, TlsFiles

AT_ONCE = 8
"""Requests; one more is not answered."""
DEADLINE_S = 10.0
"""For a request from its first byte to the last of its answer."""


class MetricsEndpoint:
    """Serves on a thread of its own until `close`. Raises AddressRefused for an address that cannot be had."""

    def __init__(
        self, address: tuple[str, int], registry: CollectorRegistry, token: str | None, tls: TlsFiles | None
    ) -> None:
        host, port = address
        try:
            self._server = _Server((host.strip("[]"), port), _handler(registry, token), tls)
        except OSError as error:
            raise AddressRefused(f"metrics at {host}:{port}: {error.strerror or error}") from error
        self.address = f"{host}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """No more requests are taken."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = AT_ONCE

    def __init__(self, address: tuple[str, int], handler: type[MetricsHandler], tls: TlsFiles | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._tls = tls and _context(tls)
        self._room = threading.Semaphore(AT_ONCE)
        super().__init__(address, handler)

    def get_request(self) -> tuple[Any, Any]:
        connection, peer = super().get_request()
        connection.settimeout(DEADLINE_S)
        if self._tls is not None:  # the handshake comes with the first read, on the request's own thread
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, peer

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        late = threading.Timer(DEADLINE_S, _end, [request])
        late.daemon = True
        late.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            late.cancel()
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that leaves, or speaks no HTTP, is nothing to write down."""


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _handler(registry: CollectorRegistry, token: str | None) -> type[MetricsHandler]:
    expected = None if token is None else f"Bearer {token}".encode()
    served = registry

    class Handler(MetricsHandler):
        registry = served
        server_version, sys_version = "mrpo", ""

        def do_GET(self) -> None:  # noqa: N802
            given = self.headers.get_all("authorization", [])
            if expected is not None and not (len(given) == 1 and hmac.compare_digest(given[0].encode(), expected)):
                self._refuse(401, "WWW-Authenticate", "Bearer")
            elif urlparse(self.path).path != "/metrics":
                self._refuse(404, "Content-Location", "/metrics")
            else:
                super().do_GET()

        def _refuse(self, status: int, header: str, value: str) -> None:
            self.send_response(status)
            self.send_header(header, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    if files.client_ca is not None:
        context.load_verify_locations(files.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
