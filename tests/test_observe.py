"""What a tick reads, and what it makes of answers that are missing, old or another's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from builders import NEW, NOW, POLICY, answering, build, workload

from monitor.decide.vocabulary import BeginClearing, BeginRun, Intervention, RecordIntervention
from monitor.errors import MonitorError, TemporaryError
from monitor.ledger import Ledger, open_ledger
from monitor.model import (
    Build,
    Health,
    HealthReport,
    Instant,
    NodeDown,
    NodeIdentity,
    NodeMetrics,
    NodeReading,
    NodeSilent,
    Workload,
)
from monitor.observe import (
    STALE_AFTER_SECONDS,
    Freshness,
    InitObserver,
    WaitObserver,
    freshness_of,
    health_of,
)
from monitor.volume import Volume

HEALTHY = HealthReport(healthy=True, oldest_check="t1")


def later(seconds: float, start: Instant = NOW) -> Instant:
    """The same boot, so many seconds on."""
    return replace(start, wall=start.wall + seconds, boot_seconds=start.boot_seconds + seconds)


@dataclass
class Edge:
    """Platform, node and clock in one: it answers what a test set, or fails."""

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

    def pin(self, build: Build) -> None:
        raise NotImplementedError

    def recreate(self, *, unchanged: bool) -> None:
        raise NotImplementedError

    def await_end(self, stopping: object) -> None:
        raise NotImplementedError

    def reverter(self) -> str:
        return "kubectl-edit"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with run 1 open, of the usual build."""
    found = open_ledger(tmp_path)
    pod = workload(build())
    found.record(NOW, "default", (BeginClearing(pod, "clearing"),))
    found.record(NOW, "default", (BeginRun(pod),))
    yield found
    found.close()


@pytest.fixture
def edge() -> Edge:
    return Edge()


@pytest.fixture
def observer(edge: Edge, ledger: Ledger, tmp_path: Path) -> WaitObserver:
    return WaitObserver(edge, ledger, edge, POLICY, edge.clock, tmp_path)


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

    assert observer.look().health is expected


def test_a_node_that_came_back_must_show_fresh_health_anew(edge: Edge, observer: WaitObserver) -> None:
    edge.now, edge.answer = later(0), answering(health=HEALTHY)
    observer.look()
    edge.now, edge.answer = later(10), answering(health=replace(HEALTHY, oldest_check="t2"))
    healthy = observer.look().health
    edge.answer = NodeDown("refused")
    observer.look()
    edge.now, edge.answer = later(20), answering(health=replace(HEALTHY, oldest_check="t2"))

    assert (healthy, observer.look().health) == (Health.HEALTHY, Health.UNKNOWN)


def test_the_pod_is_read_when_the_node_comes_or_goes_not_each_tick(
    edge: Edge, observer: WaitObserver
) -> None:
    asked = []
    for seconds, answer in ((0, answering()), (10, answering()), (20, NodeDown("")), (30, NodeDown(""))):
        edge.now, edge.answer = later(seconds), answer
        observer.look()
        asked.append(edge.asked)
    edge.now = later(1000)
    observer.look()

    assert [*asked, edge.asked] == [1, 1, 2, 2, 3]


def test_while_the_platform_does_not_answer_the_pod_is_as_it_was(edge: Edge, observer: WaitObserver) -> None:
    known = observer.look().state.workload
    edge.error, edge.answer, edge.now = TemporaryError("no answer"), NodeDown(""), later(10)
    seen = observer.look()

    assert (seen.state.workload, seen.notice) == (known, "no answer")


def test_before_the_platform_ever_answered_there_is_no_pod_and_time_is_still_kept(
    edge: Edge, observer: WaitObserver
) -> None:
    edge.error = TemporaryError("no answer")
    observer.look()
    edge.now = later(10)
    seen = observer.look()

    assert seen.state.workload is None
    assert seen.watched is not None
    assert seen.watched.bookkeeping.observed_seconds == 10


@pytest.mark.parametrize(
    ("gap_seconds", "observed_seconds"),
    [pytest.param(10, 10, id="a tick"), pytest.param(86400, 20, id="a day away counts two ticks")],
)
def test_an_outage_of_the_monitor_is_not_observed(
    edge: Edge, observer: WaitObserver, gap_seconds: float, observed_seconds: float
) -> None:
    observer.look()
    edge.now = later(gap_seconds)
    watched = observer.look().watched

    assert watched is not None
    assert watched.bookkeeping.observed_seconds == observed_seconds


def test_active_time_runs_by_the_process_not_by_the_wall_clock(edge: Edge, observer: WaitObserver) -> None:
    edge.answer = answering(metrics=NodeMetrics(process_started_at=NOW.wall))
    observer.look()
    edge.now = later(100)
    edge.answer = answering(metrics=NodeMetrics(process_started_at=NOW.wall))
    before = observer.look().watched
    # The clock is set back an hour; the node's start, in its own page, moves with it.
    edge.now = replace(later(110), wall=NOW.wall + 110 - 3600)
    edge.answer = answering(metrics=NodeMetrics(process_started_at=NOW.wall - 3600))
    after = observer.look().watched

    assert before is not None
    assert after is not None
    assert (before.bookkeeping.active_seconds, after.bookkeeping.node_restarts) == (100, 0)


def test_another_holder_is_told_until_it_was_silent_for_long(
    edge: Edge, observer: WaitObserver, ledger: Ledger
) -> None:
    ledger.beat("pod-0")
    told = []
    for seconds in (0, 100, POLICY.holder_timeout_seconds):
        edge.now = later(seconds)
        told.append(observer.look().state.held_by)

    assert told == ["pod-0", "pod-0", None]


def test_another_holder_that_beats_is_never_taken_for_dead(
    edge: Edge, observer: WaitObserver, ledger: Ledger
) -> None:
    for seconds in range(0, 2000, 100):
        ledger.beat("pod-0")
        edge.now = later(seconds)
        assert observer.look().state.held_by == "pod-0"


def test_the_run_of_another_build_keeps_its_books(edge: Edge, observer: WaitObserver) -> None:
    edge.pod = workload(build(NEW))
    seen = observer.look()

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
    watched = observer.look().watched

    assert watched is not None
    assert watched.settings_changed is changed


@pytest.mark.parametrize(
    ("network_id", "agreed"), [pytest.param(5, True, id="its own"), pytest.param(1, False, id="another")]
)
def test_the_nodes_own_network_is_compared(
    edge: Edge, observer: WaitObserver, network_id: int, *, agreed: bool
) -> None:
    edge.answer = answering(identity=NodeIdentity(network_id, "avalanchego/1.14.2", build().commit))
    watched = observer.look().watched

    assert watched is not None
    assert watched.bookkeeping.identity_agreed is agreed


def test_counters_add_up_over_node_restarts(edge: Edge, observer: WaitObserver, ledger: Ledger) -> None:
    seen = []
    for seconds, blocks in ((0, 40.0), (10, 100.0), (20, 7.0)):
        edge.now = later(seconds)
        edge.answer = answering(metrics=NodeMetrics(NOW.wall, {("C", "blocks_accepted"): blocks}))
        seen.append(observer.look())
        ledger.record(edge.now, "default", books=seen[-1].watched, counts=seen[-1].counts)

    count = seen[-1].counts["C", "blocks_accepted"]
    assert (count.value, count.maximum) == (107, 100)


def test_init_reads_who_reverted_only_where_a_pin_was_reverted(
    edge: Edge, ledger: Ledger, tmp_path: Path
) -> None:
    observer = InitObserver(edge, Unasked(), ledger, Volume(tmp_path), POLICY, edge.clock)
    unpinned = workload(uid="pod-9")
    first = observer.state(unpinned)
    ledger.record(NOW, "default", (RecordIntervention(Intervention.PIN, "pod-0"),))
    ledger.record(NOW, "default", (RecordIntervention(Intervention.PIN_REVERT, "pod-8"),))
    second = observer.state(unpinned)

    assert (first.pinned_before, first.reverter) == (False, "")
    assert (second.pinned_before, second.reverts_today, second.reverter) == (True, 1, "kubectl-edit")


def test_a_revert_of_this_very_pod_is_not_counted_again(edge: Edge, ledger: Ledger, tmp_path: Path) -> None:
    observer = InitObserver(edge, Unasked(), ledger, Volume(tmp_path), POLICY, edge.clock)
    ledger.record(NOW, "default", (RecordIntervention(Intervention.PIN_REVERT, "pod-9"),))

    assert observer.state(workload(uid="pod-9")).reverts_today == 0


class Unasked:
    """A source that nothing should ask."""

    name = "unasked"

    def newest(self) -> Build:
        raise AssertionError("it was asked")
