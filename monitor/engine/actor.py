"""Execution of decided actions.  Every action can be repeated safely."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable

from monitor.avalanchego.node_log import TAIL_BYTES, NodeLogs
from monitor.decide.decisions import KeepLogTail, Pin, Recreate, WaitAction
from monitor.decide.events import DueAnnouncement
from monitor.domain.instant import Instant
from monitor.domain.policy import Policy
from monitor.domain.run import Evidence
from monitor.domain.workload import Lease
from monitor.engine.ports import Platform
from monitor.engine.volume import Volume
from monitor.errors import Cause, MonitorError, OutageError, TemporaryError
from monitor.ledger import Ledger, VolumeFullError

LEASE_POLL_SECONDS = 1.0
# During an outage, each attempt to send an announcement can delay the tick by some seconds.
RETRY_TICKS = 6

_log = logging.getLogger(__name__)


class Actor:
    """Executor of the actions that `init` or a tick decides."""

    def __init__(
        self,
        platform: Platform,
        ledger: Ledger,
        volume: Volume,
        policy: Policy,
        clock: Callable[[], Instant],
        stopping: threading.Event,
    ) -> None:
        self._platform, self._ledger, self._volume = platform, ledger, volume
        self._policy, self._clock, self._stopping = policy, clock, stopping
        self._logs = NodeLogs(volume.node_folder / "logs")
        self._announce_at: float | None = None
        self._sent: set[DueAnnouncement] = set()

    def perform(self, action: WaitAction) -> None:
        """Execute one action of a tick."""
        match action:
            case Pin():
                self._platform.pin(action.build)
            case Recreate():
                self._platform.recreate(unchanged=action.unchanged)
            case KeepLogTail():
                self._keep_log_tail(action.run)

    def clear_node_data(self) -> None:
        """Remove the node's data from the volume."""
        self._volume.clear()
        self._ledger.keep_reserve()  # on a full volume, there is enough space only after the clearing

    def announce(self) -> bool:
        """Send the announcements that are due, oldest first; return whether no attempt failed.

        During an outage of the platform's API server the announcements stay due and are retried.  After any
        other error the announcement is discarded.
        """
        now = self._clock().boot_seconds
        if self._announce_at is not None and now < self._announce_at:
            return True
        is_sent = True
        for due in self._due():
            try:
                if due not in self._sent:
                    self._platform.announce(due.announcement, due.made_at)
            except OutageError as error:
                level = logging.WARNING if self._announce_at is None else logging.DEBUG
                _log.log(level, "%s will be announced later: %s", due.announcement.reason, error)
                self._announce_at = now + RETRY_TICKS * self._policy.tick_seconds
                return False
            except MonitorError as error:
                _log.warning("%s could not be announced: %s", due.announcement.reason, error)
                is_sent = False
            self._sent.add(due)
            with contextlib.suppress(TemporaryError):
                self._ledger.announced(due)
                self._sent.discard(due)
        self._announce_at = None
        return is_sent

    def _due(self) -> tuple[DueAnnouncement, ...]:
        """Return the announcements that are due; none if the ledger cannot be read.

        A read error does not delay the actions of the tick.
        """
        try:
            return self._ledger.due_announcements()
        except TemporaryError as error:
            _log.warning("announcements are delayed: %s", error)
            return ()

    def _keep_log_tail(self, run: int) -> None:
        """Save the end of the node's log if possible; the verdict does not depend on it."""
        words = self._logs.log_tail()
        if not words:
            with contextlib.suppress(MonitorError):
                words = self._platform.log_tail()
        if words:
            with contextlib.suppress(VolumeFullError):
                self._ledger.keep_evidence(run, Evidence(words[-TAIL_BYTES:], self._clock().wall))

    def recreate_and_await_end(self, action: Recreate) -> None:
        """Recreate this pod and wait until it ends, so that the node does not start with the old settings."""
        self.perform(action)
        self._platform.await_end(self._stopping)

    def wait_for_lease(self, uid: str) -> Lease | None:
        """Wait until the lease of the volume's holder expires, and return that lease.

        Returns:
            The expired lease, or the lease of `uid` if that acquired it; `None` if the lease was released.

        Raises:
            MonitorError: another pod renewed the lease and still uses the volume, or `stopping` was set.
        """
        first = self._ledger.holder()
        until = self._clock().boot_seconds + self._policy.holder_timeout_seconds
        while self._clock().boot_seconds < until:
            if self._stopping.wait(LEASE_POLL_SECONDS):
                raise MonitorError(
                    "stopped while waiting for the lease of another holder; nothing was deleted"
                )
            holder = self._ledger.holder()
            if holder is None or holder.uid == uid:
                return holder
            if holder != first:
                raise MonitorError(
                    f"pod {holder.uid} holds the lease of this volume and renews it; nothing was deleted: "
                    "stop that pod first",
                    cause=Cause.VOLUME_HELD,
                )
        return first
