"""A machine's volume and ledger, and `init` and a tick that run on them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from support.builders import NOW, POLICY, build, workload

from monitor.decide.events import Announcement
from monitor.domain.build import Build
from monitor.domain.instant import Instant
from monitor.domain.observations import NodeDown, NodeReading
from monitor.domain.policy import Policy
from monitor.domain.workload import Workload
from monitor.engine.activity import Activity
from monitor.engine.actor import Actor
from monitor.engine.init_observer import InitObserver
from monitor.engine.latest_readings import LatestReadings
from monitor.engine.loop import Init, Tick
from monitor.engine.problem_log import ProblemLog
from monitor.engine.volume import Volume
from monitor.engine.wait_observer import WaitObserver
from monitor.errors import MonitorError, TemporaryError
from monitor.ledger import Ledger


@dataclass
class Machine:
    """A fake platform, build source, node and clock.

    `calls` records the calls. `recorded_before` records for each pin whether the ledger had an attempt, as 1
    or 0.
    """

    ledger: Ledger
    pod: Workload = field(default_factory=workload)
    found: Build = field(default_factory=build)
    answer: NodeReading = field(default_factory=lambda: NodeDown("refused"))
    now: Instant = NOW
    name: str = "pod"
    calls: list[str] = field(default_factory=list)
    recorded_before: list[int] = field(default_factory=list)
    announced: list[Announcement] = field(default_factory=list)
    announced_of: list[float] = field(default_factory=list)
    tried_at: list[float] = field(default_factory=list)
    words: str = ""
    broken: MonitorError | None = None
    mute: MonitorError | None = None
    polls: int = 0

    def workload(self) -> Workload:
        return self.pod

    def newest(self) -> Build:
        return self.found

    def pin(self, build: Build) -> None:
        if self.broken:
            raise self.broken
        self.calls.append(f"pin {build.image.rpartition(':')[2][:4]}")
        attempt = self.ledger.attempt()
        self.recorded_before.append(0 if attempt is None else 1)

    def recreate(self, *, unchanged: bool) -> None:
        self.calls.append("recreate, unchanged" if unchanged else "recreate")

    def await_end(self, stopping: threading.Event) -> None:
        assert not stopping.is_set()
        self.calls.append("await end")

    def announce(self, announcement: Announcement, made_at: float) -> None:
        self.tried_at.append(self.now.wall)
        if self.mute:
            raise self.mute
        self.announced.append(announcement)
        self.announced_of.append(made_at)

    def log_tail(self) -> str:
        if self.broken:
            raise self.broken
        return self.words

    def reverter(self) -> str:
        return "argocd"

    @property
    def reasons(self) -> list[str]:
        """The reasons of the announcements."""
        return [each.reason for each in self.announced]

    def read(self) -> NodeReading:
        self.polls += 1
        return self.answer

    def clock(self) -> Instant:
        return self.now


def init_of(machine: Machine, folder: Path, policy: Policy = POLICY) -> Init:
    """Return `init` for this machine."""
    stopping, volume = threading.Event(), Volume(folder)
    observer = InitObserver(machine, machine, machine.ledger, volume, policy, machine.clock)
    actor = Actor(machine, machine.ledger, volume, policy, machine.clock, stopping)
    return Init(observer, machine.ledger, actor, policy, machine.clock, stopping, ProblemLog(machine.ledger))


def as_measured(_: Path) -> tuple[int, int]:
    """Raise an error instead of reading the disk, so that tests control the measured free space."""
    raise TemporaryError("not asked")


def tick_of(
    machine: Machine,
    folder: Path,
    measured: list[bool] | None = None,
    activity: Activity | None = None,
    policy: Policy = POLICY,
    free: Callable[[Path], tuple[int, int]] = as_measured,
) -> tuple[Tick, WaitObserver]:
    """Return a tick for this machine, and its observer."""
    observer = WaitObserver(
        machine, machine.ledger, machine, policy, machine.clock, folder, LatestReadings(), free=free
    )
    actor = Actor(machine, machine.ledger, Volume(folder), policy, machine.clock, threading.Event())
    soon = [] if measured is None else measured
    tick = Tick(observer, machine.ledger, actor, policy, lambda: soon.append(True), activity or Activity())
    return tick, observer


def begin_run(machine: Machine, folder: Path) -> None:
    """Open a run of the usual build in this machine's pod."""
    init_of(machine, folder).run(workload(build()))
    machine.pod = workload(build())
    machine.announced.clear()


def passed(machine: Machine, seconds: float) -> None:
    """Move the machine's clock forward."""
    machine.now = replace(
        machine.now, wall=machine.now.wall + seconds, boot_seconds=machine.now.boot_seconds + seconds
    )
