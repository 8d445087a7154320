"""Brings the books of an open run up to what one tick saw."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.decide.verdicts import identity_difference
from monitor.model import (
    Bookkeeping,
    Counts,
    Health,
    Instant,
    NodeAnswering,
    NodeDown,
    NodeLog,
    NodeMetrics,
    NodeProcess,
    NodeReading,
    Run,
    Workload,
)
from monitor.observed_time import advanced
from monitor.progress import added_up, chains_at_work, progressed, stored_blocks, works
from monitor.time_outs import blocked_by, counted, signs_of, tells_of_network


@dataclass(frozen=True, slots=True)
class Sight:
    """What one tick saw, `interval_seconds` of observed time after the one before.

    `workload` may be as of an earlier tick; `platform_answers` is false where it did not answer when it was
    asked last.  `recorded` is false where the volume failed the monitor since the last tick.
    """

    now: Instant
    interval_seconds: float
    reading: NodeReading
    health: Health
    log: NodeLog
    workload: Workload | None
    platform_answers: bool
    recorded: bool

    @property
    def metrics(self) -> NodeMetrics | None:
        """What the node told by its metrics page."""
        return self.reading.metrics if isinstance(self.reading, NodeAnswering) else None

    @property
    def process(self) -> NodeProcess | None:
        """What the platform says of the node's process."""
        return self.workload.process if self.workload else None


def brought_up(run: Run, known: Counts, sight: Sight) -> tuple[Run, Counts]:
    """The run and its counters after one more tick; `known` are those before it."""
    counts = _counted(known, sight)
    books = _clocks(_times(run.bookkeeping, sight), known, counts, sight)
    identity = sight.reading.identity if isinstance(sight.reading, NodeAnswering) else None
    if identity is not None and identity_difference(run, identity) is None:
        books = replace(books, identity_agreed=True)
    workload = sight.workload
    changed = workload is not None and workload.settings_digest != run.settings_digest
    return replace(run, bookkeeping=books, settings_changed=run.settings_changed or changed), counts


def _counted(known: Counts, sight: Sight) -> Counts:
    counters = dict(stored_blocks(sight.log))
    if sight.metrics:
        counters |= sight.metrics.counters
    return added_up(known, counters)


def _times(books: Bookkeeping, sight: Sight) -> Bookkeeping:
    """Observed, active and blocked time, the healthy streak, the process and its restarts."""
    reading, metrics, process = sight.reading, sight.metrics, sight.process
    blocked = bool(blocked_by(reading))
    books = advanced(
        books,
        sight.now,
        0.0 if blocked else sight.interval_seconds,
        metrics.process_started_at if metrics else None,
        sight.workload.uid if sight.workload else None,
        sight.health,
        restarts=process.restarts if process else None,
        blocked=blocked,
        down=isinstance(reading, NodeDown),
        restarts_count=sight.recorded,
    )
    if blocked:
        return replace(books, blocked_seconds=books.blocked_seconds + sight.interval_seconds)
    if tells_of_network(reading):
        return replace(books, blocked_seconds=0.0)
    return books


def _clocks(books: Bookkeeping, known: Counts, counts: Counts, sight: Sight) -> Bookkeeping:
    """The clocks of the time-outs, which stand still while the network is away, and what they compare with."""
    reading, log = sight.reading, sight.log
    written = sight.metrics.disk_write_bytes if sight.metrics else None
    chains = chains_at_work(counts, log)
    signs = signs_of(
        reading,
        sight.process if sight.platform_answers else None,
        sight.health,
        progressed=progressed(known, counts, chains),
        works=written is not None and written > books.disk_write_bytes and works(log, chains),
    )
    interval_seconds = 0.0 if blocked_by(reading) else sight.interval_seconds
    books = counted(books, sight.now.wall, interval_seconds, signs)
    return books if written is None else replace(books, disk_write_bytes=written)
