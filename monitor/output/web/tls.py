"""The certificate for HTTPS, reloaded when its files are renewed."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from monitor.errors import ConfigurationError

_log = logging.getLogger(__name__)


class Certificate:
    """A certificate and its key in PEM files; not thread-safe."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Read the files.

        Raises:
            ConfigurationError: the files cannot be used.
        """
        self._files = (certificate, key)
        try:
            self._stamp = self._stamped()
            self._context = self._read()
        except OSError as error:
            raise ConfigurationError(
                f"{certificate} and {key} cannot serve HTTPS ({_cause(error)}): "
                "both must be readable PEM files; the key must match the certificate and have no password"
            ) from error

    def context(self) -> ssl.SSLContext:
        """Return the context for a new connection, with the old certificate during a renewal."""
        try:
            stamp = self._stamped()
            if stamp != self._stamp:
                self._context = self._read()
                self._stamp = stamp
                _log.info("web: the certificate was renewed")
        except OSError as error:
            _log.warning("web: the renewed certificate cannot be used yet (%s)", _cause(error))
        return self._context

    def _stamped(self) -> list[tuple[int, int]]:
        return [(state.st_ino, state.st_mtime_ns) for state in (path.stat() for path in self._files)]

    def _read(self) -> ssl.SSLContext:
        # Always create a new context: an incomplete renewal would break the one in use.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # An empty password keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(*self._files, password=lambda: "")
        return context


def _cause(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
