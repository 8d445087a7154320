"""Time that was really observed, so that no outage, drain or clock jump is taken for the node's doing.

Three kinds are kept in a run's books:

*Observed* time is what every time-out counts: the interval from one tick to the next, capped at two
intervals, so that a monitor that was away for a day has seen nothing of it.

*Active* time is what is judged: intervals in which the node's process ran.  A process's start time is
remembered; a gap in watching over which it did not change was active too.  Start times are compared on the
boot clock, which a changed wall clock does not move: a process that is 100 s old began 100 s ago, whatever
the time is.

The *healthy streak* is the unbroken health that a success needs.  A stale or missing answer neither
lengthens nor breaks it; an unhealthy answer, a closed port or another process breaks it.
"""

from __future__ import annotations

from dataclasses import replace

from monitor.domain.instant import Instant
from monitor.domain.observations import Health
from monitor.domain.tracking import HealthyStreak, RunTracking

# The start of a process is rounded to 10 ms by the kernel and drifts with the wall clock's corrections.
SAME_PROCESS_SECONDS = 2.0


def observed_interval_seconds(previous: Instant | None, now: Instant, tick_seconds: float) -> float:
    """What a tick adds to observed time: since `previous`, the tick before it by the same process."""
    if previous is None or previous.boot_id != now.boot_id:
        return 0.0
    return min(max(0.0, now.boot_seconds - previous.boot_seconds), 2 * tick_seconds)


def opened(now: Instant, uid: str = "") -> RunTracking:
    """The books of a run that starts now; with `uid`, in a workload whose node has not run yet."""
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
    """The books after one tick.

    Args:
        tracking: as they were.
        now: the moment of the tick.
        interval_seconds: what the tick adds to observed time.
        process_started_at: start of the node's process in Unix seconds; `None` where it was not seen.
        uid: the workload it runs in, so that a moved pod is no node restart; `None` where it is not known,
            and no restart is counted until it is.
        health: what the node said.
        restarts: how often the workload's platform restarted the node; `None` where it does not tell, and
            changed starts of the process are counted.
        blocked: the network is away: the time is nobody's, neither observed nor active.
        down: its port is closed, so that what it said last is over.
        restarts_count: false where the volume failed the monitor since the last tick: it failed the node too.
    """
    tracking = replace(tracking, observed_seconds=tracking.observed_seconds + interval_seconds)
    active_seconds, before = tracking.active_seconds, tracking
    if process_started_at is not None:
        tracking = _with_process(tracking, now, now.boot_seconds - (now.wall - process_started_at), uid)
    if restarts is not None and uid is not None:
        # Of a workload that was not seen before, what it did until now says nothing of this run.
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
    """Return the books with the active time of a streak that this tick broke.

    In a workload that is replaced it was not time that the bootstrap took: the node had to be healthy twice.
    """
    streak, now_healthy, seconds = before.healthy, tracking.healthy, before.healthy_seconds
    goes_on = streak and now_healthy and streak.since_boot_seconds == now_healthy.since_boot_seconds
    replaced = uid is not None and before.process_uid not in {"", uid}
    if streak is not None and (replaced or not goes_on):
        seconds += before.active_seconds - streak.active_seconds_at_start
    if not replaced:
        return replace(tracking, healthy_seconds=seconds)
    return replace(
        tracking,
        healthy=None if goes_on else now_healthy,
        healthy_seconds=0.0,
        replaced_healthy_seconds=tracking.replaced_healthy_seconds + seconds,
    )


def _with_process(tracking: RunTracking, now: Instant, start: float, uid: str | None) -> RunTracking:
    same_boot = tracking.boot_id == now.boot_id
    known = tracking.process_start_boot_seconds
    same_process = same_boot and known is not None and abs(known - start) <= SAME_PROCESS_SECONDS
    restarted = known is not None and not same_process and tracking.process_uid == uid
    # On another boot the books say nothing of this process: all its life since then is new.
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
