"""Scheduler for the jobs of `wait-for-completion` and `local`, based on APScheduler's thread pool.

APScheduler uses the wall clock: after the clock is set back by an hour, it would run no job for an hour.  So
the main thread compares the wall clock with the monotonic clock, and runs every job now if they diverge.

An error of a job is logged and counted, and the job runs again at its next time.  Each end of a job is a
heartbeat, from which `/-/healthy` derives whether this process still works.  A job that failed because of an
outage of the API server is retried soon, unless the server refused the request (401, 429).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from monitor.engine.activity import Activity
from monitor.errors import Cause, MonitorError, OutageError

CLOCK_JUMP_SECONDS = 2.0
WATCH_SECONDS = 1.0
DRAIN_SECONDS = 3.0
OUTAGE_RETRY_SECONDS = 30.0
# A job is late if its last end is longer ago than this number of intervals plus the grace period.  A tick may
# take minutes if the API server or the volume does not answer or the CPU is throttled; restarts do not help.
HEARTBEATS_MISSED = 5
HEARTBEAT_GRACE_SECONDS = 600.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Task that runs at an interval.

    The process is unhealthy if an `essential` job is late.  With `success_clears`, a run without an error
    clears the problem of the job.
    """

    name: str
    run: Callable[[], None]
    interval_seconds: float
    essential: bool = False
    success_clears: bool = True


class Daemon:
    """Runner that executes jobs at their intervals until it is stopped."""

    def __init__(
        self,
        jobs: tuple[Job, ...],
        activity: Activity,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        watch_seconds: float = WATCH_SECONDS,
        outage_retry_seconds: float = OUTAGE_RETRY_SECONDS,
    ) -> None:
        self._jobs, self._activity = jobs, activity
        self._outage_retry_seconds = outage_retry_seconds
        self._wall, self._monotonic, self._watch_seconds = wall, monotonic, watch_seconds
        self._began, self._stopping = monotonic(), threading.Event()
        self._active: set[str] = set()
        self._ended: dict[str, float] = {}
        self._due: set[str] = set()
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(len(jobs))},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def run(self, stopping: threading.Event) -> None:
        """Run the jobs until `stopping` is set; then wait at most `DRAIN_SECONDS` for running jobs."""
        self._stopping = stopping
        for job in self._jobs:
            self._scheduler.add_job(
                self._perform,
                "interval",
                (job,),
                id=job.name,
                seconds=job.interval_seconds,
                next_run_time=datetime.now(UTC),
            )
        ahead = self._wall() - self._monotonic()  # before the first job, whose time depends on the clock
        self._scheduler.start()
        while not stopping.wait(self._watch_seconds):
            jump = self._wall() - self._monotonic() - ahead
            if abs(jump) > CLOCK_JUMP_SECONDS:
                _log.warning("the wall clock jumped by %+.0f s: running all jobs now", jump)
                ahead += jump
                self._due = {job.name for job in self._jobs}
            # Repeat until the job starts: a running job cannot start, and its next time is wrong too.
            for name in tuple(self._due):
                self._run_after(name)
        self._scheduler.pause()
        until = time.monotonic() + DRAIN_SECONDS
        while self._active and time.monotonic() < until:
            time.sleep(0.02)

    def run_soon(self, name: str) -> None:
        """Schedule a job for now and at its interval from then on; do nothing while the job is running."""
        if self._scheduler.running and name not in self._active:
            self._run_after(name)

    def healthy(self) -> tuple[bool, list[str]]:
        """Return whether every essential job ended recently, with any result, and a line for each job.

        A failed job does not make the process unhealthy, because a restart would not fix an external cause.
        """
        now, lines, healthy = self._monotonic(), [], True
        for job in self._jobs:
            since = now - self._ended.get(job.name, self._began)
            late = since > HEARTBEATS_MISSED * job.interval_seconds + HEARTBEAT_GRACE_SECONDS
            healthy = healthy and not (late and job.essential)
            lines.append(f"{job.name}: {'late' if late else 'ok'}, last done {since:.0f} s ago")
        return healthy, lines

    def _run_after(self, name: str, seconds: float = 0.0) -> None:
        self._scheduler.modify_job(name, next_run_time=datetime.now(UTC) + timedelta(seconds=seconds))

    def _perform(self, job: Job) -> None:
        self._active.add(job.name)
        self._due.discard(job.name)
        began = time.monotonic()
        try:
            job.run()
        except MonitorError as error:
            self._activity.error(job.name)
            if not self._stopping.is_set():  # an error during the shutdown is expected
                self._activity.problems.report_error(job.name, error)
            outage = isinstance(error, OutageError) and not error.refused
            if outage and job.interval_seconds > self._outage_retry_seconds:
                self._run_after(job.name, self._outage_retry_seconds)
        except Exception as error:  # noqa: BLE001 - the daemon survives any error of a job
            # The next run may succeed; the error counter shows the failure.
            self._activity.error(job.name)
            message = f"failed ({type(error).__name__}: {error}); see the log for the traceback"
            if self._activity.problems.report(job.name, Cause.OTHER, message):
                _log.exception("%s failed", job.name)
        else:
            self._activity.task_finished(job.name, time.monotonic() - began, time.time())
            if job.success_clears:
                self._activity.problems.clear(job.name)
        finally:
            self._ended[job.name] = self._monotonic()
            self._active.discard(job.name)
