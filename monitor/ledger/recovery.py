"""Opening the ledger: a file that is no database is kept aside, and the details file recovers the run."""

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
from monitor.ledger.store import Ledger, connected, temporary, translated
from monitor.ledger.writes import insert_run

FILE = "bootstrap-monitor.sqlite3"
_BROKEN = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_PRIMARY = 0xFF  # an extended result code has the primary one in its low byte


def open_ledger(data_dir: Path, wall: Callable[[], float] = time.time) -> Ledger:
    """Open the ledger of a volume, and make it where there is none.

    A file that is not a database or is corrupt is renamed to `….corrupt-<time>`, never removed.

    Raises:
        TemporaryError: the volume, or another process, is in the way.
        MonitorError: the ledger is of a newer monitor, or its folder does not exist.
    """
    if not data_dir.is_dir():
        raise MonitorError(
            f"--data-dir {data_dir}: no such folder; mount the node's volume there, or make it"
        )
    path = data_dir / FILE
    try:
        return _opened(path)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & _PRIMARY not in _BROKEN:
            raise temporary(path, error) from error
        set_aside(path, wall())
    try:
        return _opened(path)
    except sqlite3.DatabaseError as error:
        raise temporary(path, error) from error


def open_read_only(data_dir: Path) -> Ledger:
    """Open a ledger to look at it, while its monitor may run.

    It is not opened with `mode=ro`: what a killed monitor left half-written must be rolled back to be read.

    Raises:
        MonitorError: there is none.
    """
    path = _found(data_dir)
    with translated(path):
        connection = _existing(path)
        connection.execute("PRAGMA query_only = ON")
        schema.check(connection, str(path))
    return Ledger(connection, path)


def open_existing(data_dir: Path) -> Ledger:
    """Open a ledger to write a request into it, while its monitor may run.

    Raises:
        TemporaryError: the volume, or another process, is in the way.
        MonitorError: there is none.
    """
    path = _found(data_dir)
    with translated(path):
        return Ledger(_prepared(_existing(path), path), path)


def recover(ledger: Ledger, data_dir: Path, workload: Workload, testbed: str) -> bool:
    """Where the ledger knows no run but the details file does, take that run over; says whether it did.

    Raises:
        TemporaryError: the details file cannot be read, which is not the same as that there is none.
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


def set_aside(path: Path, wall: float) -> None:
    """Keep a broken ledger, and its journal, under another name; one that was kept before stays too."""
    when = int(wall)
    while path.with_name(f"{path.name}.corrupt-{when}").exists():
        when += 1
    for each in (path, path.with_name(path.name + "-journal")):
        if each.exists():
            try:
                each.rename(each.with_name(f"{each.name}.corrupt-{when}"))
            except OSError as error:
                raise TemporaryError(f"{each}: cannot be moved aside ({error.strerror})") from error


def _opened(path: Path) -> Ledger:
    ledger = Ledger(_prepared(connected(path), path), path)
    ledger.refresh_details(decided=True)
    return ledger


def _found(data_dir: Path) -> Path:
    path = data_dir / FILE
    if not path.is_file():
        raise MonitorError(f"no ledger at {path}: give the --data-dir of a tester that has run")
    return path


def _existing(path: Path) -> sqlite3.Connection:
    """A connection to a file that is there; none is made."""
    return connected(f"file:{quote(str(path))}?mode=rw")


def _prepared(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """The connection, ready to write; closed where it cannot be."""
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
    """SQLite opens a file on a read-only volume all the same, and would never write to it, whatever changes."""
    if not os.access(path, os.W_OK):
        raise TemporaryError(f"{path}: cannot be written; make the volume writable")
