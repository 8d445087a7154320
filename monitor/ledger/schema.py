"""The ledger's tables.

This is the first version, so there are no migrations. A migration may only add tables and columns, so that a
monitor that is one version older can still write.
"""

from __future__ import annotations

import sqlite3

from monitor.errors import MonitorError

VERSION = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY,
    image TEXT NOT NULL,
    digests TEXT NOT NULL,
    versions TEXT,
    network TEXT NOT NULL,
    sync_mode TEXT NOT NULL,
    testbed TEXT NOT NULL,
    settings_digest TEXT NOT NULL DEFAULT '',
    settings_changed INTEGER NOT NULL DEFAULT 0,
    recovered INTEGER NOT NULL DEFAULT 0,
    clearing_at REAL,
    started_at REAL,
    ended_at REAL,
    outcome TEXT,
    reason TEXT,
    message TEXT NOT NULL DEFAULT '',
    duration_seconds REAL,
    wall_seconds REAL,
    disk_usage_bytes INTEGER,
    volume_size_bytes INTEGER,
    bookkeeping TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS counts (
    run INTEGER NOT NULL REFERENCES runs (number),
    chain TEXT NOT NULL,
    signal TEXT NOT NULL,
    before REAL NOT NULL,
    last REAL NOT NULL,
    maximum REAL NOT NULL,
    PRIMARY KEY (run, chain, signal)
);
CREATE TABLE IF NOT EXISTS readings (name TEXT PRIMARY KEY, value TEXT NOT NULL, read_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    argument TEXT NOT NULL DEFAULT '',
    made_at REAL NOT NULL,
    done_at REAL
);
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY,
    image TEXT NOT NULL,
    digests TEXT NOT NULL,
    versions TEXT,
    after_run INTEGER NOT NULL,
    cause TEXT NOT NULL,
    uid TEXT NOT NULL,
    recorded_at REAL NOT NULL,
    due_at REAL
);
CREATE TABLE IF NOT EXISTS evidence (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (number),
    text TEXT NOT NULL,
    taken_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS interventions (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    uid TEXT NOT NULL,
    image TEXT NOT NULL DEFAULT '',
    made_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS holder (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    uid TEXT NOT NULL,
    beat INTEGER NOT NULL
);
"""


def prepare(connection: sqlite3.Connection, path: str) -> None:
    """Create the tables in an open file that has none.

    Raises:
        MonitorError: the schema is more than one version newer than that of this monitor.
    """
    if check(connection, path) == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")


def check(connection: sqlite3.Connection, path: str) -> int:
    """Return the schema version of an open file; 0 if it has no tables yet.

    Raises:
        MonitorError: the schema is more than one version newer than that of this monitor.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION + 1:
        raise MonitorError(
            f"{path} has schema {version}, but this monitor supports {VERSION}: use the newer monitor that wrote it"
        )
    return int(version)
