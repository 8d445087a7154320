"""The HTTP transport of the registry client: bounded requests, with or without TLS and a proxy.

The transport keeps connections to two hosts open: the registry and its token service.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from monitor.bounded_http import BoundedConnection, Bounds, HttpResponse
from monitor.domain.sanitize import one_line
from monitor.errors import ConfigurationError
from monitor.registry.errors import RegistryError
from monitor.registry.proxies import Proxy, proxy_for
from monitor.registry.repository import Reach, origin

_HEADER_BYTES = 128 << 10
_CONNECTIONS = 2
_GZIP = 16  # zlib reads the gzip format if this is added to the window size
_REASON_CHARACTERS = 200


class Transport:
    """A client for single HTTP requests.  Not safe for concurrent use."""

    def __init__(
        self,
        *,
        ca: Path | None = None,
        environment: Mapping[str, str] = os.environ,
        timeout_seconds: float = 10.0,
    ) -> None:
        """Create a transport.

        Args:
            ca: a file with certificate authorities to trust in addition to the system's.
            environment: the variables that configure proxies.
            timeout_seconds: the timeout of each response.
        """
        self._ca, self._environment, self._timeout_seconds = ca, environment, timeout_seconds
        self._tls: ssl.SSLContext | None = None
        self._connections: dict[tuple[str, str, int, Proxy | None], BoundedConnection] = {}

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], bounds: Bounds, body: bytes | None = None
    ) -> HttpResponse:
        """Send one request, without following redirects.

        `bounds` limits the size of the body, and has the deadline of the whole lookup.  If a proxy is used,
        IP addresses are not checked, because the proxy resolves the names.

        Raises:
            RegistryError: no response arrived within the bounds.
            ConfigurationError: the configured proxy or certificate authority cannot be used.
        """
        scheme, host, port = origin(url)
        proxy = proxy_for(url, self._environment)
        limit_bytes, refusal = bounds.bytes_left, Reach.ANY.refusal if proxy else bounds.refusal
        ends_at = min(time.monotonic() + self._timeout_seconds, bounds.ends_at)
        bounds = Bounds(ends_at, _HEADER_BYTES + limit_bytes, refusal)
        headers = {"User-Agent": "bootstrap-monitor", **headers}
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if proxy and scheme == "http":
            target = f"http://{parts.netloc}{target}"
            headers |= proxy.headers
        try:
            answer = self._connection(scheme, host, port, proxy).ask(method, target, bounds, headers, body)
            return replace(answer, body=_unpacked(answer, limit_bytes))
        except (HTTPException, OSError, ValueError) as error:
            self.close()
            raise RegistryError(
                f"request to {scheme}://{host}:{port} failed ({self._reason(error)})"
            ) from error

    def close(self) -> None:
        """Close all connections and discard the certificate authorities, which may be renewed on disk."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        self._tls = None

    def _connection(self, scheme: str, host: str, port: int, proxy: Proxy | None) -> BoundedConnection:
        key = (scheme, host, port, proxy)
        if key not in self._connections:
            if len(self._connections) == _CONNECTIONS:
                self.close()
            # The certificate authorities take a megabyte of memory, so they are loaded only for TLS.
            tls = self._tls_context() if scheme == "https" else None
            address = origin(proxy.url)[1:] if proxy else (host, port)
            self._connections[key] = BoundedConnection(*address, tls)
            if proxy and tls:
                self._connections[key].set_tunnel(host, port, proxy.headers)
        return self._connections[key]

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
            if self._ca is not None:
                trust(self._tls, self._ca)
        return self._tls

    def _reason(self, error: Exception) -> str:
        text = one_line(str(error).strip(), _REASON_CHARACTERS) or type(error).__name__
        match error:
            case socket.gaierror():
                return "cannot resolve the host name"
            case TimeoutError():
                return f"no response within {self._timeout_seconds:g} s"
            case ssl.SSLError():
                return f"{text}: check --registry-ca"
            case OSError() if text.startswith("Tunnel connection failed"):
                return f"the proxy cannot connect: {text}"
            case _:
                return text


def trust(context: ssl.SSLContext, ca: Path) -> None:
    """Add the certificate authorities of a file to those that a TLS context trusts.

    Raises:
        ConfigurationError: the file cannot be read or contains no certificates.
    """
    try:
        context.load_verify_locations(ca)
    except OSError as error:  # includes ssl.SSLError
        raise ConfigurationError(
            f"--registry-ca {ca} is not a PEM file with certificates ({error.strerror or error})"
        ) from error


def _unpacked(answer: HttpResponse, limit_bytes: int) -> bytes:
    """Return the body of a response, decompressed if necessary, because digests are those of the content.

    The monitor does not request compression, but some caches compress responses anyway.

    Raises:
        ValueError: the encoding is unknown or broken, or the content is larger than `limit_bytes`.
    """
    packing = (answer.header("Content-Encoding") or "identity").lower()
    if not answer.body or packing == "identity":
        return answer.body
    if packing not in {"gzip", "x-gzip"}:
        raise ValueError(f"unsupported Content-Encoding {packing!r}")
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | _GZIP)
    with suppress(zlib.error):
        content = unpacking.decompress(answer.body, limit_bytes + 1)
        if len(content) > limit_bytes:
            raise ValueError("the response is too large")
        if unpacking.eof and not unpacking.unused_data:
            return content
    raise ValueError("the body is not valid gzip")
