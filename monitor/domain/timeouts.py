"""Timers behind the timeouts of a run, each of which counts one kind of observed time.

The tracking of a run stores the timers. An unknown value neither advances nor resets a timer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.domain.observations import Health, NodeAnswering, NodeDown, NodeLog, NodeReading
from monitor.domain.tracking import Refusal, RunTracking
from monitor.domain.workload import NodeProcess

# The node retries a peer within a minute (avalanchego `network/ip_tracker.go`). It may miss ten retries.
REFUSAL_AGE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class TickSignals:
    """Signals of an open run in one tick; `None` is unknown.

    `progressed` is whether a chain at work made progress. `reached` is whether it reached a position that no
    process of the run had reached before. `works` is whether the node wrote to its disk while a chain
    compacts, executes or syncs its state.

    `started` is whether the node's process runs, or has ended and will be restarted. `down` is whether it does
    not run. `unhealthy` is whether the node has bootstrapped and its fresh health is bad. `low_disk` is whether
    less of the volume than the floor is free. `starved` is whether the node is down and too little is free for
    it to run.
    """

    progressed: bool
    reached: bool
    works: bool
    started: bool | None
    unhealthy: bool | None
    down: bool = False
    low_disk: bool | None = None
    starved: bool | None = None


def counted(
    tracking: RunTracking, now_wall: float, interval_seconds: float, signals: TickSignals
) -> RunTracking:
    """Return the tracking after one more tick; `interval_seconds` is the observed time that the tick adds."""
    tracking = _with_progress(tracking, now_wall, interval_seconds, signals)

    def clock(seconds: float, *, runs: bool | None) -> float:
        if runs is None:
            return seconds
        return seconds + interval_seconds if runs else 0.0

    low_disk_at = now_wall if signals.low_disk and tracking.low_disk_at is None else tracking.low_disk_at
    return replace(
        tracking,
        not_started_seconds=clock(
            tracking.not_started_seconds, runs=None if signals.started is None else not signals.started
        ),
        down_seconds=clock(tracking.down_seconds, runs=signals.down),
        unhealthy_seconds=clock(tracking.unhealthy_seconds, runs=signals.unhealthy),
        starved_seconds=clock(tracking.starved_seconds, runs=signals.starved),
        low_disk_seconds=clock(tracking.low_disk_seconds, runs=signals.low_disk),
        low_disk_at=None if signals.low_disk is False else low_disk_at,
    )


def _with_progress(
    tracking: RunTracking, now_wall: float, interval_seconds: float, signals: TickSignals
) -> RunTracking:
    if signals.reached:
        tracking = replace(tracking, restarts_at_progress=tracking.node_restarts)
    if signals.progressed:
        return replace(tracking, progress_at=now_wall, lifeless_seconds=0.0)
    if signals.works:
        return replace(tracking, lifeless_seconds=0.0)
    if tracking.lifeless_seconds is None:
        return tracking
    return replace(tracking, lifeless_seconds=tracking.lifeless_seconds + interval_seconds)


def refused(
    refusal: Refusal, log: NodeLog, interval_seconds: float, *, peers: int, new_process: bool
) -> Refusal:
    """Return for how long the network has refused the node, after one more poll.

    AvalancheGo writes the line for each newer beacon, before it knows whether the two builds are compatible.
    The line therefore counts only while the process has never had a peer and new lines appear. In an outage
    no new lines appear.
    """
    had_peers = peers > 0 or (refusal.had_peers and not new_process)
    if had_peers or new_process:
        return Refusal(line=log.newer_peer, had_peers=had_peers)
    if log.newer_peer not in {"", refusal.line}:
        refusal = replace(refusal, line=log.newer_peer, age_seconds=0.0, is_fresh=True)
    else:
        refusal = replace(refusal, age_seconds=refusal.age_seconds + interval_seconds)
    if not refusal.is_fresh or refusal.age_seconds > REFUSAL_AGE_SECONDS:
        return replace(refusal, is_fresh=False, refused_seconds=0.0)
    return replace(refusal, refused_seconds=refusal.refused_seconds + interval_seconds)


def blocked_reason(reading: NodeReading, *, alone: bool = False) -> str:
    """Return why the node cannot reach the network; empty if it can, or does not report it.

    A network outage is not a fault of the build, so timers are paused during an outage. A node that is alone
    by its configuration needs no peers.
    """
    if not isinstance(reading, NodeAnswering) or (reading.health is not None and reading.health.healthy):
        return ""
    if reading.metrics is not None and reading.metrics.peers == 0 and not alone:
        return "the node has no peers"
    if reading.health is not None and reading.health.isolated:
        failing = ", ".join(reading.health.failing_checks)
        return f"the node is connected to too few peers or too little stake (failing checks: {failing})"
    return ""


def reports_peers(reading: NodeReading) -> bool:
    """Return whether a reading without a reason to be blocked proves that the node is not blocked."""
    if not isinstance(reading, NodeAnswering):
        return False
    healthy = reading.health is not None and reading.health.healthy
    return healthy or (reading.metrics is not None and reading.metrics.peers is not None)


def tick_signals(
    reading: NodeReading,
    process: NodeProcess | None,
    health: Health,
    *,
    progressed: bool,
    reached: bool,
    works: bool,
    low_disk: bool | None,
    starves_node: bool,
) -> TickSignals:
    """Return the signals of one tick, from the answers of the node and of its platform.

    The platform's answers may be older than the node's.
    """
    unhealthy: bool | None = None
    if isinstance(reading, NodeAnswering) and reading.bootstrapped is not None:
        if not reading.bootstrapped or health is Health.HEALTHY:
            unhealthy = False
        elif health is Health.UNHEALTHY:
            unhealthy = True
    return TickSignals(
        progressed=progressed,
        reached=reached,
        works=works,
        started=was_started(reading, process),
        unhealthy=unhealthy,
        down=isinstance(reading, NodeDown),
        low_disk=low_disk,
        starved=None if low_disk is None else starves_node and isinstance(reading, NodeDown),
    )


def was_started(reading: NodeReading, process: NodeProcess | None) -> bool | None:
    """Return whether the platform has started the node; `None` if unknown.

    A node is started if its process runs, or has ended and will be restarted. While the last start failed, a
    process that runs but does not listen may fail to start too.
    """
    if not isinstance(reading, NodeDown):
        return True
    if process is None:
        return None
    if process.failed_to_start:
        return None if process.running else False
    return process.running or process.crash_looping
