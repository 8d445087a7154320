"""Observation for `wait-for-completion`: the state of a tick, and the tracking data of the open run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from monitor.avalanchego.conventions import NODE_FOLDER
from monitor.avalanchego.node_log import NodeLogs
from monitor.decide.decisions import Intervention
from monitor.decide.state import LastResult, WaitState
from monitor.decide.verdict_rules import NODE_STOPS_RATIO, measured_in
from monitor.domain.active_time import observed_interval_seconds
from monitor.domain.health import HealthFollower
from monitor.domain.instant import Instant
from monitor.domain.observations import Health, NodeAnswering, NodeLog, NodeReading, VolumeReading
from monitor.domain.policy import Policy
from monitor.domain.regression import usual_duration_seconds
from monitor.domain.run import Reason, Run
from monitor.domain.run_update import Observation, admitted, updated_run, with_other_build
from monitor.domain.timeouts import blocked_reason
from monitor.domain.tracking import Counts
from monitor.domain.workload import Lease, Workload
from monitor.engine.latest_readings import LatestReadings
from monitor.engine.ports import Platform
from monitor.engine.volume import free_space
from monitor.engine.workload_observer import WORKLOAD_KEPT_SECONDS, WorkloadFollower
from monitor.errors import MonitorError
from monitor.ledger import Ledger, recover

# A tester whose node was polled longer than two minutes ago is shown as silent (`output.format`).
REST_SECONDS = 60.0
_REST_TICKS = 6
_RENEWALS_IN_TIMEOUT = 5  # each poll renews the lease of the volume


class NodeReader(Protocol):
    """Reader of a node's state; see `node_api.NodeClient`."""

    def read(self) -> NodeReading:
        """Read the current state of the node."""
        ...


@dataclass(frozen=True, slots=True)
class TickResult:
    """One tick's observations: the state for the rules, and the data to record.

    `watched` is the open run with its tracking data updated to this tick, if the run belongs to this
    workload.  If the node of another workload ran on the run's data, `watched` is the run marked accordingly.
    `platform_error` is the error of the last query of the platform.
    """

    state: WaitState
    watched: Run | None
    counts: Counts
    health: Health
    platform_error: MonitorError | None = None

    @property
    def notice(self) -> str:
        """Reason why the workload is unknown or may be outdated; empty if it is up to date."""
        return str(self.platform_error or "")


class WaitObserver:
    """Observer that collects the state for a tick and updates the tracking data of the open run."""

    def __init__(
        self,
        platform: Platform,
        ledger: Ledger,
        node: NodeReader,
        policy: Policy,
        clock: Callable[[], Instant],
        data_dir: Path,
        latest: LatestReadings,
        workload_kept_seconds: float = WORKLOAD_KEPT_SECONDS,
        free: Callable[[Path], tuple[int, int]] = free_space,
    ) -> None:
        self._ledger, self._node, self._free = ledger, node, free
        self._policy, self._clock, self._data_dir = policy, clock, data_dir
        self._workload = WorkloadFollower(platform, policy, workload_kept_seconds)
        self._health = HealthFollower()
        self._logs = NodeLogs(data_dir / NODE_FOLDER / "logs")
        self._previous: Instant | None = None
        self._rest_seconds = _rest_seconds(policy)
        self._rest_known: tuple[object, ...] = ()
        self.latest = latest
        self._other: tuple[Lease, float] | None = None
        self._baseline: tuple[tuple[int, int, int], float | None] | None = None
        self._last_result: tuple[tuple[int, int], LastResult] | None = None

    def rests(self) -> bool:
        """Return whether this tick can be skipped, if the last one found nothing to do.

        This requires that the last poll was recent, and that nothing has changed since.  A write to the
        ledger by another process (`rerun`, `resume`, `init`) ends the rest.
        """
        if self._previous is None:
            return False
        rested_seconds = self._clock().boot_seconds - self._previous.boot_seconds
        return rested_seconds < self._rest_seconds and self._rest_key() == self._rest_known

    def _rest_key(self) -> tuple[object, ...]:
        """Return the values whose change ends a rest: the ledger's version and the build under the tag."""
        standing, settled = self.latest.newest, self._policy.settled_lookups
        shown = (standing.build, min(standing.lookups, settled)) if standing else None
        return self._ledger.version(), shown

    def poll(self, *, recorded: bool = True, unrecorded: TickResult | None = None) -> TickResult:
        """Poll the node, the platform, the volume and the ledger once.

        `recorded` is false if recording the last tick failed, except for readings that a full volume keeps in
        memory. `unrecorded` is the result that is kept in memory.
        """
        self._rest_known = self._rest_key()
        reading = self._node.read()
        now = self._clock()
        # If the monitor cannot write to the volume, the node may fail too: query the platform in this tick.
        workload = self._workload.workload(reading, now, closely=not recorded)
        reading = self._workload.of_the_node(reading, now)
        health = self._health.health(reading, now)
        held_by = self._held_by(workload.uid, now) if workload else None
        if workload is not None:
            recover(self._ledger, self._data_dir, workload, self._policy.testbed)
        last, watched = self._ledger.last(), None
        counts: Counts = {}
        space = self._space()
        volume = self._current_volume(space)
        interval_seconds = observed_interval_seconds(self._previous, now, self._policy.tick_seconds)
        self._previous = now
        log = self._logs.read(_chains(reading, last)) if last and last.open else NodeLog()
        blocked = blocked_reason(reading, alone=workload is not None and workload.alone)
        if last and last.open and held_by is None and (workload is None or last.is_of(workload)):
            last, known = self._known(last, unrecorded)
            free_ratio = volume.available_ratio if volume and space else None
            floor_ratio = self._policy.disk_floor_ratio
            observation = Observation(
                now,
                interval_seconds,
                reading,
                health,
                log,
                workload,
                platform_answers=self._workload.error is None,
                recorded=recorded,
                usage_bytes=self._usage_bytes(last),
                low_disk=None if free_ratio is None else free_ratio < floor_ratio,
                disk_starves_node=free_ratio is not None and free_ratio < min(NODE_STOPS_RATIO, floor_ratio),
            )
            last, counts, blocked = updated_run(last, known, observation)
            watched = last
        elif last and last.open and held_by is None and workload is not None:
            watched = with_other_build(last, workload, reading)
        state = self._state(now, workload, held_by, last, reading, log, volume, blocked)
        return TickResult(state, watched, counts, health, self._workload.error)

    def _state(
        self,
        now: Instant,
        workload: Workload | None,
        held_by: str | None,
        last: Run | None,
        reading: NodeReading,
        log: NodeLog,
        volume: VolumeReading | None,
        blocked: str,
    ) -> WaitState:
        ledger, standing = self._ledger, self.latest.newest
        newest = standing.build if standing else None
        stray = ledger.intervened_at(Intervention.RECREATE_STRAY)
        return WaitState(
            now=now,
            policy=self._policy,
            workload=workload,
            held_by=held_by,
            last=last,
            clearing=ledger.clearing(),
            attempt=ledger.attempt(),
            node=reading,
            volume=volume,
            newest=newest,
            newest_judged=newest is not None
            and workload is not None
            and ledger.has_conclusive_run(newest, workload.network, workload.sync_mode),
            seconds_since_stray_recreation=None if stray is None else abs(now.wall - stray),
            log=log,
            blocked=blocked,
            paused=ledger.paused(),
            requested=ledger.requested(),
            repeated_failures=ledger.repeated_failures()
            if last and last.reason in {Reason.NOT_STARTED, Reason.DISK_FULL}
            else 0,
            baseline_seconds=self._baseline_seconds(last) if last and last.open else None,
            newest_lookups=standing.lookups if standing else 0,
            newest_seconds=standing.seconds if standing else 0.0,
            superseded_seconds=ledger.superseded_seconds(newest, now.wall) if newest else None,
            last_result=self._result(last) if last and not last.open else None,
        )

    def _usage_bytes(self, run: Run) -> int | None:
        """Return the last measured disk usage of the run's data in bytes; `None` if it is unknown."""
        volume = self.latest.volume
        return volume.usage_bytes if volume and measured_in(run, volume, None) else None

    def _known(self, last: Run, kept: TickResult | None) -> tuple[Run, Counts]:
        """Return the open run and its counters as of the last tick, even if that could not be recorded."""
        if kept is None or kept.watched is None or kept.watched.number != last.number:
            return last, self._ledger.counts(last)
        tracking, changed = kept.watched.tracking, kept.watched.settings_changed
        return replace(last, tracking=tracking, settings_changed=changed), kept.counts

    def _space(self) -> tuple[int, int] | None:
        """Return the size of the volume and its free space in bytes; `None` if it cannot be read."""
        try:
            return self._free(self._data_dir)
        except MonitorError:
            return None

    def _current_volume(self, space: tuple[int, int] | None) -> VolumeReading | None:
        """Return the last measurement of the volume, updated with the current size and free space.

        Measuring the data takes long, and a volume can fill up in the meantime.
        """
        volume = self.latest.volume
        if space is None:
            return volume
        size_bytes, available_bytes = space
        if volume is None:
            return VolumeReading(None, None, size_bytes, available_bytes)
        return replace(volume, size_bytes=size_bytes, available_bytes=available_bytes)

    def _baseline_seconds(self, run: Run) -> float | None:
        """Return the usual active time of comparable runs in seconds; `None` if it is unknown.

        While a run is open, only another process changes this value: `mark-baseline`, or an import.  A comparison
        of two builds (`local --compare`) has no baseline.
        """
        key = (run.number, self._ledger.baseline_begins(), self._ledger.version())
        if self._baseline is None or self._baseline[0] != key:
            # Cached: with sixty runs to compare, this would take a quarter of the time of every tick.
            compares = self._ledger.is_comparison()
            self._baseline = (key, None if compares else usual_duration_seconds(self._ledger.successes(run)))
        return self._baseline[1]

    def _result(self, run: Run) -> LastResult:
        """Return what decides whether an ended run must be confirmed; cached until another process writes."""
        key = (run.number, self._ledger.version())
        if self._last_result is None or self._last_result[0] != key:
            self._last_result = (key, self._ledger.last_result(run))
        return self._last_result[1]

    def _held_by(self, uid: str, now: Instant) -> str | None:
        """Return the UID of another holder of the volume with a valid lease; `None` if there is no other."""
        holder = self._ledger.holder()
        if holder is None or holder.uid == uid:
            self._other = None
            return None
        if self._other is None or self._other[0] != holder:
            self._other = (holder, now.boot_seconds)
        if now.boot_seconds - self._other[1] >= self._policy.holder_timeout_seconds:
            return None
        return holder.uid


def _rest_seconds(policy: Policy) -> float:
    """Return for how many seconds ticks are skipped at rest; half a tick is subtracted, as ticks may be early.

    `local` polls at every tick: its holder timeout is 0, and its `init` shares the connection to the ledger.
    """
    longest = min(
        REST_SECONDS, _REST_TICKS * policy.tick_seconds, policy.holder_timeout_seconds / _RENEWALS_IN_TIMEOUT
    )
    return longest - policy.tick_seconds / 2


def _chains(reading: NodeReading, run: Run) -> frozenset[str]:
    """Return the chains observed in the run, each of which has its own log file."""
    metrics = reading.metrics if isinstance(reading, NodeAnswering) else None
    shown = {chain for chain, _ in metrics.counters} if metrics else set()
    return admitted(run.tracking.chains.keys(), shown)
