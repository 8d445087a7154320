"""Tests of `init` and of a tick with a real ledger and volume: observe, decide, record, act."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.builders import NEW, NOW, POLICY, answering, build, workload
from support.machine import Machine, begin_run, init_of, passed, tick_of

from monitor.avalanchego.node_log import TAIL_BYTES
from monitor.decide.decisions import BeginClearing, BeginRun, KeepLogTail, Record
from monitor.decide.events import Announcement
from monitor.decide.state import Standing
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
from monitor.domain.run import Outcome, Reason, RequestKind
from monitor.domain.status import Phase
from monitor.domain.workload import NodeProcess, Workload
from monitor.engine.activity import ERRORS, Activity
from monitor.engine.actor import Actor
from monitor.engine.init_observer import InitObserver
from monitor.engine.latest_readings import LatestReadings
from monitor.engine.loop import Init, Tick
from monitor.engine.problem_log import ProblemLog
from monitor.engine.volume import Volume
from monitor.engine.wait_observer import WaitObserver
from monitor.errors import ConfigurationError, MonitorError, NotPermittedError, OutageError, TemporaryError
from monitor.ledger import Ledger, VolumeFullError, open_existing, open_ledger
from monitor.ledger.codecs import PROBLEM, read_problem
from monitor.ledger.recovery import FILE


@pytest.fixture
def machine(ledger: Ledger) -> Machine:
    return Machine(ledger)


def phase(ledger: Ledger) -> Phase | None:
    """Return the phase in the ledger."""
    reading = ledger.reading("phase")
    return Phase(reading.value["phase"]) if reading else None


def test_a_rolling_tag_is_resolved_pinned_and_the_pod_recreated(machine: Machine, tmp_path: Path) -> None:
    assert init_of(machine, tmp_path).run(machine.pod) is False
    assert machine.calls == ["pin aaaa", "recreate", "await end"]
    assert phase(machine.ledger) == Phase.DISCOVERING


def test_a_pinned_pod_on_an_empty_volume_starts_a_run(machine: Machine, tmp_path: Path) -> None:
    assert init_of(machine, tmp_path).run(workload(build())) is True

    run = machine.ledger.last()
    assert run is not None
    assert (run.number, run.open, run.started_at, machine.calls) == (1, True, NOW.wall, [])
    assert machine.announced == [
        Announcement("BootstrapStarted", f"A run of {build().image} started"),
    ]


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
    assert machine.announced[1:] == [
        Announcement("BootstrapResumed", f"Run 1 of {build().image} was resumed"),
    ]


def test_an_error_of_a_rule_ends_init_and_nothing_is_done(machine: Machine, tmp_path: Path) -> None:
    pod = workload(image="registry.example:5000/node:v1.14.2")
    with pytest.raises(ConfigurationError, match="neither pinned by digest nor has the tag 'latest'"):
        init_of(machine, tmp_path).run(pod)
    assert (machine.calls, machine.ledger.last()) == ([], None)


def test_data_that_nobody_knows_is_cleared_only_with_the_token_of_the_error(
    machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "avalanchego" / "db").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"or --adopt clear:[0-9a-f]{8} to delete it") as refused:
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
    machine.ledger.renew("pod-0")

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
        ProblemLog(),
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
            observer.latest.volume = Volume(tmp_path).measure(machine.now)
        tick()
        passed(machine, 10)
    (run,) = machine.ledger.runs(2)
    assert (run.outcome, phase(machine.ledger)) == (Outcome.SUCCEEDED, Phase.IDLE)
    assert [run.duration_seconds, run.wall_seconds] == [10, 10]
    assert measured, "the disk is measured as soon as the node is healthy"
    assert machine.reasons == ["BootstrapStarted", "BootstrapSucceeded"]

    observer.latest.newest = Standing(build(NEW))
    tick()
    tick()
    assert machine.calls == ["pin bbbb", "recreate"] * 2
    assert machine.recorded_before == [1, 1], "the attempt is in the ledger before anything is pinned"
    assert machine.announced[2:] == [
        Announcement("NewBuildFound", f"Next build to bootstrap: {build(NEW).image}"),
    ], "it is announced once, however often it is done"
    attempt = machine.ledger.attempt()
    assert attempt is not None
    assert attempt.build.same(build(NEW))


def at_rest(machine: Machine, folder: Path, policy: Policy = POLICY) -> tuple[Tick, WaitObserver]:
    """Return a tick after a successful run of the usual build, with nothing left to do."""
    begin_run(machine, folder)
    tick, observer = tick_of(machine, folder, policy=replace(policy, soak_seconds=20.0))
    for number in range(10):
        report = HealthReport(healthy=True, oldest_check=str(number))
        machine.answer = answering(health=report, metrics=NodeMetrics(process_started_at=NOW.wall))
        observer.latest.volume = Volume(folder).measure(machine.now)
        tick()
        passed(machine, 10)
    assert (phase(machine.ledger), observer.latest.at_rest) == (Phase.IDLE, True)
    machine.polls = 0
    return tick, observer


@pytest.mark.parametrize(
    ("policy", "polls"),
    [
        pytest.param(POLICY, 10, id="once a minute"),
        pytest.param(
            replace(POLICY, holder_timeout_seconds=100.0), 30, id="five beats in the holder timeout"
        ),
        pytest.param(replace(POLICY, holder_timeout_seconds=0.0), 60, id="local polls at every tick"),
    ],
)
def test_at_rest_the_node_is_polled_seldom(
    machine: Machine, tmp_path: Path, policy: Policy, polls: int
) -> None:
    tick, _ = at_rest(machine, tmp_path, policy)
    for _ in range(60):
        tick()
        passed(machine, 10)

    assert machine.polls == polls


def test_at_rest_an_unhealthy_node_is_shown_within_a_minute(machine: Machine, tmp_path: Path) -> None:
    tick, _ = at_rest(machine, tmp_path)
    for number in range(6):
        machine.answer = answering(health=HealthReport(healthy=False, oldest_check=f"later {number}"))
        tick()
        passed(machine, 10)
    shown = machine.ledger.reading("node")

    assert shown is not None
    assert shown.value["health"] == "unhealthy"


def rerun(ledger: Ledger, _: WaitObserver) -> None:
    """Record a user's request for another run."""
    ledger.ask(RequestKind.RERUN, "", NOW.wall)


def resume(ledger: Ledger, observer: WaitObserver) -> None:
    """Record a user's request to resume after a build was found during the pause."""
    ledger.ask(RequestKind.RESUME, "", NOW.wall)
    observer.latest.newest = Standing(build(NEW))


def find(_: Ledger, observer: WaitObserver) -> None:
    """Let the observer find a new build."""
    observer.latest.newest = Standing(build(NEW))


@pytest.mark.parametrize(
    ("event", "calls"),
    [
        pytest.param(rerun, ["pin aaaa", "recreate, unchanged"], id="rerun"),
        pytest.param(resume, ["pin bbbb", "recreate"], id="resume"),
        pytest.param(find, ["pin bbbb", "recreate"], id="a new build"),
    ],
)
def test_at_rest_the_next_tick_takes_up(
    machine: Machine, tmp_path: Path, event: Callable[[Ledger, WaitObserver], None], calls: list[str]
) -> None:
    tick, observer = at_rest(machine, tmp_path)
    with closing(open_existing(tmp_path)) as others:
        event(others, observer)
    tick()

    assert machine.calls == calls


def test_at_rest_a_run_that_init_begins_is_watched_from_the_next_tick_on(
    machine: Machine, tmp_path: Path
) -> None:
    tick, _ = at_rest(machine, tmp_path)
    with closing(open_ledger(tmp_path)) as others:
        others.record(machine.now, "default", (BeginClearing(workload(build()), ""),))
        others.record(machine.now, "default", (BeginRun(workload(build())),))
    for _ in range(3):
        tick()
        passed(machine, 10)

    assert machine.polls == 3


def test_an_action_that_fails_is_done_by_the_next_tick(machine: Machine, tmp_path: Path) -> None:
    test_a_success_is_recorded_once_and_then_the_next_build_is_run(machine, tmp_path)
    machine.calls.clear()
    tick, _ = tick_of(machine, tmp_path)
    machine.broken = TemporaryError("no answer")
    with pytest.raises(TemporaryError):
        tick()
    machine.broken = None
    passed(machine, POLICY.tick_seconds)
    tick()

    assert machine.calls == ["pin bbbb", "recreate"]


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
    assert second.renewals > first.renewals


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


def test_a_finished_run_that_is_resumed_is_not_announced(machine: Machine, tmp_path: Path) -> None:
    test_a_success_is_recorded_once_and_then_the_next_build_is_run(machine, tmp_path)
    machine.announced.clear()
    assert init_of(machine, tmp_path).run(workload(build()))

    assert machine.announced == []


def test_a_pin_that_was_reverted_is_announced_as_a_warning(machine: Machine, tmp_path: Path) -> None:
    init_of(machine, tmp_path).run(workload(build(), uid="pod-0"))
    machine.announced.clear()
    init_of(machine, tmp_path).run(workload(uid="pod-1"))

    assert machine.announced == [
        Announcement("PinReverted", f"The node's image was reverted to {workload().image}", warning=True)
    ]


def test_a_pin_that_is_fought_over_ends_init_and_is_announced(
    machine: Machine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        init_of(machine, tmp_path).run(workload(build(), uid=f"pinned-{number}"))
        if number < 2:
            init_of(machine, tmp_path).run(workload(uid=f"unpinned-{number}"))
    machine.announced.clear()
    init = init_of(machine, tmp_path)
    init.stopping.set()  # otherwise it would wait before it fails
    with pytest.raises(MonitorError, match=r"reverted to .* by 'argocd' for the third time in 24 h"):
        init.run(workload(uid="unpinned-2"))

    assert machine.reasons == ["PinReverted"]
    assert phase(machine.ledger) == Phase.BLOCKED
    calls = [each.message for each in caplog.records if each.levelname == "WARNING"]
    assert ["then delete the pod" in each for each in calls] == [True], "before it waits to fail"


def test_a_failure_is_announced_and_keeps_the_ends_of_the_nodes_logs(
    machine: Machine, tmp_path: Path
) -> None:
    begin_run(machine, tmp_path)
    logs = tmp_path / "avalanchego" / "logs"
    logs.mkdir(parents=True)
    (logs / "main.log").write_text("the last line\n")
    machine.answer = answering(identity=NodeIdentity(1, "avalanchego/1.14.2", build().commit))
    tick, _ = tick_of(machine, tmp_path)
    tick()
    tick()

    run = machine.ledger.last()
    assert run is not None
    assert (run.outcome, run.reason) == (Outcome.FAILED, Reason.MISCONFIGURED)
    assert machine.announced == [
        Announcement(
            "BootstrapFailed",
            f"Run 1 of {build().image} failed (misconfigured): "
            "the node is on network mainnet, but the run is on fuji",
            warning=True,
        )
    ]
    evidence = machine.ledger.evidence(1)
    assert evidence is not None
    assert (evidence.text, evidence.taken_at) == ("==> main.log <==\nthe last line\n", NOW.wall)


@pytest.mark.parametrize(
    ("words", "broken", "kept"),
    [
        pytest.param("panic: no\n", None, "panic: no\n", id="what the platform kept"),
        pytest.param("x" * 2 * TAIL_BYTES + "end", None, "x" * (TAIL_BYTES - 3) + "end", id="the end of it"),
        pytest.param("", None, None, id="nothing anywhere"),
        pytest.param("", TemporaryError("no answer"), None, id="the platform does not answer"),
    ],
)
def test_where_the_node_has_no_logs_its_platform_is_asked_for_the_log_tail(
    machine: Machine, tmp_path: Path, words: str, broken: MonitorError | None, kept: str | None
) -> None:
    begin_run(machine, tmp_path)
    machine.words, machine.broken = words, broken
    actor = Actor(machine, machine.ledger, Volume(tmp_path), POLICY, machine.clock, threading.Event())
    actor.perform(KeepLogTail(1))

    evidence = machine.ledger.evidence(1)
    assert (evidence.text if evidence else None) == kept


def test_what_cannot_be_announced_is_counted_and_everything_else_is_done(
    machine: Machine, tmp_path: Path
) -> None:
    begin_run(machine, tmp_path)
    machine.mute = TemporaryError("events are not permitted")
    machine.answer = answering(identity=NodeIdentity(1, "avalanchego/1.14.2", build().commit))
    activity = Activity()
    tick, observer = tick_of(machine, tmp_path, activity=activity)
    before = activity.values(ERRORS)
    tick()
    observer.latest.newest = Standing(build(NEW))
    tick()

    run = machine.ledger.last()
    assert run is not None
    assert run.reason is Reason.MISCONFIGURED
    assert machine.calls == ["pin bbbb", "recreate"]
    assert (before, activity.values(ERRORS)) == ({("announce",): 0}, {("announce",): 2})


def test_init_continues_if_nothing_can_be_announced(machine: Machine, tmp_path: Path) -> None:
    machine.mute = TemporaryError("events are not permitted")

    assert init_of(machine, tmp_path).run(workload(build()))


OUTAGE = OutageError("no answer from the API server")


@pytest.mark.parametrize("restarted", [False, True], ids=["by this process", "by the next one"])
def test_what_an_outage_kept_back_is_announced_once_after_it(
    machine: Machine, tmp_path: Path, caplog: pytest.LogCaptureFixture, *, restarted: bool
) -> None:
    """After an outage, an Event is sent once, with the time of the decision.

    During the outage it is not sent in every tick.
    """
    begin_run(machine, tmp_path)
    machine.tried_at.clear()
    machine.announced_of.clear()
    machine.mute = OUTAGE
    machine.answer = answering(identity=NodeIdentity(1, "avalanchego/1.14.2", build().commit))
    activity = Activity()
    tick, observer = tick_of(machine, tmp_path, activity=activity)
    failed_at = machine.now.wall
    for _ in range(30):
        tick()
        passed(machine, 10)
    assert [at - failed_at for at in machine.tried_at] == [0, 70, 130, 190, 250]
    assert activity.values(ERRORS)["announce",] == 5
    assert [each.levelname for each in caplog.records if "announced later" in each.message] == ["WARNING"]

    machine.mute = None
    if restarted:
        tick, observer = tick_of(machine, tmp_path)
    observer.latest.newest = Standing(build(NEW))
    for _ in range(12):
        tick()
        passed(machine, 10)
    assert machine.reasons == ["BootstrapFailed", "NewBuildFound"]
    assert machine.announced_of == [failed_at, failed_at + 300]
    assert machine.ledger.due_announcements() == ()


def test_what_init_could_not_announce_the_sidecar_does(machine: Machine, tmp_path: Path) -> None:
    machine.mute = OUTAGE
    assert init_of(machine, tmp_path).run(workload(build()))
    machine.mute, machine.pod = None, workload(build())
    tick, _ = tick_of(machine, tmp_path)
    tick()

    assert machine.reasons == ["BootstrapStarted"]


def test_what_is_not_permitted_is_given_up(machine: Machine, tmp_path: Path) -> None:
    machine.mute = NotPermittedError("allow create on events in its Role")
    assert init_of(machine, tmp_path).run(workload(build()))
    machine.mute, machine.pod = None, workload(build())
    tick, _ = tick_of(machine, tmp_path)
    tick()

    assert (machine.reasons, machine.ledger.due_announcements()) == ([], ())


def test_what_was_announced_is_not_announced_again_while_the_ledger_cannot_be_written(
    machine: Machine, tmp_path: Path
) -> None:
    announcements = [Announcement("R", "m"), Announcement("S", "m")]
    machine.ledger.record(NOW, "default", announcements=announcements)
    actor = Actor(machine, machine.ledger, Volume(tmp_path), POLICY, machine.clock, threading.Event())
    with machine.ledger.transaction() as connection:
        connection.execute("PRAGMA busy_timeout = 10")
    with closing(sqlite3.connect(tmp_path / FILE)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert [actor.announce() for _ in range(3)] == [True] * 3
        other.execute("ROLLBACK")
    assert machine.announced == announcements
    assert actor.announce()

    assert (machine.announced, machine.ledger.due_announcements()) == (announcements, ())


def test_a_decision_without_announcements_is_done(machine: Machine, tmp_path: Path) -> None:
    actor = Actor(machine, machine.ledger, Volume(tmp_path), POLICY, machine.clock, threading.Event())

    assert actor.announce()
    assert machine.announced == []


HOUR = 3600.0
IMAGE_GONE = workload(build(), process=NodeProcess(running=False, waiting="ImagePullBackOff"))
REPORTED_BAD = HealthReport(healthy=False, oldest_check="", failing_checks=("C",))


@pytest.mark.parametrize(
    ("pod", "answer", "free", "seconds", "reason"),
    [
        pytest.param(workload(build()), answering(), 0.09, HOUR, Reason.DISK_FULL, id="the disk is full"),
        pytest.param(
            workload(build()), NodeDown("refused"), 0.01, HOUR / 12, Reason.DISK_FULL, id="and it stops of it"
        ),
        pytest.param(IMAGE_GONE, NodeDown("refused"), 0.5, HOUR, Reason.NOT_STARTED, id="it never starts"),
        pytest.param(
            workload(build()),
            answering(health=REPORTED_BAD, bootstrapped=True),
            0.5,
            HOUR,
            Reason.UNHEALTHY,
            id="it stays unhealthy",
        ),
        pytest.param(workload(build()), NodeSilent(""), 0.5, 12 * HOUR, Reason.STALLED, id="it stands still"),
    ],
)
def test_a_verdict_falls_when_its_time_was_observed_and_not_before(
    machine: Machine,
    tmp_path: Path,
    pod: Workload,
    answer: NodeReading,
    free: float,
    seconds: float,
    reason: Reason,
) -> None:
    """A verdict is recorded once its time has been observed.

    Each tick takes five minutes. A report is fresh if its timestamps move, so the second report is the
    first fresh one.
    """
    begin_run(machine, tmp_path)
    machine.pod = pod
    policy = replace(POLICY, tick_seconds=300.0)
    tick, observer = tick_of(machine, tmp_path, policy=policy, free=lambda _: (1000, int(1000 * free)))
    observed = 0.0
    while (run := machine.ledger.last()) is not None and run.open and observed <= 20 * HOUR:
        machine.answer = answer
        if isinstance(answer, NodeAnswering) and answer.health:
            report = replace(answer.health, oldest_check=str(observed))
            machine.answer = replace(answer, health=report)
        observer.latest.volume = VolumeReading(machine.now, 0, 1000, int(1000 * free))
        tick()
        passed(machine, 300)
        observed += 300

    assert run is not None
    assert (run.outcome, run.reason) == (Outcome.FAILED, reason)
    assert seconds <= observed - 300 <= seconds + 300
    assert machine.reasons == ["BootstrapFailed"]


@pytest.mark.parametrize(
    ("works_between", "restarts"),
    [
        pytest.param(False, False, id="it lasts"),
        pytest.param(True, False, id="the node works for a while"),
        pytest.param(False, True, id="another process of the monitor"),
    ],
)
def test_a_problem_of_the_node_starts_again_with_a_new_run(
    machine: Machine, tmp_path: Path, *, works_between: bool, restarts: bool
) -> None:
    def new_tick() -> Tick:
        log = ProblemLog(machine.ledger, lambda: machine.now.wall)
        return tick_of(machine, tmp_path, activity=Activity(log))[0]

    def since() -> float:
        reading = machine.ledger.reading(f"{PROBLEM}node")
        problem = read_problem(reading.value if reading else None)
        assert problem is not None
        return problem.since - NOW.wall

    begin_run(machine, tmp_path)
    machine.pod, machine.answer = IMAGE_GONE, NodeDown("refused")
    tick = new_tick()
    starts = []
    for _ in range(2):
        passed(machine, 60)
        tick()
        starts.append(since())
    passed(machine, 60)
    init_of(machine, tmp_path).run(workload(build(NEW)))
    if works_between:
        machine.pod, machine.answer = workload(build(NEW)), answering()
        tick()
    passed(machine, 60)
    tick = new_tick() if restarts else tick
    machine.pod, machine.answer = replace(IMAGE_GONE, build=build(NEW)), NodeDown("refused")
    tick()

    assert [*starts, since()] == [60, 60, 240]


class FullLedger:
    """A ledger on a volume that is full except for the reserve, which only a decision may use."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def record(
        self, now: Instant, testbed: str, decided: Sequence[Record] = (), *rest: Any, **more: Any
    ) -> None:
        if not decided:
            raise VolumeFullError("bootstrap-monitor.sqlite3: database or disk is full (SQLITE_FULL)")
        self._ledger.record(now, testbed, decided, *rest, **more)

    def renew(self, _: str) -> None:
        raise VolumeFullError("bootstrap-monitor.sqlite3: database or disk is full (SQLITE_FULL)")


def test_on_a_full_volume_time_is_counted_in_memory_and_the_end_is_recorded(
    machine: Machine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begin_run(machine, tmp_path)
    machine.answer = NodeSilent("busy")
    full: Any = FullLedger(machine.ledger)
    observer = WaitObserver(
        machine, full, machine, POLICY, machine.clock, tmp_path, LatestReadings(), free=lambda _: (1000, 0)
    )
    actor = Actor(machine, full, Volume(tmp_path), POLICY, machine.clock, threading.Event())
    tick = Tick(observer, full, actor, POLICY, lambda: None, Activity())
    for _ in range(361):
        run = machine.ledger.last()
        assert run is not None
        assert run.open
        assert run.tracking.low_disk_seconds == 0.0
        tick()
        passed(machine, 10)

    ended = machine.ledger.last()
    assert ended is not None
    assert (ended.reason, ended.message) == (
        Reason.DISK_FULL,
        "0.0% of the volume is free, less than the floor of 10% for 1h",
    )
    assert ended.tracking.low_disk_seconds == HOUR
    messages = [each.getMessage() for each in caplog.records if "are kept in memory" in each.getMessage()]
    assert len(messages) == 1


@pytest.mark.parametrize(
    ("pod", "answer"),
    [
        pytest.param(IMAGE_GONE, NodeDown("refused"), id="down"),
        pytest.param(workload(build()), NodeSilent(""), id="silent"),
        pytest.param(workload(build()), answering(health=REPORTED_BAD, bootstrapped=True), id="unhealthy"),
        pytest.param(workload(build()), answering(), id="without progress"),
    ],
)
@pytest.mark.parametrize("new_process", [True, False], ids=["started again", "suspended"])
def test_a_tester_that_was_off_for_longer_than_every_time_out_judges_nothing_by_it(
    machine: Machine, tmp_path: Path, pod: Workload, answer: NodeReading, *, new_process: bool
) -> None:
    begin_run(machine, tmp_path)
    machine.pod, machine.answer = pod, answer
    tick, observer = tick_of(machine, tmp_path)
    tick()
    for _ in range(3):
        passed(machine, 100 * 86400)
        if new_process:
            tick, observer = tick_of(machine, tmp_path)
        if isinstance(answer, NodeAnswering) and answer.health:
            report = replace(answer.health, oldest_check=str(machine.now.wall))
            machine.answer = replace(answer, health=report)
        observer.latest.volume = Volume(tmp_path).measure(machine.now)
        tick()

    run = machine.ledger.last()
    assert run is not None
    assert run.open
    assert run.tracking.observed_seconds <= 3 * 2 * POLICY.tick_seconds
    assert machine.announced == []
