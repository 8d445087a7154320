"""An API server for tests: serves the state of a `FakeApiServer` over HTTP.

Queued faults replace the answers to the next requests.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from support.fake_cluster import FakeApiServer, Fault, Request, status_response
from support.running_server import running

__all__ = ["FakeApiServer", "Fault", "kubeconfig", "serving"]


def kubeconfig(directory: Path, server: str, token: str = "the-token") -> Path:
    """Write a kubeconfig file, in the format of `kubectl`, and return its path."""
    path = directory / "kubeconfig"
    path.write_text(
        "{apiVersion: v1, kind: Config, current-context: c,"
        f" clusters: [{{name: c, cluster: {{server: '{server}'}}}}],"
        f" users: [{{name: u, user: {{token: {token}}}}}],"
        " contexts: [{name: c, context: {cluster: c, user: u}}]}"
    )
    return path


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fake: FakeApiServer) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore the error: some tests use clients that disconnect early."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Send headers and body in one piece, as a real server does. A separate body would wait 40 ms for the
    # client's delayed acknowledgement.
    wbufsize = -1
    server: _Server

    def handle_request(self) -> None:
        fake, request = self.server.fake, self._request()
        fake.requests.append(request)
        fault = fake.faults.pop(0) if fake.faults else Fault()
        answer = fake.serve(request) if fault.after_serving or not fault.status else None
        if not fault.drop or fault.after_serving:
            time.sleep(fault.delay_seconds)
        if fault.drop:
            self._drop()
            return
        if fault.status:
            answer = status_response(fault.status, fault.message)
        status, headers, body = answer or status_response(HTTPStatus.INTERNAL_SERVER_ERROR, "no answer")
        self._answer(status, {**headers, **fault.headers}, body if fault.body is None else fault.body)

    do_GET = do_POST = do_PATCH = do_DELETE = handle_request  # noqa: N815 (names that http.server requires)

    def _request(self) -> Request:
        split = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return Request(
            self.command,
            split.path,
            dict(parse_qsl(split.query)),
            {name.lower(): value for name, value in self.headers.items()},
            json.loads(raw) if raw else None,
        )

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drop(self) -> None:
        # With linger set to zero the client sees a reset, as when a load balancer drops a connection.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (overridden name)
        pass


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[FakeApiServer]:
    """Run a server on a free port of 127.0.0.1."""
    fake = FakeApiServer()
    with _Server(fake) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        fake.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        with running(server):
            yield fake
