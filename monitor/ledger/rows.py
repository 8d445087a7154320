"""Runs, builds and books as rows of the ledger, and back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from monitor.json_text import json_object, json_text, json_value
from monitor.model import (
    Attempt,
    AttemptCause,
    Bookkeeping,
    Build,
    Outcome,
    Reason,
    Run,
    SyncMode,
    Versions,
)
from monitor.regression import Success

# Asked in every tick: not all runs of a year are read for it.
SAME_BUILD = (
    "EXISTS (SELECT 1 FROM json_each(digests) AS its JOIN json_each(?) AS asked ON its.value = asked.value)"
)
"""Whether the build of a row has one of the digests in a list that is JSON."""

_Word = TypeVar("_Word", bound=StrEnum)


def digests_text(digests: Iterable[str]) -> str:
    """Digests as the column `digests` has them, and as `SAME_BUILD` asks for them."""
    return json_text(sorted(digests))


def build_columns(build: Build) -> dict[str, Any]:
    """A build as the columns `image`, `digests` and `versions`."""
    return {
        "image": build.image,
        "digests": digests_text(build.digests),
        "versions": build.versions.to_json() if build.versions else None,
    }


def build_of(row: sqlite3.Row) -> Build:
    """The build of a row with those columns."""
    versions = Versions.parse(row["versions"]) if row["versions"] else None
    return Build(row["image"], frozenset(json_value(row["digests"])), versions)


def books_text(books: Bookkeeping) -> str:
    """The books as JSON."""
    return json_text(asdict(books))


def books_of(text: str) -> Bookkeeping:
    """The books back; what a newer or older monitor wrote otherwise is left out or has its default."""
    found = json_object(text)
    try:
        return _books_codec().validate_python(found)
    except ValidationError:
        # A newer monitor may know stages that this one does not.
        return _books_codec().validate_python({**found, "chains": {}})


@cache
def _books_codec() -> TypeAdapter[Bookkeeping]:
    """Return the codec of the books; made at the first use, because to make it takes longer than to use it."""
    return TypeAdapter(Bookkeeping)


def run_of(row: sqlite3.Row) -> Run:
    """The run of a row of `runs`."""
    return Run(
        number=row["number"],
        build=build_of(row),
        network=row["network"],
        sync_mode=SyncMode(row["sync_mode"]),
        testbed=row["testbed"],
        settings_digest=row["settings_digest"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        outcome=_word(row["outcome"], Outcome, Outcome.SUPERSEDED),
        reason=_word(row["reason"], Reason, None),
        message=row["message"],
        duration_seconds=row["duration_seconds"],
        wall_seconds=row["wall_seconds"],
        disk_usage_bytes=row["disk_usage_bytes"],
        volume_size_bytes=row["volume_size_bytes"],
        recovered=bool(row["recovered"]),
        settings_changed=bool(row["settings_changed"]),
        bookkeeping=books_of(row["bookkeeping"]),
    )


def success_of(row: sqlite3.Row) -> Success:
    """A run that succeeded, of a row of `runs` with the columns that are made of its counts."""
    run = run_of(row)
    books = run.bookkeeping
    # Older monitors counted leaves, and recorded nothing else of a state sync.
    synced = books.state_synced if books.state_synced is not None else bool(row["leaves_synced"]) or None
    again = books.state_sync_restarted or bool(row["state_synced_again"])
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
