"""Observed and active time of a run, which exclude outages of the monitor, drains and clock jumps.

The tracking of a run has three measures:

*Observed* time is the time that every timeout counts. Each tick adds the interval since the previous tick, at
most two tick intervals. A monitor that was away for a day has therefore not observed that day.

*Active* time is the time that is judged: the intervals in which the node's process ran. The tracking stores
the start time of the process. A gap between two ticks was active too if the start time is still the same.
Start times are compared on the boot clock, which does not move when the wall clock is changed. A process that
is 100 s old started 100 s ago, whatever the wall clock shows.

The *healthy streak* is the uninterrupted health that a success requires. A stale or missing answer neither
extends nor ends it. An unhealthy answer, a closed port or another process ends it.
"""

from __future__ import annotations

from dataclasses import replace

from monitor.domain.instant import Instant
from monitor.domain.observations import Health
from monitor.domain.tracking import HealthyStreak, RunTracking

# The kernel rounds the start of a process to 10 ms, and corrections of the wall clock shift it.
SAME_PROCESS_SECONDS = 2.0


def observed_interval_seconds(previous: Instant | None, now: Instant, tick_seconds: float) -> float:
    """Return the observed time that a tick adds, in seconds.

    `previous` is the previous tick of the same monitor process.
    """
    if previous is None or previous.boot_id != now.boot_id:
        return 0.0
    return min(max(0.0, now.boot_seconds - previous.boot_seconds), 2 * tick_seconds)


def opened(now: Instant, uid: str = "") -> RunTracking:
    """Return the tracking of a run that starts now.

    If the node of the workload has not run yet, pass the workload's `uid`.
    """
    return RunTracking(
        started_boot_id=now.boot_id,
        started_boot_seconds=now.boot_seconds,
        boot_id=now.boot_id,
        accounted_boot_seconds=now.boot_seconds,
        process_uid=uid,
    )


def advanced(
    tracking: RunTracking,
    now: Instant,
    interval_seconds: float,
    process_started_at: float | None,
    uid: str | None,
    health: Health,
    *,
    restarts: int | None = None,
    blocked: bool = False,
    down: bool = False,
    restarts_count: bool = True,
) -> RunTracking:
    """Return the tracking after one tick.

    Args:
        tracking: the tracking before the tick.
        now: the time of the tick.
        interval_seconds: the observed time that the tick adds.
        process_started_at: the start of the node's process in Unix seconds; `None` if it was not observed.
        uid: the workload of the process, so that a moved pod is not a node restart. No restarts are counted
            while it is `None` (unknown).
        health: the health that the node reported.
        restarts: the platform's count of node restarts; `None` if the platform does not report it. Then each
            new start time of the process counts as a restart.
        blocked: whether the network is unavailable. Such time is neither observed nor active.
        down: whether the node's port is closed, which ends the healthy streak.
        restarts_count: false if the volume failed for the monitor since the last tick, because it failed for
            the node too.
    """
    tracking = replace(tracking, observed_seconds=tracking.observed_seconds + interval_seconds)
    active_seconds, before = tracking.active_seconds, tracking
    if process_started_at is not None:
        tracking = _with_process(tracking, now, now.boot_seconds - (now.wall - process_started_at), uid)
    if restarts is not None and uid is not None:
        # Restarts of a workload before its first observation do not belong to this run.
        counts = restarts_count and before.process_uid == uid
        more = max(0, restarts - before.process_restarts) if counts else 0
        tracking = replace(
            tracking,
            process_uid=uid,
            process_restarts=restarts,
            node_restarts=before.node_restarts + more,
        )
    if blocked:
        same_boot = tracking.boot_id == now.boot_id
        accounted = now.boot_seconds if same_boot else tracking.accounted_boot_seconds
        tracking = replace(tracking, active_seconds=active_seconds, accounted_boot_seconds=accounted)
    streak = None if down else _streak(tracking, now, interval_seconds, health)
    return _with_broken_streak(replace(tracking, healthy=streak), before, uid)


def _with_broken_streak(tracking: RunTracking, before: RunTracking, uid: str | None) -> RunTracking:
    """Return the tracking with the active time of a healthy streak that this tick ended.

    Healthy time in a replaced workload is not part of the bootstrap, because the node has to become healthy
    twice.
    """
    streak, now_healthy, seconds = before.healthy, tracking.healthy, before.healthy_seconds
    continues = streak and now_healthy and streak.since_boot_seconds == now_healthy.since_boot_seconds
    replaced = uid is not None and before.process_uid not in {"", uid}
    if streak is not None and (replaced or not continues):
        seconds += before.active_seconds - streak.active_seconds_at_start
    if not replaced:
        return replace(tracking, healthy_seconds=seconds)
    return replace(
        tracking,
        healthy=None if continues else now_healthy,
        healthy_seconds=0.0,
        replaced_healthy_seconds=tracking.replaced_healthy_seconds + seconds,
    )


def _with_process(tracking: RunTracking, now: Instant, start: float, uid: str | None) -> RunTracking:
    same_boot = tracking.boot_id == now.boot_id
    known = tracking.process_start_boot_seconds
    same_process = same_boot and known is not None and abs(known - start) <= SAME_PROCESS_SECONDS
    restarted = known is not None and not same_process and tracking.process_uid == uid
    # After a reboot, none of the process's lifetime has been counted yet.
    since = max(tracking.accounted_boot_seconds, start) if same_boot else start
    return replace(
        tracking,
        boot_id=now.boot_id,
        accounted_boot_seconds=now.boot_seconds,
        active_seconds=tracking.active_seconds + max(0.0, now.boot_seconds - since),
        process_start_boot_seconds=start,
        process_uid=tracking.process_uid if uid is None else uid,
        node_restarts=tracking.node_restarts + (1 if restarted else 0),
        healthy=tracking.healthy if same_process or known is None else None,
        identity_agreed=tracking.identity_agreed and same_process,
    )


def _streak(
    tracking: RunTracking, now: Instant, interval_seconds: float, health: Health
) -> HealthyStreak | None:
    match health:
        case Health.HEALTHY if tracking.healthy is None:
            return HealthyStreak(now.wall, now.boot_seconds, tracking.active_seconds)
        case Health.HEALTHY if tracking.healthy is not None:
            seconds = tracking.healthy.observed_seconds + interval_seconds
            return replace(tracking.healthy, observed_seconds=seconds)
        case Health.UNHEALTHY:
            return None
        case _:
            return tracking.healthy
