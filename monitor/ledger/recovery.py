"""Opening the ledger: a corrupt file is renamed and kept, and the run is recovered from the details file."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from monitor.avalanchego.details_file import FILE_NAME, read_details, recovered_run
from monitor.domain.workload import Workload
from monitor.errors import Cause, MonitorError, TemporaryError
from monitor.ledger import rows, schema
from monitor.ledger.connection import connect, temporary, translated
from monitor.ledger.store import Ledger
from monitor.ledger.writes import insert_run

FILE = "bootstrap-monitor.sqlite3"
_BROKEN = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_PRIMARY = 0xFF  # an extended result code has the primary one in its low byte


def open_ledger(data_dir: Path, wall: Callable[[], float] = time.time) -> Ledger:
    """Open the ledger of a volume, and create it if it does not exist.

    A file that is not a database or is corrupt is renamed to `….corrupt-<time>`, never deleted.

    Raises:
        TemporaryError: the volume is unusable, or another process has locked the file.
        MonitorError: a newer monitor wrote the ledger, or the folder does not exist.
    """
    if not data_dir.is_dir():
        raise MonitorError(
            f"--data-dir {data_dir}: folder not found; mount the node's volume there, or create it"
        )
    path = data_dir / FILE
    try:
        return _opened(path)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & _PRIMARY not in _BROKEN:
            raise temporary(path, error) from error
        rename_corrupt(path, wall())
    try:
        return _opened(path)
    except sqlite3.DatabaseError as error:
        raise temporary(path, error) from error


def open_read_only(data_dir: Path) -> Ledger:
    """Open a ledger for queries, also while its monitor runs.

    The connection does not use `mode=ro`: a transaction that a killed monitor left unfinished must be rolled
    back before the ledger can be read.

    Raises:
        TemporaryError: the volume is unusable, or another process has locked the file.
        MonitorError: the ledger does not exist, or a newer monitor wrote it.
    """
    path = _existing_path(data_dir)
    with translated(path):
        connection = _existing(path)
        connection.execute("PRAGMA query_only = ON")
        schema.check(connection, str(path))
    return Ledger(connection, path)


def open_existing(data_dir: Path) -> Ledger:
    """Open a ledger to write a request, also while its monitor runs.

    Raises:
        TemporaryError: the volume is unusable, or another process has locked the file.
        MonitorError: the ledger does not exist, or a newer monitor wrote it.
    """
    path = _existing_path(data_dir)
    with translated(path):
        return Ledger(_prepared(_existing(path), path), path)


def recover(ledger: Ledger, data_dir: Path, workload: Workload, testbed: str) -> bool:
    """Add the run of the details file to a ledger that has no run; return whether a run was added.

    Raises:
        TemporaryError: the details file exists and cannot be read.
    """
    if ledger.known():
        return False
    path = data_dir / FILE_NAME
    try:
        details = read_details(path)
    except OSError as error:
        raise TemporaryError(
            f"{path}: cannot be read ({error.strerror})", cause=Cause.VOLUME_UNUSABLE
        ) from error
    run = recovered_run(details, workload, testbed) if details else None
    if run is None:
        return False
    with ledger.transaction() as connection:
        insert_run(connection, run, None)
    return True


def rename_corrupt(path: Path, wall: float) -> None:
    """Rename a corrupt ledger and its journal to `….corrupt-<time>`; files renamed before are kept.

    Raises:
        TemporaryError: a file cannot be renamed.
    """
    when = int(wall)
    while path.with_name(f"{path.name}.corrupt-{when}").exists():
        when += 1
    for file in (path, path.with_name(path.name + "-journal")):
        if file.exists():
            try:
                file.rename(file.with_name(f"{file.name}.corrupt-{when}"))
            except OSError as error:
                raise TemporaryError(f"{file}: cannot be renamed ({error.strerror})") from error


def _opened(path: Path) -> Ledger:
    ledger = Ledger(_prepared(connect(path), path), path)
    ledger.refresh_details(decided=True)
    return ledger


def _existing_path(data_dir: Path) -> Path:
    path = data_dir / FILE
    if not path.is_file():
        raise MonitorError(f"no ledger at {path}: set --data-dir to that of a tester that has run")
    return path


def _existing(path: Path) -> sqlite3.Connection:
    """Return a connection to a file that exists; never create the file."""
    return connect(f"file:{quote(str(path))}?mode=rw")


def _prepared(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """Prepare a connection for writing and return it; close it if that fails."""
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = EXTRA")
        schema.prepare(connection, str(path))
        check_whole(connection)
        rows.check(connection)
        _check_writable(path)
    except BaseException:
        connection.close()
        raise
    return connection


def check_whole(connection: sqlite3.Connection) -> None:
    """Check the structure of an open file.

    Raises:
        sqlite3.DatabaseError: the file is damaged.
    """
    with closing(connection.execute("PRAGMA quick_check(1)")) as checked:
        (verdict,) = checked.fetchone()
    if verdict != "ok":
        broken = sqlite3.DatabaseError(" ".join(verdict.split()))
        broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise broken


def _check_writable(path: Path) -> None:
    """Check that the ledger can be written.

    SQLite also opens a file on a read-only volume, and that connection stays read-only after a remount.

    Raises:
        TemporaryError: this user or the volume does not permit writing.
    """
    if not os.access(path, os.W_OK):
        raise TemporaryError(f"{path}: cannot be written; make the volume writable")
