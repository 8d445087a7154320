"""HTTP with a peer that may be anything: one answer takes bounded time and bounded memory.

Time-outs of sockets bound the wait for the next bytes, not for a whole answer, and a header or the size of a
chunk may be endless.  Therefore the bounds are kept where bytes come in, by the socket itself; under TLS too.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.response import BaseHTTPResponse

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PIECE_BYTES = 64 << 10

# It shows malformed headers whole, with a traceback; who asked says in a line what is wrong.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


def _no_refusal(_address: str) -> str:
    return ""


@dataclass(slots=True)
class Bounds:
    """How long the answer under way may take, by the monotonic clock, and how many bytes may still come.

    `refusal` returns why an IP address must not be connected to; empty where it may.
    """

    ends_at: float = 0.0
    bytes_left: int = 0
    refusal: Callable[[str], str] = _no_refusal

    def seconds_left(self) -> float:
        """The time that is left.

        Raises:
            TimeoutError: there is none.
        """
        seconds = self.ends_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the answer takes too long")
        return seconds

    def admit(self) -> float:
        """The time that the next bytes may take.

        Raises:
            TimeoutError: there is none left.
            OSError: enough has come already.
        """
        seconds = self.seconds_left()
        if self.bytes_left <= 0:
            raise OSError("the answer is too large")
        return seconds


class _BoundedSocket(socket.socket):
    """A socket that receives nothing beyond its bounds."""

    bounds: Bounds

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        self.settimeout(self.bounds.admit())
        received = super().recv_into(buffer, nbytes, flags)
        self.bounds.bytes_left -= received
        return received


class _BoundedTlsSocket(ssl.SSLSocket):
    """The same under TLS, once it has its bounds; a handshake is bounded by the time-out of its socket."""

    bounds: Bounds

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        self.settimeout(self.bounds.admit())
        received = super().recv_into(buffer, nbytes, flags)
        self.bounds.bytes_left -= received
        return received


def bounded_tls(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context, whose connections keep bounds from now on."""
    context.sslsocket_class = _BoundedTlsSocket
    return context


def connected(host: str, port: int, bounds: Bounds) -> socket.socket:
    """A connection to the first address of the host that takes one, within the bounds.

    Each address has its part of the time that is left, so that one that nobody answers at does not use it up.
    To look a name up takes as long as the system lets it.
    """
    failure = OSError("it has no address")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for position, (family, kind, protocol, _, address) in enumerate(found):
        if refusal := bounds.refusal(str(address[0])):
            failure = OSError(refusal)
            continue
        try:
            seconds = bounds.seconds_left() / (len(found) - position)
            return _connected(_BoundedSocket(family, kind, protocol), address, seconds, bounds)
        except OSError as error:
            failure = error
    raise failure


def _connected(made: _BoundedSocket, address: Any, seconds: float, bounds: Bounds) -> _BoundedSocket:  # noqa: ANN401
    """The socket, once it is connected; then all that is left of the time is for what follows, TLS say."""
    made.bounds = bounds
    try:
        made.settimeout(seconds)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.connect(address)
        made.settimeout(bounds.seconds_left())
    except OSError:
        made.close()
        raise
    return made


class _BoundedConnection(HTTPConnection):
    def __init__(self, host: str, port: int, *, bounds: Bounds, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(host, port, **settings)
        self._bounds = bounds

    def _new_conn(self) -> socket.socket:
        """With the errors of the method that it replaces."""
        try:
            return connected(self._dns_host.strip("[]"), self.port or self.default_port, self._bounds)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"no connection to {self.host} in time") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection to {self.host}: {error}") from error


class _BoundedTlsConnection(_BoundedConnection, HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        if isinstance(self.sock, _BoundedTlsSocket):
            self.sock.bounds = self._bounds


class BoundedPool(HTTPConnectionPool):
    """A pool whose connections keep the `bounds` that it was given."""

    ConnectionCls = _BoundedConnection


class BoundedTlsPool(HTTPSConnectionPool):
    """The same under TLS; its context must be one of `bounded_tls`."""

    ConnectionCls = _BoundedTlsConnection


def body_of(response: BaseHTTPResponse) -> bytes:
    """All of a body that is not loaded yet; the connection is free afterwards.

    In pieces, because a whole body is given the memory that its length claims.  Packed content is not asked
    for and not unpacked: a small answer could become a huge one.
    """
    pieces = list(response.stream(_PIECE_BYTES, decode_content=False))
    response.release_conn()
    return b"".join(pieces)
