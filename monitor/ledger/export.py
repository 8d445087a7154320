"""Export and import of the history as a SQLite file, so that it outlives the volume.

An exported file is a ledger that contains only the ended runs, their counters and the saved log tails.  An
import adds runs and never changes one.  A run with the same start and build as a run in the ledger is
skipped.

`init` decides by the last run whether to delete the node's data.  So an import never adds a newer run while
the last run is open or its data is on the volume.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from monitor.avalanchego.networks import canonical_network
from monitor.domain.bounds import moment
from monitor.domain.image_reference import ImageReference
from monitor.domain.observations import DataState
from monitor.domain.run import Run
from monitor.errors import ConfigurationError, MonitorError
from monitor.ledger import rows, schema
from monitor.ledger.recovery import check_whole
from monitor.ledger.store import PENDING_ATTEMPT, Ledger, connected

_KEEP_ENDED_RUNS = """
DELETE FROM runs WHERE started_at IS NULL OR outcome IS NULL;
DELETE FROM counts WHERE run NOT IN (SELECT number FROM runs);
DELETE FROM evidence WHERE run NOT IN (SELECT number FROM runs);
"""
_NOT_EXPORTED = ("readings", "requests", "attempts", "interventions", "holder")
_NUMBER_COLUMNS = {"runs": "number", "counts": "run", "evidence": "run"}
_MAX_RUN_NUMBER = 2**62
_SAME_START_SECONDS = 0.001  # a run recovered from the details file has its start in microseconds


def exported(ledger: Ledger) -> tuple[bytes, int]:
    """Return a consistent copy of a ledger's history as the content of a file, and the number of runs in it.

    Raises:
        MonitorError: the history contains a run that an import would reject.
    """
    with closing(ledger.copy()) as copy:
        deletions = "".join(f"DELETE FROM {table};" for table in _NOT_EXPORTED)  # noqa: S608 - literals only
        copy.executescript(f"{_KEEP_ENDED_RUNS}{deletions} VACUUM;")
        try:
            runs = _checked_runs(Ledger(copy, Path("ledger")))
        except MonitorError as error:
            raise MonitorError(f"the history cannot be exported: {error}") from error
        return copy.serialize(), len(runs)


def read(content: bytes, where: str) -> Ledger:
    """Open the content of an exported file in memory; `where` names the file in errors.

    Raises:
        ConfigurationError: the content is not a history, is damaged or was written by a newer monitor.  Or
            a run in it cannot be shown or compared.
    """
    copy = connected(":memory:")
    history = Ledger(copy, Path(where))
    try:
        copy.deserialize(content or b"empty")
        _check_file(copy, len(content))
        _checked_runs(history)
    except (sqlite3.Error, MonitorError) as error:
        history.close()
        raise ConfigurationError(
            f"{where} cannot be imported ({error}): set --import to a file that history --export wrote"
        ) from error
    return history


def is_export(content: bytes) -> bool:
    """Return whether the content was written by an export, and is not the ledger of a monitor."""
    try:
        history = read(content, "the file")
    except ConfigurationError:
        return False
    with closing(history):
        ended = all(run.outcome is not None for run in history.runs(-1))
        with history.transaction() as tables:
            queries = (f"SELECT 1 FROM {table}" for table in _NOT_EXPORTED)  # noqa: S608 - literals only
            return ended and not any(tables.execute(query).fetchone() for query in queries)


def imported(ledger: Ledger, history: Ledger, data: DataState) -> tuple[int, int]:
    """Add the missing runs to a ledger, all or none; return how many were added and how many were skipped.

    Args:
        ledger: The ledger that the runs are added to.
        history: An exported history, as returned by `read`.
        data: Whether the ledger's volume contains a node's data.

    Raises:
        ConfigurationError: the runs cannot be placed before or after those of the ledger.  Or they are newer
            than a run that is open or has its data on the volume.
    """
    runs = _checked_runs(history)
    with history.transaction() as source, ledger.transaction() as target:
        there = [rows.run_of(row) for row in target.execute("SELECT * FROM runs").fetchall()]
        new: list[Run] = []
        for run in runs:
            if not any(_is_same(run, other) for other in [*there, *new]):
                new.append(run)
        numbers = _numbers(new, there)
        last = max((run.number for run in there if run.started_at is not None), default=-math.inf)
        blocker = _blocker(target, there, data)
        if blocker and new and numbers[-1] > last:
            raise ConfigurationError(
                f"the history has newer runs than this ledger, but {blocker}: import it into an empty folder"
            )
        _copy_runs(source, target, {run.number: number for run, number in zip(new, numbers, strict=True)})
    return len(new), len(runs) - len(new)


def _check_file(copy: sqlite3.Connection, size_bytes: int) -> None:
    """Check that a database is a complete ledger.

    Raises:
        MonitorError: the database is not a ledger, is truncated, or was written by a newer monitor.
        sqlite3.DatabaseError: the database is damaged.
    """
    copy.execute("PRAGMA trusted_schema = OFF")
    kinds = {row["type"] for row in copy.execute("SELECT type FROM sqlite_schema")}
    # A ledger has no views or triggers; those of a hostile file could run forever.
    if schema.check(copy, "it") == 0 or {"view", "trigger"} & kinds:
        raise MonitorError("it is another program's database")
    pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    if copy.execute(pages).fetchone()[0] != size_bytes:  # SQLite pads a truncated last page with zeros
        raise MonitorError("it is truncated")
    schema.prepare(copy, "it")
    check_whole(copy)
    rows.check(copy)


def _checked_runs(history: Ledger) -> list[Run]:
    """Return the ended runs in the order of their starts; check that each can be shown, compared and pinned.

    Raises:
        ConfigurationError: a run has an image without a digest, an unknown network or a value out of range.
    """
    runs = [run for run in history.runs(-1) if run.outcome is not None]
    for run in runs:
        times = (run.tracking.active_seconds, run.tracking.progress_at)
        sizes = (run.disk_usage_bytes, run.volume_size_bytes)
        if not ImageReference.parse(run.build.image).pinned or not run.build.digests:
            raise ConfigurationError(f"run {run.number}: image {run.build.image!r} is not pinned by a digest")
        canonical_network(run.network, f"the network of run {run.number}")
        if (
            abs(run.number) >= _MAX_RUN_NUMBER
            or any(each is not None and moment(each) is None for each in times)
            or any(each is not None and each < 0 for each in sizes)
        ):
            raise ConfigurationError(f"run {run.number} has a number, a time or a size that is out of range")
    return sorted(runs, key=_start)


def _is_same(one: Run, other: Run) -> bool:
    return one.build.same(other.build) and abs(_start(one) - _start(other)) < _SAME_START_SECONDS


def _numbers(new: Sequence[Run], there: Sequence[Run]) -> Sequence[int]:
    """Return the numbers of the new runs in the order of their starts.

    The runs keep their own numbers if these, together with those in the ledger, ascend with the starts.
    Otherwise they are numbered from 1 in an empty ledger, or below the runs in the ledger.

    Raises:
        ConfigurationError: the runs cannot keep their numbers, and not all started before those in the
            ledger.
    """
    own = [run.number for run in new]
    together = [run.number for run in sorted([*new, *there], key=lambda run: (_start(run), run.number))]
    if all(one < other for one, other in pairwise(together if there else [0, *own])):
        return own
    if not there:
        return range(1, len(new) + 1)
    if all(_start(run) < min(map(_start, there)) for run in new):
        below = min(0, *(run.number for run in there))  # 0 is not a valid run number
        return range(below - len(new), below)
    raise ConfigurationError(
        "the history has runs that did not start before those of this ledger: import it into an empty folder"
    )


def _start(run: Run) -> float:
    """Return the start of a run in Unix seconds; infinity if its volume is still being cleared."""
    return math.inf if run.started_at is None else run.started_at


def _blocker(connection: sqlite3.Connection, there: Sequence[Run], data: DataState) -> str:
    """Return why no newer run may be added to a ledger; empty if one may be added."""
    opened = next((run for run in there if run.open), None)
    if opened is not None:
        return f"run {opened.number} is open"
    if any(run.started_at is None for run in there):
        return "the volume is being cleared for a new run"
    if connection.execute(PENDING_ATTEMPT).fetchone() is not None:
        return "a new run is about to start"
    return "the volume has a node's data" if data is DataState.PRESENT else ""


def _copy_runs(source: sqlite3.Connection, target: sqlite3.Connection, numbers: Mapping[int, int]) -> None:
    """Copy the rows of runs; `numbers` maps run numbers in the source to those in the target."""
    for table, number in _NUMBER_COLUMNS.items():
        known = {column["name"] for column in target.execute(f"PRAGMA table_info({table})")} - {"id"}
        for row in source.execute(f"SELECT * FROM {table}"):  # noqa: S608 - literals only
            if row[number] in numbers:
                columns = {name: row[name] for name in row.keys() if name in known}  # noqa: SIM118 - a Row iterates values
                rows.insert(target, table, columns | {number: numbers[row[number]]})
