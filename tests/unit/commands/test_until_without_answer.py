"""Tests that an invocation ends if no answer will come.

This is so while the tester is paused without an open run, or while the network is away for too long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from support.builders import NEW, NOW, OLD, build
from support.recorded_runs import TESTBED, TIMEOUT_SECONDS, begin, done, end

from monitor.avalanchego.node_config import NodeConfiguration
from monitor.commands.comparison_runs import ComparisonRuns, Plan
from monitor.commands.local_tester import Goal
from monitor.commands.until import REJECTED_SECONDS, Obstacle, Until, Wanted
from monitor.decide.decisions import RecordAttempt
from monitor.domain.build import Build
from monitor.domain.observations import Health
from monitor.domain.run import AttemptCause, RequestKind
from monitor.domain.status import NodeStatus, Problem
from monitor.domain.workload import SyncMode
from monitor.errors import Cause
from monitor.ledger import Ledger
from monitor.ledger.codecs import node_reading, problem_reading

BUILD, OTHER = build(NEW, "b" * 40), build(OLD, "a" * 40)
CONFIGURATION = NodeConfiguration("fuji", SyncMode.FULL_SYNC, "settings")
PAUSED = "the tester is paused, so no run starts: resume it, and run this command again"
NO_PEERS = (
    "run 1 was blocked for 1h, because its node has no peers or too few: check this machine's network, and "
    "run the same command again"
)


def pause(ledger: Ledger) -> None:
    """Record a user's request to pause."""
    ledger.ask(RequestKind.PAUSE, "", NOW.wall)


def blocked(ledger: Ledger, seconds: float, of: Build = BUILD) -> None:
    """Record an open run whose node has had no peers for `seconds`."""
    last = ledger.last()
    if last is None or not last.open:
        begin(ledger, of)
        last = ledger.last()
    assert last is not None
    tracking = replace(last, tracking=replace(last.tracking, blocked_seconds=seconds))
    ledger.record(NOW, TESTBED, tracking=tracking, counts={})


def nothing(ledger: Ledger) -> None:
    """Leave the ledger empty."""


def paused_before_the_first_run(ledger: Ledger) -> None:
    """Pause a tester without runs; its first run still starts."""
    pause(ledger)


def paused_after_a_run(ledger: Ledger) -> None:
    """Pause a tester after a run; no further run starts."""
    done(ledger, OTHER)
    pause(ledger)


def paused_after_a_run_of_another_network(ledger: Ledger) -> None:
    """Pause a tester whose last run was of another network; the tester still starts a new run."""
    begin(ledger, BUILD, network="mainnet")
    end(ledger)
    pause(ledger)


def resumed(ledger: Ledger) -> None:
    """Resume a paused tester, so that new runs start."""
    paused_after_a_run(ledger)
    ledger.ask(RequestKind.RESUME, "", NOW.wall)


def paused_while_a_run_is_open(ledger: Ledger) -> None:
    """Pause a tester while a run is open; the run continues."""
    begin(ledger, BUILD)
    pause(ledger)


def paused_while_a_run_is_about_to_begin(ledger: Ledger) -> None:
    """Pause a tester after an attempt was recorded; the attempt is still carried out."""
    paused_after_a_run(ledger)
    ledger.record(NOW, TESTBED, [RecordAttempt(BUILD, AttemptCause.REQUEST, "local-1")])


def without_peers_for_a_while(ledger: Ledger) -> None:
    """Record a time without peers that is still short enough to wait."""
    blocked(ledger, TIMEOUT_SECONDS - 1)


def without_peers_for_too_long(ledger: Ledger) -> None:
    """Record a time without peers that ends the wait."""
    blocked(ledger, TIMEOUT_SECONDS)


def another_build_without_peers(ledger: Ledger) -> None:
    """Record a run of another build without peers; the requested build would have no peers either."""
    blocked(ledger, TIMEOUT_SECONDS, OTHER)


CASES = [
    (nothing, None),
    (paused_before_the_first_run, None),
    (paused_after_a_run, PAUSED),
    (paused_after_a_run_of_another_network, None),
    (resumed, None),
    (paused_while_a_run_is_open, None),
    (paused_while_a_run_is_about_to_begin, None),
    (without_peers_for_a_while, None),
    (without_peers_for_too_long, NO_PEERS),
    (another_build_without_peers, NO_PEERS),
]


@pytest.mark.parametrize(("happened", "message"), CASES)
def test_each_obstacle_is_reported(
    ledger: Ledger, happened: Callable[[Ledger], None], message: str | None
) -> None:
    obstacle = Obstacle(ledger, CONFIGURATION, TIMEOUT_SECONDS)
    happened(ledger)
    found = obstacle.error()

    assert (str(found) if found else None) == message


@pytest.mark.parametrize(
    ("seconds", "ends"),
    [
        pytest.param((TIMEOUT_SECONDS,), False, id="all of it before"),
        pytest.param((2 * TIMEOUT_SECONDS - 1,), False, id="not as long in this call"),
        pytest.param((2 * TIMEOUT_SECONDS,), True, id="as long again"),
        pytest.param((0.0, TIMEOUT_SECONDS - 1), False, id="peers came, and went a while ago"),
        pytest.param((0.0, TIMEOUT_SECONDS), True, id="peers came, and went for too long"),
    ],
)
def test_what_an_earlier_call_waited_for_does_not_count(
    ledger: Ledger, seconds: Sequence[float], *, ends: bool
) -> None:
    """Time without peers during an earlier invocation does not count.

    Otherwise no later invocation would poll the node again.
    """
    blocked(ledger, TIMEOUT_SECONDS)
    obstacle = Obstacle(ledger, CONFIGURATION, TIMEOUT_SECONDS)
    assert obstacle.error() is None
    found = []
    for each in seconds:
        blocked(ledger, each)
        found.append(obstacle.error())

    assert (found[-1] is not None) is ends


def until(ledger: Ledger, stopping: threading.Event) -> Goal:
    """Return the goal of one build."""
    return Until(Wanted(BUILD, CONFIGURATION, TESTBED), ledger, stopping, TIMEOUT_SECONDS)


def turns(ledger: Ledger, stopping: threading.Event) -> Goal:
    """Return the goal of both builds."""
    plan = Plan(OTHER, BUILD, 4, CONFIGURATION, TESTBED)
    return ComparisonRuns(plan, ledger, stopping, TIMEOUT_SECONDS)


@pytest.mark.parametrize(
    ("begins", "lasts_seconds", "cause", "answered", "ends"),
    [
        pytest.param(0, REJECTED_SECONDS, Cause.CONFIGURATION_INVALID, True, True, id="rejected again"),
        pytest.param(0, 1, Cause.CONFIGURATION_INVALID, True, False, id="rejected once"),
        pytest.param(-1, REJECTED_SECONDS, Cause.CONFIGURATION_INVALID, True, False, id="in an earlier call"),
        pytest.param(0, REJECTED_SECONDS, Cause.CONFIGURATION_INVALID, False, False, id="the run will fail"),
        pytest.param(0, REJECTED_SECONDS, Cause.NODE_CRASHING, True, False, id="another problem"),
        pytest.param(0, REJECTED_SECONDS, None, True, False, id="no problem"),
    ],
)
def test_a_resumed_run_whose_node_rejects_its_flags_ends_the_call(
    ledger: Ledger, begins: float, lasts_seconds: float, cause: Cause | None, *, answered: bool, ends: bool
) -> None:
    begin(ledger, BUILD)
    last = ledger.last()
    assert last is not None
    tracking = replace(last.tracking, process_start_boot_seconds=1.0 if answered else None)
    ledger.record(NOW, TESTBED, tracking=replace(last, tracking=tracking), counts={})
    obstacle = Obstacle(ledger, CONFIGURATION, TIMEOUT_SECONDS, lambda: NOW.wall)
    problem = Problem(cause, "the node rejects its flags: unknown flag: --x", NOW.wall) if cause else None
    ledger.keep_reading("problem.node", problem_reading(problem), NOW.wall + begins)
    polled_at = NOW.wall + begins + lasts_seconds
    node = node_reading(NodeStatus(polled_at, up=False, health=Health.UNKNOWN))
    ledger.record(replace(NOW, wall=polled_at), TESTBED, readings={"node": node})
    error = obstacle.error()

    assert (str(error) if error else None) == (
        "run 1 stays open, because the node rejects its flags: unknown flag: --x: correct the node's arguments, and "
        "run the same command again"
        if ends
        else None
    )


@pytest.mark.parametrize("made", [until, turns])
@pytest.mark.parametrize(
    ("happened", "ends"),
    [(paused_after_a_run, True), (without_peers_for_a_while, False), (without_peers_for_too_long, True)],
)
def test_it_ends_the_call(
    ledger: Ledger,
    made: Callable[[Ledger, threading.Event], Goal],
    happened: Callable[[Ledger], None],
    *,
    ends: bool,
) -> None:
    stopping = threading.Event()
    call = made(ledger, stopping)
    happened(ledger)
    call.advance()

    assert (stopping.is_set(), call.failure is not None) == (ends, ends)


@pytest.mark.parametrize("made", [until, turns])
def test_what_happens_once_a_call_ends_changes_nothing(
    ledger: Ledger, made: Callable[[Ledger, threading.Event], Goal]
) -> None:
    stopping = threading.Event()
    call = made(ledger, stopping)
    without_peers_for_too_long(ledger)
    call.advance()
    blocked(ledger, 0.0)
    call.advance()

    assert call.failure is not None


@pytest.mark.parametrize("made", [until, turns])
def test_an_interrupt_is_not_a_failure(
    ledger: Ledger, made: Callable[[Ledger, threading.Event], Goal]
) -> None:
    stopping = threading.Event()
    call = made(ledger, stopping)
    without_peers_for_too_long(ledger)
    stopping.set()
    call.advance()

    assert call.failure is None


def test_a_known_verdict_is_reported_while_the_tester_is_paused(ledger: Ledger) -> None:
    done(ledger, BUILD)
    pause(ledger)
    stopping = threading.Event()
    call = Until(Wanted(BUILD, CONFIGURATION, TESTBED), ledger, stopping, TIMEOUT_SECONDS)
    call.advance()

    assert (call.failure, call.verdict()) == (None, ledger.last())
