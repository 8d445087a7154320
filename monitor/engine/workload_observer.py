"""Cache of the platform's workload, because each query costs one request to the API server."""

from __future__ import annotations

from monitor.domain.backoff import backoff_seconds
from monitor.domain.instant import Instant
from monitor.domain.observations import NodeAnswering, NodeDown, NodeReading
from monitor.domain.policy import Policy
from monitor.domain.workload import Workload
from monitor.engine.ports import Platform
from monitor.errors import MonitorError

WORKLOAD_KEPT_SECONDS = 600.0
# While the node does not answer, the platform is the only source of its state.
WORKLOAD_KEPT_SECONDS_WHILE_DOWN = 30.0
RETRY_SECONDS = 60.0


class WorkloadFollower:
    """Cache of the workload; `error` is the error of the last query of the platform."""

    def __init__(self, platform: Platform, policy: Policy, kept_seconds: float) -> None:
        self._platform, self._policy, self._kept_seconds = platform, policy, kept_seconds
        self._workload: Workload | None = None
        self._read_at = self._retry_at = float("-inf")
        self._failures = 0
        self._node_seen: tuple[type, float | None] | None = None
        self.error: MonitorError | None = None

    def workload(self, reading: NodeReading, now: Instant, *, closely: bool) -> Workload | None:
        """Return the workload; `None` if it is unknown.

        The platform is queried if the node appeared, disappeared or restarted; otherwise if the cached
        workload has expired.  With `closely`, the cached workload expires immediately.
        """
        metrics = reading.metrics if isinstance(reading, NodeAnswering) else None
        seen = (type(reading), metrics.process_started_at if metrics else None)
        changed, self._node_seen = seen != self._node_seen, seen
        kept_seconds = self._kept_seconds
        if isinstance(reading, NodeDown):
            kept_seconds = min(
                kept_seconds,
                WORKLOAD_KEPT_SECONDS_WHILE_DOWN,
                self._policy.start_timeout_seconds / 4,
            )
        # A process that answers may still be the node: the platform may not have observed its start yet.
        aged = (
            closely
            or _is_anothers(reading, self._workload)
            or now.boot_seconds - self._read_at >= kept_seconds
        )
        is_retry = self.error is not None
        due = now.boot_seconds >= self._retry_at if is_retry else aged or self._workload is None
        if not changed and not due:
            return self._workload
        try:
            self._workload = self._platform.workload()
        except MonitorError as error:
            self.error, self._failures = error, self._failures + 1
            # Not at every tick: a request to an unavailable API server may take a minute to time out.
            pause_seconds = min(kept_seconds, RETRY_SECONDS)
            if self._workload is None:
                pause_seconds = backoff_seconds(self._failures, self._policy.tick_seconds)
            self._retry_at = now.boot_seconds + pause_seconds
            return self._workload
        self.error, self._failures = None, 0
        self._read_at = now.boot_seconds
        return self._workload

    def of_the_node(self, reading: NodeReading, now: Instant) -> NodeReading:
        """Return the reading, or `NodeDown` if the platform, queried at `now`, reports no running node."""
        if self._read_at == now.boot_seconds and _is_anothers(reading, self._workload):
            return NodeDown("the node is not running; another process answers at its address")
        return reading


def _is_anothers(reading: NodeReading, workload: Workload | None) -> bool:
    """Return whether a process answers although the platform last reported that the node is not running."""
    process = workload.process if workload else None
    return process is not None and not process.running and not isinstance(reading, NodeDown)
