"""One request and its answer, within bounds: over TLS or not, directly or through a proxy.

Connections are kept: one for each of the last two hosts, which are the registry and its token service.
"""

from __future__ import annotations

import os
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import urllib3
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from monitor.bounded_http import BoundedPool, BoundedTlsPool, Bounds, body_of, bounded_tls
from monitor.errors import ConfigurationError
from monitor.foreign_text import one_line
from monitor.registry.errors import RegistryError
from monitor.registry.places import Reach, origin
from monitor.registry.proxies import Proxy, proxy_for

_HEADER_BYTES = 128 << 10
_CONNECTIONS = 2
_GZIP = 16  # added to the window size, as zlib has it
_REASON_CHARACTERS = 200
_HEADERS = {"User-Agent": "bootstrap-monitor", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came."""

    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header; `None` where there is none, or several that differ."""
        values = set(self.headers.getlist(name))
        return values.pop().strip() if len(values) == 1 else None


class Transport:
    """Sends requests, one at a time; not to be used by two threads at once."""

    def __init__(
        self,
        *,
        ca: Path | None = None,
        environment: Mapping[str, str] = os.environ,
        timeout_seconds: float = 10.0,
    ) -> None:
        """Prepare: each answer may take `timeout_seconds`; `ca` is trusted besides the system's authorities."""
        self._ca, self._environment, self._timeout_seconds = ca, environment, timeout_seconds
        self._bounds = Bounds()
        self._tls: ssl.SSLContext | None = None
        self._managers: dict[tuple[str, Proxy | None], urllib3.PoolManager] = {}

    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        ends_at: float,
        reach: Reach,
        limit_bytes: int = 0,
        body: str | None = None,
    ) -> Answer:
        """Send it once, and follow nothing.  A body larger than `limit_bytes` is an error.

        `reach` is checked against the address that the host's name resolves to; a proxy resolves names itself.

        Raises:
            RegistryError: there is no answer, or none within time and size.
            ConfigurationError: the proxy or the authority that is set cannot be used.
        """
        scheme, host, port = origin(url)
        proxy = proxy_for(url, self._environment)
        manager = self._manager(scheme, proxy)
        left = ends_at - time.monotonic()
        seconds = min(self._timeout_seconds, left)
        self._bounds.ends_at = time.monotonic() + seconds
        self._bounds.bytes_left = _HEADER_BYTES + limit_bytes
        self._bounds.refusal = (reach if proxy is None else Reach.ANY).refusal
        try:
            if seconds <= 0:
                raise TimeoutError("no time left for it")
            try:
                answer = _sent(manager, method, url, {**_HEADERS, **headers}, seconds, body)
            except ProtocolError as error:
                if not _hung_up(error):
                    raise
                # A kept connection was closed at this very moment: once more, on a new one.
                answer = _sent(
                    manager, method, url, {**_HEADERS, **headers}, self._bounds.seconds_left(), body
                )
            return replace(answer, body=_unpacked(answer, limit_bytes))
        except (HTTPError, OSError, ValueError) as error:
            self._begin_anew()
            raise RegistryError(
                f"no answer from {scheme}://{host}:{port} ({_reason(error, self._timeout_seconds)})"
            ) from error

    def close(self) -> None:
        """Close the kept connections."""
        for manager in self._managers.values():
            manager.clear()

    def _begin_anew(self) -> None:
        """Connect anew, and by what the file of authorities holds by then: they are renewed like certificates."""
        self.close()
        self._managers.clear()
        self._tls = None

    def _manager(self, scheme: str, proxy: Proxy | None) -> urllib3.PoolManager:
        if (scheme, proxy) not in self._managers:
            # Its authorities take a megabyte: only where TLS is spoken.
            tls = self._tls_context() if scheme == "https" else None
            self._managers[scheme, proxy] = _manager(proxy, self._bounds, tls)
        return self._managers[scheme, proxy]

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = bounded_tls(ssl.create_default_context())
            if self._ca is not None:
                trust(self._tls, self._ca)
        return self._tls


def trust(context: ssl.SSLContext, ca: Path) -> None:
    """Have a context trust the authorities of a file, too.

    Raises:
        ConfigurationError: the file holds none.
    """
    try:
        context.load_verify_locations(ca)
    except OSError as error:  # which an SSLError is too
        raise ConfigurationError(
            f"--registry-ca {ca} is no PEM file of certificates ({error.strerror or error})"
        ) from error


class _Bounded(urllib3.PoolManager):
    """A manager whose connections keep bounds."""

    def __init__(self, *arguments: Any, bounds: Bounds, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **settings)
        self._bounds = bounds
        self.pool_classes_by_scheme = {"http": BoundedPool, "https": BoundedTlsPool}

    def _new_pool(
        self, scheme: str, host: str, port: int, request_context: dict[str, Any] | None = None
    ) -> HTTPConnectionPool:
        """Made to be overridden, as its documentation says."""
        pool = super()._new_pool(scheme, host, port, request_context)
        pool.conn_kw["bounds"] = self._bounds
        return pool


class _BoundedByProxy(_Bounded, urllib3.ProxyManager):
    """The same through a proxy."""


def _sent(
    manager: urllib3.PoolManager,
    method: str,
    url: str,
    headers: Mapping[str, str],
    seconds: float,
    body: str | None,
) -> Answer:
    response = manager.request(
        method,
        url,
        body=body,
        headers=headers,
        timeout=urllib3.Timeout(connect=seconds, read=seconds),
        retries=False,
        redirect=False,
        preload_content=False,
    )
    return Answer(response.status, response.headers, body_of(response))


def _manager(proxy: Proxy | None, bounds: Bounds, tls: ssl.SSLContext | None) -> urllib3.PoolManager:
    settings: dict[str, Any] = {
        "num_pools": _CONNECTIONS,
        "maxsize": 1,
        "ssl_context": tls,
        "bounds": bounds,
    }
    if proxy is None:
        return _Bounded(**settings)
    headers = urllib3.make_headers(proxy_basic_auth=proxy.user) if proxy.user else None
    return _BoundedByProxy(proxy.url, proxy_headers=headers, **settings)


def _unpacked(answer: Answer, limit_bytes: int) -> bytes:
    """Return the body without the packing that nobody asked for, as some caches add it: digests are of the content.

    Raises:
        ValueError: the packing is unknown or broken, or the content is larger than `limit_bytes`.
    """
    packing = (answer.header("Content-Encoding") or "identity").lower()
    if not answer.body or packing == "identity":
        return answer.body
    if packing not in {"gzip", "x-gzip"}:
        raise ValueError(f"it is packed as {packing!r}, which was not asked for")
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | _GZIP)
    try:
        content = unpacking.decompress(answer.body, limit_bytes + 1)
    except zlib.error as error:
        raise ValueError("it is not gzip, as it says") from error
    if len(content) > limit_bytes:
        raise ValueError("the answer is too large")
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError("it is not gzip, as it says")
    return content


def _hung_up(error: ProtocolError) -> bool:
    return any(isinstance(each, ConnectionError) for each in error.args)


def _reason(error: Exception, timeout_seconds: float) -> str:
    match error:
        case ProxyError():
            return f"the proxy does not lead there: {_text(error.original_error)}"
        case NameResolutionError():  # each a descendant of the next, though not in meaning
            return "its name is not known"
        case NewConnectionError() | ProtocolError():
            causes = [error.__cause__, *(each for each in error.args if isinstance(each, BaseException))]
            return _text(next((each for each in causes if each is not None), error))
        case ConnectTimeoutError() | ReadTimeoutError() | TimeoutError():
            return f"nothing within {timeout_seconds:g} s"
        case SSLError():
            return f"{_text(error)}: is --registry-ca right?"
        case _:
            return _text(error)


def _text(error: BaseException) -> str:
    return one_line(str(error).strip(), _REASON_CHARACTERS) or type(error).__name__
