"""Tests of the jobs between the ticks: the measurement of the volume and the lookup of a newer build."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path

import pytest
from support.builders import NEW, NOW, OLD, POLICY, build, wait_state, workload
from support.unused_platform import UnusedPlatform

from monitor.decide.decisions import BeginClearing, BeginRun, EndRun
from monitor.decide.state import Standing
from monitor.decide.wait_rules import BLOCKED_LONG_SECONDS, decide_wait
from monitor.domain.build import Build
from monitor.domain.instant import Instant
from monitor.domain.policy import Policy
from monitor.domain.run import Outcome, Reason
from monitor.domain.status import Problem
from monitor.engine.jobs import IMAGE, REST_MEASUREMENT_SECONDS, SETTLING_SECONDS, BuildWatch, Measurement
from monitor.engine.latest_readings import LatestReadings
from monitor.engine.problem_log import ProblemLog
from monitor.engine.volume import Volume
from monitor.engine.wait_observer import WaitObserver
from monitor.errors import Cause, MonitorError, TemporaryError
from monitor.ledger import Ledger
from monitor.ledger.codecs import PROBLEM


@dataclass
class Source:
    """A source of the newest build that may fail; `shown` is the result of a lookup without cost."""

    found: Build | None = field(default_factory=lambda: build(NEW))
    shown: Build | None = None
    error: MonitorError | None = None
    asked: list[str] = field(default_factory=list)

    def newest(self) -> Build | None:
        self.asked.append("newest")
        if self.error is not None:
            raise self.error
        return self.found

    def poll(self) -> Build | None:
        self.asked.append("poll")
        return self.shown


LATER = replace(NOW, wall=NOW.wall + 60, boot_seconds=NOW.boot_seconds + 60)


def observer_of(ledger: Ledger, folder: Path) -> WaitObserver:
    """Return an observer that takes the readings of the jobs."""
    nobody = UnusedPlatform()
    return WaitObserver(nobody, ledger, nobody, POLICY, lambda: NOW, folder, LatestReadings())


def begin(ledger: Ledger, of: Build) -> None:
    """Start a run of the build."""
    ledger.record(NOW, "default", [BeginClearing(workload(of), ""), BeginRun(workload(of))])


def end(ledger: Ledger, outcome: Outcome, reason: Reason | None = None) -> None:
    """End the last run."""
    last = ledger.last()
    assert last is not None
    ledger.record(NOW, "default", [EndRun(last, outcome, reason, "", None, None, None)])


class TestMeasurement:
    """The measurement, whose time is that of its start."""

    def test_the_reading_is_left_for_the_next_tick(self, ledger: Ledger, tmp_path: Path) -> None:
        folder = tmp_path / "avalanchego"
        folder.mkdir()
        (folder / "block").write_bytes(bytes(10_000))
        observer = observer_of(ledger, tmp_path)
        Measurement(Volume(tmp_path), observer.latest, lambda: LATER)()

        reading = observer.latest.volume
        assert reading is not None
        assert (reading.taken, reading.usage_bytes) == (
            LATER,
            sum(path.stat().st_blocks * 512 for path in (folder, folder / "block")),
        )
        assert 0 < reading.available_bytes <= reading.size_bytes

    def test_the_next_measurement_replaces_it(self, ledger: Ledger, tmp_path: Path) -> None:
        observer, times = observer_of(ledger, tmp_path), iter((NOW, LATER))
        measure = Measurement(Volume(tmp_path), observer.latest, lambda: next(times))
        taken: list[Instant] = []
        for _ in range(2):
            measure()
            assert observer.latest.volume is not None
            assert observer.latest.volume.taken is not None
            taken.append(observer.latest.volume.taken)

        assert taken == [NOW, LATER]

    @pytest.mark.parametrize(
        ("resting", "seconds", "measured"),
        [
            pytest.param(True, REST_MEASUREMENT_SECONDS - 1, False, id="at rest"),
            pytest.param(True, REST_MEASUREMENT_SECONDS, True, id="at rest for an hour"),
            pytest.param(False, 1.0, True, id="in a run"),
        ],
    )
    def test_at_rest_it_is_measured_once_an_hour(
        self, ledger: Ledger, tmp_path: Path, *, resting: bool, seconds: float, measured: bool
    ) -> None:
        observer = observer_of(ledger, tmp_path)
        now = replace(NOW, boot_seconds=NOW.boot_seconds + seconds)
        times = iter((NOW, now))
        measure = Measurement(Volume(tmp_path), observer.latest, lambda: next(times))
        measure()
        observer.latest.at_rest = resting
        measure()

        assert observer.latest.volume is not None
        assert observer.latest.volume.taken == (now if measured else NOW)


@dataclass
class Watch:
    """A build watch and its results."""

    ledger: Ledger
    observer: WaitObserver
    source: Source = field(default_factory=Source)
    policy: Policy = POLICY
    now: Instant = LATER
    stops: bool = False
    ticks: int = 0
    problems: ProblemLog = field(default_factory=ProblemLog)

    def poll(self) -> None:
        """Run the job once."""
        self.job()()

    def job(self) -> BuildWatch:
        """Return the job, which remembers its earlier results."""
        return BuildWatch(
            self.source,
            self.observer.latest,
            self.ledger,
            self.policy,
            lambda: self.now,
            self.paused,
            self.problems,
            SETTLING_SECONDS,
            self.tick,
        )

    def tick(self) -> None:
        """Count the requested ticks."""
        self.ticks += 1

    def paused(self, seconds: float) -> bool:
        """Advance the clock, and return whether the job stops."""
        wall, boot_seconds = self.now.wall + seconds, self.now.boot_seconds + seconds
        self.now = replace(self.now, wall=wall, boot_seconds=boot_seconds)
        return self.stops

    def newest(self) -> Build | None:
        """Return the build that the next tick takes."""
        return self.observer.latest.newest.build if self.observer.latest.newest else None

    def shown(self) -> tuple[str | None, float | None]:
        """Return the waiting image and the time of the last successful lookup, as the ledger shows them."""
        found, check = self.ledger.reading("new_build"), self.ledger.reading("image_check")
        return (found.value.get("image") if found else None, check.value["succeeded_at"] if check else None)


@pytest.fixture
def watch(ledger: Ledger, tmp_path: Path) -> Watch:
    return Watch(ledger, observer_of(ledger, tmp_path))


class TestBuildWatch:
    """The build watch, which asks only when needed and reports a result immediately."""

    @pytest.mark.parametrize(
        ("run_is", "restart", "blocked", "asked"),
        [
            pytest.param("none", False, False, [], id="before the first run"),
            pytest.param("none", True, False, [], id="before the first run, though it may be cut short"),
            pytest.param("open", False, False, ["poll"], id="nothing is started for a build that must wait"),
            pytest.param("open", True, False, ["newest"], id="a new build ends the run"),
            pytest.param("open", False, True, ["newest"], id="a new build ends a run blocked for long"),
            pytest.param("ended", False, False, ["newest"], id="the run is finished"),
        ],
    )
    def test_who_is_asked_when(
        self,
        watch: Watch,
        run_is: str,
        restart: bool,  # noqa: FBT001 - a test parameter
        blocked: bool,  # noqa: FBT001 - a test parameter
        asked: list[str],
    ) -> None:
        watch.policy = replace(POLICY, restart_on_new_build=restart)
        if run_is != "none":
            begin(watch.ledger, build(OLD))
        if run_is == "ended":
            end(watch.ledger, Outcome.SUCCEEDED)
        if blocked:
            last = watch.ledger.last()
            assert last is not None
            tracking = replace(last.tracking, blocked_seconds=BLOCKED_LONG_SECONDS)
            watch.ledger.record(NOW, "default", tracking=replace(last, tracking=tracking))
        watch.poll()

        assert watch.source.asked == asked
        found = asked == ["newest"]
        assert (watch.newest() == build(NEW)) is found
        assert watch.shown() == ((build(NEW).image, LATER.wall) if found else (None, None))

    @pytest.mark.parametrize(
        ("shown", "taken"),
        [
            pytest.param(build(NEW), build(NEW), id="one that is known is taken once it is time"),
            pytest.param(replace(build(NEW), versions=None), None, id="one that is not is only shown"),
        ],
    )
    def test_what_is_polled_beside_an_open_run(self, watch: Watch, shown: Build, taken: Build | None) -> None:
        """A build found beside an open run is shown, and taken once its versions are known.

        Otherwise the end of the run could take an older build, or one without versions.
        """
        begin(watch.ledger, build(OLD))
        watch.observer.latest.newest = Standing(build(OLD))
        watch.source.shown = shown
        watch.poll()

        assert watch.shown() == (build(NEW).image, LATER.wall)
        assert watch.newest() == taken

    def test_new_digests_of_the_last_runs_build_are_stored_in_the_ledger(self, watch: Watch) -> None:
        """New digests of the last run's build are stored in the ledger.

        After a restart, another source may report another digest while the registry is unreachable.
        """
        begin(watch.ledger, build(OLD))
        before = watch.ledger.last()
        assert before is not None
        both = frozenset({OLD, NEW})
        watch.source.shown = replace(build(OLD), digests=both)
        watch.poll()

        assert watch.ledger.last() == replace(before, build=replace(build(OLD), digests=both))

    def test_digests_of_another_build_are_not_the_last_runs(self, watch: Watch) -> None:
        begin(watch.ledger, build(OLD))
        watch.source.shown = build(NEW)
        watch.poll()
        last = watch.ledger.last()

        assert last is not None
        assert last.build == build(OLD)

    def test_without_an_answer_nothing_changes(self, watch: Watch) -> None:
        begin(watch.ledger, build(OLD))
        end(watch.ledger, Outcome.SUCCEEDED)
        watch.poll()
        watch.source.found = None
        watch.poll()

        assert watch.newest() == build(NEW)
        assert watch.source.asked == ["newest"] * 2

    @pytest.mark.parametrize(
        ("outcome", "reason", "found", "waits"),
        [
            pytest.param(Outcome.SUCCEEDED, None, NEW, True, id="another build"),
            pytest.param(Outcome.SUCCEEDED, None, OLD, False, id="the build that succeeded"),
            pytest.param(Outcome.FAILED, Reason.CRASHED, OLD, False, id="the build that failed"),
        ],
    )
    def test_what_is_shown_as_new(
        self,
        watch: Watch,
        outcome: Outcome,
        reason: Reason | None,
        found: str,
        waits: bool,  # noqa: FBT001 - the expected value
    ) -> None:
        begin(watch.ledger, build(OLD))
        end(watch.ledger, outcome, reason)
        watch.source.found = build(found)
        watch.poll()

        assert watch.shown() == (build(found).image if waits else None, LATER.wall)
        assert watch.newest() == build(found)
        assert watch.ticks == (1 if waits else 0)

    @pytest.mark.parametrize(
        ("reason", "waits"),
        [
            pytest.param(Reason.STALLED, False, id="a verdict on the build"),
            pytest.param(Reason.DISK_FULL, True, id="a failure of the testbed"),
        ],
    )
    def test_a_build_tested_before_the_last_one(
        self,
        watch: Watch,
        reason: Reason,
        waits: bool,  # noqa: FBT001 - the expected value
    ) -> None:
        """A tag may return to an earlier build, which is new only if no run has judged it."""
        begin(watch.ledger, build(NEW))
        end(watch.ledger, Outcome.FAILED, reason)
        begin(watch.ledger, build(OLD))
        end(watch.ledger, Outcome.SUCCEEDED)
        watch.poll()

        assert watch.shown()[0] == (build(NEW).image if waits else None)

    def test_the_build_that_is_under_way_is_not_new(self, watch: Watch) -> None:
        begin(watch.ledger, build(OLD))
        watch.source.shown = build(OLD)
        watch.poll()

        assert (watch.source.asked, watch.shown()) == (["poll"], (None, LATER.wall))

    def test_a_lookup_that_fails_changes_nothing(self, watch: Watch) -> None:
        begin(watch.ledger, build(OLD))
        end(watch.ledger, Outcome.SUCCEEDED)
        watch.poll()
        watch.source.error = TemporaryError("the registry does not answer")
        with pytest.raises(TemporaryError, match="the registry does not answer"):
            watch.poll()

        assert watch.newest() == build(NEW)
        assert watch.shown() == (build(NEW).image, LATER.wall)


class TestProblem:
    """The problem of the lookups, which lasts until they succeed."""

    @pytest.fixture
    def watch(self, ledger: Ledger, tmp_path: Path) -> Watch:
        begin(ledger, build(OLD))
        watch = Watch(ledger, observer_of(ledger, tmp_path))
        watch.problems.report(IMAGE, Cause.VOLUME_UNUSABLE, "the volume is full")
        return watch

    def problem(self, watch: Watch) -> Problem | None:
        """Return the problem of the lookups."""
        return watch.problems.current()[PROBLEM + IMAGE]

    def test_a_lookup_that_cannot_be_recorded_leaves_it(
        self, watch: Watch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A lookup that cannot be recorded leaves the problem in place.

        Otherwise the problem would start again with each lookup and never last long enough to be
        reported.
        """
        end(watch.ledger, Outcome.SUCCEEDED)
        before = self.problem(watch)
        with monkeypatch.context() as full:
            full.setattr(watch.ledger, "record", raising(TemporaryError("the volume is full")))
            with pytest.raises(TemporaryError, match="the volume is full"):
                watch.poll()
        assert self.problem(watch) == before

        watch.poll()
        assert self.problem(watch) is None

    def test_it_ends_if_a_run_makes_lookups_unnecessary(self, watch: Watch) -> None:
        """The problem ends if an open run makes lookups unnecessary.

        A version pod that failed before the run would otherwise be a problem for days.
        """
        watch.poll()

        assert (watch.source.asked, self.problem(watch)) == (["poll"], None)

    def test_it_lasts_while_a_lookup_is_needed_and_not_due(self, watch: Watch) -> None:
        end(watch.ledger, Outcome.SUCCEEDED)
        watch.source.found = None
        watch.poll()

        assert self.problem(watch) is not None

    def test_that_of_a_poll_lasts_until_one_works(self, watch: Watch) -> None:
        """A problem of the cheap lookup lasts until one succeeds.

        A registry that failed is asked again only later.
        """
        run_job = watch.job()
        run_job()
        watch.problems.report(IMAGE, Cause.REGISTRY_UNAVAILABLE, "the registry does not answer")
        run_job()
        assert self.problem(watch) is not None

        watch.source.shown = build(NEW)
        run_job()
        assert self.problem(watch) is None

    def test_it_ends_once_the_ledger_can_be_read_again(
        self, watch: Watch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The problem ends once the ledger is readable.

        If new builds are looked up only with pods, nothing else would end the problem.
        """
        run_job = watch.job()
        run_job()
        watch.problems.report(IMAGE, Cause.VOLUME_UNUSABLE, "the ledger cannot be read")
        with monkeypatch.context() as unreadable:
            unreadable.setattr(watch.ledger, "last", raising(TemporaryError("the ledger cannot be read")))
            with pytest.raises(TemporaryError, match="the ledger cannot be read"):
                run_job()
        run_job()

        assert self.problem(watch) is None


def raising(error: MonitorError) -> Callable[..., None]:
    """Return a method that raises the error."""

    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


SETTLED = replace(POLICY, settled_lookups=3, restart_on_new_build=True)


class TestSettling:
    """The settling of a tag: a new build is looked up again soon, and alternating builds never settle."""

    @pytest.fixture
    def watch(self, ledger: Ledger, tmp_path: Path) -> Watch:
        begin(ledger, build(OLD))
        return Watch(ledger, observer_of(ledger, tmp_path), policy=SETTLED)

    def test_a_new_build_is_looked_up_again_until_it_has_settled(self, watch: Watch) -> None:
        watch.source.shown = build(NEW)
        watch.poll()

        assert watch.source.asked == ["newest", "poll", "poll"]
        assert watch.observer.latest.newest == Standing(build(NEW), 3, 2 * SETTLING_SECONDS)

    def test_another_build_in_the_meantime_leaves_none_to_take(self, watch: Watch) -> None:
        watch.source.shown = replace(build(OLD), versions=None)
        watch.poll()

        assert watch.source.asked == ["newest", "poll"]
        assert watch.observer.latest.newest is None

    def test_without_the_registry_the_next_lookups_count(self, watch: Watch) -> None:
        run_job = watch.job()
        counted = []
        for _ in range(3):
            run_job()
            watch.paused(300.0)
            assert watch.observer.latest.newest is not None
            counted.append(watch.observer.latest.newest.lookups)

        assert counted == [1, 2, 3]
        assert watch.source.asked == ["newest", "poll", "newest", "poll", "newest"]

    def test_it_stops_on_request(self, watch: Watch) -> None:
        watch.source.shown, watch.stops = build(NEW), True
        watch.poll()

        assert watch.source.asked == ["newest"]

    @pytest.mark.parametrize("case", ["same", "judged", "needless"])
    def test_what_is_not_taken_is_not_looked_up_again(self, watch: Watch, case: str) -> None:
        match case:
            case "same":
                watch.source.found = build(OLD)
            case "judged":
                end(watch.ledger, Outcome.SUCCEEDED)
                begin(watch.ledger, build(NEW))
                end(watch.ledger, Outcome.FAILED, Reason.CRASHED)
                begin(watch.ledger, build(OLD))
            case _:
                watch.policy, watch.source.shown = replace(SETTLED, restart_on_new_build=False), build(NEW)
        watch.poll()

        assert len(watch.source.asked) == 1

    def test_a_tag_that_flips_restarts_nothing(self, watch: Watch) -> None:
        """A tag that alternates between two digests restarts nothing; registries behind caches show this."""
        shown = cycle((build(NEW), build(OLD)))
        watch.source.poll = watch.source.newest = lambda: next(shown)  # type: ignore[method-assign]
        run_job = watch.job()
        decided = []
        for _ in range(10):
            run_job()
            watch.paused(30.0)
            found = watch.observer.latest.newest
            state = wait_state(
                policy=watch.policy,
                last=watch.ledger.last(),
                newest=found.build if found else None,
                newest_lookups=found.lookups if found else 0,
            )
            decided.append(decide_wait(state).rule)

        assert decided == ["nothing_to_do"] * 10
