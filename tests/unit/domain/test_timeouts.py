"""Tests of the timers behind the timeouts: what each timer counts and what resets it.

Unknown values do neither.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import answering

from monitor.domain.observations import (
    Health,
    HealthReport,
    NodeDown,
    NodeLog,
    NodeMetrics,
    NodeReading,
    NodeSilent,
)
from monitor.domain.timeouts import TickSignals, blocked_reason, counted, refused, tick_signals
from monitor.domain.tracking import HealthyStreak, Refusal, RunTracking
from monitor.domain.workload import NodeExit, NodeProcess

AT = 1_000_000.0
NOTHING = TickSignals(progressed=False, reached=False, works=False, started=None, unhealthy=None)
BOOKS = RunTracking(
    node_restarts=4,
    restarts_at_progress=1,
    progress_at=AT - 500,
    lifeless_seconds=300.0,
    not_started_seconds=200.0,
    unhealthy_seconds=100.0,
    low_disk_seconds=50.0,
    low_disk_at=AT - 70,
    starved_seconds=20.0,
)


def signals(**seen: bool | None) -> TickSignals:
    """Return the signals of a tick that observed nothing except `seen`."""
    return replace(NOTHING, **seen)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "changes"),
    [
        pytest.param({}, {"lifeless_seconds": 310}, id="nothing seen"),
        pytest.param(
            {"progressed": True},
            {"progress_at": AT, "lifeless_seconds": 0},
            id="progress: no restart is forgiven for it",
        ),
        pytest.param(
            {"progressed": True, "reached": True},
            {"progress_at": AT, "lifeless_seconds": 0, "restarts_at_progress": 4},
            id="a position never reached forgives restarts",
        ),
        pytest.param(
            {"progressed": True, "works": True},
            {"progress_at": AT, "lifeless_seconds": 0},
            id="progress and life",
        ),
        pytest.param({"works": True}, {"lifeless_seconds": 0}, id="a life sign is not progress"),
        pytest.param(
            {"started": False}, {"lifeless_seconds": 310, "not_started_seconds": 210}, id="not started"
        ),
        pytest.param({"started": True}, {"lifeless_seconds": 310, "not_started_seconds": 0}, id="started"),
        pytest.param(
            {"unhealthy": True}, {"lifeless_seconds": 310, "unhealthy_seconds": 110}, id="unhealthy"
        ),
        pytest.param(
            {"unhealthy": False}, {"lifeless_seconds": 310, "unhealthy_seconds": 0}, id="not unhealthy"
        ),
        pytest.param(
            {"low_disk": True}, {"lifeless_seconds": 310, "low_disk_seconds": 60}, id="too little space"
        ),
        pytest.param(
            {"low_disk": False},
            {"lifeless_seconds": 310, "low_disk_seconds": 0, "low_disk_at": None},
            id="enough space",
        ),
        pytest.param({"down": True}, {"lifeless_seconds": 310, "down_seconds": 10}, id="down"),
        pytest.param({"starved": True}, {"lifeless_seconds": 310, "starved_seconds": 30}, id="starved"),
        pytest.param({"starved": False}, {"lifeless_seconds": 310, "starved_seconds": 0}, id="not starved"),
    ],
)
def test_what_a_tick_counts(seen: dict[str, bool], changes: dict[str, float]) -> None:
    assert counted(BOOKS, AT, 10.0, signals(**seen)) == replace(BOOKS, **changes)  # type: ignore[arg-type]


def test_a_node_that_is_up_ends_the_time_for_which_it_was_down() -> None:
    tracking = counted(replace(BOOKS, down_seconds=500.0), AT, 10.0, signals(down=False))

    assert tracking.down_seconds == 0


@pytest.mark.parametrize(
    ("seen", "lifeless_seconds"),
    [
        pytest.param({}, None, id="never seen at work: unknown it stays"),
        pytest.param({"works": True}, 0.0, id="at work for the first time"),
        pytest.param({"progressed": True}, 0.0, id="progress for the first time"),
    ],
)
def test_a_node_that_was_never_seen_at_work_has_no_life_to_lose(
    seen: dict[str, bool], lifeless_seconds: float | None
) -> None:
    tracking = counted(replace(BOOKS, lifeless_seconds=None), AT, 10.0, signals(**seen))

    assert tracking.lifeless_seconds == lifeless_seconds


SIGNS = st.builds(
    TickSignals,
    progressed=st.booleans(),
    reached=st.booleans(),
    works=st.booleans(),
    started=st.none() | st.booleans(),
    unhealthy=st.none() | st.booleans(),
    down=st.booleans(),
    low_disk=st.none() | st.booleans(),
    starved=st.none() | st.booleans(),
)
SECONDS = st.integers(0, 10**6).map(float)
BOOKS_OF_ANY_KIND = st.builds(
    RunTracking,
    node_restarts=st.integers(0, 100),
    restarts_at_progress=st.integers(0, 100),
    progress_at=st.none() | SECONDS,
    lifeless_seconds=st.none() | SECONDS,
    not_started_seconds=SECONDS,
    unhealthy_seconds=SECONDS,
    low_disk_seconds=SECONDS,
    low_disk_at=st.none() | SECONDS,
    starved_seconds=SECONDS,
)


def test_a_shortage_of_space_is_known_from_its_first_reading_on() -> None:
    tracking = counted(RunTracking(), AT, 10.0, signals(low_disk=True))
    tracking = counted(tracking, AT + 10, 10.0, signals(low_disk=True))

    assert (tracking.low_disk_at, tracking.low_disk_seconds) == (AT, 20.0)


@given(BOOKS_OF_ANY_KIND, SECONDS, SIGNS)
def test_an_unknown_neither_counts_nor_resets(
    tracking: RunTracking, interval: float, seen: TickSignals
) -> None:
    after = counted(
        tracking, AT, interval, replace(seen, started=None, unhealthy=None, low_disk=None, starved=None)
    )

    assert after.not_started_seconds == tracking.not_started_seconds
    assert after.unhealthy_seconds == tracking.unhealthy_seconds


@given(BOOKS_OF_ANY_KIND, SIGNS)
def test_no_time_adds_nothing(tracking: RunTracking, seen: TickSignals) -> None:
    """A blocked run has no observed time, so that every timer is paused or reset."""
    after = counted(tracking, AT, 0.0, seen)

    for name in ("lifeless_seconds", "not_started_seconds", "unhealthy_seconds"):
        assert getattr(after, name) in {getattr(tracking, name), 0.0}
    assert counted(tracking, AT, 0.0, NOTHING) == tracking


@given(BOOKS_OF_ANY_KIND, SECONDS, SIGNS)
def test_no_clock_gains_more_than_the_interval(
    tracking: RunTracking, interval: float, seen: TickSignals
) -> None:
    after = counted(tracking, AT, interval, seen)

    for name in ("lifeless_seconds", "not_started_seconds", "unhealthy_seconds"):
        now, before = getattr(after, name), getattr(tracking, name)
        assert now is None or 0.0 <= now <= (before or 0.0) + interval


@given(BOOKS_OF_ANY_KIND, st.lists(SIGNS, max_size=10))
def test_a_clock_is_the_time_since_its_last_reset(tracking: RunTracking, ticks: list[TickSignals]) -> None:
    tracking = replace(tracking, lifeless_seconds=tracking.lifeless_seconds or 0.0)
    after = tracking
    for seen in ticks:
        after = counted(after, AT, 10.0, seen)
    since = [not (seen.progressed or seen.works) for seen in ticks[::-1]]
    dead_ticks = since.index(False) if False in since else len(ticks)

    assert after.lifeless_seconds == 10.0 * dead_ticks + (
        (tracking.lifeless_seconds or 0.0) if dead_ticks == len(ticks) else 0
    )


@given(BOOKS_OF_ANY_KIND, SECONDS, SIGNS)
def test_nothing_else_of_the_books_changes(tracking: RunTracking, interval: float, seen: TickSignals) -> None:
    tracking = replace(
        tracking, healthy=HealthyStreak(1.0, 2.0, 3.0), active_seconds=7.0, observed_seconds=8.0
    )
    after = counted(tracking, AT, interval, seen)

    assert after.node_restarts == tracking.node_restarts
    assert (after.healthy, after.active_seconds, after.observed_seconds) == (tracking.healthy, 7.0, 8.0)


# ---- Blocked ---------------------------------------------------------------------------------------------


def report(*failing: str, isolated: bool = False) -> HealthReport:
    """Return a health report in which these checks fail."""
    return HealthReport(healthy=not failing, oldest_check="t", failing_checks=failing, isolated=isolated)


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        pytest.param(NodeDown("refused"), "", id="a node that is down reports nothing"),
        pytest.param(NodeSilent("no answer"), "", id="nor does one that is silent"),
        pytest.param(answering(), "", id="nor one that says nothing of it"),
        pytest.param(answering(metrics=NodeMetrics(AT)), "", id="peers not given"),
        pytest.param(answering(metrics=NodeMetrics(AT, peers=1)), "", id="a peer"),
        pytest.param(answering(metrics=NodeMetrics(AT, peers=0)), "the node has no peers", id="no peers"),
        pytest.param(
            answering(health=report("P", isolated=True)),
            "the node is connected to too few peers or too little stake (failing checks: P)",
            id="too little stake",
        ),
        pytest.param(
            answering(health=report("P", "network", isolated=True), metrics=NodeMetrics(AT, peers=3)),
            "the node is connected to too few peers or too little stake (failing checks: P, network)",
            id="too little stake, with peers",
        ),
        pytest.param(answering(health=report("P")), "", id="a check of the node"),
        pytest.param(answering(health=report()), "", id="healthy"),
    ],
)
def test_what_blocks_a_node(reading: NodeReading, expected: str) -> None:
    assert blocked_reason(reading) == expected


def test_a_node_that_is_alone_needs_no_peers_but_its_stake() -> None:
    alone = answering(metrics=NodeMetrics(AT, peers=0))
    little_stake = replace(alone, health=report("P", isolated=True))

    assert blocked_reason(alone, alone=True) == ""
    assert blocked_reason(little_stake, alone=True) == (
        "the node is connected to too few peers or too little stake (failing checks: P)"
    )


# ---- Signals ---------------------------------------------------------------------------------------------

DOWN = NodeDown("refused")
RUNS = NodeProcess(running=True)


REJECTION = NodeExit(1, message="unknown flag: --foo", misconfigured=True)


def waits(why: str) -> NodeProcess:
    """Return a process that is not running, with the reason."""
    return NodeProcess(running=False, waiting=why)


@pytest.mark.parametrize(
    ("reading", "process", "started"),
    [
        pytest.param(answering(), None, True, id="it answers"),
        pytest.param(NodeSilent(""), None, True, id="something listens"),
        pytest.param(
            answering(), waits("ImagePullBackOff"), True, id="its answer is newer than its platform's"
        ),
        pytest.param(DOWN, None, None, id="down, and its platform does not say: unknown"),
        pytest.param(DOWN, RUNS, True, id="down, but it runs: it has not opened its port yet"),
        pytest.param(DOWN, waits("ImagePullBackOff"), False, id="no image"),
        pytest.param(DOWN, waits("CreateContainerConfigError"), False, id="no configuration"),
        pytest.param(DOWN, waits(""), False, id="not scheduled"),
        pytest.param(
            DOWN,
            replace(waits("CrashLoopBackOff"), crash_looping=True),
            True,
            id="it starts again and again: that is another rule",
        ),
        pytest.param(
            DOWN,
            replace(waits("CrashLoopBackOff"), last_exit=REJECTION, crash_looping=True, failed_to_start=True),
            False,
            id="it rejected its flags",
        ),
        pytest.param(
            DOWN,
            replace(RUNS, last_exit=REJECTION, failed_to_start=True),
            None,
            id="it may reject its flags again",
        ),
        pytest.param(
            NodeSilent(""),
            replace(RUNS, last_exit=REJECTION, failed_to_start=True),
            True,
            id="it accepts its flags now",
        ),
    ],
)
def test_whether_the_node_was_started(
    reading: NodeReading, process: NodeProcess | None, *, started: bool | None
) -> None:
    seen = tick_signals(
        reading,
        process,
        Health.UNKNOWN,
        progressed=False,
        reached=False,
        works=False,
        low_disk=None,
        starves_node=False,
    )

    assert seen == signals(started=started, down=isinstance(reading, NodeDown))


@pytest.mark.parametrize(
    ("reading", "health", "unhealthy"),
    [
        pytest.param(answering(bootstrapped=True), Health.UNHEALTHY, True, id="bootstrapped, and bad"),
        pytest.param(answering(bootstrapped=True), Health.HEALTHY, False, id="bootstrapped, and good"),
        pytest.param(answering(bootstrapped=True), Health.STALE, None, id="an old answer says nothing"),
        pytest.param(answering(bootstrapped=True), Health.UNKNOWN, None, id="no answer says nothing"),
        pytest.param(answering(bootstrapped=False), Health.UNHEALTHY, False, id="not bootstrapped yet"),
        pytest.param(answering(bootstrapped=False), Health.STALE, False, id="not bootstrapped, old answer"),
        pytest.param(answering(bootstrapped=None), Health.UNHEALTHY, None, id="who knows if bootstrapped"),
        pytest.param(NodeSilent(""), Health.UNKNOWN, None, id="silent"),
        pytest.param(DOWN, Health.UNKNOWN, None, id="down"),
    ],
)
def test_whether_the_node_is_unhealthy(
    reading: NodeReading, health: Health, *, unhealthy: bool | None
) -> None:
    seen = tick_signals(
        reading, RUNS, health, progressed=False, reached=False, works=False, low_disk=None, starves_node=False
    )

    assert seen == signals(started=True, unhealthy=unhealthy, down=reading is DOWN)


@pytest.mark.parametrize("progressed", [True, False])
@pytest.mark.parametrize("works", [True, False])
def test_progress_and_life_are_as_they_were_seen(*, progressed: bool, works: bool) -> None:
    seen = tick_signals(
        DOWN,
        None,
        Health.UNKNOWN,
        progressed=progressed,
        reached=progressed,
        works=works,
        low_disk=works,
        starves_node=works,
    )

    assert seen == signals(
        progressed=progressed, reached=progressed, works=works, down=True, low_disk=works, starved=works
    )


# ---- Refusal ---------------------------------------------------------------------------------------------


def newer(number: int) -> NodeLog:
    """Return a log with this number in its last line about a newer peer."""
    return NodeLog(newer_peer=f"line {number}" if number else "", newer_version="avalanchego/1.15.0")


@pytest.mark.parametrize(
    ("polls", "expected"),
    [
        pytest.param([(0, 0)] * 3, [0, 0, 0], id="no peers, and nobody refuses it: an outage"),
        pytest.param([(1, 5), (2, 5)], [0, 0], id="it has peers"),
        pytest.param(
            [(0, 5), (1, 0), (2, 0)], [0, 0, 0], id="it had peers: an outage, whatever its beacons run"
        ),
        pytest.param([(1, 0), (1, 0), (2, 0)], [100, 200, 300], id="refused"),
        pytest.param(
            [(1, 0), *[(1, 0)] * 7],
            [100, 200, 300, 400, 500, 600, 700, 0],
            id="no fresh line for long: not known any more",
        ),
        pytest.param([(1, 0), (1, 3), (2, 0)], [100, 0, 0], id="peers came"),
    ],
)
def test_how_long_the_network_has_refused_the_node(
    polls: list[tuple[int, int]], expected: list[float]
) -> None:
    found, refusal = [], Refusal()
    for number, peers in polls:
        refusal = refused(refusal, newer(number), 100.0, peers=peers, new_process=False)
        found.append(refusal.refused_seconds)

    assert found == expected


def test_a_new_process_that_finds_no_peers_can_be_refused() -> None:
    """A new process without peers can be refused if the network was upgraded during the previous process."""
    had = refused(Refusal(), newer(1), 100.0, peers=5, new_process=False)
    restarted = refused(had, newer(1), 100.0, peers=0, new_process=True)

    assert refused(restarted, newer(2), 100.0, peers=0, new_process=False).refused_seconds == 100
