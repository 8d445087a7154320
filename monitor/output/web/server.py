"""The HTTP server: one thread and one deadline for each connection.

No client can lock out another. A connection ends after one response, after a silence, and at its deadline. At
the connection limit, the server looks for the client address with the most connections that wait for their
client to send or to read, and closes the one that has waited longest. At most `answers` pages are computed at
the same time, so such a connection always exists. `/-/...` is exempt from that limit, so that probes are
answered whatever other clients do.
"""

from __future__ import annotations

import errno
import logging
import re
import socket
import ssl
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, NamedTuple

from monitor.errors import MonitorError
from monitor.output.web.site import PROBES, Response, Site, line
from monitor.output.web.tls import Certificate

# A connection is closed up to this share of its deadline early, so that an idle server rarely wakes up.
_POLL_RATIO = 0.1
_BODY_DISCARDED_BYTES = 65536
_METHODS = ("GET", "HEAD")
_ABSOLUTE = re.compile(r"^https?://[^/?]*", re.IGNORECASE)

# As in `socketserver`; the tuple is for datagrams, which this server does not use.
_Request = socket.socket | tuple[bytes, socket.socket]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a server: a client's silence and total time, open connections, concurrent responses."""

    silence_seconds: float = 10.0
    deadline_seconds: float = 30.0
    connections: int = 64
    answers: int = 16


class _Connection(NamedTuple):
    host: str
    deadline: float


class WebServer:
    """Serves a site at one address, from `start` to `stop`."""

    def __init__(
        self,
        listen: tuple[str, int],
        site: Site,
        certificate: Certificate | None = None,
        limits: Limits = Limits(),
    ) -> None:
        self._listen, self._site, self._certificate, self._limits = listen, site, certificate, limits
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port number that is served; before `start`, the requested one."""
        return int(self._server.server_address[1]) if self._server else self._listen[1]

    def start(self) -> None:
        """Listen, and serve in a thread.

        Raises:
            MonitorError: the address cannot be listened on.
        """
        self._server = _Server(self._listen, self._site, self._certificate, self._limits)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(self._server.poll_seconds,), name="web", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and close open connections; repeated calls do nothing."""
        if self._server is None or self._thread is None:
            return
        _cut(self._server.socket)  # wakes up the thread, so that `shutdown` does not wait for its next poll
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = self._thread = None


class _Server(ThreadingMixIn, TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(
        self, listen: tuple[str, int], site: Site, certificate: Certificate | None, limits: Limits
    ) -> None:
        self.site, self._certificate, self._limits = site, certificate, limits
        self.poll_seconds = _POLL_RATIO * limits.deadline_seconds
        self._connected: dict[_Request, _Connection] = {}  # longest wait for the client first
        self._answering: set[_Request] = set()
        self._pages = threading.Semaphore(limits.answers)
        host, port = listen
        # Listen on IPv6 too: a pod may have only an IPv6 address, which 0.0.0.0 does not cover.
        self._dual_stack = not host and socket.has_dualstack_ipv6()
        try:
            self.address_family, address = _address("::" if self._dual_stack else host, port)
            super().__init__(address, _Handler)
        except OSError as error:
            where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            raise MonitorError(f"{where} {_obstacle(error)}") from error

    def server_bind(self) -> None:
        if self._dual_stack:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; its own thread does the TLS handshake."""
        connection, address = super().get_request()
        connection.settimeout(self._limits.silence_seconds)
        if self._certificate is None:
            return connection, address
        try:
            encrypted = self._certificate.context().wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        except OSError:
            connection.close()
            raise
        return encrypted, address

    def verify_request(self, request: _Request, client_address: tuple[str, int]) -> bool:
        """Set a connection's deadline; at the limit, close another one to make room."""
        if len(self._connected) >= self._limits.connections:
            waiting = {
                each: connection.host
                for each, connection in self._connected.copy().items()
                if each not in self._answering
            }
            if not waiting:
                _log.debug("%s: refused, %d answers are being computed", client_address, len(self._answering))
                return False
            ((host, _),) = Counter(waiting.values()).most_common(1)
            _log.debug("%s: a connection of %s is closed to make room", client_address, host)
            self._close(next(each for each in waiting if waiting[each] == host))
        deadline = time.monotonic() + self._limits.deadline_seconds - self.poll_seconds
        self._connected[request] = _Connection(client_address[0], deadline)
        return True

    def answer(self, request: _Request, target: str, headers: Message) -> Response:
        """Return the site's response; 503 if too many pages are being computed.

        Raises:
            ConnectionError: this server closed the connection, which the parser takes for the end of the
                headers.
        """
        if request not in self._connected:
            raise ConnectionAbortedError("closed before its request was complete")
        page = not target.startswith(PROBES)
        if page and not self._pages.acquire(blocking=False):
            return line(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at the same time: try again later")
        self._answering.add(request)
        try:
            return self.site.answer(target, headers)
        finally:
            # The client has the rest of its deadline to read the response: move it to the end of the order.
            if (connection := self._connected.pop(request, None)) is not None:
                self._connected[request] = connection
            self._answering.discard(request)
            if page:
                self._pages.release()

    def shutdown_request(self, request: _Request) -> None:
        self._connected.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Close connections that are past their deadline; called at every poll."""
        now = time.monotonic()
        for request, connection in self._connected.copy().items():
            if now > connection.deadline:
                self._close(request)

    def server_close(self) -> None:
        super().server_close()
        for request in self._connected.copy():
            self._close(request)

    def _close(self, request: _Request) -> None:
        self._connected.pop(request, None)
        _cut(request)

    def handle_error(self, _request: _Request, client_address: object) -> None:
        """Log a connection that the client ended early, or that was not HTTP."""
        _log.debug("%s: connection ended early", client_address, exc_info=True)


def origin_form(target: str) -> str:
    """Return the path and query of a request target, which may be a whole URL (RFC 9112, section 3.2.2)."""
    rest = _ABSOLUTE.sub("", target, count=1)
    return rest if rest == target or rest.startswith("/") else f"/{rest}"


def _address(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return addresses[0][0], addresses[0][4]


def _obstacle(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "is in use: stop the program that uses it, or set another --web-listen-address"
    return f"cannot be listened on ({error.strerror}): set another --web-listen-address"


def _cut(connection: _Request) -> None:
    """Shut down a connection or a listening socket, and so wake up the thread that uses it."""
    if not isinstance(connection, socket.socket):
        return
    with suppress(OSError):
        # Not the method of the SSL socket: it drops the encryption first, and pending data would be sent in
        # plain.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # the default of the base class, HTTP/0.9, has no status line

    def setup(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def do_GET(self) -> None:
        self._send(self.server.answer(self.request, origin_form(self.path), self.headers))

    do_HEAD = do_GET  # noqa: N815 - the base class looks for this name

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Send one line instead of the base class's page; also called for HTTP methods without a `do_`."""
        status = HTTPStatus(code)
        if status is not HTTPStatus.NOT_IMPLEMENTED:
            self._send(line(status, status.phrase.lower()))
            return
        allowed = ", ".join(_METHODS)
        self._send(line(HTTPStatus.METHOD_NOT_ALLOWED, f"read-only: {allowed}", Allow=allowed))
        # Unread data at the end would reset the connection, and the client might lose the response.
        with suppress(OSError, ValueError):
            sent = int(self.headers.get("Content-Length", 0))
            self.rfile.read(max(0, min(sent, _BODY_DISCARDED_BYTES)))

    def _send(self, answer: Response) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Connection", "close")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def version_string(self) -> str:
        """Return the `Server` header, without versions."""
        return "bootstrap-monitor"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        _log.debug("%s: %s", self.client_address[0], format % args)
