"""Background jobs that refresh readings, so that slow operations do not delay a tick."""

from __future__ import annotations

import math
from collections.abc import Callable

from monitor.decide.state import Standing
from monitor.decide.wait_rules import blocked_for_long
from monitor.domain.build import Build
from monitor.domain.instant import Instant
from monitor.domain.policy import Policy
from monitor.engine.latest_readings import LatestReadings
from monitor.engine.ports import BuildSource
from monitor.engine.problem_log import ProblemLog
from monitor.engine.volume import Volume
from monitor.ledger import Ledger
from monitor.ledger.codecs import LOOKUP, build_reading

SETTLING_SECONDS = 5.0
REST_MEASUREMENT_SECONDS = 3600.0
IMAGE = LOOKUP
"""Name of the part that reports problems with the lookup of a newer build."""


class Measurement:
    """Job that measures the volume."""

    def __init__(self, volume: Volume, latest: LatestReadings, clock: Callable[[], Instant]) -> None:
        self._volume, self._latest, self._clock = volume, latest, clock

    def __call__(self) -> None:
        """Measure the volume; while the tester is at rest, at most once an hour.

        The time of the reading is the start of the measurement.
        """
        now, volume = self._clock(), self._latest.volume
        age_seconds = now.boot_seconds - volume.taken.boot_seconds if volume and volume.taken else math.inf
        if self._latest.at_rest and age_seconds < REST_MEASUREMENT_SECONDS:
            return
        self._latest.volume = self._volume.measure(now)


class BuildWatch:
    """Job that looks up the newest build, and records for how long the rolling tag has pointed to it."""

    def __init__(
        self,
        source: BuildSource,
        latest: LatestReadings,
        ledger: Ledger,
        policy: Policy,
        clock: Callable[[], Instant],
        pause: Callable[[float], bool],
        problems: ProblemLog,
        settling_seconds: float = SETTLING_SECONDS,
        tick_soon: Callable[[], None] = lambda: None,
    ) -> None:
        """Set up the job.

        `pause` waits for a number of seconds and returns whether the monitor is stopping.  `tick_soon` is
        called after a build was found that a tick may take.
        """
        self._source, self._latest, self._ledger = source, latest, ledger
        self._policy, self._clock = policy, clock
        self._pause, self._problems, self._settling_seconds = pause, problems, settling_seconds
        self._tick_soon = tick_soon
        self._standing: Standing | None = None
        self._needless = False
        self._first_boot_seconds = 0.0

    def __call__(self) -> None:
        """Look up the newest build once.

        While a run is open that a new build would not end, the lookup starts no pod.  The build is then
        shown, but a tick does not take a build whose versions can still be looked up.
        """
        was_needless, self._needless = self._needless, False
        last = self._ledger.last()
        if last is None:
            return
        self._needless = needless = (
            last.open and not self._policy.restart_on_new_build and not blocked_for_long(last)
        )
        build = self._source.poll() if needless else self._source.newest()
        if build is None:  # no lookup was due or none succeeded: keep the problem of the last lookup
            if needless and not was_needless:
                self._problems.clear(IMAGE)  # from full lookups, which the open run makes unnecessary
            return
        standing = self._counted(build)
        self._latest.newest = None if needless and build.versions is None else standing
        tested = build.same(last.build) or self._ledger.has_conclusive_run(
            build, last.network, last.sync_mode
        )
        now = self._clock()
        readings = {
            "new_build": build_reading(None if tested else build),
            "image_check": {"succeeded_at": now.wall, "image": build.image},
        }
        self._ledger.record(now, self._policy.testbed, readings=readings)
        if build.same(last.build) and not build.digests <= last.build.digests:
            self._ledger.add_digests(last, build.digests)
        if not needless and not tested:
            self._settle(standing)
            self._tick_soon()
        self._problems.clear(IMAGE)

    def _settle(self, standing: Standing) -> None:
        """Repeat the lookup at short intervals without pods, so that a new build is confirmed quickly."""
        build = standing.build
        while standing.lookups < self._policy.settled_lookups and not self._pause(self._settling_seconds):
            again = self._source.poll()
            if again is None:
                return
            standing = self._counted(again)
            if not again.same(build):
                self._latest.newest = None
                return
            self._latest.newest = standing

    def _counted(self, build: Build) -> Standing:
        """Count a lookup that found this build, and return the count; start at 1 if the build changed."""
        now, standing = self._clock().boot_seconds, self._standing
        if standing is None or not standing.build.same(build):
            self._first_boot_seconds, lookups = now, 1
        else:
            lookups = standing.lookups + 1
        self._standing = Standing(build, lookups, now - self._first_boot_seconds)
        return self._standing
