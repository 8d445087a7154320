"""Update of an open run with the observations of one tick."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from monitor.domain.active_time import SAME_PROCESS_SECONDS, advanced
from monitor.domain.chains import MAX_CHAINS, first_chains
from monitor.domain.instant import Instant
from monitor.domain.observations import (
    ChainActivity,
    Health,
    NodeAnswering,
    NodeDown,
    NodeLog,
    NodeMetrics,
    NodeReading,
)
from monitor.domain.progress import Counters, Movement, Poll, added_up, movement, works
from monitor.domain.run import Run, identity_difference
from monitor.domain.timeouts import blocked_reason, counted, refused, reports_peers, tick_signals, was_started
from monitor.domain.tracking import ChainWatch, Counts, RunTracking
from monitor.domain.workload import NodeProcess, Workload

MAX_RESTART_TIMES = 10
_HEIGHT = "height_executed"
_SYNCING = ChainActivity.SYNCING_STATE
_EXECUTES_ALL = frozenset({ChainActivity.FETCHING, ChainActivity.EXECUTING})


@dataclass(frozen=True, slots=True)
class Observation:
    """Observations of one tick.

    `interval_seconds` is the observed time since the previous tick. `workload` may be from an earlier tick.
    `platform_answers` is false if the platform did not answer the last request. `recorded` is false
    if recording the last tick failed, except for readings that a full volume keeps in memory.

    `low_disk` is whether less of the volume than the floor is free (`None`: unknown). `disk_starves_node` is
    whether too little is free for the node to run.
    """

    now: Instant
    interval_seconds: float
    reading: NodeReading
    health: Health
    log: NodeLog
    workload: Workload | None
    platform_answers: bool
    recorded: bool
    usage_bytes: int | None = None
    low_disk: bool | None = None
    disk_starves_node: bool = False

    @property
    def metrics(self) -> NodeMetrics | None:
        """Metrics that the node reported; `None` if it did not report any."""
        return self.reading.metrics if isinstance(self.reading, NodeAnswering) else None

    @property
    def process(self) -> NodeProcess | None:
        """Node's process as the platform reports it; `None` if unknown."""
        return self.workload.process if self.workload else None

    @property
    def blocked(self) -> str:
        """Reason why the node cannot reach the network; empty if it can."""
        return blocked_reason(self.reading, alone=self.workload is not None and self.workload.alone)


def updated_run(run: Run, known: Counts, observation: Observation) -> tuple[Run, Counts, str]:
    """Return the run and its counters after one more tick, and why the node is blocked (empty: it is not).

    `known` are the counters before the tick. A node that worked during the tick is not blocked.
    """
    before, drained = run.tracking, None
    new_process = _is_new_process(before, observation)
    counters = observation.metrics.counters if observation.metrics else {}
    names = admitted(before.chains.keys(), {name for name, _ in counters} | observation.log.chains.keys())
    counters = {key: value for key, value in counters.items() if key[0] in names}
    logs = {name: log for name, log in observation.log.chains.items() if name in names}
    observation = replace(observation, log=replace(observation.log, chains=logs))
    counts = added_up(known, counters, new_process=new_process)
    tracking = before
    if observation.health is Health.HEALTHY and before.healthy is None:
        tracking, drained = _with_execution(tracking, observation, new_process=new_process)
    elif observation.health is Health.UNHEALTHY:
        tracking = replace(tracking, execution_targets={})
    if drained is False:  # SAE has not executed all accepted blocks yet
        observation = replace(observation, health=Health.UNKNOWN)
    move = _movement(tracking, known, counts, counters, observation, new_process=new_process)
    blocked = "" if _worked(tracking, move, observation) else observation.blocked
    tracking = _times(tracking, observation, blocked=bool(blocked), new_process=new_process)
    tracking = _with_timers(tracking, move, observation, blocked=bool(blocked))
    tracking = _with_state_sync(tracking, before, counts, new_process=new_process)
    identity = observation.reading.identity if isinstance(observation.reading, NodeAnswering) else None
    if identity is not None and identity_difference(run, identity) is None:
        tracking = replace(tracking, identity_agreed=True)
    workload = observation.workload
    changed = workload is not None and workload.settings_digest != run.settings_digest
    if workload is not None:
        tracking = replace(tracking, revision=workload.revision)
    run = replace(run, tracking=tracking, settings_changed=run.settings_changed or changed)
    return run, counts, blocked


def with_other_build(run: Run, workload: Workload, reading: NodeReading) -> Run | None:
    """Return the open run, marked because another build's node ran on its data; `None` if it needs no mark.

    `init` clears the data before another build may start. Kubernetes may skip `init`, and the image of a pod
    can be changed.
    """
    process = workload.process
    ran = not isinstance(reading, NodeDown) if process is None else process.running or process.crash_looping
    if not ran or run.tracking.other_build or run.is_of(workload):
        return None
    same = workload.build is not None and run.build.same(workload.build)
    what = f"{workload.image} on {workload.network} in {workload.sync_mode}" if same else workload.image
    return replace(run, tracking=replace(run.tracking, other_build=what))


def admitted(known: Collection[str], shown: Iterable[str]) -> frozenset[str]:
    """Return the chains to track, with preference for those observed first.

    The limit prevents a node that renames its chains from filling the ledger.
    """
    new = set(shown).difference(known)
    return frozenset(known) | first_chains(new, max(0, MAX_CHAINS - len(known)))


def _is_new_process(tracking: RunTracking, observation: Observation) -> bool:
    """Return whether the node's process is not the process in the tracking."""
    started_at = observation.metrics.process_started_at if observation.metrics else None
    if started_at is None or tracking.process_start_boot_seconds is None:
        return False
    start = observation.now.boot_seconds - (observation.now.wall - started_at)
    other_boot = tracking.boot_id != observation.now.boot_id
    return other_boot or abs(tracking.process_start_boot_seconds - start) > SAME_PROCESS_SECONDS


def _of_process(log: NodeLog, observation: Observation) -> NodeLog:
    """Return the logs without those that an earlier process wrote last."""
    started_at = observation.metrics.process_started_at if observation.metrics else None
    if started_at is None:
        return log
    limit = started_at - SAME_PROCESS_SECONDS
    return replace(
        log, chains={name: chain for name, chain in log.chains.items() if chain.written_at >= limit}
    )


def _with_execution(
    tracking: RunTracking, observation: Observation, *, new_process: bool
) -> tuple[RunTracking, bool]:
    """Return the tracking, and whether the chains on SAE have executed their queues.

    A queue consists of the blocks that were accepted but not executed when the node became healthy.
    """
    metrics, targets = observation.metrics, {} if new_process else dict(tracking.execution_targets)
    if metrics is None:
        on_sae = any(watch.log and watch.log.transitioned for watch in tracking.chains.values())
        return replace(tracking, execution_targets=targets), not (targets or on_sae)
    heights = {name: height for (name, signal), height in metrics.counters.items() if signal == _HEIGHT}
    for name, queued in metrics.queued_blocks.items():
        if name in heights:
            targets.setdefault(name, heights[name] + queued)
    # A chain that no longer shows its height cannot show that it has reached its target.
    targets = {name: target for name, target in targets.items() if name in heights}
    drained = all(
        metrics.queued_blocks.get(name) == 0 or heights[name] >= target for name, target in targets.items()
    )
    return replace(tracking, execution_targets=targets), drained


def _with_state_sync(
    tracking: RunTracking, before: RunTracking, counts: Counts, *, new_process: bool
) -> RunTracking:
    """Return the tracking with the state sync of the C-Chain: done, started again, or replaced by execution.

    A process that starts during a state sync repeats it in part or as a whole.
    """
    known, watch = before.chains.get("C"), tracking.chains.get("C")
    log, summary = watch.log if watch else None, tracking.state_summary
    was_syncing = known is not None and known.log is not None and known.log.activity is _SYNCING
    restarted = tracking.state_sync_restarted or (new_process and was_syncing)
    if log is not None and log.summary not in {"", summary}:
        restarted, summary = restarted or bool(summary), log.summary
    leaves = counts.get(("C", "leaves_synced"))
    synced = tracking.state_synced
    moved = log is not None and log.activity is _SYNCING and log.progress != _progress_line(known)
    if summary or moved or (leaves is not None and leaves.value > 0):
        synced = True
    elif synced is None and log is not None and (log.skipped or log.activity in _EXECUTES_ALL):
        synced = False
    return replace(tracking, state_synced=synced, state_summary=summary, state_sync_restarted=restarted)


def _progress_line(watch: ChainWatch | None) -> str:
    return watch.log.progress if watch is not None and watch.log is not None else ""


def _times(
    tracking: RunTracking, observation: Observation, *, blocked: bool, new_process: bool
) -> RunTracking:
    """Return the tracking with its times, the healthy streak, and the process and its restarts.

    The times are observed, active and blocked time.
    """
    reading, metrics, process = observation.reading, observation.metrics, observation.process
    before = tracking
    tracking = advanced(
        tracking,
        observation.now,
        0.0 if blocked else observation.interval_seconds,
        metrics.process_started_at if metrics else None,
        observation.workload.uid if observation.workload else None,
        observation.health,
        restarts=process.restarts if process else None,
        blocked=blocked,
        down=isinstance(reading, NodeDown),
        # If the monitor cannot write to the volume, neither can the node. Failed starts are not crashes.
        restarts_count=observation.recorded
        and not observation.disk_starves_node
        and not (process is not None and process.failed_to_start),
    )
    restarts = tracking.node_restarts - before.node_restarts
    if restarts > 0:
        restarted_at = (*tracking.restarted_at, *(observation.now.wall,) * restarts)
        tracking = replace(tracking, restarted_at=restarted_at[-MAX_RESTART_TIMES:])
    if metrics is not None and metrics.peers is not None:
        refusal = refused(
            tracking.refusal,
            observation.log,
            observation.interval_seconds,
            peers=metrics.peers,
            new_process=new_process,
        )
        tracking = replace(tracking, refusal=refusal)
    if blocked:
        return replace(tracking, blocked_seconds=tracking.blocked_seconds + observation.interval_seconds)
    if observation.blocked or reports_peers(reading):
        return replace(tracking, blocked_seconds=0.0)
    return tracking


def _movement(
    tracking: RunTracking,
    known: Counts,
    counts: Counts,
    counters: Counters,
    observation: Observation,
    *,
    new_process: bool,
) -> Movement:
    """Return the progress of the run; without a network, its stall timers are paused."""
    poll = Poll(
        now_wall=observation.now.wall,
        answers=isinstance(observation.reading, NodeAnswering),
        counters=counters,
        log=_of_process(observation.log, observation),
        new_process=new_process,
        usage_bytes=observation.usage_bytes,
    )
    return movement(
        tracking, known, counts, poll, _running_seconds(observation, blocked=bool(observation.blocked))
    )


def _running_seconds(observation: Observation, *, blocked: bool) -> float:
    """Return the seconds that this tick adds to stall timers; 0 if the node is blocked or not running."""
    process = observation.process if observation.platform_answers else None
    started = was_started(observation.reading, process)
    return 0.0 if blocked or started is False else observation.interval_seconds


def _wrote(tracking: RunTracking, observation: Observation) -> bool:
    written = observation.metrics.disk_write_bytes if observation.metrics else None
    return written is not None and written > tracking.disk_write_bytes


def _worked(tracking: RunTracking, move: Movement, observation: Observation) -> bool:
    """Return whether the node made progress, or wrote to its disk in a stage that needs no peers."""
    return move.progressed or (_wrote(tracking, observation) and works(move, without_peers=True))


def _with_timers(
    tracking: RunTracking, move: Movement, observation: Observation, *, blocked: bool
) -> RunTracking:
    """Return the tracking with its timers, and with the values that they compare.

    Timers are paused while the network is unavailable.
    """
    interval_seconds = 0.0 if blocked else observation.interval_seconds
    signals = tick_signals(
        observation.reading,
        observation.process if observation.platform_answers else None,
        observation.health,
        progressed=move.progressed,
        reached=move.reached,
        works=_wrote(tracking, observation) and works(move),
        low_disk=observation.low_disk,
        starves_node=observation.disk_starves_node,
    )
    tracking = counted(tracking, observation.now.wall, interval_seconds, signals)
    running_seconds = _running_seconds(observation, blocked=blocked)
    is_healthy = observation.health is Health.HEALTHY
    tracking = _with_movement(tracking, move, running_seconds, is_healthy=is_healthy)
    written = observation.metrics.disk_write_bytes if observation.metrics else None
    return tracking if written is None else replace(tracking, disk_write_bytes=written)


def _with_movement(
    tracking: RunTracking, move: Movement, interval_seconds: float, *, is_healthy: bool
) -> RunTracking:
    """Return the tracking with the stall timer of each chain; a healthy node resets the timers."""
    chains = {
        name: replace(watch, idle_seconds=0.0 if is_healthy else watch.idle_seconds)
        for name, watch in move.chains.items()
    }
    return replace(
        tracking,
        chains=chains,
        idle_seconds=0.0 if is_healthy else move.idle_seconds,
        stalled_chain="" if is_healthy else move.stalled_chain,
        unknown_seconds=0.0 if is_healthy or move.known else tracking.unknown_seconds + interval_seconds,
        usage_mark_bytes=move.usage_mark_bytes,
    )
