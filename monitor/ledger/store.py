"""The open ledger: queries for decisions and for the status, and the recording of decisions."""

from __future__ import annotations

import sqlite3
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from monitor.avalanchego.details_file import FILE_NAME, write_details
from monitor.decide.decisions import EndRun, Intervention, Record, RecordAttempt
from monitor.decide.events import Announcement, DueAnnouncement, verdict_announcements
from monitor.decide.state import LastResult
from monitor.domain.baseline import Verdict
from monitor.domain.build import Build
from monitor.domain.build_results import BuildResults
from monitor.domain.image_reference import ImageReference
from monitor.domain.instant import Instant
from monitor.domain.json_text import JsonObject
from monitor.domain.regression import MAX_COMPARED, RunVerdicts, Success, run_verdicts
from monitor.domain.run import Attempt, AttemptCause, Evidence, Outcome, Reason, RequestKind, Run
from monitor.domain.tracking import Counts
from monitor.domain.workload import Lease, SyncMode
from monitor.errors import Cause, TemporaryError
from monitor.ledger import rows, writes
from monitor.ledger.codecs import ANNOUNCEMENTS, COMPARISON, Reading, read_announcements
from monitor.ledger.connection import VolumeFullError, connect, translated
from monitor.ledger.reserve import NO_SPACE, give_up_part, keep_reserve
from monitor.ledger.status import Snapshot

_ALIKE = "network = ? AND sync_mode = ?"
_FAILED = f"outcome = '{Outcome.FAILED}' AND {_ALIKE} AND number > ?"
_OF_BUILD = tuple(str(reason) for reason in Reason if reason.is_build_failure)
_PIN_REVERTS = (
    "SELECT MIN(made_at) AS made_at FROM interventions WHERE kind = ? GROUP BY uid ORDER BY 1 DESC LIMIT 10"
)
_PENDING_ATTEMPT = """
SELECT * FROM attempts
WHERE after_run >= (SELECT COALESCE(MAX(number), 0) FROM runs WHERE started_at IS NOT NULL)
ORDER BY id DESC LIMIT 1
"""
_ATTEMPTS_OF = """
SELECT * FROM attempts
WHERE after_run < ?
  AND after_run >= (SELECT COALESCE(MAX(number), 0) FROM runs WHERE started_at IS NOT NULL AND number < ?)
ORDER BY id
"""
# A state sync that restarted after leaves had been counted was repeated at least in part.
_SUCCESS = """
SELECT *,
  (SELECT SUM(before + last) FROM counts WHERE run = number AND signal = 'blocks_accepted') AS blocks_accepted,
  EXISTS (SELECT 1 FROM counts WHERE run = number AND signal = 'leaves_synced' AND before > 0 AND last > 0)
    AS state_synced_again,
  (SELECT SUM(before + last) FROM counts WHERE run = number AND chain = 'C' AND signal = 'leaves_synced')
    AS leaves_synced
FROM runs
WHERE outcome = ?
"""
_BUILDS = (
    "SELECT number, image, digests, versions FROM runs",
    "SELECT id, image, digests, versions FROM attempts",
)
_COMPARED = f" AND {_ALIKE} AND testbed = ? AND number BETWEEN ? AND ? ORDER BY number DESC LIMIT ?"
_NUMBERS = range(-(2**63), 2**63)  # the integers of SQLite
_ALL_RUNS = -(2**62)  # imported runs that are older than all others have numbers below 1

_Value = TypeVar("_Value")


class Ledger:
    """A connection to the ledger, used by one thread at a time; the package docstring describes the file.

    Every method raises `TemporaryError` if the volume is unusable or another process has locked the file.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.RLock()  # a transaction may contain queries
        self._details_lock = threading.Lock()
        self._revision = 0
        self._snapshot: tuple[tuple[object, ...], Snapshot] | None = None
        self._reserve = path.with_name("bootstrap-monitor.reserve")
        self._details = path.with_name(FILE_NAME)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def version(self) -> int:
        """Return a number that changes whenever another process writes to the ledger."""
        with self._reading() as connection:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            return int(version)

    def last(self) -> Run | None:
        """Return the newest run that started."""
        return self._run("started_at IS NOT NULL")

    def clearing(self) -> Run | None:
        """Return the run whose clearing began and that has not started."""
        return self._run("started_at IS NULL AND outcome IS NULL")

    def run(self, number: int) -> Run | None:
        """Return the run with a number."""
        return self._run("number = ?", number) if number in _NUMBERS else None

    def runs(self, most: int) -> tuple[Run, ...]:
        """Return at most `most` started runs (-1: all), newest first."""
        return self._runs("started_at IS NOT NULL", most)

    def runs_of(self, build: Build) -> tuple[Run, ...]:
        """Return the started runs of a build, newest first."""
        condition = f"started_at IS NOT NULL AND {rows.SAME_BUILD}"
        return self._runs(condition, -1, (rows.digests_text(build.digests),))

    def superseded_seconds(self, build: Build, now_wall: float) -> float | None:
        """Return the seconds since a run of this build was last superseded; `None` if none was superseded."""
        superseded = [run for run in self.runs_of(build) if run.outcome is Outcome.SUPERSEDED]
        ends = [run.ended_at for run in superseded if run.ended_at is not None]
        return now_wall - max(ends) if ends else None

    def known(self) -> bool:
        """Return whether the ledger contains a run, started or not."""
        with self._reading() as connection:
            return connection.execute("SELECT 1 FROM runs LIMIT 1").fetchone() is not None

    def has_conclusive_run(self, build: Build, network: str, sync_mode: SyncMode) -> bool:
        """Return whether a run of this build, network and sync mode has a conclusive outcome."""
        condition = f"outcome IS NOT NULL AND {_ALIKE} AND {rows.SAME_BUILD}"
        values = (network, sync_mode, rows.digests_text(build.digests))
        return any(run.is_conclusive for run in self._runs(condition, -1, values))

    def build_of(self, digests: frozenset[str]) -> Build | None:
        """Return the build of a run or an attempt with one of these digests, preferably one with versions.

        A build is recorded by an attempt before `init` starts its run.
        """
        asked = (rows.digests_text(digests),)
        with self._reading() as connection:
            builds = [
                rows.build_of(row)
                for query in _BUILDS
                for row in connection.execute(f"{query} WHERE {rows.SAME_BUILD} ORDER BY 1 DESC", asked)
            ]
        return next((build for build in builds if build.versions), builds[0] if builds else None)

    def add_digests(self, run: Run, digests: frozenset[str]) -> None:
        """Add further digests of a run's build, because the pod shows only one of them."""
        known = rows.digests_text(run.build.digests | digests)
        with self.transaction() as connection:
            connection.execute("UPDATE runs SET digests = ? WHERE number = ?", (known, run.number))

    def attempt(self) -> Attempt | None:
        """Return the recorded attempt whose run has not started."""
        return self._first(rows.attempt_of, _PENDING_ATTEMPT)

    def intervened(self, kind: Intervention, since: float, other_than: str = "") -> int:
        """Return how many workloads had an intervention since a time in Unix seconds, except `other_than`."""
        query = "SELECT COUNT(DISTINCT uid) FROM interventions WHERE kind = ? AND made_at >= ? AND uid <> ?"
        return self._first(lambda row: int(row[0]), query, kind, since, other_than) or 0

    def pinned_before(self, uid: str) -> str:
        """Return the image that the previous workload was pinned to; empty if it was not pinned."""
        query = (
            "SELECT kind, image FROM interventions WHERE kind IN (?, ?) AND uid <> ? ORDER BY id DESC LIMIT 1"
        )
        row = self._first(tuple, query, Intervention.PIN, Intervention.PIN_REVERT, uid)
        return str(row[1]) if row and row[0] == Intervention.PIN else ""

    def intervened_at(self, kind: Intervention) -> float | None:
        """Return when an intervention was last recorded, in Unix seconds."""
        query = "SELECT made_at FROM interventions WHERE kind = ? ORDER BY made_at DESC LIMIT 1"
        return self._first(lambda row: float(row[0]), query, kind)

    def holder(self) -> Lease | None:
        """Return the lease of the volume's holder."""
        return self._first(rows.holder_of, "SELECT uid, beat FROM holder")

    def renew(self, uid: str) -> None:
        """Acquire the lease of the volume, or renew the lease that this workload has."""
        with self.transaction(only_readings=True) as connection:
            writes.take(connection, uid)

    def release(self, uid: str) -> None:
        """Release the lease of the volume, so that the next holder need not wait until it expires."""
        with self.transaction(only_readings=True) as connection:
            connection.execute("DELETE FROM holder WHERE uid = ?", (uid,))

    def ask(self, kind: RequestKind, argument: str, now_wall: float) -> Build | None:
        """Record an operator's request; return the build of the rerun that a new rerun replaces.

        `argument` is the image or the run number that the request refers to.
        """
        with self.transaction() as connection:
            replaced = self.requested() if kind is RequestKind.RERUN else None
            connection.execute(
                "INSERT INTO requests (kind, argument, made_at) VALUES (?, ?, ?)", (kind, argument, now_wall)
            )
        return replaced

    def withdraw_rerun(self, now_wall: float) -> Build | None:
        """Withdraw the requested rerun and return its build; a recorded attempt is not withdrawn."""
        with self.transaction() as connection:
            withdrawn = self.requested()
            writes.close_reruns(connection, now_wall)
        return withdrawn

    def paused(self) -> bool:
        """Return whether an operator paused the tester, so that it takes no new builds."""
        query = "SELECT kind FROM requests WHERE kind IN (?, ?) ORDER BY id DESC LIMIT 1"
        newest = self._first(lambda row: row["kind"], query, RequestKind.PAUSE, RequestKind.RESUME)
        return bool(newest == RequestKind.PAUSE)

    def baseline_begins(self) -> int:
        """Return the number of the baseline's first run, as marked by an operator; 0 for all runs.

        A mark at run 1 reverts an earlier one: it is not a mark.
        """
        query = "SELECT argument FROM requests WHERE kind = ? ORDER BY id DESC LIMIT 1"
        marked = self._first(rows.baseline_of, query, RequestKind.MARK_BASELINE) or 0
        return marked if marked > 1 else 0

    def successes(self, like: Run, until: int = _NUMBERS[-1]) -> tuple[Success, ...]:
        """Return the newest successful runs since the marked baseline, at most `MAX_COMPARED`, oldest first.

        They have the network, sync mode and testbed of `like`. The caller excludes runs that are not
        comparable. `until` is the number of the last run; a mark after it does not apply.
        """
        begins = self.baseline_begins()
        since = begins if 0 < begins <= until else _ALL_RUNS
        values = (Outcome.SUCCEEDED, like.network, like.sync_mode, like.testbed, since, until, MAX_COMPARED)
        with self._reading() as connection:
            newest_first = connection.execute(_SUCCESS + _COMPARED, values).fetchall()
            return tuple(rows.success_of(row) for row in reversed(newest_first))

    def is_comparison(self) -> bool:
        """Return whether the ledger belongs to `local --compare`, whose alternating builds have no baseline."""
        return self.reading(COMPARISON) is not None

    def results_of(self, run: Run) -> BuildResults:
        """Return the results of a run's build on its network, in its sync mode and on its testbed.

        Runs that another build, other arguments or a lost ledger may explain are left out.
        """
        condition = f"outcome IS NOT NULL AND {_ALIKE} AND testbed = ? AND {rows.SAME_BUILD}"
        values = (run.network, run.sync_mode, run.testbed, rows.digests_text(run.build.digests))
        return BuildResults(tuple(each for each in self._runs(condition, -1, values) if each.judges_build))

    def cause_of(self, run: Run) -> AttemptCause | None:
        """Return why a run was started; `None` if no attempt of it was recorded."""
        return self.causes((run,)).get(run.number)

    def causes(self, runs: Sequence[Run]) -> Mapping[int, AttemptCause]:
        """Return why consecutive runs were started, by number; a run without a recorded attempt is absent.

        `runs` are newest first.  A run on another network than the run before it, for example, does not confirm
        that one.
        """
        if not runs:
            return {}
        with self._reading() as connection:
            oldest_first = connection.execute(_ATTEMPTS_OF, (runs[0].number, runs[-1].number)).fetchall()
            attempts = [rows.attempt_of(row) for row in oldest_first]
        by_number = {run.number: run for run in reversed(runs)}
        numbers = list(by_number)
        newest = {numbers[bisect_right(numbers, attempt.after_run)]: attempt for attempt in attempts}
        return {
            number: attempt.cause
            for number, attempt in newest.items()
            if attempt.build.same(by_number[number].build)
            and (attempt.cause is not AttemptCause.CONFIRM or self._repeats(by_number, number, attempt))
        }

    def _repeats(self, runs: Mapping[int, Run], number: int, attempt: Attempt) -> bool:
        """Return whether a run repeats the run before its attempt, which `runs` may not contain."""
        before = runs.get(attempt.after_run) or self.run(attempt.after_run)
        return before is not None and runs[number].repeats(before)

    def last_result(self, run: Run) -> LastResult:
        """Return what decides whether an ended run must be confirmed."""
        earlier = [each for each in self.results_of(run).runs if each.number < run.number]
        own = self.verdicts_of(run)
        return LastResult(
            cause=self.cause_of(run),
            is_suspected=any(judged.verdict is Verdict.SUSPECTED for judged in own.values()),
            earlier_failures=BuildResults(tuple(earlier)).failures,
        )

    def verdicts_of(self, run: Run) -> RunVerdicts:
        """Return the verdicts on one run; none if it is not compared."""
        if self.is_comparison():
            return {}
        return run_verdicts(self.successes(run, run.number), 1).get(run.number, {})

    def confirming(self) -> Run | None:
        """Return the run whose result another run of its build is about to confirm, or is confirming."""
        attempt = self._first(rows.attempt_of, "SELECT * FROM attempts ORDER BY id DESC LIMIT 1")
        if attempt is None or attempt.cause is not AttemptCause.CONFIRM:
            return None
        confirmed = self.run(attempt.after_run)
        newer = self._runs("number > ? AND started_at IS NOT NULL", -1, (attempt.after_run,))
        if confirmed is None or any(not run.open or not run.repeats(confirmed) for run in newer):
            return None
        return confirmed

    def all_successes(self) -> tuple[Success, ...]:
        """Return all successful runs, oldest first."""
        with self._reading() as connection:
            oldest_first = connection.execute(f"{_SUCCESS} ORDER BY number", (Outcome.SUCCEEDED,)).fetchall()
            return tuple(rows.success_of(row) for row in oldest_first)

    def verdicts(self, newest: int) -> Mapping[int, RunVerdicts]:
        """Return the verdicts on at most `newest` compared runs of each test, by number."""
        if self.is_comparison():
            return {}
        return run_verdicts(self.all_successes(), newest, self.baseline_begins())

    def copy(self) -> sqlite3.Connection:
        """Return a consistent copy of the ledger in memory, also while another process writes to it."""
        with self._reading() as connection:
            connection.execute("BEGIN")
            try:
                connection.execute("SELECT 1 FROM runs").fetchone()  # `backup` would wait for a lock forever
                copy = connect(":memory:")
                connection.backup(copy)
            finally:
                connection.execute("ROLLBACK")
        return copy

    def requested(self) -> Build | None:
        """Return the build that an operator requested to run again; `None` if no request is open.

        A request that names no image means the build of the last run.
        """
        query = "SELECT argument FROM requests WHERE kind = ? AND done_at IS NULL ORDER BY id DESC LIMIT 1"
        image = self._first(lambda row: row["argument"], query, RequestKind.RERUN)
        if image is None:
            return None
        if not image:
            last = self.last()
            return last.build if last else None
        digest = ImageReference.parse(image).digest
        named = Build(image, frozenset({digest} if digest else ()))
        return next((run.build for run in self.runs_of(named)), named)

    def repeated_failures(self) -> int:
        """Return how many consecutive runs, up to the newest, failed for one reason caused by the testbed.

        Only runs of one build and one revision count.
        """
        runs, count = self.runs(-1), 0
        reason = runs[0].reason if runs else None
        if reason is None or reason.is_build_failure:
            return 0
        for run in runs:
            same_revision = run.tracking.revision == runs[0].tracking.revision
            if run.reason is not reason or not run.build.same(runs[0].build) or not same_revision:
                break
            count += 1
        return count

    def keep_evidence(self, run: int, evidence: Evidence) -> None:
        """Save the log tail of a failed run."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO evidence (run, text, taken_at) VALUES (?, ?, ?)",
                (run, evidence.text, evidence.taken_at),
            )

    def evidence(self, run: int) -> Evidence | None:
        """Return the saved log tail of a failed run."""
        query = "SELECT text, taken_at FROM evidence WHERE run = ? ORDER BY id DESC LIMIT 1"
        return self._first(rows.evidence_of, query, run)

    def reading(self, name: str) -> Reading | None:
        """Return the newest reading with a name."""
        return self._first(rows.reading_of, "SELECT * FROM readings WHERE name = ?", name)

    def keep_reading(self, name: str, value: JsonObject, now_wall: float) -> None:
        """Store a reading outside of a decision."""
        with self.transaction(only_readings=True) as connection:
            writes.keep_reading(connection, name, value, now_wall)

    def counts(self, run: Run) -> Counts:
        """Return the counters of a run."""
        with self._reading() as connection:
            counts = connection.execute("SELECT * FROM counts WHERE run = ?", (run.number,)).fetchall()
            return {(row["chain"], row["signal"]): rows.count_of(row) for row in counts}

    def record(
        self,
        now: Instant,
        testbed: str,
        decided: Sequence[Record] = (),
        readings: Mapping[str, JsonObject] | None = None,
        tracking: Run | None = None,
        counts: Counts | None = None,
        announcements: Sequence[Announcement] = (),
        requested: Build | None = None,
    ) -> None:
        """Write a decision and the readings of its tick in one transaction.

        On a full volume, parts of the reserve are released for a decision, but not for readings alone.

        Args:
            now: The time to record.
            testbed: The testbed of runs that start now.
            decided: The records of the decision.
            readings: The readings by name.
            tracking: The open run with its current tracking data.
            counts: The current counters of the open run.
            announcements: The announcements of the decision, which stay due until `announced` is called. Those
                of a regression verdict that a success changes are added.
            requested: The requested rerun that the decision may carry out.

        Raises:
            TemporaryError: the rerun that the decision carries out was withdrawn or replaced since.
            VolumeFullError: the volume is full, and the reserve is used up or `decided` is empty.
        """
        while True:
            try:
                self._record(
                    now, testbed, decided, readings or {}, tracking, counts or {}, announcements, requested
                )
                break
            except VolumeFullError:
                # Retry immediately, before the node uses the released space; readings can wait.
                if not decided or not give_up_part(self._reserve):
                    raise
        self.refresh_details(decided=bool(decided))

    def _record(
        self,
        now: Instant,
        testbed: str,
        decided: Sequence[Record],
        readings: Mapping[str, JsonObject],
        tracking: Run | None,
        counts: Counts,
        announcements: Sequence[Announcement],
        requested: Build | None,
    ) -> None:
        only_readings = tracking is None and not decided
        with self.transaction(only_readings=only_readings) as connection:
            if requested is not None:
                self._refuse_outdated_attempt(decided, requested)
            for name, value in readings.items():
                writes.keep_reading(connection, name, value, now.wall)
            if tracking is not None:
                writes.write_tracking(connection, tracking, counts)
            for record in decided:
                writes.write(connection, record, now, testbed)
            judged = self._verdict_announcements(decided)
            due = [DueAnnouncement(announcement, now.wall) for announcement in (*announcements, *judged)]
            writes.add_due(connection, due)

    def _refuse_outdated_attempt(self, decided: Sequence[Record], requested: Build) -> None:
        """Raise if a rerun to carry out was withdrawn or replaced after the decision."""
        causes = [record.cause for record in decided if isinstance(record, RecordAttempt)]
        newest = self.requested()
        if AttemptCause.REQUEST in causes and (newest is None or not newest.same(requested)):
            raise TemporaryError("the requested rerun was withdrawn or replaced: the next tick decides again")

    def _verdict_announcements(self, decided: Sequence[Record]) -> Iterator[Announcement]:
        """Yield the announcements of the regression verdicts that a success just recorded has changed."""
        for record in decided:
            if isinstance(record, EndRun) and record.outcome is Outcome.SUCCEEDED:
                successes = self.successes(record.run)
                is_newest = successes and successes[-1].run.number == record.run.number
                if is_newest and not self.is_comparison():
                    yield from verdict_announcements(successes)

    def due_announcements(self) -> tuple[DueAnnouncement, ...]:
        """Return the announcements that are recorded and not sent yet, oldest first."""
        due = self.reading(ANNOUNCEMENTS)
        return read_announcements(due.value) if due else ()

    def announced(self, sent: DueAnnouncement) -> None:
        """Record that an announcement is no longer due."""
        with self.transaction(only_readings=True) as connection:
            writes.remove_due(connection, sent)

    def refresh_details(self, *, decided: bool = False) -> None:
        """Update the details file to the newest run.

        With `decided`, parts of the reserve are released if the volume is full.
        """
        try:
            with self._details_lock:
                last = self.last()
                if last is not None:
                    write_details(self._details, last)
        except OSError as error:
            if error.errno in NO_SPACE and decided and give_up_part(self._reserve):
                self.refresh_details(decided=True)
                return
            raise TemporaryError(
                f"{self._details}: cannot be written ({error.strerror})", cause=Cause.VOLUME_UNUSABLE
            ) from error

    def keep_reserve(self) -> None:
        """Allocate the reserve if the volume has enough free space."""
        try:
            keep_reserve(self._reserve)
        except OSError as error:
            raise TemporaryError(
                f"{self._reserve}: cannot be written ({error.strerror})", cause=Cause.VOLUME_UNUSABLE
            ) from error

    def snapshot(self, max_runs: int) -> Snapshot:
        """Return the data for a status, with at most `max_runs` runs.

        Readings are read at every call.  All other data is read again only after a write to it, or after a
        write by another process.
        """
        # These numbers are read before the data, so that a write in between leads to another read.
        written = (self.version(), self._revision)
        with self._reading() as connection:
            stored = connection.execute("SELECT * FROM readings").fetchall()
            readings = {row["name"]: rows.reading_of(row) for row in stored}
        recoveries_at = recovery_times(self._path)
        configuration = readings.get("configuration")
        key = (max_runs, *written, recoveries_at, configuration.value if configuration else None)
        kept = self._snapshot
        if kept is None or kept[0] != key:
            kept = self._snapshot = (key, self._read_snapshot(max_runs, readings, recoveries_at))
        return replace(kept[1], readings=readings)

    def _read_snapshot(
        self, max_runs: int, readings: Mapping[str, Reading], recoveries_at: tuple[float, ...]
    ) -> Snapshot:
        runs = self.runs(max_runs)
        alike = _tested_now(readings.get("configuration"), runs[0] if runs else None)
        successes = self._runs(f"outcome = ? AND {_ALIKE}", 1, (Outcome.SUCCEEDED, *alike))
        after = successes[0].number if successes else 0
        with self._reading() as connection:
            totals = connection.execute(
                "SELECT outcome, COALESCE(reason, '') AS reason, COUNT(*) AS runs FROM runs "
                "WHERE outcome IS NOT NULL GROUP BY 1, 2"
            ).fetchall()
            interventions = connection.execute(
                "SELECT kind, COUNT(DISTINCT uid) AS made FROM interventions GROUP BY kind"
            ).fetchall()
            (first,) = connection.execute(
                "SELECT MIN(COALESCE(started_at, clearing_at)) FROM runs"
            ).fetchone()
            failures = connection.execute(
                f"SELECT COALESCE(reason, '') AS reason, COUNT(*) AS runs FROM runs WHERE {_FAILED} GROUP BY 1",  # noqa: S608 - literals
                (*alike, after),
            ).fetchall()
            (failed_builds,) = connection.execute(
                f"SELECT COUNT(DISTINCT image) FROM runs WHERE {_FAILED} AND reason IN {_OF_BUILD}",  # noqa: S608 - literals
                (*alike, after),
            ).fetchone()
            (ended_at,) = connection.execute(
                f"SELECT MIN(ended_at) FROM runs WHERE outcome IS NOT NULL AND {_ALIKE} AND number > ?",  # noqa: S608 - literals
                (*alike, after),
            ).fetchone()
            reverts = connection.execute(_PIN_REVERTS, (Intervention.PIN_REVERT,)).fetchall()
        return Snapshot(
            runs=runs,
            totals={(row["outcome"], row["reason"]): row["runs"] for row in totals},
            counts=self.counts(runs[0]) if runs else {},
            readings=readings,
            interventions={row["kind"]: row["made"] for row in interventions},
            first_run_at=first,
            last_success=successes[0] if successes else None,
            compared=self.successes(runs[0]) if runs else (),
            baseline_begins=self.baseline_begins(),
            paused=self.paused(),
            requested=self.requested(),
            failures={row["reason"]: row["runs"] for row in failures},
            last_failure=self._run(_FAILED, *alike, after),
            failed_builds=failed_builds,
            ended_after_success_at=ended_at,
            pin_reverts_at=tuple(row["made_at"] for row in reverts),
            recoveries_at=recoveries_at,
            confirming=self.confirming(),
            build_results=next(
                (
                    self.results_of(run)
                    for run in runs
                    if run.outcome and (run.network, run.sync_mode) == alike
                ),
                BuildResults(),
            ),
        )

    def _run(self, condition: str, *values: object) -> Run | None:
        return next(iter(self._runs(condition, 1, values)), None)

    def _runs(self, condition: str, most: int, values: tuple[object, ...] = ()) -> tuple[Run, ...]:
        with self._reading() as connection:
            newest_first = connection.execute(
                f"SELECT * FROM runs WHERE {condition} ORDER BY number DESC LIMIT ?",  # noqa: S608 - literals only
                (*values, most),
            ).fetchall()
            return tuple(rows.run_of(row) for row in newest_first)

    def _first(self, decode: Callable[[sqlite3.Row], _Value], query: str, *values: object) -> _Value | None:
        """Return the first row of a query, decoded; `None` if the query returns no rows."""
        with self._reading() as connection:
            row = connection.execute(query, values).fetchone()
            return decode(row) if row is not None else None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self._path), rows.decoding():
            yield self._connection

    @contextmanager
    def transaction(self, *, only_readings: bool = False) -> Iterator[sqlite3.Connection]:
        """Run the `with` block in a transaction; roll it back if the block raises.

        Pass `only_readings` if the block writes only to readings and the lease.
        """
        with self._lock, translated(self._path):
            self._revision += not only_readings
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _tested_now(configuration: Reading | None, newest: Run | None) -> tuple[str, str]:
    """Return the configured network and sync mode; until these are recorded, those of the newest run."""
    if configuration is not None and configuration.value:
        return configuration.value["network"], configuration.value["sync_mode"]
    return (newest.network, newest.sync_mode) if newest else ("", "")


def recovery_times(path: Path) -> tuple[float, ...]:
    """Return when each damaged ledger was replaced, in Unix seconds; 0 if its file name has no time."""
    prefix = f"{path.name}.corrupt-"
    times = [file.name.removeprefix(prefix) for file in path.parent.glob(f"{prefix}*")]
    return tuple(float(time) if time.isdecimal() else 0.0 for time in times)
