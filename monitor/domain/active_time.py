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
from monitor.domain.tracking import Bookkeeping, HealthyStreak

# The start of a process is rounded to 10 ms by the kernel and drifts with the wall clock's corrections.
SAME_PROCESS_SECONDS = 2.0


def observed_interval_seconds(previous: Instant | None, now: Instant, tick_seconds: float) -> float:
    """What a tick adds to observed time: since `previous`, the tick before it by the same process."""
    if previous is None or previous.boot_id != now.boot_id:
        return 0.0
    return min(max(0.0, now.boot_seconds - previous.boot_seconds), 2 * tick_seconds)


def opened(now: Instant, uid: str = "") -> Bookkeeping:
    """The books of a run that starts now; with `uid`, in a workload whose node has not run yet."""
    return Bookkeeping(
        started_boot_id=now.boot_id,
        started_boot_seconds=now.boot_seconds,
        boot_id=now.boot_id,
        accounted_boot_seconds=now.boot_seconds,
        process_uid=uid,
    )


def advanced(
    books: Bookkeeping,
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
) -> Bookkeeping:
    """The books after one tick.

    Args:
        books: as they were.
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
    books = replace(books, observed_seconds=books.observed_seconds + interval_seconds)
    active_seconds, before = books.active_seconds, books
    if process_started_at is not None:
        books = _with_process(books, now, now.boot_seconds - (now.wall - process_started_at), uid)
    if restarts is not None and uid is not None:
        # Of a workload that was not seen before, what it did until now says nothing of this run.
        counts = restarts_count and before.process_uid == uid
        more = max(0, restarts - before.process_restarts) if counts else 0
        books = replace(
            books,
            process_uid=uid,
            process_restarts=restarts,
            node_restarts=before.node_restarts + more,
        )
    if blocked:
        same_boot = books.boot_id == now.boot_id
        accounted = now.boot_seconds if same_boot else books.accounted_boot_seconds
        books = replace(books, active_seconds=active_seconds, accounted_boot_seconds=accounted)
    streak = None if down else _streak(books, now, interval_seconds, health)
    return _with_broken_streak(replace(books, healthy=streak), before, uid)


def _with_broken_streak(books: Bookkeeping, before: Bookkeeping, uid: str | None) -> Bookkeeping:
    """Return the books with the active time of a streak that this tick broke.

    In a workload that is replaced it was not time that the bootstrap took: the node had to be healthy twice.
    """
    streak, now_healthy, seconds = before.healthy, books.healthy, before.healthy_seconds
    goes_on = streak and now_healthy and streak.since_boot_seconds == now_healthy.since_boot_seconds
    replaced = uid is not None and before.process_uid not in {"", uid}
    if streak is not None and (replaced or not goes_on):
        seconds += before.active_seconds - streak.active_seconds_at_start
    if not replaced:
        return replace(books, healthy_seconds=seconds)
    return replace(
        books,
        healthy=None if goes_on else now_healthy,
        healthy_seconds=0.0,
        replaced_healthy_seconds=books.replaced_healthy_seconds + seconds,
    )


def _with_process(books: Bookkeeping, now: Instant, start: float, uid: str | None) -> Bookkeeping:
    same_boot = books.boot_id == now.boot_id
    known = books.process_start_boot_seconds
    same_process = same_boot and known is not None and abs(known - start) <= SAME_PROCESS_SECONDS
    restarted = known is not None and not same_process and books.process_uid == uid
    # On another boot the books say nothing of this process: all its life since then is new.
    since = max(books.accounted_boot_seconds, start) if same_boot else start
    return replace(
        books,
        boot_id=now.boot_id,
        accounted_boot_seconds=now.boot_seconds,
        active_seconds=books.active_seconds + max(0.0, now.boot_seconds - since),
        process_start_boot_seconds=start,
        process_uid=books.process_uid if uid is None else uid,
        node_restarts=books.node_restarts + (1 if restarted else 0),
        healthy=books.healthy if same_process or known is None else None,
        identity_agreed=books.identity_agreed and same_process,
    )


def _streak(
    books: Bookkeeping, now: Instant, interval_seconds: float, health: Health
) -> HealthyStreak | None:
    match health:
        case Health.HEALTHY if books.healthy is None:
            return HealthyStreak(now.wall, now.boot_seconds, books.active_seconds)
        case Health.HEALTHY if books.healthy is not None:
            seconds = books.healthy.observed_seconds + interval_seconds
            return replace(books.healthy, observed_seconds=seconds)
        case Health.UNHEALTHY:
            return None
        case _:
            return books.healthy
