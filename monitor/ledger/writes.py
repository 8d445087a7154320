"""SQL for each record of a decision, executed in a transaction of the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from monitor.decide.decisions import (
    AdoptRun,
    BeginClearing,
    BeginRun,
    EndRun,
    IssueToken,
    Record,
    RecordAttempt,
    RecordIntervention,
    ResumeRun,
)
from monitor.decide.events import DueAnnouncement
from monitor.domain.active_time import opened
from monitor.domain.build import Build
from monitor.domain.instant import Instant
from monitor.domain.json_text import JsonObject, json_text
from monitor.domain.run import AttemptCause, Outcome, RequestKind, Run
from monitor.domain.tracking import Counts
from monitor.domain.workload import Workload
from monitor.ledger import rows
from monitor.ledger.codecs import (
    ANNOUNCEMENTS,
    READINGS_WITH_SINCE,
    announcements_reading,
    read_announcements,
    tracking_text,
    with_since,
)

MAX_DUE = 20


def write(connection: sqlite3.Connection, record: Record, now: Instant, testbed: str) -> None:
    """Write one record of a decision."""
    match record:
        case BeginClearing() | BeginRun() | AdoptRun() | ResumeRun():
            take(connection, record.workload.uid)
        case _:
            pass
    match record:
        case BeginClearing():
            _begin_clearing(connection, record, now, testbed)
        case BeginRun():
            _begin_run(connection, record.workload, now)
        case AdoptRun():
            _adopt(connection, record.workload, now, testbed)
        case ResumeRun():
            _resume(connection, record)
        case EndRun():
            _end(connection, record, now)
        case RecordAttempt():
            _attempt(connection, record, now)
        case RecordIntervention():
            connection.execute(
                "INSERT INTO interventions (kind, uid, image, made_at) VALUES (?, ?, ?, ?)",
                (record.kind, record.uid, record.image, now.wall),
            )
        case IssueToken():
            keep_reading(connection, "adopt_token", {"token": record.token}, now.wall)
        case _:
            assert_never(record)


def keep_reading(connection: sqlite3.Connection, name: str, value: JsonObject, read_at: float) -> None:
    """Write a reading, replacing the one with the same name."""
    if name in READINGS_WITH_SINCE:
        row = connection.execute("SELECT * FROM readings WHERE name = ?", (name,)).fetchone()
        value = with_since(name, value, rows.reading_of(row).value if row else {}, read_at)
    connection.execute("INSERT OR REPLACE INTO readings VALUES (?, ?, ?)", (name, json_text(value), read_at))


def take(connection: sqlite3.Connection, uid: str) -> None:
    """Make a workload the holder of the volume, or renew the lease that it has."""
    connection.execute(
        "INSERT INTO holder VALUES (1, ?, 1) "
        "ON CONFLICT (only) DO UPDATE SET uid = excluded.uid, beat = beat + 1",
        (uid,),
    )


def write_tracking(connection: sqlite3.Connection, run: Run, counts: Counts) -> None:
    """Update the tracking data and the counters of an open run; do nothing if the run has ended."""
    changed = connection.execute(
        "UPDATE runs SET bookkeeping = ?, settings_changed = ? WHERE number = ? AND outcome IS NULL",
        (tracking_text(run.tracking), run.settings_changed, run.number),
    ).rowcount
    if changed:
        connection.executemany(
            "INSERT OR REPLACE INTO counts VALUES (?, ?, ?, ?, ?, ?)",
            [
                (run.number, chain, signal, count.before, count.last, count.maximum)
                for (chain, signal), count in counts.items()
            ],
        )


def add_due(connection: sqlite3.Connection, added: Sequence[DueAnnouncement]) -> None:
    """Add announcements to the queue; if it exceeds `MAX_DUE`, drop the oldest."""
    if added:
        _write_due(connection, (*_due(connection), *added)[-MAX_DUE:])


def remove_due(connection: sqlite3.Connection, sent: DueAnnouncement) -> None:
    """Remove an announcement from the queue."""
    _write_due(connection, [waiting for waiting in _due(connection) if waiting != sent])


def _due(connection: sqlite3.Connection) -> tuple[DueAnnouncement, ...]:
    row = connection.execute("SELECT * FROM readings WHERE name = ?", (ANNOUNCEMENTS,)).fetchone()
    return read_announcements(rows.reading_of(row).value) if row else ()


def _write_due(connection: sqlite3.Connection, due: Sequence[DueAnnouncement]) -> None:
    newest_at = max((announcement.made_at for announcement in due), default=0.0)
    keep_reading(connection, ANNOUNCEMENTS, announcements_reading(due), newest_at)


def insert_run(connection: sqlite3.Connection, run: Run, clearing_at: float | None) -> None:
    """Insert a run; a run with number 0 gets the next free number."""
    columns = rows.run_columns(run) | {"number": run.number or None, "clearing_at": clearing_at}
    rows.insert(connection, "runs", columns)


def run_of_workload(workload: Workload, testbed: str) -> Run:
    """Return a run that has not started; its number is 0 until the ledger assigns one."""
    if workload.build is None:
        raise AssertionError("no rule starts a run of an image that is not pinned")
    return Run(
        number=0,
        build=workload.build,
        network=workload.network,
        sync_mode=workload.sync_mode,
        testbed=testbed,
        settings_digest=workload.settings_digest,
    )


def _begin_clearing(
    connection: sqlite3.Connection, record: BeginClearing, now: Instant, testbed: str
) -> None:
    connection.execute(
        "UPDATE runs SET outcome = ?, ended_at = ?, message = ? WHERE started_at IS NOT NULL AND outcome IS NULL",
        (Outcome.SUPERSEDED, now.wall, record.message),
    )
    connection.execute("DELETE FROM readings WHERE name = 'adopt_token'")
    run = run_of_workload(record.workload, testbed)
    insert_run(connection, replace(run, build=_as_known(connection, run.build)), now.wall)


def _as_known(connection: sqlite3.Connection, build: Build) -> Build:
    """Return a build with all digests and versions that runs and attempts have recorded for it.

    The pod shows only the digest that pins it, and no versions if an operator pinned it.
    """
    asked = rows.digests_text(build.digests)
    recorded = connection.execute(
        f"SELECT image, digests, versions FROM runs WHERE {rows.SAME_BUILD} "  # noqa: S608 - literals only
        f"UNION SELECT image, digests, versions FROM attempts WHERE {rows.SAME_BUILD}",
        (asked, asked),
    ).fetchall()
    known = [rows.build_of(row) for row in recorded]
    versions = build.versions or next((same.versions for same in known if same.versions), None)
    return replace(build, digests=build.digests.union(*(same.digests for same in known)), versions=versions)


def _begin_run(connection: sqlite3.Connection, workload: Workload, now: Instant) -> None:
    """Start the run whose clearing began, with the build of the pod.

    The clearing may have started for another build than the pod has now.
    """
    run = replace(run_of_workload(workload, ""), tracking=opened(now, workload.uid))
    columns = rows.build_columns(_as_known(connection, run.build)) | {
        "network": run.network,
        "sync_mode": run.sync_mode,
        "settings_digest": run.settings_digest,
        "started_at": now.wall,
        "bookkeeping": tracking_text(run.tracking),
    }
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    connection.execute(
        f"UPDATE runs SET {assignments} WHERE started_at IS NULL AND outcome IS NULL",  # noqa: S608 - literals only
        columns,
    )


def _adopt(connection: sqlite3.Connection, workload: Workload, now: Instant, testbed: str) -> None:
    run = run_of_workload(workload, testbed)
    insert_run(
        connection,
        replace(
            run,
            started_at=now.wall,
            recovered=True,
            message="adopted data of unknown origin",
            tracking=opened(now),
        ),
        None,
    )


def _resume(connection: sqlite3.Connection, record: ResumeRun) -> None:
    """Add digests and versions that were unknown, and record whether the settings changed during the run."""
    run, workload = record.run, record.workload
    if workload.build is None:
        return
    build = replace(
        run.build,
        digests=run.build.digests | workload.build.digests,
        versions=run.build.versions or workload.build.versions,
    )
    changed = run.settings_changed or (run.open and run.settings_digest != workload.settings_digest)
    connection.execute(
        "UPDATE runs SET image = :image, digests = :digests, versions = :versions, "
        "settings_changed = :changed WHERE number = :number",
        rows.build_columns(build) | {"changed": changed, "number": run.number},
    )


def _attempt(connection: sqlite3.Connection, record: RecordAttempt, now: Instant) -> None:
    """Record an attempt; an attempt that an operator requested also completes the request."""
    connection.execute(
        "INSERT INTO attempts (image, digests, versions, after_run, cause, uid, recorded_at) VALUES "
        "(:image, :digests, :versions, "
        "(SELECT COALESCE(MAX(number), 0) FROM runs WHERE started_at IS NOT NULL), :cause, :uid, :now)",
        rows.build_columns(record.build) | {"cause": record.cause, "uid": record.uid, "now": now.wall},
    )
    if record.cause is AttemptCause.REQUEST:
        close_reruns(connection, now.wall)


def close_reruns(connection: sqlite3.Connection, now_wall: float) -> None:
    """Close all requests of a rerun, because an attempt carries them out or an operator withdraws them."""
    connection.execute(
        "UPDATE requests SET done_at = ? WHERE kind = ? AND done_at IS NULL", (now_wall, RequestKind.RERUN)
    )


def _end(connection: sqlite3.Connection, record: EndRun, now: Instant) -> None:
    """Record the outcome of a run; do nothing if the run already has an outcome."""
    connection.execute(
        "UPDATE runs SET outcome = ?, reason = ?, message = ?, ended_at = ?, duration_seconds = ?, "
        "wall_seconds = ?, disk_usage_bytes = ?, volume_size_bytes = ? WHERE number = ? AND outcome IS NULL",
        (
            record.outcome,
            record.reason,
            record.message,
            now.wall,
            record.duration_seconds,
            record.wall_seconds,
            record.disk_usage_bytes,
            record.volume_size_bytes,
            record.run.number,
        ),
    )
