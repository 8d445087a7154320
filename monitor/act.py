"""Does what was decided, and chooses nothing.  Every action may be repeated."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable

from monitor.decide.announcements import announcements_of
from monitor.decide.vocabulary import Action, ClearNodeData, Decision, KeepLastWords, Pin, Recreate
from monitor.errors import MonitorError
from monitor.ledger import Ledger, VolumeFullError
from monitor.model import Evidence, Holder, Instant, Policy
from monitor.node_log import TAIL_BYTES, NodeLogs
from monitor.platforms.base import Platform
from monitor.volume import Volume

HOLDER_LOOK_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Actor:
    """The hands of one command."""

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

    def perform(self, action: Action) -> None:
        """Do one thing."""
        match action:
            case Pin():
                self._platform.pin(action.build)
            case Recreate():
                self._platform.recreate(unchanged=action.unchanged)
            case ClearNodeData():
                self._volume.clear()
                self._ledger.keep_reserve()  # a volume that was full has room for it only now
            case KeepLastWords():
                self._keep_last_words(action.run)
            case _:
                raise AssertionError(f"{action} is for init itself")

    def announce(self, decision: Decision) -> bool:
        """Tell people what was decided, once and as well as it goes; whether all of it could be told."""
        told = True
        for each in announcements_of(decision):
            try:
                self._platform.announce(each)
            except MonitorError as error:
                _log.warning("%s could not be announced: %s", each.reason, error)
                told = False
        return told

    def _keep_last_words(self, run: int) -> None:
        """Best effort: the verdict stands without them."""
        words = self._logs.last_words()
        if not words:
            with contextlib.suppress(MonitorError):
                words = self._platform.last_words()
        if words:
            with contextlib.suppress(VolumeFullError):
                self._ledger.keep_evidence(run, Evidence(words[-TAIL_BYTES:], self._clock().wall))

    def recreate_and_await_end(self, action: Recreate) -> None:
        """Have this pod replaced and wait for that, so that the node never starts as it was set."""
        self.perform(action)
        self._platform.await_end(self._stopping)

    def watch_holder(self, uid: str) -> Holder | None:
        """Watch the holder of the volume for as long as it may be silent; the holder that was, if it was.

        Raises:
            MonitorError: it beats: another pod works on this volume.
        """
        first = self._ledger.holder()
        until = self._clock().boot_seconds + self._policy.holder_timeout_seconds
        while self._clock().boot_seconds < until:
            if self._stopping.wait(HOLDER_LOOK_SECONDS):
                raise MonitorError(
                    "stopped while it watched another holder of the volume; nothing was cleared"
                )
            holder = self._ledger.holder()
            if holder is None or holder.uid == uid:
                return holder
            if holder != first:
                raise MonitorError(
                    f"pod {holder.uid} holds this volume and lives: end it first; nothing was cleared"
                )
        return first
