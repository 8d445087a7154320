"""Tests of a tick's readings, and of missing, outdated and foreign answers."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from support.builders import NEW, NOW, POLICY, answering, build, status, workload
from support.unused_platform import UnusedPlatform

from monitor.decide.decisions import BeginClearing, BeginRun, EndRun, Intervention, RecordIntervention
from monitor.decide.state import Standing
from monitor.decide.wait_rules import decide_wait
from monitor.domain.baseline import LAG, MIN_SAMPLES
from monitor.domain.build import Build
from monitor.domain.chains import MAX_CHAINS
from monitor.domain.health import STALE_AFTER_SECONDS, Freshness, freshness_of, health_of
from monitor.domain.instant import Instant
from monitor.domain.observations import (
    ChainActivity,
    Health,
    HealthReport,
    NodeDown,
    NodeIdentity,
    NodeMetrics,
    NodeReading,
    NodeSilent,
)
from monitor.domain.run import Outcome, RequestKind
from monitor.domain.run_update import MAX_RESTART_TIMES
from monitor.domain.status import Problem
from monitor.domain.tracking import Count, RunTracking
from monitor.domain.workload import NodeExit, NodeProcess, Workload
from monitor.engine.init_observer import InitObserver
from monitor.engine.latest_readings import LatestReadings
from monitor.engine.problems import problems_of
from monitor.engine.volume import Volume
from monitor.engine.wait_observer import TickResult, WaitObserver
from monitor.engine.workload_observer import WORKLOAD_KEPT_SECONDS, WORKLOAD_KEPT_SECONDS_WHILE_DOWN
from monitor.errors import Cause, MonitorError, TemporaryError
from monitor.ledger import Ledger, open_ledger
from monitor.ledger.codecs import COMPARISON
from monitor.output.status_text import status_lines
from monitor.output.web.page import page

HEALTHY = HealthReport(healthy=True, oldest_check="t1")


def later(seconds: float, start: Instant = NOW) -> Instant:
    """Return the instant `seconds` later in the boot of `start`."""
    return replace(start, wall=start.wall + seconds, boot_seconds=start.boot_seconds + seconds)


@dataclass
class Edge(UnusedPlatform):
    """Platform, node and clock in one: each returns the value that a test has set, or fails."""

    answer: NodeReading = field(default_factory=answering)
    pod: Workload = field(default_factory=lambda: workload(build()))
    error: MonitorError | None = None
    now: Instant = NOW
    asked: int = 0

    def read(self) -> NodeReading:
        return self.answer

    def workload(self) -> Workload:
        self.asked += 1
        if self.error:
            raise self.error
        return self.pod

    def clock(self) -> Instant:
        return self.now

    def reverter(self) -> str:
        return "kubectl-edit"


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    """Open run 1 of the usual build."""
    pod = workload(build())
    ledger.record(NOW, "default", (BeginClearing(pod, "clearing"),))
    ledger.record(NOW, "default", (BeginRun(pod),))
    return ledger


@pytest.fixture
def edge() -> Edge:
    return Edge()


@pytest.fixture
def observer(edge: Edge, ledger: Ledger, tmp_path: Path) -> WaitObserver:
    return WaitObserver(edge, ledger, edge, POLICY, edge.clock, tmp_path, LatestReadings())


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        pytest.param([(0, True, "a")], Health.UNKNOWN, id="the first report may be old already"),
        pytest.param([(0, True, "a"), (10, True, "a")], Health.UNKNOWN, id="not moved yet"),
        pytest.param([(0, True, "a"), (10, True, "b")], Health.HEALTHY, id="moved, and healthy"),
        pytest.param([(0, True, "a"), (10, False, "b")], Health.UNHEALTHY, id="moved, and unhealthy"),
        pytest.param(
            [(0, True, "a"), (10, True, "b"), (10 + STALE_AFTER_SECONDS, True, "b")],
            Health.HEALTHY,
            id="old, but not too old",
        ),
        pytest.param(
            [(0, True, "a"), (10, True, "b"), (11 + STALE_AFTER_SECONDS, True, "b")],
            Health.STALE,
            id="stands still for too long",
        ),
        pytest.param(
            [(0, True, "a"), (10, True, "b"), (200, True, "b"), (210, True, "c")],
            Health.HEALTHY,
            id="moves again",
        ),
        pytest.param(
            [(0, True, "c"), (200, True, "b")], Health.HEALTHY, id="moves back with the node's clock"
        ),
    ],
)
def test_health_is_worth_what_its_time_stamps_are(
    reports: list[tuple[float, bool, str]], expected: Health
) -> None:
    freshness: Freshness | None = None
    health = Health.UNKNOWN
    for seconds, healthy, stamp in reports:
        report = HealthReport(healthy=healthy, oldest_check=stamp)
        freshness = freshness_of(freshness, report, later(seconds))
        health = health_of(report, freshness, later(seconds))
    assert health is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(NodeDown("refused"), Health.UNKNOWN, id="down is not unhealthy"),
        pytest.param(NodeSilent("no answer"), Health.UNKNOWN, id="silent is not unhealthy"),
        pytest.param(answering(), Health.UNKNOWN, id="no health in the answer"),
    ],
)
def test_an_absent_answer_is_unknown(
    edge: Edge, observer: WaitObserver, answer: NodeReading, expected: Health
) -> None:
    edge.answer = answer

    assert observer.poll().health is expected


def test_what_answers_while_the_node_does_not_run_is_not_the_node(edge: Edge, observer: WaitObserver) -> None:
    """An answer while the node is not running comes from another node that uses the port."""
    edge.answer = answering(health=HEALTHY)
    edge.pod = workload(
        build(), process=NodeProcess(running=False, crash_looping=True, waiting="CrashLoopBackOff")
    )

    assert isinstance(observer.poll().state.node, NodeDown)


def test_a_platform_that_does_not_answer_is_asked_again_after_a_while(
    edge: Edge, observer: WaitObserver
) -> None:
    """A platform that does not answer is asked again only later, since each timeout may take a minute."""
    observer.poll()
    edge.error = TemporaryError("no answer")
    asked = []
    for minute in range(12):
        edge.now = later(600 + 60 * minute - 30)
        observer.poll()
        asked.append(edge.asked)

    assert asked == [1, *range(2, 13)]
    edge.now = later(600 + 60 * 11 - 20)
    observer.poll()
    assert edge.asked == 12


def test_a_node_that_went_away_must_become_healthy_again(
    edge: Edge, ledger: Ledger, observer: WaitObserver
) -> None:
    streaks = []
    for seconds, stamp in ((0, "t1"), (10, "t2"), (20, None)):
        edge.now = later(seconds)
        health = HealthReport(healthy=True, oldest_check=stamp or "")
        edge.answer = answering(health=health) if stamp else NodeDown("refused")
        watched = observer.poll().watched
        assert watched is not None
        ledger.record(edge.now, "default", tracking=watched)
        streaks.append(watched.tracking.healthy is not None)

    assert streaks == [False, True, False]


def test_a_node_that_came_back_must_report_fresh_health(edge: Edge, observer: WaitObserver) -> None:
    edge.now, edge.answer = later(0), answering(health=HEALTHY)
    observer.poll()
    edge.now, edge.answer = later(10), answering(health=replace(HEALTHY, oldest_check="t2"))
    healthy = observer.poll().health
    edge.answer = NodeDown("refused")
    observer.poll()
    edge.now, edge.answer = later(20), answering(health=replace(HEALTHY, oldest_check="t2"))

    assert (healthy, observer.poll().health) == (Health.HEALTHY, Health.UNKNOWN)


def test_the_pod_is_read_when_the_node_comes_or_goes_not_each_tick(
    edge: Edge, observer: WaitObserver
) -> None:
    asked = []
    for seconds, answer in ((0, answering()), (10, answering()), (20, NodeDown("")), (30, NodeDown(""))):
        edge.now, edge.answer = later(seconds), answer
        observer.poll()
        asked.append(edge.asked)
    edge.now = later(1000)
    observer.poll()

    assert [*asked, edge.asked] == [1, 1, 2, 2, 3]


def test_while_the_platform_does_not_answer_the_pod_is_as_it_was(edge: Edge, observer: WaitObserver) -> None:
    known = observer.poll().state.workload
    edge.error, edge.answer, edge.now = TemporaryError("no answer"), NodeDown(""), later(10)
    seen = observer.poll()

    assert (seen.state.workload, seen.notice) == (known, "no answer")


def test_before_the_platform_ever_answered_there_is_no_pod_and_time_is_still_kept(
    edge: Edge, observer: WaitObserver
) -> None:
    edge.error = TemporaryError("no answer")
    observer.poll()
    edge.now = later(10)
    seen = observer.poll()

    assert seen.state.workload is None
    assert seen.watched is not None
    assert seen.watched.tracking.observed_seconds == 10


@pytest.mark.parametrize(
    ("gap_seconds", "observed_seconds"),
    [pytest.param(10, 10, id="a tick"), pytest.param(86400, 20, id="a day away counts two ticks")],
)
def test_an_outage_of_the_monitor_is_not_observed(
    edge: Edge, observer: WaitObserver, gap_seconds: float, observed_seconds: float
) -> None:
    observer.poll()
    edge.now = later(gap_seconds)
    watched = observer.poll().watched

    assert watched is not None
    assert watched.tracking.observed_seconds == observed_seconds


def test_active_time_runs_by_the_process_not_by_the_wall_clock(edge: Edge, observer: WaitObserver) -> None:
    edge.answer = answering(metrics=NodeMetrics(process_started_at=NOW.wall))
    observer.poll()
    edge.now = later(100)
    edge.answer = answering(metrics=NodeMetrics(process_started_at=NOW.wall))
    before = observer.poll().watched
    # The clock is set back by an hour, and the start time in the node's metrics moves with it.
    edge.now = replace(later(110), wall=NOW.wall + 110 - 3600)
    edge.answer = answering(metrics=NodeMetrics(process_started_at=NOW.wall - 3600))
    after = observer.poll().watched

    assert before is not None
    assert after is not None
    assert (before.tracking.active_seconds, after.tracking.node_restarts) == (100, 0)


def test_another_holder_is_reported_until_its_lease_expires(
    edge: Edge, observer: WaitObserver, ledger: Ledger
) -> None:
    ledger.renew("pod-0")
    holders = []
    for seconds in (0, 100, POLICY.holder_timeout_seconds):
        edge.now = later(seconds)
        holders.append(observer.poll().state.held_by)

    assert holders == ["pod-0", "pod-0", None]


def test_another_holder_that_beats_is_never_taken_for_dead(
    edge: Edge, observer: WaitObserver, ledger: Ledger
) -> None:
    for seconds in range(0, 2000, 100):
        ledger.renew("pod-0")
        edge.now = later(seconds)
        assert observer.poll().state.held_by == "pod-0"


STARTS, RUNS = NodeProcess(running=False, waiting="PodInitializing"), NodeProcess(running=True)
RAN = NodeProcess(running=False, crash_looping=True, waiting="CrashLoopBackOff", last_exit=NodeExit(1))
UNPINNED = workload(process=RUNS)


@pytest.mark.parametrize(
    ("pod", "answer", "marked"),
    [
        pytest.param(workload(build(NEW)), answering(), build(NEW).image, id="it answers"),
        pytest.param(workload(build(NEW)), NodeDown("refused"), "", id="it is down"),
        pytest.param(workload(build(NEW), process=RUNS), NodeDown(""), build(NEW).image, id="it runs"),
        pytest.param(workload(build(NEW), process=RAN), NodeDown(""), build(NEW).image, id="it ran"),
        pytest.param(workload(build(NEW), process=STARTS), NodeDown(""), "", id="init has not ended"),
        pytest.param(UNPINNED, NodeDown(""), UNPINNED.image, id="nobody knows which build"),
        pytest.param(
            workload(build(), network="mainnet", process=RUNS),
            NodeDown(""),
            f"{build().image} on mainnet in full-sync",
            id="the same build on another network",
        ),
    ],
)
def test_another_build_that_ran_on_the_data_of_an_open_run_is_not_forgotten(
    edge: Edge, observer: WaitObserver, ledger: Ledger, pod: Workload, answer: NodeReading, marked: str
) -> None:
    """Another build that ran on the data of an open run is remembered.

    It may have run for one tick only, before the run's own build returned.
    """
    for edge.pod, edge.answer in (
        (pod, answer),
        (pod, answer),
        (workload(build(), uid="pod-2"), answering()),
    ):
        edge.now = later(1000, edge.now)
        seen = observer.poll()
        ledger.record(edge.now, "default", tracking=seen.watched, counts=seen.counts)

    last = ledger.last()
    assert last is not None
    assert last.tracking.other_build == marked


def test_the_run_of_another_build_keeps_its_books(edge: Edge, observer: WaitObserver) -> None:
    edge.pod, edge.answer = workload(build(NEW)), NodeDown("refused")
    seen = observer.poll()

    assert seen.watched is None
    assert seen.state.last is not None
    assert seen.state.last.build.same(build())


@pytest.mark.parametrize(
    ("settings_digest", "changed"),
    [pytest.param("settings", False, id="the same"), pytest.param("others", True, id="changed under way")],
)
def test_settings_changed_under_way_are_noticed(
    edge: Edge, observer: WaitObserver, settings_digest: str, *, changed: bool
) -> None:
    edge.pod = workload(build(), settings_digest=settings_digest)
    watched = observer.poll().watched

    assert watched is not None
    assert watched.settings_changed is changed


@pytest.mark.parametrize(
    ("network_id", "agreed"), [pytest.param(5, True, id="its own"), pytest.param(1, False, id="another")]
)
def test_the_nodes_own_network_is_compared(
    edge: Edge, observer: WaitObserver, network_id: int, *, agreed: bool
) -> None:
    edge.answer = answering(identity=NodeIdentity(network_id, "avalanchego/1.14.2", build().commit))
    watched = observer.poll().watched

    assert watched is not None
    assert watched.tracking.identity_agreed is agreed


def test_counters_add_up_over_node_restarts(edge: Edge, observer: WaitObserver, ledger: Ledger) -> None:
    seen = []
    for seconds, blocks in ((0, 40.0), (10, 100.0), (20, 7.0)):
        edge.now = later(seconds)
        edge.answer = answering(metrics=NodeMetrics(NOW.wall, {("C", "blocks_accepted"): blocks}))
        seen.append(observer.poll())
        ledger.record(edge.now, "default", tracking=seen[-1].watched, counts=seen[-1].counts)

    count = seen[-1].counts["C", "blocks_accepted"]
    assert (count.value, count.maximum) == (107, 100)


# ---- The timers of a run ----------------------------------------------------------------------------------


class Watch:
    """Ticks of one monitor, whose observations are decided on and recorded as in the loop."""

    def __init__(self, edge: Edge, ledger: Ledger, folder: Path, tick_seconds: float = 10.0) -> None:
        self._edge, self._ledger, self._folder = edge, ledger, folder
        self._policy = replace(POLICY, tick_seconds=tick_seconds)
        self.restart()

    def restart(self) -> None:
        """Replace the monitor's process."""
        edge = self._edge
        self._observer = WaitObserver(
            edge, self._ledger, edge, self._policy, edge.clock, self._folder, LatestReadings()
        )

    def poll(self, seconds: float, answer: NodeReading | None = None) -> TickResult:
        """Run a tick `seconds` after the start; `answer` is the node's response from then on."""
        self._edge.now, self._edge.answer = later(seconds), answer or self._edge.answer
        seen = self._observer.poll()
        self._ledger.record(self._edge.now, "default", tracking=seen.watched, counts=seen.counts)
        return seen

    def tracking(self, seconds: float, answer: NodeReading | None = None) -> RunTracking:
        """Return the tracking values after such a tick."""
        watched = self.poll(seconds, answer).watched
        assert watched is not None
        return watched.tracking


@pytest.fixture
def watch(edge: Edge, ledger: Ledger, tmp_path: Path) -> Watch:
    return Watch(edge, ledger, tmp_path)


def running(
    blocks: float = 0, written: float | None = None, started: float = 0, peers: int | None = 3
) -> NodeReading:
    """Return a node that executes C in a process started `started` seconds after the start."""
    counters = {("C", "blocks_accepted"): blocks}
    return answering(metrics=NodeMetrics(NOW.wall + started, counters, peers, written))


def log(folder: Path, chain: str, *messages: str) -> None:
    """Write these messages to the log of a chain."""
    logs = folder / "avalanchego" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    lines = (f"[11-23|23:18:37.401] INFO <{chain} Chain> a/b.go:1 {message}\n" for message in messages)
    (logs / f"{chain}.log").write_text("".join(lines))


def test_progress_sets_idle_time_back(watch: Watch) -> None:
    idle = [
        watch.tracking(seconds, running(blocks)).idle_seconds
        for seconds, blocks in ((0, 5), (10, 5), (20, 5), (30, 6), (40, 6))
    ]

    assert idle == [0, 10, 20, 0, 10]


@pytest.mark.parametrize("answer", [NodeDown("refused"), NodeSilent("")], ids=repr)
def test_a_node_that_says_nothing_makes_no_progress(watch: Watch, answer: NodeReading) -> None:
    watch.tracking(0, running(5))
    watch.tracking(10, answer)

    assert watch.tracking(20, answer).idle_seconds == 20


def test_of_a_node_that_answers_without_metrics_progress_is_unknown(watch: Watch) -> None:
    watch.tracking(0, running(5))
    watch.tracking(10, answering())
    tracking = watch.tracking(20, answering())

    assert (tracking.idle_seconds, tracking.unknown_seconds) == (0, 20)


def test_a_node_that_its_platform_does_not_run_does_not_stand_still(watch: Watch, edge: Edge) -> None:
    watch.tracking(0, running(5))
    edge.pod = workload(build(), process=NodeProcess(running=False, waiting="ImagePullBackOff"))
    tracking = [watch.tracking(at, NodeDown("refused")) for at in (40, 50, 60)][-1]

    assert (tracking.idle_seconds, tracking.not_started_seconds > 0) == (0, True)


def test_a_success_waits_for_a_metrics_page_that_failed_once(watch: Watch, tmp_path: Path) -> None:
    log(tmp_path, "C", "initializing post-transition VM", "starting consensus")
    watch.tracking(0, healthy(0, 100, 50))
    dark = answering(health=HealthReport(healthy=True, oldest_check="t10"))
    tracking = [
        watch.tracking(10, dark),
        watch.tracking(20, healthy(20, 110, 40)),
        watch.tracking(30, healthy(30, 160, 3)),
    ]

    assert [each.healthy is not None for each in tracking] == [False, False, True]


def test_a_queue_that_is_shown_no_more_holds_no_success_up(watch: Watch) -> None:
    watch.tracking(0, healthy(0, 100, 50))
    watch.tracking(10, healthy(10, 100, 50))
    bare = answering(
        health=HealthReport(healthy=True, oldest_check="t20"), metrics=NodeMetrics(NOW.wall, {}, 3)
    )

    assert watch.tracking(20, bare).healthy is not None


def test_a_new_process_or_monitor_is_not_progress_and_loses_no_count(watch: Watch, edge: Edge) -> None:
    edge.pod = workload(build(), process=NodeProcess(running=True))
    watch.tracking(0, running(100))
    watch.tracking(10, NodeDown("refused"))
    watch.restart()
    edge.pod = workload(build(), process=NodeProcess(running=True, restarts=1))
    watch.tracking(20, running(0, started=15))
    stands = watch.tracking(30, running(0, started=15))
    moves = watch.tracking(40, running(60, started=15))
    seen = watch.poll(50, running(100, started=15))

    assert (stands.idle_seconds, stands.unknown_seconds) == (0, 10), (
        "nothing shows its stage in the new process"
    )
    assert (moves.idle_seconds, moves.restarts_at_progress) == (0, 0), "no position that was never reached"
    assert seen.counts["C", "blocks_accepted"] == Count(100, 100, 100)
    assert watch.tracking(60, running(101, started=15)).restarts_at_progress == 1


def test_a_crash_loop_in_which_only_p_catches_up_comes_no_further(watch: Watch, edge: Edge) -> None:
    edge.pod = workload(build(), process=NodeProcess(running=True))
    watch.tracking(0, running(100))
    for crash in range(1, 6):
        edge.pod = workload(build(), process=NodeProcess(running=True, restarts=crash))
        position = {("P", "chain_time"): 1e9 + crash, ("P", "blocks_accepted"): float(crash)}
        metrics = NodeMetrics(NOW.wall + 100 * crash, position, 3)
        watch.tracking(100 * crash, answering(metrics=metrics))
    seen = watch.poll(600)

    assert decide_wait(seen.state).rule == "node_crashes"


def test_the_logs_are_read_at_each_poll(watch: Watch, tmp_path: Path) -> None:
    log(tmp_path, "C", 'fetching blocks {"numFetchedBlocks": 70, "pctComplete": 7}')
    first = watch.poll(0, NodeSilent(""))
    log(tmp_path, "C", 'fetching blocks {"numFetchedBlocks": 80, "pctComplete": 8}')
    second = watch.tracking(20)

    assert (first.state.log.chains["C"].activity, first.state.log.chains["C"].ratio) == (
        ChainActivity.FETCHING,
        0.07,
    )
    assert second.idle_seconds == 0, "its log shows progress while the node is silent"


@pytest.mark.parametrize(
    ("log_lines", "written", "lifeless_seconds"),
    [
        pytest.param(
            "compacting database before executing blocks...", [1, 2, 3], 0, id="compacts, and writes"
        ),
        pytest.param("executing blocks", [1, 2, 3], 0, id="executes, and writes"),
        pytest.param("fetching blocks", [1, 2, 3], 30, id="writes, but fetching is not hidden work"),
        pytest.param(
            "compacting database before executing blocks...", [3, 3, 3], 20, id="compacts, but writes no more"
        ),
        pytest.param(
            "compacting database before executing blocks...",
            [1, 2, 2],
            10,
            id="writes no more since the last poll",
        ),
        pytest.param(
            "compacting database before executing blocks...",
            [None, None, None],
            30,
            id="does not report what it writes",
        ),
        pytest.param(
            "compacting database before executing blocks...",
            [9, 1, 2],
            0,
            id="another process counts its writes from zero",
        ),
        pytest.param(None, [1, 2, 3], 30, id="no log"),
    ],
)
def test_life_is_writing_while_a_chain_compacts_or_executes(
    watch: Watch, tmp_path: Path, log_lines: str | None, written: list[float | None], lifeless_seconds: float
) -> None:
    """While a chain compacts or executes, writes to the disk show activity.

    The first answer of a node counts as progress, from which lifeless time is counted.
    """
    if log_lines:
        log(tmp_path, "C", log_lines)
    watch.tracking(0, running(5))
    tracking = [watch.tracking(10 * n, running(5, each)) for n, each in enumerate(written, start=1)][-1]

    assert (tracking.lifeless_seconds, tracking.idle_seconds) == (lifeless_seconds, 30)


def test_p_that_compacts_while_it_keeps_up_is_not_activity_of_the_run(watch: Watch, tmp_path: Path) -> None:
    log(tmp_path, "P", "compacting database before executing blocks...")
    log(tmp_path, "C", "fetching blocks")
    watch.tracking(0, running(5, 1))

    assert watch.tracking(10, running(5, 2)).lifeless_seconds == 10


HOUR = 3600.0


@pytest.mark.parametrize(
    ("log_lines", "writes", "hours", "verdict"),
    [
        pytest.param(
            "compacting database before executing blocks...",
            True,
            13,
            "nothing_to_do",
            id="13 h: a compaction continues",
        ),
        pytest.param(
            "compacting database before executing blocks...",
            False,
            13,
            "run_stalls",
            id="13 h: a stall in a compaction",
        ),
        pytest.param("fetching blocks", True, 13, "run_stalls", id="13 h: a stall"),
        pytest.param("fetching blocks", True, 11, "nothing_to_do", id="11 h: not long enough for a verdict"),
        pytest.param(
            "compacting database before executing blocks...",
            True,
            25,
            "run_stalls",
            id="25 h: too long for a compaction",
        ),
    ],
)
def test_a_stall_and_a_compaction_of_the_same_length(
    edge: Edge,
    ledger: Ledger,
    tmp_path: Path,
    log_lines: str,
    hours: int,
    verdict: str,
    *,
    writes: bool,
) -> None:
    watch, tick_seconds = Watch(edge, ledger, tmp_path, 300.0), 300
    log(tmp_path, "C", log_lines)
    rules = []
    for tick in range(int(hours * HOUR / tick_seconds) + 1):
        seen = watch.poll(tick * tick_seconds, running(5, 1000.0 + (tick if writes else 0)))
        rules.append(decide_wait(seen.state).rule)

    assert {*rules[: int(11 * HOUR / tick_seconds)]} == {"nothing_to_do"}
    assert rules[-1] == verdict


@pytest.mark.parametrize(
    "blocked",
    [
        pytest.param(running(5, peers=0), id="no peers"),
        pytest.param(
            answering(
                health=HealthReport(healthy=False, oldest_check="t", failing_checks=("P",), isolated=True),
                bootstrapped=True,
            ),
            id="too little stake, and nothing else reported",
        ),
    ],
)
def test_blocked_time_is_neither_observed_nor_active_nor_counted(watch: Watch, blocked: NodeReading) -> None:
    before = watch.tracking(10, running(5))
    assert all(watch.poll(seconds, blocked).state.blocked for seconds in (20, 30, 40))
    during = watch.tracking(5000)
    after = watch.tracking(5010, running(5))

    names = ("observed_seconds", "active_seconds", "idle_seconds", "unhealthy_seconds", "not_started_seconds")
    clocks = [[getattr(tracking, name) for name in names] for tracking in (before, during, after)]
    assert clocks == [[0, 10, 0, 0, 0], [0, 10, 0, 0, 0], [10, 20, 10, 0, 0]]


@pytest.mark.parametrize("log_lines", ["executing blocks", "compacting database before executing blocks..."])
def test_a_node_that_works_without_peers_is_not_blocked(watch: Watch, tmp_path: Path, log_lines: str) -> None:
    """Work without peers is active time; the state sync of the same node would wait for peers."""
    log(tmp_path, "C", log_lines)
    watch.tracking(0, running(5, written=1, peers=0))
    works = watch.poll(10, running(5, written=2, peers=0))
    rests = watch.poll(20, running(5, written=2, peers=0))
    progresses = watch.poll(30, running(6, written=2, peers=0))
    log(tmp_path, "C", "starting state sync")
    syncs = watch.poll(40, running(6, written=3, peers=0))

    no_peers = "the node has no peers"
    assert [seen.state.blocked for seen in (works, rests, progresses, syncs)] == ["", no_peers, "", no_peers]
    runs = [seen.watched for seen in (works, rests, progresses, syncs) if seen.watched]
    assert [run.tracking.active_seconds for run in runs] == [10, 10, 20, 20]
    assert [run.tracking.blocked_seconds for run in runs] == [0, 10, 0, 10]


def test_a_node_that_is_alone_by_its_configuration_is_not_blocked(watch: Watch, edge: Edge) -> None:
    edge.pod = workload(build(), alone=True)
    assert not any(watch.poll(seconds, running(5, peers=0)).state.blocked for seconds in (0, 10, 20))

    tracking = watch.tracking(30)
    assert (tracking.active_seconds, tracking.observed_seconds, tracking.idle_seconds) == (30, 30, 30)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        pytest.param(running(5, peers=0), 50, id="blocked still"),
        pytest.param(running(5), 0, id="peers"),
        pytest.param(answering(health=HealthReport(healthy=True, oldest_check="t")), 0, id="health"),
        # The network may still be absent, since the node does not report its peers.
        pytest.param(
            answering(health=HealthReport(healthy=False, oldest_check="t")),
            40,
            id="its peers could not be read",
        ),
        pytest.param(running(5, peers=None), 40, id="it does not count its peers"),
        pytest.param(NodeSilent(""), 40, id="silence"),
        pytest.param(NodeDown("refused"), 40, id="a restart"),
        pytest.param(answering(), 40, id="an answer without health and metrics"),
    ],
)
def test_time_without_network_counts_until_the_node_reports_peers(
    watch: Watch, answer: NodeReading, seconds: float
) -> None:
    """Time without a network counts until the node reports peers.

    A single failed poll must not reset a timer of twelve hours.
    """
    for at in (0, 10, 20, 30):
        watch.tracking(at, running(5, peers=0))
    watch.tracking(40, running(5, peers=0))

    assert watch.tracking(50, answer).blocked_seconds == seconds


def restarted(times: int, uid: str = "pod-1") -> Workload:
    """Return a pod whose node was restarted `times` times."""
    return workload(build(), uid=uid, process=NodeProcess(running=True, restarts=times))


def test_a_restart_of_the_container_counts_once(watch: Watch, edge: Edge) -> None:
    edge.pod = restarted(0)
    watch.tracking(0, running(5))
    edge.pod = restarted(1)
    counted = [watch.tracking(10, NodeDown("")), watch.tracking(20, running(0, started=15))]
    counted += [watch.tracking(30), watch.tracking(40)]

    assert [tracking.node_restarts for tracking in counted] == [1, 1, 1, 1]
    assert [tracking.down_seconds for tracking in counted] == [10, 0, 0, 0]


def test_the_times_of_the_newest_restarts_are_kept(watch: Watch, edge: Edge) -> None:
    edge.pod = restarted(0)
    watch.tracking(0, running(5))
    edge.pod = restarted(1)
    (first,) = watch.tracking(10, NodeDown("")).restarted_at
    edge.pod = restarted(14)
    times = watch.tracking(700).restarted_at

    assert times == (first + 690,) * MAX_RESTART_TIMES


def test_a_restart_that_the_platform_reports_late_counts(watch: Watch, edge: Edge) -> None:
    """A restart that the platform reports late still counts.

    The node answers again before its pod shows the restart, and the run may end before the pod is read
    again.
    """
    edge.pod = restarted(0)
    watch.tracking(0, running(5))
    edge.pod = workload(build(), process=NodeProcess(running=False, restarts=0))
    watch.tracking(10, NodeDown(""))
    watch.tracking(20, running(0, started=15))
    edge.pod = restarted(1)

    assert watch.tracking(30).node_restarts == 1


@pytest.mark.parametrize("new_monitor", [False, True], ids=["the same monitor", "a new monitor"])
def test_a_restart_while_the_platform_was_away_counts_once(
    watch: Watch, edge: Edge, *, new_monitor: bool
) -> None:
    edge.pod = restarted(0)
    watch.tracking(0, running(5))
    edge.pod, edge.error = restarted(2), TemporaryError("no answer")
    if new_monitor:
        watch.restart()
    watch.tracking(10, NodeDown(""))
    watch.tracking(20, running(0, started=15))
    watch.tracking(30, running(0, started=25))
    edge.error = None

    assert watch.tracking(700).node_restarts == 2


@pytest.mark.parametrize("away", [False, True], ids=["the platform answers", "it was away in that time"])
def test_a_moved_pod_is_not_a_node_restart(watch: Watch, edge: Edge, ledger: Ledger, *, away: bool) -> None:
    edge.pod = restarted(3)
    before = watch.tracking(0, running(5))
    ledger.release("pod-1")
    edge.pod = restarted(0, uid="pod-2")
    edge.error = TemporaryError("no answer") if away else None
    watch.restart()
    watch.tracking(10, running(0, started=5))
    edge.error = None

    after = watch.tracking(700, running(0, started=5))
    assert (before.node_restarts, after.node_restarts) == (3, 3)


@dataclass
class Space:
    """The free bytes of a volume of 1,000 bytes; `None` if it cannot be read."""

    free_bytes: int | None = 1000

    def __call__(self, _: Path) -> tuple[int, int]:
        if self.free_bytes is None:
            raise TemporaryError("/data: cannot be read")
        return 1000, self.free_bytes


def test_a_shortage_of_space_counts_while_it_is_seen(edge: Edge, ledger: Ledger, tmp_path: Path) -> None:
    space = Space()
    observer = WaitObserver(edge, ledger, edge, POLICY, edge.clock, tmp_path, LatestReadings(), free=space)
    counted = []
    for space.free_bytes in (100, 99, 0, None, 99, 100, 99):
        watched = observer.poll().watched
        assert watched is not None
        ledger.record(edge.now, "default", tracking=watched)
        counted.append(watched.tracking.low_disk_seconds)
        edge.now = later(10, edge.now)

    assert counted == [0, 10, 20, 20, 30, 0, 10]


@pytest.mark.parametrize(
    ("process", "free_bytes", "floor", "restarts"),
    [
        pytest.param(NodeProcess(True, restarts=3), 30, 0.1, 3, id="room enough to run"),
        pytest.param(NodeProcess(True, restarts=3), 29, 0.1, 0, id="the volume failed the node"),
        pytest.param(NodeProcess(True, restarts=3), 0, 0.0, 3, id="the volume is not needed"),
        pytest.param(
            NodeProcess(True, restarts=3, last_exit=NodeExit(128), failed_to_start=True),
            1000,
            0.1,
            0,
            id="it could not be started before",
        ),
        pytest.param(
            NodeProcess(False, "RunContainerError", 3, failed_to_start=True),
            1000,
            0.1,
            0,
            id="it cannot be started now",
        ),
        pytest.param(
            NodeProcess(
                False,
                "CrashLoopBackOff",
                3,
                NodeExit(1, misconfigured=True),
                crash_looping=True,
                failed_to_start=True,
            ),
            1000,
            0.1,
            0,
            id="it rejects its flags",
        ),
        pytest.param(
            NodeProcess(False, "CrashLoopBackOff", 3, NodeExit(128), crash_looping=True),
            1000,
            0.1,
            3,
            id="it ended with 128",
        ),
    ],
)
def test_restarts_count_where_the_node_is_to_blame(
    edge: Edge,
    ledger: Ledger,
    tmp_path: Path,
    process: NodeProcess,
    free_bytes: int,
    floor: float,
    restarts: int,
) -> None:
    policy, space = replace(POLICY, disk_floor_ratio=floor), Space()
    observer = WaitObserver(edge, ledger, edge, policy, edge.clock, tmp_path, LatestReadings(), free=space)
    edge.pod = restarted(0)
    ledger.record(edge.now, "default", tracking=observer.poll().watched)
    edge.pod, edge.answer, edge.now = workload(build(), process=process), NodeDown(""), later(60)
    space.free_bytes = free_bytes
    watched = observer.poll().watched

    assert watched is not None
    assert watched.tracking.node_restarts == restarts


def test_restarts_count_while_blocked(watch: Watch, edge: Edge) -> None:
    """Restarts count while blocked, because a network outage crashes no node."""
    edge.pod = restarted(0)
    watch.tracking(0, running(5, peers=0))
    edge.pod = restarted(1)

    assert watch.tracking(10, running(0, started=5, peers=0)).node_restarts == 1


def test_while_the_node_is_down_its_platform_is_asked_more_often(watch: Watch, edge: Edge) -> None:
    asked = []
    watch.poll(0, running(5))
    for seconds in (10, 20, 10 + WORKLOAD_KEPT_SECONDS_WHILE_DOWN, 50, 100):
        watch.poll(seconds, NodeDown("refused"))
        asked.append(edge.asked)
    watch.poll(110, running(5))
    watch.poll(110 + WORKLOAD_KEPT_SECONDS - 1)

    assert [*asked, edge.asked] == [2, 2, 3, 3, 4, 5]


@pytest.mark.parametrize(
    ("process", "not_started_seconds"),
    [
        pytest.param(NodeProcess(running=False, waiting="ImagePullBackOff"), 20, id="no image"),
        pytest.param(
            NodeProcess(running=False, crash_looping=True, waiting="CrashLoopBackOff"), 0, id="it crashes"
        ),
        pytest.param(NodeProcess(running=True), 0, id="it runs"),
        pytest.param(None, 0, id="its platform does not say"),
    ],
)
def test_a_node_that_is_down_is_not_started_where_its_platform_says_so(
    watch: Watch, edge: Edge, process: NodeProcess | None, not_started_seconds: float
) -> None:
    edge.pod = workload(build(), process=process)
    watch.tracking(0, NodeDown("refused"))
    watch.tracking(10)

    assert watch.tracking(20).not_started_seconds == not_started_seconds


def test_an_outdated_answer_of_the_platform_is_discarded(watch: Watch, edge: Edge) -> None:
    """An outdated answer of the platform is discarded.

    The last one was that the node waits for an image; since then the platform has not answered.
    """
    edge.pod = workload(build(), process=NodeProcess(running=False, waiting="ImagePullBackOff"))
    watch.tracking(0, NodeDown("refused"))
    watch.tracking(10)
    edge.error = TemporaryError("no answer")
    counted = [watch.tracking(seconds).not_started_seconds for seconds in range(20, 4000, 20)]

    assert counted[-1] <= 10 + WORKLOAD_KEPT_SECONDS_WHILE_DOWN


def open_run_after(ledger: Ledger, successes: int) -> None:
    """Record an open run after `successes` successful runs of an hour each."""
    pod = workload(build())
    for number in range(successes + 1):
        ledger.record(NOW, "default", (BeginClearing(pod, ""),))
        ledger.record(NOW, "default", (BeginRun(pod),))
        last = ledger.last()
        assert last is not None
        if number < successes:
            end = EndRun(last, Outcome.SUCCEEDED, None, "", 3600.0, 3600.0, 1)
            ledger.record(NOW, "default", (end,))


@pytest.mark.parametrize(
    ("successes", "seconds"),
    [(MIN_SAMPLES + LAG - 1, None), (MIN_SAMPLES + LAG, 3600.0)],
    ids=["too few", "enough"],
)
def test_an_open_run_is_held_against_what_is_usual(
    edge: Edge, tmp_path: Path, successes: int, seconds: float | None
) -> None:
    with closing(open_ledger(tmp_path)) as ledger:
        open_run_after(ledger, successes)
        found = (
            WaitObserver(edge, ledger, edge, POLICY, edge.clock, tmp_path, LatestReadings())
            .poll()
            .state.baseline_seconds
        )

    assert found == (None if seconds is None else pytest.approx(seconds, rel=0.05))


def test_builds_that_are_compared_in_turns_have_no_deadline_of_each_other(edge: Edge, tmp_path: Path) -> None:
    with closing(open_ledger(tmp_path)) as ledger:
        open_run_after(ledger, MIN_SAMPLES + LAG)
        ledger.record(NOW, "default", readings={COMPARISON: {"told_runs": None}})
        found = (
            WaitObserver(edge, ledger, edge, POLICY, edge.clock, tmp_path, LatestReadings())
            .poll()
            .state.baseline_seconds
        )

    assert found is None


def test_what_is_usual_is_what_a_person_marked_last(edge: Edge, tmp_path: Path) -> None:
    """The baseline follows the last mark of a user, even while a run is open."""
    with closing(open_ledger(tmp_path)) as ledger:
        open_run_after(ledger, MIN_SAMPLES + LAG)
        observer = WaitObserver(edge, ledger, edge, POLICY, edge.clock, tmp_path, LatestReadings())
        found = [observer.poll().state.baseline_seconds]
        for first_run in ("2", "1"):
            ledger.ask(RequestKind.MARK_BASELINE, first_run, NOW.wall)
            found.append(observer.poll().state.baseline_seconds)

    assert found == [pytest.approx(3600, rel=0.05), None, found[0]]


def test_what_a_person_asked_for_is_part_of_the_state(observer: WaitObserver, ledger: Ledger) -> None:
    before = observer.poll().state
    ledger.ask(RequestKind.PAUSE, "", NOW.wall)
    ledger.ask(RequestKind.RERUN, "", NOW.wall)
    after = observer.poll().state

    assert (before.paused, before.requested) == (False, None)
    assert (after.paused, after.requested) == (True, build())


def test_how_long_the_tag_shows_a_build_and_when_that_was_superseded(
    observer: WaitObserver, ledger: Ledger, edge: Edge
) -> None:
    ledger.record(NOW, "default", [BeginClearing(workload(build(NEW)), ""), BeginRun(workload(build(NEW)))])
    edge.now = replace(NOW, wall=NOW.wall + 90)
    found = []
    for newest in (None, Standing(build(), 4, 60.0), Standing(build(NEW))):
        observer.latest.newest = newest
        state = observer.poll().state
        found.append((state.newest, state.newest_lookups, state.newest_seconds, state.superseded_seconds))

    assert found == [(None, 0, 0.0, None), (build(), 4, 60.0, 90.0), (build(NEW), 1, 0.0, None)]


def test_a_build_that_was_superseded_twice_counts_from_the_last_time(
    observer: WaitObserver, ledger: Ledger, edge: Edge
) -> None:
    for seconds, new_build in ((10, build(NEW)), (20, build()), (60, build(NEW))):
        pod = workload(new_build)
        ledger.record(later(seconds), "default", [BeginClearing(pod, ""), BeginRun(pod)])
    edge.now = later(90)
    observer.latest.newest = Standing(build())

    assert observer.poll().state.superseded_seconds == 30.0


def test_init_reads_who_reverted_only_where_a_pin_was_reverted(
    edge: Edge, ledger: Ledger, tmp_path: Path
) -> None:
    observer = InitObserver(edge, Unasked(), ledger, Volume(tmp_path), POLICY, edge.clock)
    unpinned = workload(uid="pod-9")
    first = observer.state(unpinned)
    ledger.record(NOW, "default", (RecordIntervention(Intervention.PIN_REVERT, "pod-7"),))
    ledger.record(NOW, "default", (RecordIntervention(Intervention.PIN, "pod-8", "node@sha256:1"),))
    second = observer.state(unpinned)

    assert (first.pinned_before, first.reverter) == ("", "")
    assert second.pinned_before == "node@sha256:1"
    assert (second.reverts_today, second.reverter) == (1, "kubectl-edit")


def test_a_pod_after_another_unpinned_pod_is_not_a_revert(edge: Edge, ledger: Ledger, tmp_path: Path) -> None:
    """A pod that follows another unpinned pod is not a revert, because no pin could be set."""
    observer = InitObserver(edge, Unasked(), ledger, Volume(tmp_path), POLICY, edge.clock)
    ledger.record(NOW, "default", (RecordIntervention(Intervention.PIN, "pod-7", "node@sha256:1"),))
    ledger.record(NOW, "default", (RecordIntervention(Intervention.PIN_REVERT, "pod-8"),))

    assert observer.state(workload(uid="pod-9")).pinned_before == ""


def test_a_revert_of_this_very_pod_is_not_counted_again(edge: Edge, ledger: Ledger, tmp_path: Path) -> None:
    observer = InitObserver(edge, Unasked(), ledger, Volume(tmp_path), POLICY, edge.clock)
    ledger.record(NOW, "default", (RecordIntervention(Intervention.PIN_REVERT, "pod-9"),))

    assert observer.state(workload(uid="pod-9")).reverts_today == 0


class Unasked:
    """A source that must not be asked."""

    def newest(self) -> Build:
        raise AssertionError("it was asked")


def test_init_cannot_continue_without_an_answer(edge: Edge, ledger: Ledger, tmp_path: Path) -> None:
    """`init` raises a temporary error without an answer, such as from a registry that asked for a pause."""

    class Silent:
        def newest(self) -> None:
            return None

    observer = InitObserver(edge, Silent(), ledger, Volume(tmp_path), POLICY, edge.clock)
    with pytest.raises(TemporaryError, match="the newest build is unknown"):
        observer.look_up()


# ---- A node on current networks --------------------------------------------------------------------------


def healthy(seconds: float, height: float, queued: float | None, started: float = 0) -> NodeReading:
    """Return a healthy node whose C-Chain is on SAE and has `queued` accepted blocks to execute."""
    metrics = NodeMetrics(
        NOW.wall + started,
        {("C", "height_executed"): height},
        3,
        queued_blocks={} if queued is None else {"C": queued},
    )
    return answering(health=HealthReport(healthy=True, oldest_check=f"t{seconds}"), metrics=metrics)


def test_health_counts_once_sae_has_executed_what_it_had_accepted(watch: Watch) -> None:
    """Health counts once SAE has executed the blocks that had been accepted when the node became healthy.

    Blocks that are accepted later do not delay the health.
    """
    polls = [(0, 100, 50), (10, 100, 50), (20, 120, 40), (30, 149, 20), (40, 150, 30), (50, 155, 30)]
    tracking = [watch.tracking(at, healthy(at, height, queued)) for at, height, queued in polls]

    assert [each.healthy is not None for each in tracking] == [False, False, False, False, True, True]
    assert tracking[-1].healthy is not None
    assert tracking[-1].healthy.since_wall == NOW.wall + 40


@pytest.mark.parametrize("queued", [0, None], ids=["an empty queue", "no queue"])
def test_health_counts_immediately_if_nothing_waits(watch: Watch, queued: float | None) -> None:
    watch.tracking(0, healthy(0, 100, queued))

    assert watch.tracking(10, healthy(10, 100, queued)).healthy is not None


def test_a_queue_that_drains_no_more_stalls(watch: Watch) -> None:
    watch.tracking(0, healthy(0, 100, 50))
    tracking = [watch.tracking(at, healthy(at, 120, 30)) for at in (10, 20, 30)]

    assert [each.healthy for each in tracking] == [None] * 3
    assert tracking[-1].execution_targets == {"C": 150}


@pytest.mark.parametrize(
    ("log_lines", "synced"),
    [
        pytest.param(["starting state sync"], None, id="not known yet"),
        pytest.param(
            ["starting state sync", 'accepted state summary {"syncMode": "Static"}'], True, id="it syncs"
        ),
        pytest.param(["starting state sync", "skipping state sync {}"], False, id="it skips the sync"),
        pytest.param(
            ["starting state sync", 'accepted state summary {"syncMode": "Skipped"}'], False, id="too near"
        ),
        pytest.param(["starting to fetch blocks"], False, id="it executes all blocks"),
    ],
)
def test_whether_the_state_was_synced_is_what_the_node_did(
    watch: Watch, tmp_path: Path, log_lines: list[str], *, synced: bool | None
) -> None:
    log(tmp_path, "C", *log_lines)

    assert watch.tracking(0, running()).state_synced is synced


SUMMARY = 'accepted state summary {"summaryID": "%s", "syncMode": "Static"}'


@pytest.mark.parametrize(
    ("first", "then", "restarted", "expected"),
    [
        pytest.param([SUMMARY % 1], [SUMMARY % 1], False, False, id="one state sync"),
        pytest.param([SUMMARY % 1], [SUMMARY % 2], False, True, id="a second summary"),
        pytest.param(["state sync started"], ["starting state sync"], True, True, id="killed while it syncs"),
        pytest.param(["starting to fetch blocks"], [], True, False, id="killed while it fetches the rest"),
    ],
)
def test_a_state_sync_that_began_again(
    watch: Watch, tmp_path: Path, first: list[str], then: list[str], *, restarted: bool, expected: bool
) -> None:
    """A restarted state sync is found in the log, since no counter on SAE shows it."""
    log(tmp_path, "C", *first)
    watch.tracking(0, running())
    log(tmp_path, "C", *first, *then)
    tracking = watch.tracking(10, running(started=8.0 if restarted else 0))

    assert tracking.state_sync_restarted is expected


def test_a_node_that_the_network_refuses_is_outdated(watch: Watch, tmp_path: Path) -> None:
    logs = tmp_path / "avalanchego" / "logs"
    logs.mkdir(parents=True)
    phases = []
    for minute in range(18):
        line = (
            f"[11-23|23:{minute:02}:37.401] INFO a/b.go:1 peer attempting to connect with newer version. "
            'You may want to update your client {"peerVersion": "avalanchego/1.15.0"}'
        )
        (logs / "main.log").write_text(line)
        seen = [watch.poll(60 * minute + second, running(peers=0)) for second in (0, 20, 40)][-1]
        phases.append(decide_wait(seen.state))
        if phases[-1].rule == "build_is_outdated":
            break

    assert phases[1].message == (
        "the network runs newer builds (1.15.0) and refuses this one; the run fails as outdated after 15m"
    )
    assert (phases[-1].rule, len(phases)) == ("build_is_outdated", 16)


def test_a_node_that_renames_its_chains_fills_no_ledger(watch: Watch, tmp_path: Path) -> None:
    logs = tmp_path / "avalanchego" / "logs"
    logs.mkdir(parents=True)
    for tick in range(40):
        for number in range(5):
            line = "[11-23|23:18:37.401] INFO <C Chain> a/b.go:1 starting to fetch blocks\n"
            (logs / f"l1-{tick}-{number}.log").write_text(line)
        counters = {(f"l1-{tick}-{number}", "blocks_fetched"): 1.0 for number in range(5)}
        seen = watch.poll(10 * tick, answering(metrics=NodeMetrics(NOW.wall, counters, 3)))
        assert seen.watched is not None
        chains = seen.watched.tracking.chains.keys()
        assert len(chains) <= MAX_CHAINS
        assert {chain for chain, _ in seen.counts} <= chains


CRASHED = NodeProcess(
    running=False, crash_looping=True, waiting="CrashLoopBackOff", restarts=3, last_exit=NodeExit(7)
)
KEPT = "as it was"


@pytest.mark.parametrize(
    ("reading", "process", "expected"),
    [
        pytest.param(NodeDown("down"), CRASHED, Cause.NODE_CRASHING, id="it waits for its restart"),
        pytest.param(
            NodeDown("down"),
            replace(CRASHED, last_exit=NodeExit(1, message="unknown flag: --foo", misconfigured=True)),
            Cause.CONFIGURATION_INVALID,
            id="it rejects its flags",
        ),
        pytest.param(
            NodeDown("down"), replace(CRASHED, running=True, waiting=""), KEPT, id="it was restarted"
        ),
        pytest.param(
            NodeSilent("busy"),
            replace(CRASHED, running=True, waiting=""),
            KEPT,
            id="it was restarted and listens",
        ),
        pytest.param(answering(), replace(CRASHED, running=True, waiting=""), None, id="it answers"),
        pytest.param(
            NodeDown("down"), NodeProcess(running=True), None, id="it was started and never restarted"
        ),
        pytest.param(
            NodeDown("down"), NodeProcess(False, "ContainerCreating"), KEPT, id="it is about to be started"
        ),
        pytest.param(NodeDown("down"), None, KEPT, id="the platform has not reported"),
    ],
)
def test_the_problem_of_a_node_ends_when_it_answers(
    ledger: Ledger,
    tmp_path: Path,
    reading: NodeReading,
    process: NodeProcess | None,
    expected: Cause | str | None,
) -> None:
    """The problem of a node ends when the node answers, although a crashing node runs at times."""
    edge = Edge(answer=reading, pod=workload(build(), process=process))
    found = problems_of(
        WaitObserver(edge, ledger, edge, POLICY, edge.clock, tmp_path, LatestReadings()).poll()
    )
    node = found.get("node", (KEPT, ""))

    assert (node and node[0]) == expected


def test_a_held_volume_is_one_line_of_the_status(edge: Edge, ledger: Ledger, tmp_path: Path) -> None:
    """A held volume appears as one line of the status, although it is both a problem and the notice."""
    ledger.renew("another-pod")
    seen = WaitObserver(edge, ledger, edge, POLICY, edge.clock, tmp_path, LatestReadings()).poll()
    problem = problems_of(seen)["volume"]
    assert problem is not None
    shown = status(notice=decide_wait(seen.state).message, problems=(Problem(*problem, NOW.wall),))

    lines = [line for line in status_lines(shown) if "pod another-pod holds the volume" in line]
    assert len(lines) == 1
    assert page(shown).count("pod another-pod holds the volume") == 1
