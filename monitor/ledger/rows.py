"""Runs, builds and books as rows of the ledger, and back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from enum import StrEnum
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from monitor.domain.bounds import MAX_SUM, moment
from monitor.domain.build import Build, Versions
from monitor.domain.json_text import json_object, json_text, json_value
from monitor.domain.regression import Success
from monitor.domain.run import Attempt, AttemptCause, Evidence, Outcome, Reason, RequestKind, Run
from monitor.domain.tracking import Count, RunTracking
from monitor.domain.workload import Lease
from monitor.ledger.codecs import Reading, known_reading

# Asked in every tick: not all runs of a year are read for it.
SAME_BUILD = (
    "EXISTS (SELECT 1 FROM json_each(digests) AS its JOIN json_each(?) AS asked ON its.value = asked.value)"
)
"""Whether the build of a row has one of the digests in a list that is JSON."""

# A column's name is older than the field's; a ledger of any version opens.
_TRACKING = "bookkeeping"
_RUN_COLUMNS = (
    *(field.name for field in fields(Run) if field.name not in {"build", "tracking"}),
    _TRACKING,
    *("image", "digests", "versions"),
)
_run_values = itemgetter(*_RUN_COLUMNS)
# Runs that have ended stay as they are, and each scrape reads those that are compared and shown.
_KEPT_RUNS = 96
_TIMES = ("started_at", "ended_at", "duration_seconds", "wall_seconds")
_Word = TypeVar("_Word", bound=StrEnum)


def digests_text(digests: Iterable[str]) -> str:
    """Digests as the column `digests` has them, and as `SAME_BUILD` asks for them."""
    return json_text(sorted(digests))


def insert(connection: sqlite3.Connection, table: str, columns: Mapping[str, Any]) -> None:
    """Insert a row; `columns` maps names of the schema to values."""
    names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", columns)  # noqa: S608 - names of the schema


def build_columns(build: Build) -> dict[str, Any]:
    """A build as the columns `image`, `digests` and `versions`."""
    return {
        "image": build.image,
        "digests": digests_text(build.digests),
        "versions": build.versions.to_json() if build.versions else None,
    }


def build_of(row: sqlite3.Row | Mapping[str, Any]) -> Build:
    """The build of a row with those columns."""
    versions = Versions.parse(row["versions"]) if row["versions"] else None
    found = {"image": row["image"], "digests": json_value(row["digests"]), "versions": versions}
    return _build_codec().validate_python(found)


def tracking_text(tracking: RunTracking) -> str:
    """The books as JSON."""
    return json_text(asdict(tracking))


def tracking_of(text: str) -> RunTracking:
    """The books back; what a newer or older monitor wrote otherwise is left out or has its default."""
    found = json_object(text)
    json_text(found)  # no number in it is infinite
    try:
        return _tracking_codec().validate_python(found)
    except ValidationError:
        # A newer monitor may know stages that this one does not.
        return _tracking_codec().validate_python({**found, "chains": {}})


@cache
def _tracking_codec() -> TypeAdapter[RunTracking]:
    """Return the codec of the books; made at the first use, because to make it takes longer than to use it."""
    return TypeAdapter(RunTracking)


@cache
def _build_codec() -> TypeAdapter[Build]:
    return TypeAdapter(Build)


@cache
def _run_codec() -> TypeAdapter[Run]:
    return TypeAdapter(Run)


def run_of(row: sqlite3.Row) -> Run:
    """The run of a row of `runs`."""
    return _run_of(_run_values(row))


@lru_cache(_KEPT_RUNS)
def _run_of(values: tuple[Any, ...]) -> Run:
    row = dict(zip(_RUN_COLUMNS, values, strict=True))
    if any(row[name] is not None and moment(row[name]) is None for name in _TIMES):
        raise ValueError(f"run {row['number']} has a time that is none")
    return _run_codec().validate_python(
        row
        | {
            "build": build_of(row),
            "outcome": _word(row["outcome"], Outcome, Outcome.SUPERSEDED),
            "reason": _word(row["reason"], Reason, None),
            "tracking": tracking_of(row[_TRACKING]),
        }
    )


def run_columns(run: Run) -> dict[str, Any]:
    """Return a run as columns of `runs`."""
    kept = (field.name for field in fields(run) if field.name not in {"build", "tracking"})
    values = {name: getattr(run, name) for name in kept}
    return values | build_columns(run.build) | {_TRACKING: tracking_text(run.tracking)}


def count_of(row: sqlite3.Row) -> Count:
    """The counter of a row of `counts`."""
    for name in ("chain", "signal"):
        _text(row[name])
    return Count(*(min(max(float(row[name]), 0.0), MAX_SUM) for name in ("before", "last", "maximum")))


def reading_of(row: sqlite3.Row) -> Reading:
    """The reading of a row of `readings`."""
    return Reading(known_reading(row["name"], json_object(row["value"])), _time(row["read_at"]))


def evidence_of(row: sqlite3.Row) -> Evidence:
    """The evidence of a row of `evidence`."""
    return Evidence(_text(row["text"]), _time(row["taken_at"]))


def holder_of(row: sqlite3.Row) -> Lease:
    """The holder of a row of `holder`."""
    return Lease(_text(row["uid"]), int(row["beat"]))


@contextmanager
def decoding() -> Iterator[None]:
    """Take a row that cannot be decoded for what it is: damage of the file, as SQLite itself finds it elsewhere."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # The first line: pydantic has several, for a programmer.
        broken = sqlite3.DatabaseError(f"a row is damaged: {str(error).partition(chr(10))[0]}")
        broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        broken.sqlite_errorname = "SQLITE_CORRUPT"
        raise broken from error


def check(connection: sqlite3.Connection) -> None:
    """Decode every row that decisions rest on.

    Raises:
        sqlite3.DatabaseError: one cannot be decoded.
    """
    decoders: dict[str, Callable[[sqlite3.Row], object]] = {
        "runs": run_of,
        "attempts": attempt_of,
        "counts": count_of,
        "readings": reading_of,
        "evidence": evidence_of,
        "holder": holder_of,
        "interventions": lambda row: _time(row["made_at"]),
        "requests": lambda row: baseline_of(row) if row["kind"] == RequestKind.MARK_BASELINE else None,
    }
    with decoding():
        for table, decode in decoders.items():
            for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 - literals only
                decode(row)


def baseline_of(row: sqlite3.Row) -> int:
    """The first run of the baseline that a row of `requests` marks."""
    return int(row["argument"])


def _time(value: float) -> float:
    found = moment(float(value))
    if found is None:
        raise ValueError(f"{value!r} is not a time")
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def success_of(row: sqlite3.Row) -> Success:
    """A run that succeeded, of a row of `runs` with the columns that are made of its counts."""
    run = run_of(row)
    tracking = run.tracking
    # Older monitors counted leaves, and recorded nothing else of a state sync.
    synced = (
        tracking.state_synced if tracking.state_synced is not None else bool(row["leaves_synced"]) or None
    )
    again = tracking.state_sync_restarted or bool(row["state_synced_again"])
    return Success(run, row["blocks_accepted"] or 0.0, again, synced)


def attempt_of(row: sqlite3.Row) -> Attempt:
    """The attempt of a row of `attempts`."""
    return Attempt(
        build_of(row),
        row["after_run"],
        _word(row["cause"], AttemptCause, None) or AttemptCause.NEW_BUILD,
        row["uid"],
    )


def _word(text: str | None, kind: type[_Word], unknown: _Word | None) -> _Word | None:
    """A word of ours; one that a newer monitor wrote stands for what says least."""
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        return unknown
