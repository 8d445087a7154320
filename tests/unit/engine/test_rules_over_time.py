"""Tests that any order of events leads to one verdict for each run.

No run is lost, and a good build is always tested. Ledger, volume, `init` and tick are real. The platform, the
node and the clock are simulated. The monitor is killed during records, actions and clearings.
"""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.builders import NOW, POLICY, REPOSITORY, answering, build

from monitor.decide.decisions import BeginClearing, EndRun, Record
from monitor.decide.events import Announcement
from monitor.decide.state import Standing
from monitor.domain.build import Build
from monitor.domain.instant import Instant
from monitor.domain.observations import (
    HealthReport,
    NodeAnswering,
    NodeDown,
    NodeIdentity,
    NodeMetrics,
    NodeReading,
    NodeSilent,
    VolumeReading,
)
from monitor.domain.run import Outcome, Run
from monitor.domain.workload import NodeProcess, SyncMode, Workload
from monitor.engine.activity import Activity
from monitor.engine.actor import RETRY_TICKS, Actor
from monitor.engine.init_observer import InitObserver
from monitor.engine.latest_readings import LatestReadings
from monitor.engine.loop import Init, Tick
from monitor.engine.problem_log import ProblemLog
from monitor.engine.volume import Volume
from monitor.engine.wait_observer import WaitObserver
from monitor.errors import MonitorError, OutageError
from monitor.ledger import Ledger, open_ledger

TAG = f"{REPOSITORY}:latest"
HOUR, DAY = 3600.0, 86400.0
MAX_TURNS = 250
# Each of the many records is synced to the disk, so use a file system in memory if there is one.
MEMORY = Path("/dev/shm")  # noqa: S108 - the test creates its own folder there
DOWN = NodeDown("refused")

KINDS = (
    "down",
    "crashing",
    "no image",
    "silent",
    "bootstrapping",
    "progressing",
    "healthy",
    "unhealthy",
    "isolated",
    "another network",
)


class Killed(BaseException):
    """The end of the monitor's process."""


@dataclass
class Fuse:
    """A trigger that kills the monitor at a given crossing."""

    left: int | None = None

    def cross(self) -> None:
        """Mark a moment right before or after a change."""
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            raise Killed


class MortalLedger(Ledger):
    """A ledger whose process may be killed before, within and after a transaction.

    Each decision is passed to `heard` before it is recorded.
    """

    def __init__(self, opened: Ledger, fuse: Fuse, heard: Callable[[Ledger, Sequence[Record]], None]) -> None:
        vars(self).update(vars(opened))
        self._fuse, self._heard, self._deciding = fuse, heard, False

    def record(
        self, now: Instant, testbed: str, decided: Sequence[Record] = (), *rest: Any, **more: Any
    ) -> None:
        self._heard(self, decided)
        self._deciding = bool(decided)
        super().record(now, testbed, decided, *rest, **more)
        self._deciding = False

    def refresh_details(self, *, decided: bool = False) -> None:
        self._cross()
        super().refresh_details(decided=decided)
        self._cross()

    @contextmanager
    def transaction(self, *, only_readings: bool = False) -> Iterator[Connection]:
        self._cross()
        with super().transaction(only_readings=only_readings) as connection:
            yield connection
            self._cross()
        self._cross()

    def _cross(self) -> None:
        """Mark a crossing if a decision is being recorded.

        A kill between decisions is like that of a monitor that only watches.
        """
        if self._deciding:
            self._fuse.cross()


class MortalVolume(Volume):
    """A volume on which a clearing may be killed before, after and between its steps."""

    def __init__(self, data_dir: Path, fuse: Fuse) -> None:
        super().__init__(data_dir)
        self._fuse = fuse

    def clear(self) -> None:
        self._fuse.cross()
        super().clear()
        self._fuse.cross()

    def _sync(self) -> None:
        super()._sync()
        self._fuse.cross()


@dataclass
class World:
    """One tester on its platform: the StatefulSet's image, the pod, the registry, the node and the clocks."""

    fuse: Fuse = field(default_factory=Fuse)
    name: str = "pod"
    now: Instant = NOW
    builds: list[Build] = field(default_factory=lambda: [numbered(0)])
    template: str = TAG
    by_hand: bool = False
    pod: int = 0
    image: str = TAG
    runs: bool = False
    kind: str = "progressing"
    process_began: float = 0.0
    restarts: int = 0
    blocks: float = 0.0
    looks: int = 0
    away: bool = False
    full: bool = False
    announced: list[Announcement] = field(default_factory=list)
    events: set[tuple[Announcement, float]] = field(default_factory=set)

    # ---- The platform, as the monitor uses it ----

    def workload(self) -> Workload:
        self._there()
        built = next((each for each in self.builds if each.image == self.image), None)
        waiting = {"crashing": "CrashLoopBackOff", "no image": "ImagePullBackOff"}.get(self.kind, "")
        process = NodeProcess(
            running=not waiting,
            waiting=waiting,
            restarts=self.restarts,
            crash_looping=self.kind == "crashing",
        )
        mode = SyncMode.FULL_SYNC
        return Workload(f"pod-{self.pod}", self.image, built, "fuji", mode, "settings", process)

    def newest(self) -> Build:
        self._there()
        return self.builds[-1]

    def pin(self, build: Build) -> None:
        self._there()
        self.fuse.cross()
        self.template, self.by_hand = build.image, False
        self.fuse.cross()

    def recreate(self, *, unchanged: bool) -> None:
        self._there()
        self.fuse.cross()
        if unchanged or self.template != self.image:
            self.replace_pod()
        self.fuse.cross()

    def await_end(self, stopping: threading.Event) -> None:
        assert not stopping.is_set()

    def announce(self, announcement: Announcement, made_at: float) -> None:
        self._there()
        self.fuse.cross()
        if (announcement, made_at) not in self.events:  # the API server stores one Event of each name
            self.events.add((announcement, made_at))
            self.announced.append(announcement)

    def log_tail(self) -> str:
        return "the end\n"

    def reverter(self) -> str:
        return "argocd"

    def clock(self) -> Instant:
        return self.now

    def free(self, _: Path) -> tuple[int, int]:
        return 1000, 10 if self.full else 500

    def _there(self) -> None:
        if self.away:
            raise OutageError("the platform does not answer")

    # ---- The node ----

    def read(self) -> NodeReading:
        self.looks += 1
        if self.kind == "crashing":
            self.restart_node()
        if self.kind == "silent":
            return NodeSilent("no answer")
        if self.kind in {"down", "crashing", "no image"}:
            return DOWN
        return self._answer()

    def _answer(self) -> NodeAnswering:
        healthy = self.kind == "healthy"
        if self.kind in {"progressing", "healthy"}:
            self.blocks += 1
        report = HealthReport(
            healthy=healthy,
            oldest_check=str(self.looks),
            failing_checks=() if healthy else ("C",),
        )
        began_wall = self.now.wall - (self.now.boot_seconds - self.process_began)
        peers = 0 if self.kind == "isolated" else 5
        number = 1 if self.kind == "another network" else 5
        return answering(
            health=report,
            bootstrapped=self.kind in {"healthy", "unhealthy"},
            identity=NodeIdentity(number, "avalanchego/1.14.2", self.builds[0].commit),
            metrics=NodeMetrics(began_wall, {("P", "blocks_accepted"): self.blocks}, peers),
        )

    # ---- Events ----------

    def passed(self, seconds: float) -> None:
        """Advance the clocks."""
        self.now = replace(
            self.now, wall=self.now.wall + seconds, boot_seconds=self.now.boot_seconds + seconds
        )

    def replace_pod(self) -> None:
        """Replace the pod with one of the StatefulSet's current image, in which `init` runs first."""
        self.pod, self.image, self.runs = self.pod + 1, self.template, False

    def start_node(self) -> None:
        """Start the node after `init` has ended."""
        self.runs, self.process_began, self.restarts, self.blocks = True, self.now.boot_seconds, 0, 0.0

    def restart_node(self) -> None:
        """Start another process of the node in the pod."""
        self.process_began, self.blocks = self.now.boot_seconds, 0.0
        self.restarts += 1


class Waiting(threading.Event):
    """An event whose `wait` advances the clocks instead."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def wait(self, timeout: float | None = None) -> bool:
        self._world.passed(timeout or 0.0)
        return False


def numbered(number: int) -> Build:
    """Return the build that was pushed with this number."""
    return build(f"sha256:{number:064x}")


class RulesOverTime(RuleBasedStateMachine):
    """A state machine of all events that can happen to a tester."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.data_dir = Path(self.folder.name)
        self.world = World()
        self.policy = replace(
            POLICY,
            soak_seconds=30.0,
            holder_timeout_seconds=60.0,
            start_timeout_seconds=80.0,
            crash_limit=4,
            unhealthy_timeout_seconds=80.0,
            stall_warning_seconds=60.0,
            stall_timeout_seconds=120.0,
            deadline_seconds=140.0,
        )
        self.ledger = self._opened()
        self.tick: Tick | None = None
        self.observer: WaitObserver | None = None
        self.results: dict[int, tuple[object, ...]] = {}
        self.marked: set[int] = set()
        self.ticks: Counter[int] = Counter()
        self.refused = self.kill_takes_pod = False

    def teardown(self) -> None:
        """Check that a good build is bootstrapped from any state."""
        try:
            self._a_good_build_succeeds()
        finally:
            self.ledger.close()
            self.folder.cleanup()

    # ---- The monitor ----

    def _opened(self) -> MortalLedger:
        return MortalLedger(open_ledger(self.data_dir), self.world.fuse, self._heard)

    def _ended(self) -> None:
        """End the monitor's process, of which only the ledger remains."""
        self.ledger.close()
        self.ledger, self.tick = self._opened(), None

    def _actor(self) -> Actor:
        world, volume = self.world, MortalVolume(self.data_dir, self.world.fuse)
        return Actor(world, self.ledger, volume, self.policy, world.clock, Waiting(world))

    def _pass_init(self) -> None:
        world, volume = self.world, MortalVolume(self.data_dir, self.world.fuse)
        observer = InitObserver(world, world, self.ledger, volume, self.policy, world.clock)
        init = Init(
            observer, self.ledger, self._actor(), self.policy, world.clock, Waiting(world), ProblemLog()
        )
        if init.run(world.workload()):
            world.start_node()
            self._write_node_data()

    def _tick(self) -> None:
        world = self.world
        if self.tick is None or self.observer is None:
            self.observer = WaitObserver(
                world,
                self.ledger,
                world,
                self.policy,
                world.clock,
                self.data_dir,
                LatestReadings(),
                free=world.free,
            )
            self.tick = Tick(self.observer, self.ledger, self._actor(), self.policy, lambda: None, Activity())
        if not world.away:
            self.observer.latest.newest = Standing(world.builds[-1])
        self.observer.latest.volume = VolumeReading(world.now, 100, *world.free(self.data_dir))
        last = self.ledger.last()
        self.ticks[last.number if last else 0] += 1
        self.tick()

    def _turn(self) -> None:
        """Run `init` until it is done and then a tick, as the kubelet does at every interval."""
        pod, self.refused = self.world.pod, False
        try:
            if self.world.runs:
                self._tick()
            else:
                self._pass_init()
        except Killed:
            self._ended()
            if self.kill_takes_pod and self.world.pod == pod:
                self.world.replace_pod()
        except MonitorError:
            self.refused = True
        if self.world.pod != pod:
            self._ended()
        self.world.passed(self.policy.tick_seconds)

    def _write_node_data(self) -> None:
        """Write node data of the run that the node was started for."""
        run = self.ledger.last()
        assert run is not None, "a node is started for a run"
        folder = self.data_dir / "avalanchego" / "db"
        folder.mkdir(parents=True, exist_ok=True)
        if run.open:
            (folder / f"run-{run.number}").touch()
            self.marked.add(run.number)

    def _heard(self, ledger: Ledger, decided: Sequence[Record]) -> None:
        """Check a decision before it is recorded."""
        last = ledger.last()
        for record in decided:
            if isinstance(record, BeginClearing) and last is not None and last.open:
                assert not last.is_of(record.workload), "a run that could be resumed is kept"
                assert self.world.by_hand or self.policy.restart_on_new_build, (
                    "nobody asked for another build"
                )
            if isinstance(record, EndRun):
                assert last is not None
                assert (last.number, last.open) == (record.run.number, True), "only an open run ends"

    # ---- Events ----------

    @initialize(restart=st.booleans())
    def begins(self, *, restart: bool) -> None:
        """Set up a tester and start its first run."""
        self.policy = replace(self.policy, restart_on_new_build=restart)
        for _ in range(2):
            self._turn()

    @rule(kind=st.sampled_from(KINDS), turns=st.integers(1, 8))
    def goes_on(self, kind: str, turns: int) -> None:
        self.world.kind = kind
        for _ in range(turns):
            self._turn()

    @rule(kind=st.sampled_from(KINDS), crossings=st.none() | st.integers(0, 8), takes_pod=st.booleans())
    def goes_on_for_long(self, kind: str, crossings: int | None, *, takes_pod: bool) -> None:
        """Continue for longer than every timeout; with `crossings`, kill the monitor at the end."""
        self.world.fuse.left, self.kill_takes_pod = crossings, takes_pod
        self.goes_on(kind=kind, turns=15)

    @rule(kind=st.sampled_from(KINDS), crossings=st.none() | st.integers(0, 30), takes_pod=st.booleans())
    def new_build_is_taken(self, kind: str, crossings: int | None, *, takes_pod: bool) -> None:
        """Push a new build and continue; with `crossings`, kill the monitor at one of the steps.

        Whether the build is taken depends on the state of the tester.
        """
        self.goes_on(kind="healthy", turns=7)
        self.build_is_pushed()
        self.world.fuse.left, self.kill_takes_pod = crossings, takes_pod
        self.goes_on(kind=kind, turns=16)

    @rule()
    def monitor_restarts(self) -> None:
        self._ended()

    @precondition(lambda self: self.world.runs)
    @rule()
    def node_restarts(self) -> None:
        self.world.restart_node()

    @rule()
    def pod_is_drained(self) -> None:
        self.world.replace_pod()
        self._ended()

    @rule(turns=st.integers(0, 3))
    def pin_is_set_back(self, turns: int) -> None:
        self.world.template, self.world.by_hand = TAG, False
        self.pod_is_drained()
        for _ in range(turns):
            self._turn()

    @rule(data=st.data())
    def person_pins_a_build(self, data: st.DataObject) -> None:
        self.world.template = data.draw(st.sampled_from(self.world.builds)).image
        self.world.by_hand = True
        self.pod_is_drained()

    @rule()
    def build_is_pushed(self) -> None:
        self.world.builds.append(numbered(len(self.world.builds)))

    @rule(
        seconds=st.sampled_from([60.0, HOUR, DAY, 100 * DAY]),
        kind=st.sampled_from(KINDS),
        new_monitor=st.booleans(),
    )
    def is_away(self, seconds: float, kind: str, *, new_monitor: bool) -> None:
        """Suspend or stop the monitor; it observes the previous state again afterwards."""
        self.goes_on(kind=kind, turns=3)
        self.world.passed(seconds)
        if new_monitor:
            self._ended()
        self.goes_on(kind=kind, turns=2)

    @rule(seconds=st.sampled_from([-2 * DAY, -HOUR, -1.0, HOUR, 2 * DAY]))
    def clock_is_set(self, seconds: float) -> None:
        self.world.now = replace(self.world.now, wall=self.world.now.wall + seconds)

    @rule()
    def machine_restarts(self) -> None:
        """Restart the machine: the pod remains, its containers restart, and the boot clock starts at 0."""
        self.world.now = Instant(self.world.now.wall + 60, 60.0, f"{self.world.now.boot_id}+")
        self.world.restart_node()
        self._ended()

    @rule(kind=st.sampled_from(KINDS), turns=st.integers(1, 12))
    def platform_does_not_answer(self, kind: str, turns: int) -> None:
        self.world.away = True
        self.goes_on(kind=kind, turns=turns)
        self.world.away = False

    @rule(kind=st.sampled_from(KINDS), turns=st.integers(1, 12))
    def volume_fills(self, kind: str, turns: int) -> None:
        """Fill the volume for a moment, or for longer than a run can continue."""
        self.world.full = True
        self.goes_on(kind=kind, turns=turns)
        self.world.full = False

    # ---- Invariants -----------

    @invariant()
    def a_result_is_final(self) -> None:
        runs = {run.number: run for run in self.ledger.runs(-1)}
        assert self.results.keys() <= runs.keys()
        for number, run in runs.items():
            if run.outcome is not None:
                assert self.results.setdefault(number, result(run)) == result(run)

    @invariant()
    def at_most_the_last_run_is_open(self) -> None:
        runs = self.ledger.runs(-1)
        assert [run.number for run in runs if run.open] in ([], [run.number for run in runs[:1]])

    @invariant()
    def no_run_is_judged_by_time_in_which_nobody_looked(self) -> None:
        for run in self.ledger.runs(-1):
            most = 2 * self.policy.tick_seconds * self.ticks[run.number]
            assert run.tracking.observed_seconds <= most
            assert run.tracking.idle_seconds <= most

    @invariant()
    def a_result_is_told_once(self) -> None:
        told = [
            each.message.split(" of ")[0]
            for each in self.world.announced
            if each.reason in {"BootstrapSucceeded", "BootstrapFailed"}
        ]
        assert len(told) == len(set(told))

    @invariant()
    def an_open_runs_data_is_there_and_no_others(self) -> None:
        run = self.ledger.last()
        if run is not None and run.open and run.number in self.marked:
            folder = self.data_dir / "avalanchego" / "db"
            assert [each.name for each in folder.iterdir()] == [f"run-{run.number}"]

    # ---- Conditions at the end ----

    def _a_good_build_succeeds(self) -> None:
        world = self.world
        world.fuse.left, world.away, world.full, world.kind = None, False, False, "healthy"
        self.build_is_pushed()
        done: list[Run] = []
        for _ in range(MAX_TURNS):
            self._turn()
            self.a_result_is_final()
            self.an_open_runs_data_is_there_and_no_others()
            if self.refused:
                world.passed(HOUR)
            done = [run for run in self.ledger.runs(-1) if run.build.same(world.builds[-1])]
            if any(run.outcome is Outcome.SUCCEEDED for run in done):
                self._every_result_is_told()
                return
        raise AssertionError(f"the good build has no success, but {done}; {self.ledger.last()}")

    def _every_result_is_told(self) -> None:
        """Check that every result is announced, after any kill and any outage of the platform."""
        for _ in range(2 * RETRY_TICKS):
            if self.ledger.due_announcements():
                self._turn()
        told = {each.message.split(" of ")[0] for each in self.world.announced}
        judged = (Outcome.SUCCEEDED, Outcome.FAILED)
        ended = {f"Run {run.number}" for run in self.ledger.runs(-1) if run.outcome in judged}
        assert ended <= told
        assert self.ledger.due_announcements() == ()


def result(run: Run) -> tuple[object, ...]:
    """Return the values of a run that must not change."""
    return (
        run.outcome,
        run.reason,
        run.message,
        run.started_at,
        run.ended_at,
        run.duration_seconds,
        run.wall_seconds,
        run.disk_usage_bytes,
        run.tracking,
    )


class ManyRulesOverTime(RulesOverTime):
    """More examples, of which the first are those of every run."""


SETTINGS = settings(
    max_examples=4,
    stateful_step_count=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestRulesOverTime = RulesOverTime.TestCase
TestRulesOverTime.settings = SETTINGS
TestManyRulesOverTime = pytest.mark.slow(pytest.mark.timeout(600)(ManyRulesOverTime.TestCase))
TestManyRulesOverTime.settings = settings(SETTINGS, max_examples=30)
