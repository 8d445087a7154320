"""Export and import of the history as a SQLite file, so that it outlives the volume.

An exported file is a copy of a ledger without its open run, requests, readings and leases.  An import adds
runs before those of the ledger and changes no run.  A run with the same start and build as a run in the
ledger is skipped.

`init` decides by the last run whether to delete the node's data.  So an import never adds a run after a run
of the ledger.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from monitor.avalanchego.networks import canonical_network
from monitor.domain.bounds import moment
from monitor.domain.image_reference import ImageReference
from monitor.domain.run import RequestKind, Run
from monitor.errors import ConfigurationError, MonitorError
from monitor.ledger import rows, schema
from monitor.ledger.connection import connect
from monitor.ledger.recovery import check_whole
from monitor.ledger.store import Ledger

# The rows that an export leaves out, by table; the runs come first because the others depend on them.
_NOT_EXPORTED = {
    "runs": "started_at IS NULL OR outcome IS NULL",
    "counts": "run NOT IN (SELECT number FROM runs)",
    "evidence": "run NOT IN (SELECT number FROM runs)",
    "requests": f"kind <> '{RequestKind.MARK_BASELINE}'",
    **dict.fromkeys(("readings", "attempts", "interventions", "holder"), "TRUE"),
}
_NUMBER_COLUMNS = {"runs": "number", "counts": "run", "evidence": "run"}
_FIRST_NUMBERS = range(1, 2**31)
_SAME_START_SECONDS = 0.001  # a run recovered from the details file has its start in microseconds


def export_history(ledger: Ledger) -> tuple[bytes, int]:
    """Return a consistent copy of a ledger's history as the content of a file, and the number of runs in it.

    Raises:
        MonitorError: the history contains a run that an import would reject.
    """
    with closing(ledger.copy()) as copy:
        for table, condition in _NOT_EXPORTED.items():
            copy.execute(f"DELETE FROM {table} WHERE {condition}")  # noqa: S608 - literals only
        copy.execute("VACUUM")  # deleted rows must not remain in free pages
        try:
            runs = _ended_runs(Ledger(copy, Path("ledger")))
        except MonitorError as error:
            raise MonitorError(f"the history cannot be exported: {error}") from error
        return copy.serialize(), len(runs)


def read_history(content: bytes, where: str) -> Ledger:
    """Open the content of an exported file in memory; `where` names the file in errors.

    Raises:
        ConfigurationError: the content is not a history, is damaged or was written by a newer monitor.  Or
            a run in it cannot be shown or compared.
    """
    copy = connect(":memory:")
    history = Ledger(copy, Path(where))
    try:
        copy.deserialize(content or b"empty")
        _check_file(copy, len(content))
        _ended_runs(history)
    except (sqlite3.Error, MonitorError) as error:
        history.close()
        raise ConfigurationError(
            f"{where} cannot be imported ({error}): set --import to a file that history --export wrote"
        ) from error
    return history


def is_export(content: bytes) -> bool:
    """Return whether the content was written by an export, and is not the ledger of a monitor."""
    try:
        history = read_history(content, "the file")
    except ConfigurationError:
        return False
    queries = (f"SELECT 1 FROM {table} WHERE {condition}" for table, condition in _NOT_EXPORTED.items())  # noqa: S608 - literals only
    with closing(history), history.transaction() as tables:
        return not any(tables.execute(query).fetchone() for query in queries)


def import_history(ledger: Ledger, history: Ledger) -> tuple[int, int]:
    """Add the missing runs to a ledger, all or none; return how many were added and how many were skipped.

    An empty ledger receives the runs with their numbers, and the baseline mark.  Otherwise the runs are
    numbered below those of the ledger.

    Args:
        ledger: The ledger that the runs are added to.
        history: An exported history, as returned by `read_history`.

    Raises:
        ConfigurationError: a missing run did not start before all runs of the ledger.
    """
    runs = _ended_runs(history)
    with history.transaction() as source, ledger.transaction() as target:
        existing = [rows.run_of(row) for row in target.execute("SELECT * FROM runs").fetchall()]
        missing = [run for run in runs if not any(_is_same(run, other) for other in existing)]
        # A ledger whose first run is still being cleared accepts no run.
        earliest = min((_start(run) for run in existing if run.started_at is not None), default=-math.inf)
        if existing and any(_start(run) >= earliest for run in missing):
            raise ConfigurationError(
                "the history has runs that did not start before those of this ledger: import it into an empty folder"
            )
        first = _first_number(missing, existing)
        _copy_runs(source, target, {run.number: number for number, run in enumerate(missing, first)})
        if not existing:
            _copy_mark(source, target, runs, first)
    return len(missing), len(runs) - len(missing)


def _check_file(copy: sqlite3.Connection, size_bytes: int) -> None:
    """Check that a database is a complete ledger.

    Raises:
        MonitorError: the database is not a ledger, is truncated, or was written by a newer monitor.
        sqlite3.DatabaseError: the database is damaged.
    """
    copy.execute("PRAGMA trusted_schema = OFF")
    # A ledger has no views or triggers; those of a hostile file could run forever.
    foreign = copy.execute("SELECT 1 FROM sqlite_schema WHERE type IN ('view', 'trigger')").fetchone()
    if schema.check(copy, "it") == 0 or foreign:
        raise MonitorError("it is another program's database")
    pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    if copy.execute(pages).fetchone()[0] != size_bytes:  # SQLite pads a truncated last page with zeros
        raise MonitorError("it is truncated")
    check_whole(copy)
    rows.check(copy)


def _ended_runs(history: Ledger) -> Sequence[Run]:
    """Return the ended runs, oldest first; check that each can be shown, compared and pinned.

    Raises:
        ConfigurationError: a run has an image without a digest, an unknown network or a value out of range.
    """
    runs = [run for run in reversed(history.runs(-1)) if run.outcome is not None]
    for run in runs:
        times = (run.tracking.active_seconds, run.tracking.progress_at)
        sizes = (run.disk_usage_bytes, run.volume_size_bytes)
        if not ImageReference.parse(run.build.image).pinned or not run.build.digests:
            raise ConfigurationError(f"run {run.number}: image {run.build.image!r} is not pinned by a digest")
        canonical_network(run.network, f"the network of run {run.number}")
        if any(time is not None and moment(time) is None for time in times) or any(
            size is not None and size < 0 for size in sizes
        ):
            raise ConfigurationError(f"run {run.number} has a time or a size that is out of range")
    return runs


def _first_number(missing: Sequence[Run], existing: Sequence[Run]) -> int:
    """Return the number of the first imported run; the others have the numbers that follow it."""
    if existing:
        return min(0, *(run.number for run in existing)) - len(missing)  # 0 is not a valid run number
    # The file may contain runs that were imported below 1.
    return missing[0].number if missing and missing[0].number in _FIRST_NUMBERS else 1


def _start(run: Run) -> float:
    """Return the start of a run in Unix seconds; infinity if its volume is still being cleared."""
    return math.inf if run.started_at is None else run.started_at


def _is_same(run: Run, other: Run) -> bool:
    return run.build.same(other.build) and abs(_start(run) - _start(other)) < _SAME_START_SECONDS


def _copy_runs(source: sqlite3.Connection, target: sqlite3.Connection, numbers: Mapping[int, int]) -> None:
    """Copy the rows of runs; `numbers` maps run numbers in the source to those in the target."""
    for table, number in _NUMBER_COLUMNS.items():
        known = {column["name"] for column in target.execute(f"PRAGMA table_info({table})")} - {"id"}
        for row in source.execute(f"SELECT * FROM {table}"):  # noqa: S608 - literals only
            if row[number] in numbers:
                columns = {name: row[name] for name in row.keys() if name in known}  # noqa: SIM118 - a Row iterates values
                rows.insert(target, table, columns | {number: numbers[row[number]]})


def _copy_mark(
    source: sqlite3.Connection, target: sqlite3.Connection, runs: Sequence[Run], first: int
) -> None:
    """Copy the newest baseline mark, so that it excludes the same runs in their numbers from `first` on."""
    query = "SELECT argument, made_at FROM requests WHERE kind = ? ORDER BY id DESC LIMIT 1"
    for row in source.execute(query, (RequestKind.MARK_BASELINE,)):
        excluded = sum(run.number < rows.baseline_of(row) for run in runs)
        argument = str(first + excluded if excluded else 1)  # 1 excludes no run
        mark = {"kind": RequestKind.MARK_BASELINE, "argument": argument, "made_at": row["made_at"]}
        rows.insert(target, "requests", mark)
