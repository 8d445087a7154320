"""A history as lines of JSON, so that it outlives its volume: written from one ledger, read into another.

The first line says what the file is, each other one is a run that has ended, oldest first, with its counters and the
last words of its node.  What a reader does not know it leaves out, so that within a version fields may be added.

Reading adds runs and changes none.  A run that is there already, by its start and its build, is passed over.  The
last run of a ledger stays the last one while it is open or its data is there: by it `init` decides what is cleared.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from monitor.errors import ConfigurationError, MonitorError
from monitor.ledger import rows
from monitor.ledger.archive_lines import ArchivedRun, head_line, line_of
from monitor.ledger.store import PENDING_ATTEMPT, Ledger
from monitor.model import DataState, Run

# Of one name in a run, in its line and in the ledger's table.
_KEPT = (
    "network",
    "sync_mode",
    "testbed",
    "settings_digest",
    "settings_changed",
    "recovered",
    "started_at",
    "ended_at",
    "outcome",
    "reason",
    "message",
    "duration_seconds",
    "wall_seconds",
    "disk_usage_bytes",
    "volume_size_bytes",
)


def exported(ledger: Ledger) -> Iterator[str]:
    """The lines of a ledger's history, without their ends.

    Raises:
        MonitorError: the ledger has what no other would take.
    """
    yield head_line()
    for run in reversed(ledger.runs(-1)):
        if run.outcome is not None:
            try:
                yield line_of(_fields(ledger, run))
            except ValueError as error:
                raise MonitorError(f"run {run.number} cannot be exported: {error}") from error


def imported(ledger: Ledger, found: Sequence[ArchivedRun], where: str, data: DataState) -> tuple[int, int]:
    """Add the runs that a ledger does not have, all or none of them; how many were added, and how many were there.

    Args:
        ledger: to be added to.
        found: the runs of a history, by their start.
        where: what they are from, for errors.
        data: whether the ledger's volume has a node's data.

    Raises:
        ConfigurationError: they do not come before or after what the ledger has, or come after a run that is under
            way or whose data is there.
    """
    with ledger.transaction() as connection:
        there = [rows.run_of(row) for row in connection.execute("SELECT * FROM runs").fetchall()]
        new = [each for each in found if not any(each.is_same(run) for run in there)]
        numbers = _numbers(new, there, where)
        under_way = _under_way(connection, there, data)
        if under_way and _has_the_last(numbers, there):
            raise ConfigurationError(
                f"{where} has runs that are newer than all that are here, while {under_way}: the tester would go on "
                "from them and could clear what is there; import it into an empty folder"
            )
        for number, each in zip(numbers, new, strict=True):
            _insert(connection, number, each)
    return len(new), len(found) - len(new)


def _fields(ledger: Ledger, run: Run) -> dict[str, Any]:
    """Of an `ArchivedRun`."""
    evidence = ledger.evidence(run.number)
    versions = run.build.versions
    return {
        "run": run.number,
        "image": run.build.image,
        "digests": sorted(run.build.digests),
        "versions": asdict(versions) if versions else None,
        **_kept(run),
        "bookkeeping": asdict(run.bookkeeping),
        "counts": [
            {"chain": chain, "signal": signal, **asdict(count)}
            for (chain, signal), count in sorted(ledger.counts(run).items())
        ],
        "evidence": asdict(evidence) if evidence else None,
    }


def _kept(run: Run | ArchivedRun) -> dict[str, Any]:
    return {name: getattr(run, name) for name in _KEPT}


def _numbers(new: Sequence[ArchivedRun], there: Sequence[Run], where: str) -> Sequence[int]:
    """Numbers that keep the order in which the runs began: those they had, else below all that are there."""
    had = [each.run for each in new]
    if not there:
        return had if _rising([0, *had]) else range(1, len(new) + 1)
    together = sorted(
        [(each.started_at, each.run) for each in new] + [(_start(run), run.number) for run in there]
    )
    if _rising([number for _, number in together]):
        return had
    if all(each.started_at < min(map(_start, there)) for each in new):
        below = min(-1, min(run.number for run in there) - 1)  # no run has the number 0
        return range(below - len(new) + 1, below + 1)
    raise ConfigurationError(
        f"{where} has runs that began between those that are here: import it into a new folder, and then these"
    )


def _start(run: Run) -> float:
    """A run whose clearing is under way begins after all others."""
    return math.inf if run.started_at is None else run.started_at


def _rising(numbers: Sequence[int]) -> bool:
    return all(one < other for one, other in pairwise(numbers))


def _has_the_last(numbers: Sequence[int], there: Sequence[Run]) -> bool:
    """Whether the newest of what is imported comes after all runs that started here: what is decided rests on it."""
    started = [run.number for run in there if run.started_at is not None]
    return bool(numbers) and numbers[-1] > max(started, default=-math.inf)


def _under_way(connection: sqlite3.Connection, there: Sequence[Run], data: DataState) -> str:
    """What belongs to the run that is the last one here; empty where nothing does."""
    opened = next((run for run in there if run.open), None)
    if opened is not None:
        return f"run {opened.number} is open"
    if any(run.started_at is None for run in there):
        return "the volume is cleared for a new run"
    if connection.execute(PENDING_ATTEMPT).fetchone() is not None:
        return "a new run is about to begin"
    return "a node's data is there" if data is DataState.PRESENT else ""


def _insert(connection: sqlite3.Connection, number: int, run: ArchivedRun) -> None:
    columns = rows.build_columns(run.build) | {
        "number": number,
        **_kept(run),
        "bookkeeping": run.bookkeeping.model_dump_json(),
    }
    names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    connection.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", columns)  # noqa: S608 - literals only
    connection.executemany(
        "INSERT INTO counts (run, chain, signal, before, last, maximum) VALUES (?, ?, ?, ?, ?, ?)",
        [(number, each.chain, each.signal, each.before, each.last, each.maximum) for each in run.counts],
    )
    if run.evidence is not None:
        connection.execute(
            "INSERT INTO evidence (run, text, taken_at) VALUES (?, ?, ?)",
            (number, run.evidence.text, run.evidence.taken_at),
        )
