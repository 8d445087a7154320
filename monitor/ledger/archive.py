"""A history as lines of JSON, so that it outlives its volume: written from one ledger, read into another.

The first line says what the file is, each other one is a run that has ended, oldest first, with its counters and the
last words of its node.  What a reader does not know it leaves out, so that within a version fields may be added.

Reading adds runs and changes none.  A run that is there already, by its start and its build, is passed over.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from monitor.errors import ConfigurationError
from monitor.ledger import rows
from monitor.ledger.store import Ledger
from monitor.model import Build, Outcome, Reason, Run, SyncMode, Versions

FORMAT, VERSION = "bootstrap-monitor history", 1

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_LARGEST = 2**62  # SQLite counts to twice as many
_Bytes = Annotated[int, Field(ge=0, lt=_LARGEST)]


class _Written(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class _Count(_Written):
    chain: str
    signal: str
    before: _Finite
    last: _Finite
    maximum: _Finite


class _Evidence(_Written):
    text: str
    taken_at: _Finite


class _Head(_Written):
    format: str
    version: int


class _Run(_Written):
    """One line."""

    run: Annotated[int, Field(gt=-_LARGEST, lt=_LARGEST)]
    image: Annotated[str, Field(min_length=1)]
    digests: Annotated[list[str], Field(min_length=1)]
    versions: dict[str, Any] | None = None
    network: Annotated[str, Field(min_length=1)]
    sync_mode: SyncMode
    testbed: str
    settings_digest: str = ""
    settings_changed: bool = False
    recovered: bool = False
    started_at: _Finite
    ended_at: _Finite | None = None
    outcome: Outcome
    reason: Reason | None = None
    message: str = ""
    duration_seconds: _Amount | None = None
    wall_seconds: _Amount | None = None
    disk_usage_bytes: _Bytes | None = None
    volume_size_bytes: _Bytes | None = None
    bookkeeping: dict[str, Any] = Field(default_factory=dict)
    counts: list[_Count] = Field(default_factory=list)
    evidence: _Evidence | None = None

    @property
    def build(self) -> Build:
        """Its build."""
        versions = Versions.parse(json.dumps(self.versions)) if self.versions else None
        return Build(self.image, frozenset(self.digests), versions)

    def is_same(self, other: Run) -> bool:
        """Whether a run of a ledger is this one."""
        return self.started_at == other.started_at and self.build.same(other.build)


def exported(ledger: Ledger) -> Iterator[str]:
    """The lines of a ledger's history, without their ends."""
    yield _line(_Head(format=FORMAT, version=VERSION))
    for run in reversed(ledger.runs(-1)):
        if run.outcome is not None and run.started_at is not None:
            yield _line(_written(ledger, run, run.outcome, run.started_at))


def imported(ledger: Ledger, lines: Iterable[str], where: str) -> tuple[int, int]:
    """Add the runs that a ledger does not have, all or none of them; how many were added, and how many were there.

    Args:
        ledger: to be added to.
        lines: as they were exported.
        where: what they are from, for errors.

    Raises:
        ConfigurationError: they are no such lines, or do not come before or after what the ledger has.
    """
    found = _read(lines, where)
    there = ledger.runs(-1)
    new = [each for each in found if not any(each.is_same(run) for run in there)]
    numbers = _numbers(new, there, where)
    with ledger.transaction() as connection:
        for number, each in zip(numbers, new, strict=True):
            _insert(connection, number, each)
    return len(new), len(found) - len(new)


def _written(ledger: Ledger, run: Run, outcome: Outcome, started_at: float) -> _Run:
    evidence = ledger.evidence(run.number)
    versions = run.build.versions
    return _Run(
        run=run.number,
        image=run.build.image,
        digests=sorted(run.build.digests),
        versions=json.loads(versions.to_json()) if versions else None,
        network=run.network,
        sync_mode=run.sync_mode,
        testbed=run.testbed,
        settings_digest=run.settings_digest,
        settings_changed=run.settings_changed,
        recovered=run.recovered,
        started_at=started_at,
        ended_at=run.ended_at,
        outcome=outcome,
        reason=run.reason,
        message=run.message,
        duration_seconds=run.duration_seconds,
        wall_seconds=run.wall_seconds,
        disk_usage_bytes=run.disk_usage_bytes,
        volume_size_bytes=run.volume_size_bytes,
        bookkeeping=asdict(run.bookkeeping),
        counts=[
            _Count(chain=chain, signal=signal, before=count.before, last=count.last, maximum=count.maximum)
            for (chain, signal), count in sorted(ledger.counts(run).items())
        ],
        evidence=_Evidence(text=evidence.text, taken_at=evidence.taken_at) if evidence else None,
    )


def _line(written: _Written) -> str:
    return json.dumps(written.model_dump(mode="json", by_alias=True))


def _read(lines: Iterable[str], where: str) -> list[_Run]:
    """The runs, by their start."""
    numbered = enumerate(lines, 1)
    _, first = next(numbered, (1, ""))
    try:
        head = _Head.model_validate_json(first)
    except ValidationError:
        head = None
    if head is None or head.format != FORMAT:
        raise ConfigurationError(f"{where}: no history of a bootstrap-monitor; history --export writes one")
    if head.version > VERSION:
        raise ConfigurationError(
            f"{where} has version {head.version}, this monitor knows {VERSION}: use a newer bootstrap-monitor"
        )
    found = []
    for number, line in numbered:
        if line.strip():
            try:
                found.append(_checked(line))
            except ValueError as error:
                raise ConfigurationError(
                    f"{where}, line {number}: {_reason(error)}; nothing was taken"
                ) from error
    once = {(each.started_at, *sorted(each.digests)): each for each in reversed(found)}
    return sorted(once.values(), key=lambda each: each.started_at)


def _checked(line: str) -> _Run:
    """The run of a line, in which all can be read that is read later."""
    found = _Run.model_validate_json(line)
    _ = found.build
    try:
        rows.books_of(json.dumps(found.bookkeeping))
    except (TypeError, AttributeError) as error:
        raise ValueError(f"bookkeeping: {error}") from error
    return found


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    at = ".".join(str(each) for each in first["loc"])
    return f"{at}: {first['msg']}" if at else first["msg"]


def _numbers(new: Sequence[_Run], there: Sequence[Run], where: str) -> Sequence[int]:
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
    return run.started_at or 0.0


def _rising(numbers: Sequence[int]) -> bool:
    return all(one < other for one, other in pairwise(numbers))


def _insert(connection: sqlite3.Connection, number: int, run: _Run) -> None:
    columns = rows.build_columns(run.build) | {
        "number": number,
        "network": run.network,
        "sync_mode": run.sync_mode,
        "testbed": run.testbed,
        "settings_digest": run.settings_digest,
        "settings_changed": run.settings_changed,
        "recovered": run.recovered,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "outcome": run.outcome,
        "reason": run.reason,
        "message": run.message,
        "duration_seconds": run.duration_seconds,
        "wall_seconds": run.wall_seconds,
        "disk_usage_bytes": run.disk_usage_bytes,
        "volume_size_bytes": run.volume_size_bytes,
        "bookkeeping": json.dumps(run.bookkeeping),
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
