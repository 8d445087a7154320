"""Connections to SQLite, and its errors as those of the volume."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.errors import Cause, TemporaryError

# Other processes lock the file for milliseconds.  A longer timeout would delay the exit after SIGTERM.
_BUSY_SECONDS = 3.0


class VolumeFullError(TemporaryError):
    """The volume is full, and no part of the reserve was released for the write that failed."""


def connect(database: Path | str) -> sqlite3.Connection:
    """Return a connection to a database: a `Path`, or a string that is a URI or `:memory:`."""
    connection = sqlite3.connect(
        database,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        uri=isinstance(database, str),
    )
    connection.row_factory, connection.text_factory = sqlite3.Row, bytes.decode
    return connection


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise errors of SQLite as `TemporaryError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise temporary(path, error) from error


def temporary(path: Path, error: sqlite3.Error) -> TemporaryError:
    """Return the `TemporaryError` for an error of SQLite; a `VolumeFullError` if the volume is full."""
    full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    kind = VolumeFullError if full else TemporaryError
    return kind(
        f"{path}: {error} ({getattr(error, 'sqlite_errorname', 'SQLite')})", cause=Cause.VOLUME_UNUSABLE
    )
