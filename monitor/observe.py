"""Everything that decisions are made by, read once a step into one state.

What cannot be read stays absent: a platform that does not answer is no workload, a node that does not answer
is `NodeDown` or `NodeSilent`.  Only the ledger must answer; without it nothing is decided at all.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from monitor.decide.init import InitState
from monitor.decide.verdicts import identity_difference
from monitor.decide.vocabulary import Intervention
from monitor.decide.wait_state import WaitState
from monitor.errors import MonitorError, TemporaryError
from monitor.ledger import Ledger, recover
from monitor.model import (
    Build,
    Counts,
    Health,
    HealthReport,
    Holder,
    Instant,
    NodeAnswering,
    NodeDown,
    NodeLog,
    NodeReading,
    NodeSilent,
    Policy,
    Reason,
    Run,
    VolumeReading,
    Workload,
)
from monitor.node_log import NodeLogs
from monitor.observed_time import advanced, observed_interval_seconds
from monitor.platforms.base import BuildLookUp, Platform
from monitor.progress import added_up, chains_at_work, progressed, stored_blocks, works
from monitor.readings import COMPARISON
from monitor.regression import usual_duration_seconds
from monitor.time_outs import blocked_by, counted, signs_of, tells_of_network
from monitor.volume import Volume, free_space

# The node checks its health every 30 s (avalanchego `--health-check-frequency`); it may miss two.
STALE_AFTER_SECONDS = 90.0
WORKLOAD_KEPT_SECONDS = 600.0
RETRY_SECONDS = 60.0
# While the node does not answer, what its platform says of it is all there is.
WORKLOAD_KEPT_SECONDS_WHILE_DOWN = 30.0
_DAY_SECONDS = 86400.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How the health report's time stamps moved; `advanced_boot_seconds` is `None` until they did once."""

    oldest_check: str
    advanced_boot_seconds: float | None = None


def freshness_of(previous: Freshness | None, report: HealthReport, now: Instant) -> Freshness:
    """What is known after one more report."""
    if previous is None:
        return Freshness(report.oldest_check)
    if report.oldest_check != previous.oldest_check:
        return Freshness(report.oldest_check, now.boot_seconds)
    return previous


def health_of(report: HealthReport, freshness: Freshness, now: Instant) -> Health:
    """What a report is worth: an answer that stopped moving says nothing of the node as it is now."""
    if freshness.advanced_boot_seconds is None:
        return Health.UNKNOWN
    if now.boot_seconds - freshness.advanced_boot_seconds > STALE_AFTER_SECONDS:
        return Health.STALE
    return Health.HEALTHY if report.healthy else Health.UNHEALTHY


class InitObserver:
    """Reads the state of `init`."""

    def __init__(
        self,
        platform: Platform,
        source: BuildLookUp,
        ledger: Ledger,
        volume: Volume,
        policy: Policy,
        clock: Callable[[], Instant],
    ) -> None:
        self._platform, self._source, self._ledger = platform, source, ledger
        self._volume, self._policy, self._clock = volume, policy, clock
        self._newest: Build | None = None
        self._silent: Holder | None = None

    def look_up(self) -> None:
        """Learn the newest build; kept for the states that follow.

        Raises:
            TemporaryError: it cannot be told this time.
        """
        self._newest = self._source.newest()
        if self._newest is None:
            raise TemporaryError("the newest build cannot be told: whoever knows it asked to be left alone")

    def found_silent(self, holder: Holder | None) -> None:
        """Remember that this holder does not beat any more."""
        self._silent = holder

    def state(self, workload: Workload) -> InitState:
        """The state at this moment."""
        now, ledger, newest = self._clock(), self._ledger, self._newest
        holder = ledger.holder()
        held = holder is not None and holder.uid != workload.uid and holder != self._silent
        issued = ledger.reading("adopt_token")
        since = now.wall - _DAY_SECONDS
        reverts = ledger.intervened(Intervention.PIN_REVERT, since, workload.uid)
        return InitState(
            policy=self._policy,
            workload=workload,
            last=ledger.last(),
            clearing=ledger.clearing(),
            attempt=ledger.attempt(),
            known=ledger.known(),
            data=self._volume.node_data(),
            newest=newest,
            newest_judged=newest is not None and ledger.judged(newest, workload.network, workload.sync_mode),
            pinned_before=ledger.pinned_before(workload.uid),
            reverts_today=reverts,
            reverter=self._platform.reverter() if workload.build is None and reverts else "",
            held_by=holder.uid if held and holder else None,
            issued_token=str(issued.value["token"]) if issued else "",
            fresh_token=secrets.token_hex(4),
        )


class NodeReader(Protocol):
    """Reads a node; see `node.NodeClient`."""

    def read(self) -> NodeReading:
        """What it answers now."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """One tick's observations: the state to decide by, and what to keep of what was read.

    `watched` is the open run with its books brought up to now, where it is this workload's.
    """

    state: WaitState
    watched: Run | None
    counts: Counts
    health: Health
    notice: str = ""


class WaitObserver:
    """Reads the state of a tick, and brings the open run's books up to it."""

    def __init__(
        self,
        platform: Platform,
        ledger: Ledger,
        node: NodeReader,
        policy: Policy,
        clock: Callable[[], Instant],
        data_dir: Path,
        workload_kept_seconds: float = WORKLOAD_KEPT_SECONDS,
        free: Callable[[Path], tuple[int, int]] = free_space,
    ) -> None:
        self._platform, self._ledger, self._node, self._free = platform, ledger, node, free
        self._policy, self._clock, self._data_dir = policy, clock, data_dir
        self._workload_kept_seconds = workload_kept_seconds
        self._workload: Workload | None = None
        self._workload_read_at = float("-inf")
        self._node_seen: tuple[type, float | None] | None = None
        self._logs = NodeLogs(data_dir / "avalanchego" / "logs")
        self._freshness: Freshness | None = None
        self._previous: Instant | None = None
        self._other: tuple[Holder, float] | None = None
        self._baseline: tuple[tuple[int, int], float | None] | None = None
        self.volume: VolumeReading | None = None
        self.newest: Build | None = None
        self.platform_error: MonitorError | None = None
        self.recorded = True

    def look(self) -> Seen:
        """Read everything once."""
        reading = self._node.read()
        now = self._clock()
        workload = self._current_workload(reading, now)
        reading = _of_workload(reading, workload if self._workload_read_at == now.boot_seconds else None)
        health = self._health(reading, now)
        held_by = self._held_by(workload.uid, now) if workload else None
        if workload is not None:
            recover(self._ledger, self._data_dir, workload, self._policy.testbed)
        last, watched = self._ledger.last(), None
        counts: Counts = {}
        interval = observed_interval_seconds(self._previous, now, self._policy.tick_seconds)
        self._previous = now
        log = self._logs.read() if last and last.open else NodeLog()
        if last and last.open and held_by is None and (workload is None or last.is_of(workload)):
            known = self._ledger.counts(last)
            counts = _counted(known, reading, log)
            last = watched = self._brought_up(
                last, workload, reading, health, interval, now, log, known, counts
            )
        stray = self._ledger.intervened_at(Intervention.RECREATE_STRAY)
        newest = self.newest
        state = WaitState(
            now=now,
            policy=self._policy,
            workload=workload,
            held_by=held_by,
            last=last,
            clearing=self._ledger.clearing(),
            attempt=self._ledger.attempt(),
            node=reading,
            volume=self._current_volume(),
            newest=newest,
            newest_judged=newest is not None
            and workload is not None
            and self._ledger.judged(newest, workload.network, workload.sync_mode),
            seconds_since_stray_recreation=None if stray is None else abs(now.wall - stray),
            log=log,
            blocked=blocked_by(reading),
            paused=self._ledger.paused(),
            requested=self._ledger.requested(),
            failed_starts=self._ledger.failed_starts() if last and last.reason is Reason.NOT_STARTED else 0,
            baseline_seconds=self._baseline_seconds(last) if last and last.open else None,
        )
        notice = str(self.platform_error) if self.platform_error else ""
        return Seen(state, watched, counts, health, notice)

    def _current_volume(self) -> VolumeReading | None:
        """As last measured, with what is free now: to measure the data takes long, and a volume fills quickly."""
        if self.volume is None:
            return None
        try:
            size_bytes, available_bytes = self._free(self._data_dir)
        except MonitorError:
            return self.volume
        return replace(self.volume, size_bytes=size_bytes, available_bytes=available_bytes)

    def _baseline_seconds(self, run: Run) -> float | None:
        """How long runs like this one usually are active; while it is open, only a mark changes that.

        Of two builds in turns nothing is usual.
        """
        key = (run.number, self._ledger.baseline_begins())
        if self._baseline is None or self._baseline[0] != key:
            # A quarter of a tick's time, where sixty runs are compared: not in every tick.
            compares = self._ledger.reading(COMPARISON) is not None
            self._baseline = (key, None if compares else usual_duration_seconds(self._ledger.successes(run)))
        return self._baseline[1]

    def _current_workload(self, reading: NodeReading, now: Instant) -> Workload | None:
        """What runs; asked again when the node came, went or restarted, else seldom."""
        metrics = reading.metrics if isinstance(reading, NodeAnswering) else None
        seen = (type(reading), metrics.process_started_at if metrics else None)
        changed, self._node_seen = seen != self._node_seen, seen
        kept_seconds = self._workload_kept_seconds
        if isinstance(reading, NodeDown):
            kept_seconds = min(
                kept_seconds,
                WORKLOAD_KEPT_SECONDS_WHILE_DOWN,
                self._policy.start_timeout_seconds / 4,
            )
        # While the volume fails the monitor it fails the node too, whose restarts are followed closely then.  And what
        # seems to be another's answer may be the node's, of whose start the platform does not know yet.
        aged = (
            not self.recorded
            or _is_anothers(reading, self._workload)
            or now.boot_seconds - self._workload_read_at >= kept_seconds
        )
        if self._workload is not None and not changed and not aged:
            return self._workload
        try:
            self._workload = self._platform.workload()
            self.platform_error = None
        except MonitorError as error:
            self.platform_error = error
            # It may take a minute to find out that nobody answers: not in every tick.
            self._workload_read_at = now.boot_seconds - kept_seconds + min(kept_seconds, RETRY_SECONDS)
            return self._workload
        self._workload_read_at = now.boot_seconds
        return self._workload

    def _health(self, reading: NodeReading, now: Instant) -> Health:
        match reading:
            case NodeDown():
                self._freshness = None
                return Health.UNKNOWN
            case NodeSilent():
                return Health.UNKNOWN
            case NodeAnswering(health=None):
                return Health.UNKNOWN
            case NodeAnswering(health=report) if report is not None:
                self._freshness = freshness_of(self._freshness, report, now)
                return health_of(report, self._freshness, now)
        raise AssertionError("every reading is one of the above")

    def _held_by(self, uid: str, now: Instant) -> str | None:
        """Another holder that still beats; one that fell silent is followed as holder."""
        holder = self._ledger.holder()
        if holder is None or holder.uid == uid:
            self._other = None
            return None
        if self._other is None or self._other[0] != holder:
            self._other = (holder, now.boot_seconds)
        if now.boot_seconds - self._other[1] >= self._policy.holder_timeout_seconds:
            return None
        return holder.uid

    def _brought_up(
        self,
        run: Run,
        workload: Workload | None,
        reading: NodeReading,
        health: Health,
        interval: float,
        now: Instant,
        log: NodeLog,
        known: Counts,
        counts: Counts,
    ) -> Run:
        metrics = reading.metrics if isinstance(reading, NodeAnswering) else None
        started_at = metrics.process_started_at if metrics else None
        uid = workload.uid if workload else None
        process = workload.process if workload else None
        blocked = bool(blocked_by(reading))
        watched_seconds, interval = interval, 0.0 if blocked else interval
        books = advanced(
            run.bookkeeping,
            now,
            interval,
            started_at,
            uid,
            health,
            restarts=process.restarts if process else None,
            blocked=blocked,
            down=isinstance(reading, NodeDown),
            restarts_count=self.recorded,
        )
        if blocked:
            books = replace(books, blocked_seconds=books.blocked_seconds + watched_seconds)
        elif tells_of_network(reading):
            books = replace(books, blocked_seconds=0.0)
        chains = chains_at_work(counts, log)
        written = metrics.disk_write_bytes if metrics and metrics.disk_write_bytes is not None else None
        signs = signs_of(
            reading,
            process if self.platform_error is None else None,
            health,
            progressed=progressed(known, counts, chains),
            works=written is not None and written > books.disk_write_bytes and works(log, chains),
        )
        books = counted(books, now.wall, interval, signs)
        if written is not None:
            books = replace(books, disk_write_bytes=written)
        identity = reading.identity if isinstance(reading, NodeAnswering) else None
        if identity is not None and identity_difference(run, identity) is None:
            books = replace(books, identity_agreed=True)
        changed = workload is not None and workload.settings_digest != run.settings_digest
        return replace(run, bookkeeping=books, settings_changed=run.settings_changed or changed)


def _of_workload(reading: NodeReading, workload: Workload | None) -> NodeReading:
    """What answers while the platform, just asked, says that the node does not run, is something else."""
    if _is_anothers(reading, workload):
        return NodeDown("the node does not run; what answers in its place is something else")
    return reading


def _is_anothers(reading: NodeReading, workload: Workload | None) -> bool:
    """Whether something answers while, as the platform said last, the node does not run."""
    process = workload.process if workload else None
    return process is not None and not process.running and not isinstance(reading, NodeDown)


def _counted(known: Counts, reading: NodeReading, log: NodeLog) -> Counts:
    counters = dict(stored_blocks(log))
    if isinstance(reading, NodeAnswering) and reading.metrics:
        counters |= reading.metrics.counters
    return added_up(known, counters)
