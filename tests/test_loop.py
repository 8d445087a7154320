"""Observe, decide, record, act: the passage through `init`, and a tick, with a real ledger and a real volume."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from builders import NEW, NOW, POLICY, answering, build, workload

from monitor.act import Actor
from monitor.errors import ConfigurationError, MonitorError, TemporaryError
from monitor.ledger import Ledger, open_ledger
from monitor.loop import Init, Tick
from monitor.model import (
    Build,
    HealthReport,
    Instant,
    NodeDown,
    NodeMetrics,
    NodeReading,
    Outcome,
    Phase,
    Policy,
    Workload,
)
from monitor.observe import InitObserver, WaitObserver
from monitor.volume import Volume


@dataclass
class Machine:
    """Platform, build source, node and clock; it keeps what it was told, and what the ledger said then."""

    ledger: Ledger
    pod: Workload = field(default_factory=workload)
    found: Build = field(default_factory=build)
    answer: NodeReading = field(default_factory=lambda: NodeDown("refused"))
    now: Instant = NOW
    name: str = "pod"
    told: list[str] = field(default_factory=list)
    recorded_before: list[int] = field(default_factory=list)
    broken: MonitorError | None = None

    def workload(self) -> Workload:
        return self.pod

    def newest(self) -> Build:
        return self.found

    def pin(self, build: Build) -> None:
        if self.broken:
            raise self.broken
        self.told.append(f"pin {build.image.rpartition(':')[2][:4]}")
        attempt = self.ledger.attempt()
        self.recorded_before.append(0 if attempt is None else 1)

    def recreate(self, *, unchanged: bool) -> None:
        self.told.append("recreate, unchanged" if unchanged else "recreate")

    def await_end(self, stopping: threading.Event) -> None:
        assert not stopping.is_set()
        self.told.append("await end")

    def reverter(self) -> str:
        return "argocd"

    def read(self) -> NodeReading:
        return self.answer

    def clock(self) -> Instant:
        return self.now


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def machine(ledger: Ledger) -> Machine:
    return Machine(ledger)


def init_of(machine: Machine, folder: Path, policy: Policy = POLICY) -> Init:
    """`init` on this machine."""
    stopping, volume = threading.Event(), Volume(folder)
    observer = InitObserver(machine, machine, machine.ledger, volume, policy, machine.clock)
    actor = Actor(machine, machine.ledger, volume, policy, machine.clock, stopping)
    return Init(observer, machine.ledger, actor, policy, machine.clock, stopping)


def tick_of(machine: Machine, folder: Path, measured: list[bool] | None = None) -> tuple[Tick, WaitObserver]:
    """A tick on this machine."""
    observer = WaitObserver(machine, machine.ledger, machine, POLICY, machine.clock, folder)
    actor = Actor(machine, machine.ledger, Volume(folder), POLICY, machine.clock, threading.Event())
    soon = [] if measured is None else measured
    return Tick(observer, machine.ledger, actor, POLICY, lambda: soon.append(True)), observer


def passed(machine: Machine, seconds: float) -> None:
    """Time goes on."""
    machine.now = replace(
        machine.now, wall=machine.now.wall + seconds, boot_seconds=machine.now.boot_seconds + seconds
    )


def phase(ledger: Ledger) -> Phase | None:
    """What the tester says it is doing."""
    reading = ledger.reading("phase")
    return Phase(reading.value["phase"]) if reading else None


def test_a_rolling_tag_is_resolved_pinned_and_the_pod_recreated(machine: Machine, tmp_path: Path) -> None:
    assert init_of(machine, tmp_path).run(machine.pod) is False
    assert machine.told == ["pin aaaa", "recreate", "await end"]
    assert phase(machine.ledger) == Phase.DISCOVERING


def test_a_pinned_pod_on_an_empty_volume_starts_a_run(machine: Machine, tmp_path: Path) -> None:
    assert init_of(machine, tmp_path).run(workload(build())) is True

    run = machine.ledger.last()
    assert run is not None
    assert (run.number, run.open, run.started_at, machine.told) == (1, True, NOW.wall, [])


def test_a_new_build_supersedes_clears_and_starts(machine: Machine, tmp_path: Path) -> None:
    init_of(machine, tmp_path).run(workload(build()))
    (tmp_path / "avalanchego" / "db").mkdir(parents=True)
    passed(machine, 60)
    init_of(machine, tmp_path).run(workload(build(NEW)))

    new, old = machine.ledger.runs(2)
    assert (old.outcome, new.open, new.started_at) == (Outcome.SUPERSEDED, True, NOW.wall + 60)
    assert not (tmp_path / "avalanchego" / "db").exists()


def test_the_same_build_resumes_and_keeps_data_and_start(machine: Machine, tmp_path: Path) -> None:
    init_of(machine, tmp_path).run(workload(build()))
    (tmp_path / "avalanchego" / "db").mkdir(parents=True)
    passed(machine, 60)
    assert init_of(machine, tmp_path).run(workload(build(), uid="pod-1"))

    (run,) = machine.ledger.runs(2)
    assert (run.started_at, (tmp_path / "avalanchego" / "db").exists()) == (NOW.wall, True)


def test_an_error_of_a_rule_ends_init_and_nothing_is_done(machine: Machine, tmp_path: Path) -> None:
    pod = workload(image="registry.example:5000/node:v1.14.2")
    with pytest.raises(ConfigurationError, match="neither pinned by digest nor has the tag 'latest'"):
        init_of(machine, tmp_path).run(pod)
    assert (machine.told, machine.ledger.last()) == ([], None)


def test_data_that_nobody_knows_is_cleared_only_with_the_token_of_the_error(
    machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "avalanchego" / "db").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"or --adopt clear:[0-9a-f]{8} to remove it") as refused:
        init_of(machine, tmp_path).run(workload(build()))
    with pytest.raises(ConfigurationError) as again:
        init_of(machine, tmp_path, replace(POLICY, adopt_clear_token="00000000")).run(workload(build()))
    assert str(again.value) == str(refused.value)

    token = str(refused.value).partition("clear:")[2].partition(" ")[0]
    assert init_of(machine, tmp_path, replace(POLICY, adopt_clear_token=token)).run(workload(build()))
    assert not (tmp_path / "avalanchego" / "db").exists()


def test_a_volume_that_another_pod_held_is_watched_before_it_is_cleared(
    machine: Machine, tmp_path: Path
) -> None:
    machine.ledger.beat("pod-0")

    def clock() -> Instant:
        passed(machine, 100)
        return machine.now

    volume, stopping = Volume(tmp_path), threading.Event()
    init = Init(
        InitObserver(machine, machine, machine.ledger, volume, POLICY, clock),
        machine.ledger,
        Actor(machine, machine.ledger, volume, POLICY, clock, stopping),
        POLICY,
        clock,
        stopping,
    )

    assert init.run(workload(build()))
    holder = machine.ledger.holder()
    assert holder is not None
    assert holder.uid == "pod-1"


def test_a_success_is_recorded_once_and_then_the_next_build_is_run(machine: Machine, tmp_path: Path) -> None:
    init_of(machine, tmp_path).run(workload(build()))
    machine.pod = workload(build())
    measured: list[bool] = []
    tick, observer = tick_of(machine, tmp_path, measured)
    metrics = NodeMetrics(process_started_at=NOW.wall)
    for second in range(0, 400, 10):
        machine.answer = answering(
            health=HealthReport(healthy=True, oldest_check=str(second)), metrics=metrics
        )
        if measured:
            observer.volume = Volume(tmp_path).measure(machine.now)
        tick()
        passed(machine, 10)
    (run,) = machine.ledger.runs(2)
    assert (run.outcome, phase(machine.ledger)) == (Outcome.SUCCEEDED, Phase.IDLE)
    assert [run.duration_seconds, run.wall_seconds] == [10, 10]
    assert measured, "the disk is measured as soon as the node is healthy"

    observer.newest = build(NEW)
    tick()
    tick()
    assert machine.told == ["pin bbbb", "recreate"] * 2
    assert machine.recorded_before == [1, 1], "the attempt is in the ledger before anything is pinned"
    attempt = machine.ledger.attempt()
    assert attempt is not None
    assert attempt.build.same(build(NEW))


def test_an_action_that_fails_is_done_by_the_next_tick(machine: Machine, tmp_path: Path) -> None:
    test_a_success_is_recorded_once_and_then_the_next_build_is_run(machine, tmp_path)
    machine.told.clear()
    tick, _ = tick_of(machine, tmp_path)
    machine.broken = TemporaryError("no answer")
    with pytest.raises(TemporaryError):
        tick()
    machine.broken = None
    tick()

    assert machine.told == ["pin bbbb", "recreate"]


def test_a_tick_shows_that_this_pod_lives(machine: Machine, tmp_path: Path) -> None:
    init_of(machine, tmp_path).run(workload(build()))
    machine.pod = workload(build())
    tick, _ = tick_of(machine, tmp_path)
    tick()
    first = machine.ledger.holder()
    tick()
    second = machine.ledger.holder()

    assert first is not None
    assert second is not None
    assert second.beat > first.beat


def test_a_pod_that_another_one_shut_out_judges_nothing_and_does_not_beat(
    machine: Machine, tmp_path: Path
) -> None:
    init_of(machine, tmp_path).run(workload(build()))
    machine.pod = workload(build(), uid="pod-2")
    holder = machine.ledger.holder()
    tick, _ = tick_of(machine, tmp_path)
    tick()
    notice = machine.ledger.reading("notice")

    assert machine.ledger.holder() == holder
    assert notice is not None
    assert notice.value["message"] == "pod pod-1 holds the volume"
