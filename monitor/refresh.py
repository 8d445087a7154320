"""Jobs that refresh readings between ticks, so that nothing slow holds up a tick."""

from __future__ import annotations

from collections.abc import Callable

from monitor.activity import Activity
from monitor.decide.wait import blocked_for_long
from monitor.errors import MonitorError
from monitor.ledger import Ledger
from monitor.model import Instant, Policy
from monitor.observe import WaitObserver
from monitor.platforms.base import BuildSource
from monitor.view import build_reading
from monitor.volume import Volume


class Measurement:
    """Measures the volume."""

    def __init__(self, volume: Volume, observer: WaitObserver, clock: Callable[[], Instant]) -> None:
        self._volume, self._observer, self._clock = volume, observer, clock

    def __call__(self) -> None:
        """Measure it once; the reading is as old as the beginning of the walk."""
        self._observer.volume = self._volume.measure(self._clock())


class BuildWatch:
    """Looks for a newer build."""

    def __init__(
        self,
        source: BuildSource,
        observer: WaitObserver,
        ledger: Ledger,
        activity: Activity,
        policy: Policy,
        clock: Callable[[], Instant],
    ) -> None:
        self._source, self._observer, self._ledger = source, observer, ledger
        self._activity, self._policy, self._clock = activity, policy, clock

    def __call__(self) -> None:
        """Look once.  A pod is not started for it while a run is open that no new build would end."""
        last = self._ledger.last()
        may_be_cut_short = self._policy.restart_on_new_build or (last is not None and blocked_for_long(last))
        busy = last is None or (last.open and not may_be_cut_short)
        if last is None or (busy and self._source.name == "pod"):
            return
        try:
            build = self._source.newest()
        except MonitorError:
            self._activity.image_check(self._source.name, "error")
            raise
        self._activity.image_check(self._source.name, "success")
        self._observer.newest = build
        tested = build.same(last.build) or self._ledger.judged(build, last.network, last.sync_mode)
        now = self._clock()
        readings = {
            "new_build": build_reading(None if tested else build),
            "image_check": {"succeeded_at": now.wall, "image": build.image},
        }
        self._ledger.record(now, self._policy.testbed, readings=readings)
