"""HTTP requests whose responses take bounded time and memory, whatever the peer sends.

A socket timeout bounds only the wait for the next bytes, so the bounds apply where the socket is read.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, IncompleteRead
from typing import Any

PIECE_BYTES = 64 << 10


@dataclass(slots=True)
class Bounds:
    """The limits of one response.

    `ends_at` is the deadline for the whole response (seconds of the monotonic clock); `bytes_left` is the
    number of bytes that may still arrive.  `refusal` returns the reason why a connection to an IP address is
    not allowed, or an empty string if it is.
    """

    ends_at: float
    bytes_left: int
    refusal: Callable[[str], str] = lambda _address: ""

    def seconds_left(self) -> float:
        """Return the seconds until the deadline, or raise `TimeoutError` if the deadline has passed."""
        seconds = self.ends_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the response took too long")
        return seconds


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response, with its body as it arrived: a compressed body could expand to a huge one."""

    status: int
    headers: HTTPMessage
    body: bytes


def open_socket(host: str, port: int, bounds: Bounds) -> socket.socket:
    """Connect to the first address of a host that accepts the connection, within the bounds.

    Each address gets an equal part of the remaining time, so that an unresponsive address leaves time for the
    next one.  The bounds do not apply to name resolution, which takes as long as the system's resolver takes.
    """
    failure = OSError("the host has no address")
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for position, (family, kind, protocol, _, address) in enumerate(addresses):
        if refusal := bounds.refusal(str(address[0])):
            failure = OSError(refusal)
            continue
        try:
            with ExitStack() as on_failure:
                made = on_failure.enter_context(socket.socket(family, kind, protocol))
                made.settimeout(bounds.seconds_left() / (len(addresses) - position))
                made.connect(address)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                made.settimeout(bounds.seconds_left())
                on_failure.pop_all()
                return made
        except OSError as error:
            failure = error
    raise failure


class BoundedConnection(HTTPConnection):
    """A persistent HTTP connection, over TLS if `tls` is set.  Not safe for concurrent use."""

    _tunnel_host: str | None
    _tunnel: Callable[[], None]

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(host, port)
        self._tls, self._bounds = tls, Bounds(0.0, 0)
        self.default_port = 443 if tls else 80

    def __del__(self) -> None:
        self.close()

    def connect(self) -> None:
        """Open the connection, through a proxy if `set_tunnel` was called; `ask` calls this method."""
        self.sock = open_socket(self.host, self.port, self._bounds)
        if self._tunnel_host:
            self._tunnel()
        if self._tls:
            self.sock.settimeout(self._bounds.seconds_left())  # applies to the whole TLS handshake
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._tunnel_host or self.host)

    def ask(
        self,
        method: str,
        target: str,
        bounds: Bounds,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        kept: Callable[[Iterable[bytes]], bytes] = b"".join,
    ) -> HttpResponse:
        """Send a request; return the response with what `kept` returns for the chunks of its body.

        Raises `HTTPException`, `OSError` or `ValueError` if no complete response arrives within the bounds.
        """
        self._bounds, was_open = bounds, self.sock is not None
        try:
            if was_open:
                self.sock.settimeout(bounds.seconds_left())
            self.request(method, target, body, headers or {})
            with self.getresponse() as response:
                return HttpResponse(response.status, response.headers, kept(_pieces(response)))
        except BaseException as error:
            self.close()
            if was_open and isinstance(error, ConnectionError | ssl.SSLEOFError):
                # The peer had closed the idle connection: retry on a new one.
                return self.ask(method, target, bounds, headers, body, kept)
            raise

    def response_class(  # type: ignore[override]  # http.client only calls this attribute
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None
    ) -> HTTPResponse:
        """Return a response whose bytes are read within the bounds."""
        response = HTTPResponse(sock, debuglevel, method)
        response.fp = io.BufferedReader(_BoundedReader(response.fp.detach(), sock, self._bounds))
        return response


class _BoundedReader(io.RawIOBase):
    """A raw stream of the bytes that a socket receives, limited by the bounds."""

    def __init__(self, received: io.RawIOBase, sock: socket.socket, bounds: Bounds) -> None:
        self._received, self._sock, self._bounds = received, sock, bounds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - as `RawIOBase` has it
        self._sock.settimeout(self._bounds.seconds_left())
        if self._bounds.bytes_left <= 0:
            raise OSError("the response is too large")
        count = self._received.readinto(buffer) or 0
        self._bounds.bytes_left -= count
        return count

    def close(self) -> None:
        self._received.close()
        super().close()


def _pieces(response: HTTPResponse) -> Iterator[bytes]:
    """Yield the body in chunks, because `http.client` would allocate the whole declared length in advance."""
    while piece := response.read(PIECE_BYTES):
        yield piece
    if response.length:
        raise IncompleteRead(b"", response.length)
