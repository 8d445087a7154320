"""The HTTP transport of the registry client: bounded requests, with or without TLS and a proxy.

`HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name the proxy.  Requests to this machine use no proxy.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib import request
from urllib.parse import unquote, urlsplit

from monitor.bounded_http import BoundedConnection, Bounds, HttpResponse
from monitor.domain.sanitize import one_line
from monitor.errors import ConfigurationError
from monitor.registry.errors import RegistryError
from monitor.registry.repository import is_this_machine, origin

_HEADER_BYTES = 128 << 10
_REASON_CHARACTERS = 200

Proxy = tuple[str, int, dict[str, str]]
"""The host and port of an HTTP proxy, and the headers that authenticate to it."""


class Transport:
    """A client for single HTTP requests, which keeps its last connection.  Not safe for concurrent use.

    `ca` is a file with certificate authorities to trust in addition to the system's.  `environment` has the
    variables that configure proxies.  `timeout_seconds` is the timeout of each response.
    """

    def __init__(
        self,
        *,
        ca: Path | None = None,
        environment: Mapping[str, str] = os.environ,
        timeout_seconds: float = 10.0,
    ) -> None:
        self._ca, self._environment, self._timeout_seconds = ca, environment, timeout_seconds
        self._tls: ssl.SSLContext | None = None
        self._connection: BoundedConnection | None = None
        self._connected_to = ("", "", 0)

    def ask(
        self, method: str, url: str, headers: dict[str, str], bounds: Bounds, body: bytes | None = None
    ) -> HttpResponse:
        """Send one request, without following redirects; raise `RegistryError` if no response arrives.

        `bounds` limits the size of the body, and has the deadline of the whole lookup.  If a proxy is used,
        IP addresses are not checked, because the proxy resolves the names.
        """
        scheme, host, port = origin(url)
        failed = f"request to {scheme}://{host}:{port} failed"
        parts, proxy = urlsplit(url), proxy_for(url, self._environment)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        bounds.ends_at = min(time.monotonic() + self._timeout_seconds, bounds.ends_at)
        bounds.bytes_left += _HEADER_BYTES
        if proxy:
            bounds.refusal = lambda _address: ""
            if scheme == "http":
                target, headers = f"http://{parts.netloc}{target}", headers | proxy[2]
        try:
            connection = self._connection_to(scheme, host, port, proxy)
            response = connection.ask(method, target, bounds, headers, body)
        except (HTTPException, OSError, ValueError) as error:
            self.close()
            raise RegistryError(f"{failed} ({self._reason(error)})") from error
        encoding = one_line(response.headers.get("Content-Encoding", "identity"), _REASON_CHARACTERS)
        if response.body and encoding.lower() != "identity":
            raise RegistryError(f"{failed} (unsupported Content-Encoding {encoding!r})")
        return response

    def close(self) -> None:
        """Close the connection and discard the certificate authorities, which may be renewed on disk."""
        if self._connection:
            self._connection.close()
        self._connection = self._tls = None

    def _connection_to(self, scheme: str, host: str, port: int, proxy: Proxy | None) -> BoundedConnection:
        if self._connection is None or self._connected_to != (scheme, host, port):
            # The certificate authorities take a megabyte of memory, so they are loaded only for TLS.
            self._tls = self._tls or (tls_context(self._ca) if scheme == "https" else None)
            tls = self._tls if scheme == "https" else None
            self._connection = BoundedConnection(*(proxy[:2] if proxy else (host, port)), tls)
            if proxy and tls:
                self._connection.set_tunnel(host, port, proxy[2])
            self._connected_to = scheme, host, port
        return self._connection

    def _reason(self, error: Exception) -> str:
        text = one_line(str(error).strip(), _REASON_CHARACTERS) or type(error).__name__
        if isinstance(error, socket.gaierror):
            return "cannot resolve the host name"
        if isinstance(error, TimeoutError):
            return f"no response within {self._timeout_seconds:g} s"
        if text.startswith("Tunnel connection failed"):
            return f"the proxy cannot connect: {text}"
        return f"{text}: check --registry-ca" if isinstance(error, ssl.SSLError) else text


def tls_context(ca: Path | None) -> ssl.SSLContext:
    """Return a TLS context that trusts the system's certificate authorities and those in a PEM file."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    try:
        if ca is not None:
            context.load_verify_locations(ca)
    except OSError as error:  # includes ssl.SSLError
        reason = error.strerror or error
        raise ConfigurationError(
            f"--registry-ca {ca} is not a PEM file with certificates ({reason})"
        ) from error
    return context


def proxy_for(url: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for a URL; `None` for none, `ConfigurationError` for a malformed variable."""
    scheme, host, port = origin(url)
    name = f"{scheme}_PROXY".upper()
    text = environment.get(name) or environment.get(name.lower())
    excluded = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    names = {"no": re.sub(r"\*(?=\.)|[][]", "", excluded)}
    by_name = request.proxy_bypass_environment(f"{host}:{port}", names)  # type: ignore[attr-defined]
    if not text or by_name or _is_in_network(host, excluded) or is_this_machine(host):
        return None
    try:
        proxy = urlsplit(text if "://" in text else f"http://{text}")
        if proxy.scheme == "http" and proxy.hostname:
            login = f"{unquote(proxy.username or '')}:{unquote(proxy.password or '')}"
            basic = f"Basic {b64encode(login.encode()).decode()}"
            headers = {"Proxy-Authorization": basic} if proxy.username else {}
            return proxy.hostname, proxy.port or 80, headers
    except ValueError:
        pass
    raise ConfigurationError(f"{name} must be http://[USER:PASSWORD@]HOST[:PORT]")


def _is_in_network(host: str, excluded: str) -> bool:
    """Return whether a host is an IP address in one of the networks of `NO_PROXY`, such as `10.0.0.0/8`."""
    for word in excluded.split(","):
        with suppress(ValueError):  # not a network, or the host is not an address
            if "/" in word and ip_address(host) in ip_network(word.strip(), strict=False):
                return True
    return False
