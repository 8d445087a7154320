"""HTTP requests whose answers take bounded time and bounded memory, whatever the peer sends.

A timeout of a socket bounds the wait for the next bytes, and `http.client` bounds each line of a header.  Neither
bounds a whole answer, so the bounds are enforced where bytes are read from the socket.
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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE_BYTES = 64 << 10


@dataclass(slots=True)
class Bounds:
    """When an answer must be complete, by the monotonic clock, and how many bytes may still arrive.

    `refusal` returns why an IP address must not be connected to; empty where it may.
    """

    ends_at: float
    bytes_left: int
    refusal: Callable[[str], str] = lambda _address: ""

    def seconds_left(self) -> float:
        """Return the time that is left, or raise `TimeoutError`."""
        seconds = self.ends_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the answer takes too long")
        return seconds


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole answer.  The body is as it arrived: a small packed one could become a huge one."""

    status: int
    headers: HTTPMessage
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header; `None` where it is absent, or present with different values."""
        values = set(self.headers.get_all(name, ()))
        return values.pop().strip() if len(values) == 1 else None


def connected(host: str, port: int, bounds: Bounds) -> socket.socket:
    """Connect to the first address of the host that accepts, within the bounds.

    Each address gets an equal part of the time that is left, so that one that does not answer leaves time for the
    next.  The system's resolver takes as long as it likes.
    """
    failure = OSError("it has no address")
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
    """A connection that is kept between requests; with `tls`, over TLS.  Not to be used by two threads at once."""

    _tunnel_host: str | None
    _tunnel: Callable[[], None]

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(host, port)
        self._tls, self._bounds = tls, Bounds(0.0, 0)
        self.default_port = 443 if tls else 80

    def __del__(self) -> None:
        self.close()

    def connect(self) -> None:
        """Connect, through the tunnel of `set_tunnel` if there is one; `ask` does so."""
        self.sock = connected(self.host, self.port, self._bounds)
        if self._tunnel_host:
            self._tunnel()
        if self._tls:
            # The socket's timeout bounds a whole handshake.
            self.sock.settimeout(self._bounds.seconds_left())
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
        """Send a request and return the whole answer; `kept` returns the wanted part of the body's pieces.

        Raises:
            HTTPException, OSError, ValueError: no answer arrived within the bounds.
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
                # The peer had closed the kept connection.
                return self.ask(method, target, bounds, headers, body, kept)
            raise

    def response_class(  # type: ignore[override]  # http.client only calls it
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None
    ) -> HTTPResponse:
        """Return the response that is read within the bounds."""
        response = HTTPResponse(sock, debuglevel, method)
        response.fp = io.BufferedReader(_BoundedReader(response.fp.detach(), sock, self._bounds))
        return response


class _BoundedReader(io.RawIOBase):
    """The bytes that a socket receives, within the bounds."""

    def __init__(self, received: io.RawIOBase, sock: socket.socket, bounds: Bounds) -> None:
        self._received, self._sock, self._bounds = received, sock, bounds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._sock.settimeout(self._bounds.seconds_left())
        if self._bounds.bytes_left <= 0:
            raise OSError("the answer is too large")
        count = self._received.readinto(buffer) or 0
        self._bounds.bytes_left -= count
        return count

    def close(self) -> None:
        self._received.close()
        super().close()


def _pieces(response: HTTPResponse) -> Iterator[bytes]:
    """Yield a body in pieces, since a whole one would be given the memory that its length claims."""
    while piece := response.read(PIECE_BYTES):
        yield piece
    if response.length:
        raise IncompleteRead(b"", response.length)
