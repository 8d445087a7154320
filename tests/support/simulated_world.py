"""One tester in a simulated world: its platform, registry, node and clocks, and deaths of its monitor."""

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

from support.builders import NOW, REPOSITORY, answering, build

from monitor.decide.decisions import Record
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
from monitor.domain.policy import Policy
from monitor.domain.workload import NodeProcess, SyncMode, Workload
from monitor.engine.activity import Activity
from monitor.engine.actor import Actor
from monitor.engine.init_observer import InitObserver
from monitor.engine.latest_readings import LatestReadings
from monitor.engine.loop import Init, Tick
from monitor.engine.problem_log import ProblemLog
from monitor.engine.volume import Volume
from monitor.engine.wait_observer import WaitObserver
from monitor.errors import MonitorError, OutageError
from monitor.ledger import Ledger, open_ledger

TAG = f"{REPOSITORY}:latest"
# Each of the many records is synced to the disk, so use a file system in memory if there is one.
MEMORY = Path("/dev/shm")  # noqa: S108 - the test creates its own folder there
DOWN = NodeDown("refused")


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
    polls: int = 0
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
        self.polls += 1
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
            oldest_check=str(self.polls),
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


class SimulatedTester:
    """A tester in a simulated world: ledger, volume, `init` and tick are real, and the monitor may be killed.

    `turn` is what happens between two polls.
    """

    def __init__(self, policy: Policy) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.data_dir = Path(self.folder.name)
        self.world = World()
        self.policy = policy
        self.ledger = self._opened()
        self.tick: Tick | None = None
        self.observer: WaitObserver | None = None
        self.marked: set[int] = set()
        self.ticks: Counter[int] = Counter()
        self.refused = self.kill_takes_pod = False

    def close(self) -> None:
        """Close the ledger and delete the files."""
        self.ledger.close()
        self.folder.cleanup()

    def _opened(self) -> MortalLedger:
        return MortalLedger(open_ledger(self.data_dir), self.world.fuse, self._heard)

    def end_monitor(self) -> None:
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

    def turn(self) -> None:
        """Run `init` until it is done and then a tick, as the kubelet does at every interval."""
        pod, self.refused = self.world.pod, False
        try:
            if self.world.runs:
                self._tick()
            else:
                self._pass_init()
        except Killed:
            self.end_monitor()
            if self.kill_takes_pod and self.world.pod == pod:
                self.world.replace_pod()
        except MonitorError:
            self.refused = True
        if self.world.pod != pod:
            self.end_monitor()
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
