"""Conversion of values to and from rows of the ledger; `codecs` converts those that are stored as JSON."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from enum import StrEnum
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar

from monitor.domain.bounds import MAX_SUM, moment
from monitor.domain.build import Build
from monitor.domain.json_text import json_object, json_text, json_value
from monitor.domain.regression import Success
from monitor.domain.run import Attempt, AttemptCause, Evidence, Outcome, Reason, RequestKind, Run
from monitor.domain.tracking import Count
from monitor.domain.workload import Lease
from monitor.ledger.codecs import (
    Reading,
    build_from,
    build_reading,
    decoded,
    known_reading,
    tracking_of,
    tracking_text,
)

# Every tick runs this query, so SQLite filters the rows instead of Python reading a year of runs.
SAME_BUILD = (
    "EXISTS (SELECT 1 FROM json_each(digests) AS its JOIN json_each(?) AS asked ON its.value = asked.value)"
)
"""SQL condition: the build of the row has a digest in the JSON list that is the parameter."""

# The column keeps the earlier name of the field, so that a ledger of any version can be opened.
_TRACKING = "bookkeeping"
_PLAIN_FIELDS = tuple(field.name for field in fields(Run) if field.name not in {"build", "tracking"})
_RUN_COLUMNS = (*_PLAIN_FIELDS, _TRACKING, "image", "digests", "versions")
_run_values = itemgetter(*_RUN_COLUMNS)
# Size of the cache of decoded runs: ended runs do not change, and each scrape reads those shown or compared.
_KEPT_RUNS = 96
_TIMES = ("started_at", "ended_at", "duration_seconds", "wall_seconds")
_Word = TypeVar("_Word", bound=StrEnum)


def digests_text(digests: Iterable[str]) -> str:
    """Return digests as JSON, as stored in the column `digests` and as the parameter of `SAME_BUILD`."""
    return json_text(sorted(digests))


def insert(connection: sqlite3.Connection, table: str, columns: Mapping[str, Any]) -> None:
    """Insert a row; `columns` maps column names to values."""
    names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", columns)  # noqa: S608 - names of the schema


def build_columns(build: Build) -> dict[str, Any]:
    """Return a build as the columns `image`, `digests` and `versions`."""
    return build_reading(build) | {"digests": digests_text(build.digests)}


def build_of(row: sqlite3.Row | Mapping[str, Any]) -> Build:
    """Return the build of a row that has the columns `image`, `digests` and `versions`."""
    return build_from(row["image"], json_value(row["digests"]), row["versions"])


def run_of(row: sqlite3.Row) -> Run:
    """Return the run of a row of `runs`."""
    return _run_of(_run_values(row))


@lru_cache(_KEPT_RUNS)
def _run_of(values: tuple[Any, ...]) -> Run:
    row = dict(zip(_RUN_COLUMNS, values, strict=True))
    if any(row[name] is not None and moment(row[name]) is None for name in _TIMES):
        raise ValueError(f"run {row['number']} has an invalid time")
    return decoded(
        Run,
        row
        | {
            "build": build_of(row),
            "outcome": _word(row["outcome"], Outcome, Outcome.SUPERSEDED),
            "reason": _word(row["reason"], Reason, None),
            "tracking": tracking_of(row[_TRACKING]),
        },
    )


def run_columns(run: Run) -> dict[str, Any]:
    """Return a run as the columns of `runs`."""
    values = {name: getattr(run, name) for name in _PLAIN_FIELDS}
    return values | build_columns(run.build) | {_TRACKING: tracking_text(run.tracking)}


def count_of(row: sqlite3.Row) -> Count:
    """Return the counter of a row of `counts`."""
    for name in ("chain", "signal"):
        _text(row[name])
    return Count(*(min(max(float(row[name]), 0.0), MAX_SUM) for name in ("before", "last", "maximum")))


def reading_of(row: sqlite3.Row) -> Reading:
    """Return the reading of a row of `readings`."""
    return Reading(known_reading(row["name"], json_object(row["value"])), _time(row["read_at"]))


def evidence_of(row: sqlite3.Row) -> Evidence:
    """Return the saved log tail of a row of `evidence`."""
    return Evidence(_text(row["text"]), _time(row["taken_at"]))


def holder_of(row: sqlite3.Row) -> Lease:
    """Return the lease of a row of `holder`."""
    return Lease(_text(row["uid"]), int(row["beat"]))


@contextmanager
def decoding() -> Iterator[None]:
    """Raise `sqlite3.DatabaseError` (`SQLITE_CORRUPT`) for a row that cannot be decoded."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # Only the first line: the others of a pydantic error are for developers.
        broken = sqlite3.DatabaseError(f"a row is damaged: {str(error).partition(chr(10))[0]}")
        broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        broken.sqlite_errorname = "SQLITE_CORRUPT"
        raise broken from error


def check(connection: sqlite3.Connection) -> None:
    """Check that every row that decisions depend on can be decoded.

    Raises:
        sqlite3.DatabaseError: a row cannot be decoded.
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
    """Return the number of the baseline's first run, as marked by a row of `requests`."""
    return int(row["argument"])


def _time(value: float) -> float:
    time = moment(float(value))
    if time is None:
        raise ValueError(f"{value!r} is not a time")
    return time


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def success_of(row: sqlite3.Row) -> Success:
    """Return the successful run of a row of `runs` that also has the columns computed from `counts`."""
    run = run_of(row)
    tracking = run.tracking
    # Older monitors recorded only the number of leaves of a state sync.
    synced = (
        tracking.state_synced if tracking.state_synced is not None else bool(row["leaves_synced"]) or None
    )
    again = tracking.state_sync_restarted or bool(row["state_synced_again"])
    return Success(run, row["blocks_accepted"] or 0.0, row["leaves_synced"] or 0.0, again, synced)


def attempt_of(row: sqlite3.Row) -> Attempt:
    """Return the attempt of a row of `attempts`."""
    return Attempt(
        build_of(row),
        row["after_run"],
        _word(row["cause"], AttemptCause, None) or AttemptCause.NEW_BUILD,
        row["uid"],
    )


def _word(text: str | None, kind: type[_Word], unknown: _Word | None) -> _Word | None:
    """Return the enum member for a text; `None` if the text is empty, `unknown` if it is not a member."""
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        return unknown
