"""Tests of the rules that end a run, in the order of the table in the design.

They check the outcome, the message and the recorded values.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import (
    NEW,
    NOW,
    POLICY,
    answering,
    attempt,
    build,
    healthy_books,
    run,
    volume,
    wait_state,
    workload,
)

from monitor.decide.decisions import EndRun, KeepLogTail, Pin, RecordAttempt, Recreate
from monitor.decide.state import WaitState
from monitor.decide.verdict_rules import LIFE_SECONDS
from monitor.decide.wait_rules import decide_wait
from monitor.domain.observations import (
    ChainActivity,
    ChainLog,
    HealthReport,
    NodeDown,
    NodeLog,
    NodeMetrics,
    NodeSilent,
)
from monitor.domain.run import AttemptCause, Outcome, Reason, Run
from monitor.domain.status import Phase
from monitor.domain.tracking import ChainWatch, Refusal, RunTracking
from monitor.domain.workload import NodeExit, NodeProcess, SyncMode

HOUR, DAY = 3600.0, 86400.0
DOWN = NodeDown("refused")
LOW = (
    "less than 10% of the volume has been free since 1970-01-12 13:45:40Z; the run fails as disk_full if that lasts "
    "1h, or if it stops the node for 5m"
)
ODD = "bootstrapped, but unhealthy for 1h: a b\ufffd[2J\ufffd"
FATAL = NodeLog(fatal='shutting down chain {"error": "failed to verify block"}')


MISCONFIGURED = NodeExit(1, message="couldn't configure flags: unknown flag: --foo", misconfigured=True)


def tracking(**values: object) -> Run:
    """Return an open run with these tracking values."""
    return run(tracking=replace(RunTracking(), **values))  # type: ignore[arg-type]


def full(available_bytes: int, size_bytes: int = 1000) -> object:
    """Return a volume with `available_bytes` free."""
    return replace(volume(), available_bytes=available_bytes, size_bytes=size_bytes)


def low(seconds: float, **values: object) -> Run:
    """Return an open run whose volume has been short of space for `seconds`."""
    return tracking(low_disk_seconds=seconds, low_disk_at=NOW.wall - seconds, **values)


def unhealthy(*checks: str) -> object:
    """Return a bootstrapped node whose `checks` fail."""
    return answering(
        health=HealthReport(healthy=False, oldest_check="", failing_checks=checks), bootstrapped=True
    )


def process(**values: object) -> object:
    """Return a pod whose node's process has these values."""
    return workload(build(), process=replace(NodeProcess(running=False), **values))  # type: ignore[arg-type]


def verdict(state: WaitState) -> tuple[Reason, str] | None:
    """Return the failure that a tick records; `None` if it records none."""
    decision = decide_wait(state)
    ends = [record for record in decision.records if isinstance(record, EndRun)]
    if not ends:
        return None
    (end,) = ends
    assert (end.outcome, decision.phase, decision.actions) == (
        Outcome.FAILED,
        Phase.IDLE,
        (KeepLogTail(1),),
    )
    assert end.reason is not None
    return end.reason, end.message


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(
            wait_state(last=low(HOUR), volume=full(99)),
            (Reason.DISK_FULL, "9.9% of the volume is free, less than the floor of 10% for 1h"),
            id="3 under the floor for long",
        ),
        pytest.param(wait_state(last=low(HOUR - 1), volume=full(0)), None, id="3 not yet: it may be a burst"),
        pytest.param(
            wait_state(last=low(HOUR - 1), volume=full(0), node=DOWN),
            None,
            id="3 it has just stopped: a burst in a long shortage",
        ),
        pytest.param(
            wait_state(last=low(300, starved_seconds=300.0), volume=full(29), node=DOWN),
            (Reason.DISK_FULL, "2.9% of the volume is free; low disk space has kept the node stopped for 5m"),
            id="3 the node has stopped because of it",
        ),
        pytest.param(
            wait_state(last=low(299, starved_seconds=299.0), volume=full(29), node=DOWN),
            None,
            id="3 it has stopped, not for long",
        ),
        pytest.param(wait_state(last=low(300), volume=full(0)), None, id="3 it still runs"),
        pytest.param(wait_state(last=low(0), volume=full(99)), None, id="3 one low reading"),
        pytest.param(wait_state(last=low(HOUR), volume=full(100)), None, id="3 at the floor"),
        pytest.param(
            wait_state(last=low(HOUR), volume=full(0), policy=replace(POLICY, disk_floor_ratio=0.0)),
            None,
            id="3 no floor",
        ),
        pytest.param(
            wait_state(last=low(HOUR), volume=full(0, 0)), None, id="3 a volume that reports no size"
        ),
        pytest.param(wait_state(last=low(HOUR)), None, id="3 a volume that was never read"),
        pytest.param(
            wait_state(
                last=tracking(not_started_seconds=HOUR),
                workload=process(waiting="ImagePullBackOff"),
                node=DOWN,
            ),
            (Reason.NOT_STARTED, "the node did not start for 1h (ImagePullBackOff)"),
            id="4 the image is gone",
        ),
        pytest.param(
            wait_state(last=tracking(not_started_seconds=HOUR), node=DOWN),
            (Reason.NOT_STARTED, "the node did not start for 1h"),
            id="4 the platform does not say why",
        ),
        pytest.param(
            wait_state(
                last=tracking(not_started_seconds=HOUR),
                workload=process(waiting="StartError", message='exec: "avalanchegoo": not found'),
                node=DOWN,
            ),
            (
                Reason.NOT_STARTED,
                'the node did not start for 1h (StartError: exec: "avalanchegoo": not found)',
            ),
            id="4 the runtime's own words",
        ),
        pytest.param(
            wait_state(last=tracking(not_started_seconds=HOUR - 1), node=DOWN), None, id="4 not yet"
        ),
        pytest.param(
            wait_state(workload=process(restarts=2, last_exit=MISCONFIGURED), node=DOWN),
            (
                Reason.MISCONFIGURED,
                "the node rejects its flags or its configuration: couldn't configure flags: unknown flag: --foo",
            ),
            id="4a rejected twice",
        ),
        pytest.param(
            wait_state(workload=process(running=True, restarts=2, last_exit=MISCONFIGURED), node=DOWN),
            (
                Reason.MISCONFIGURED,
                "the node rejects its flags or its configuration: couldn't configure flags: unknown flag: --foo",
            ),
            id="4a about to reject them again",
        ),
        pytest.param(
            wait_state(workload=process(restarts=1, last_exit=MISCONFIGURED), node=DOWN),
            None,
            id="4a rejected once",
        ),
        pytest.param(
            wait_state(workload=process(running=True, restarts=2, last_exit=MISCONFIGURED)),
            None,
            id="4a it answers now",
        ),
        pytest.param(
            wait_state(
                last=tracking(process_start_boot_seconds=1.0),
                workload=process(restarts=2, last_exit=MISCONFIGURED),
                node=DOWN,
            ),
            None,
            id="4a a run with progress waits for a fixed configuration",
        ),
        pytest.param(
            wait_state(workload=process(restarts=2, last_exit=NodeExit(1, message="no database")), node=DOWN),
            None,
            id="4a other last words",
        ),
        pytest.param(
            wait_state(
                last=tracking(node_restarts=7, restarts_at_progress=2),
                workload=process(last_exit=NodeExit(1)),
                log=FATAL,
                node=DOWN,
            ),
            (
                Reason.CRASHED,
                f"the node was restarted 5 times without progress (exit code 1): {FATAL.fatal}",
            ),
            id="5 without progress",
        ),
        pytest.param(
            wait_state(
                last=tracking(node_restarts=5),
                workload=process(last_exit=NodeExit(1)),
                log=NodeLog(fatal="low on disk space. Shutting down..."),
                policy=replace(POLICY, disk_floor_ratio=0.0),
            ),
            (
                Reason.DISK_FULL,
                "the node was restarted 5 times without progress (exit code 1): low on disk space. Shutting down...",
            ),
            id="5 it says that its disk is full, whatever the floor",
        ),
        pytest.param(
            wait_state(
                last=tracking(node_restarts=5),
                workload=process(last_exit=NodeExit(2)),
                log=NodeLog(fatal="low on disk space. Shutting down..."),
                volume=full(500),
            ),
            (
                Reason.CRASHED,
                "the node was restarted 5 times without progress (exit code 2): low on disk space. Shutting down...",
            ),
            id="5 the node logged it once, and enough is free again",
        ),
        pytest.param(
            wait_state(
                last=tracking(node_restarts=5),
                workload=process(last_exit=NodeExit(1, message="open LOCK: No space left on device")),
            ),
            (
                Reason.DISK_FULL,
                "the node was restarted 5 times without progress (exit code 1): open LOCK: No space left on device",
            ),
            id="5 the system says that its disk is full",
        ),
        pytest.param(
            wait_state(last=tracking(node_restarts=7, restarts_at_progress=3), node=DOWN),
            None,
            id="5 not often enough since the last progress",
        ),
        pytest.param(
            wait_state(
                last=tracking(node_restarts=5),
                workload=process(last_exit=NodeExit(1, message="couldn't start node: x\n")),
            ),
            (
                Reason.CRASHED,
                "the node was restarted 5 times without progress (exit code 1): couldn't start node: x",
            ),
            id="5 before it could log",
        ),
        pytest.param(
            wait_state(last=tracking(node_restarts=5)),
            (Reason.CRASHED, "the node was restarted 5 times without progress"),
            id="5 nothing is known of it",
        ),
        pytest.param(
            wait_state(
                last=tracking(node_restarts=5),
                workload=process(last_exit=NodeExit(137, out_of_memory=True)),
                log=FATAL,
            ),
            (
                Reason.OUT_OF_MEMORY,
                (
                    "the node was restarted 5 times without progress; it was killed because it ran out of memory; "
                    f"last FATAL line of the node: {FATAL.fatal}"
                ),
            ),
            id="5 out of memory",
        ),
        pytest.param(
            wait_state(last=tracking(node_restarts=50, restarts_at_progress=49)),
            (Reason.CRASHED, "the node was restarted 50 times"),
            id="5 fifty times, with progress between",
        ),
        pytest.param(
            wait_state(last=tracking(node_restarts=49, restarts_at_progress=48)),
            None,
            id="5 nearly fifty times",
        ),
        pytest.param(
            wait_state(last=tracking(unhealthy_seconds=HOUR), node=unhealthy("network", "router")),
            (Reason.UNHEALTHY, "bootstrapped, but unhealthy for 1h: network, router"),
            id="6 the checks are named",
        ),
        pytest.param(
            wait_state(last=tracking(unhealthy_seconds=HOUR), node=unhealthy("diskspace")),
            (Reason.DISK_FULL, "bootstrapped, but unhealthy for 1h: diskspace"),
            id="6 for want of space alone",
        ),
        pytest.param(
            wait_state(last=tracking(unhealthy_seconds=HOUR), node=unhealthy("diskspace", "router")),
            (Reason.UNHEALTHY, "bootstrapped, but unhealthy for 1h: diskspace, router"),
            id="6 for want of space and another check",
        ),
        pytest.param(
            wait_state(last=tracking(unhealthy_seconds=HOUR), node=NodeSilent("no answer")),
            (Reason.UNHEALTHY, "bootstrapped, but unhealthy for 1h"),
            id="6 it does not answer any more",
        ),
        pytest.param(
            wait_state(last=tracking(unhealthy_seconds=HOUR - 1), node=unhealthy("router")),
            None,
            id="6 not yet",
        ),
        pytest.param(
            wait_state(
                last=tracking(
                    idle_seconds=12 * HOUR,
                    stalled_chain="P",
                    chains={
                        "P": ChainWatch(ChainLog(ChainActivity.EXECUTING, ratio=0.4321)),
                        "X": ChainWatch(ChainLog(ChainActivity.DONE)),
                        "C": ChainWatch(),
                    },
                ),
            ),
            (Reason.STALLED, "no progress of chain P for 12h (P executing 43%, X done)"),
            id="7 where it stood",
        ),
        pytest.param(
            wait_state(
                last=tracking(refusal=Refusal("line", is_fresh=True, refused_seconds=900.0)),
                log=NodeLog(newer_peer="line", newer_version="avalanchego/1.15.0"),
                blocked="the node has no peers",
            ),
            (Reason.OUTDATED, "the network runs newer builds (1.15.0) and refuses this one for 15m"),
            id="6a the network has moved on",
        ),
        pytest.param(
            wait_state(last=tracking(refusal=Refusal("line", is_fresh=True, refused_seconds=899.0))),
            None,
            id="6a not yet",
        ),
        pytest.param(
            wait_state(last=tracking(unknown_seconds=60 * DAY, observed_seconds=60 * DAY - 1)),
            None,
            id="7 unknown progress is not a stall",
        ),
        pytest.param(
            wait_state(last=tracking(unknown_seconds=60 * DAY, observed_seconds=60 * DAY)),
            (Reason.DEADLINE, "not bootstrapped after 60d; progress could not be observed"),
            id="8 progress was unknown",
        ),
        pytest.param(
            wait_state(last=tracking(idle_seconds=12 * HOUR), node=DOWN),
            (Reason.STALLED, "no progress for 12h"),
            id="7 never listens",
        ),
        pytest.param(wait_state(last=tracking(idle_seconds=12 * HOUR - 1)), None, id="7 not yet"),
        pytest.param(
            wait_state(last=tracking(idle_seconds=24 * HOUR - 1, lifeless_seconds=LIFE_SECONDS - 1)),
            None,
            id="7 it lives: twice as long",
        ),
        pytest.param(
            wait_state(last=tracking(idle_seconds=24 * HOUR, lifeless_seconds=0.0)),
            (Reason.STALLED, "no progress for 24h"),
            id="7 it lives, but twice as long is over",
        ),
        pytest.param(
            wait_state(last=tracking(idle_seconds=12 * HOUR, lifeless_seconds=LIFE_SECONDS)),
            (Reason.STALLED, "no progress for 12h"),
            id="7 its life is over",
        ),
        pytest.param(
            wait_state(
                last=run(tracking=healthy_books(1.0, idle_seconds=12 * HOUR)), node=NodeSilent("hangs")
            ),
            (Reason.STALLED, "no progress for 12h"),
            id="7 it hangs since it was healthy",
        ),
        pytest.param(
            wait_state(last=run(tracking=healthy_books(1.0, observed_seconds=60 * DAY))),
            None,
            id="8 healthy in time",
        ),
        pytest.param(
            wait_state(last=run(tracking=healthy_books(HOUR + 300, identity_agreed=False)), node=DOWN),
            (
                Reason.MISCONFIGURED,
                "healthy, but the node does not report its network and commit: enable its info API",
            ),
            id="1 it never says who it is",
        ),
        pytest.param(
            wait_state(last=run(tracking=healthy_books(HOUR + 299, identity_agreed=False)), node=DOWN),
            None,
            id="1 it does not say who it is yet",
        ),
        pytest.param(
            wait_state(last=tracking(active_seconds=1.0, not_started_seconds=24 * HOUR - 1), node=DOWN),
            None,
            id="4 what got on is not given up so soon",
        ),
        pytest.param(
            wait_state(last=tracking(active_seconds=1.0, not_started_seconds=24 * HOUR), node=DOWN),
            (Reason.NOT_STARTED, "the node did not start for 24h"),
            id="4 but some time it is",
        ),
        pytest.param(
            wait_state(
                last=tracking(unhealthy_seconds=HOUR), node=unhealthy("a\nb\x1b[2J\ud800" + 2000 * "x")
            ),
            (Reason.UNHEALTHY, f"{ODD}{(999 - len(ODD)) * 'x'}…"),
            id="6 a name that would break a line, a terminal and the ledger",
        ),
        pytest.param(
            wait_state(last=tracking(observed_seconds=60 * DAY)),
            (Reason.DEADLINE, "not bootstrapped after 60d"),
            id="8 full-sync",
        ),
        pytest.param(
            wait_state(last=tracking(observed_seconds=60 * DAY - 1)), None, id="8 full-sync, not yet"
        ),
        pytest.param(
            wait_state(
                last=replace(tracking(observed_seconds=14 * DAY), sync_mode=SyncMode.C_CHAIN_STATE_SYNC),
                workload=workload(build(), sync_mode=SyncMode.C_CHAIN_STATE_SYNC),
            ),
            (Reason.DEADLINE, "not bootstrapped after 14d"),
            id="8 state sync",
        ),
        pytest.param(
            wait_state(last=tracking(observed_seconds=HOUR), policy=replace(POLICY, deadline_seconds=HOUR)),
            (Reason.DEADLINE, "not bootstrapped after 1h"),
            id="8 as set",
        ),
        pytest.param(
            wait_state(
                last=tracking(observed_seconds=30 * HOUR, active_seconds=30 * HOUR),
                baseline_seconds=10 * HOUR,
            ),
            (Reason.DEADLINE, "not bootstrapped after 30h"),
            id="8 three baselines",
        ),
        pytest.param(
            wait_state(
                last=tracking(observed_seconds=30 * HOUR - 1, active_seconds=30 * HOUR),
                baseline_seconds=10 * HOUR,
            ),
            None,
            id="8 three baselines, not yet",
        ),
        pytest.param(
            wait_state(
                last=tracking(observed_seconds=30 * HOUR, active_seconds=2 * HOUR), baseline_seconds=10 * HOUR
            ),
            None,
            id="8 three baselines, but the node was down",
        ),
        pytest.param(
            wait_state(
                last=tracking(observed_seconds=60 * DAY, active_seconds=2 * HOUR), baseline_seconds=10 * HOUR
            ),
            (Reason.DEADLINE, "not bootstrapped after 60d"),
            id="8 a node that is down most of the time",
        ),
        pytest.param(
            wait_state(last=tracking(observed_seconds=HOUR, active_seconds=HOUR - 1), baseline_seconds=60.0),
            None,
            id="8 a baseline of a minute, not yet an hour",
        ),
        pytest.param(
            wait_state(last=tracking(observed_seconds=HOUR, active_seconds=HOUR), baseline_seconds=60.0),
            (Reason.DEADLINE, "not bootstrapped after 1h"),
            id="8 a baseline of a minute",
        ),
        pytest.param(
            wait_state(
                last=tracking(observed_seconds=30 * HOUR, active_seconds=30 * HOUR),
                baseline_seconds=10 * HOUR,
                policy=replace(POLICY, deadline_seconds=40 * HOUR),
            ),
            None,
            id="8 as set, whatever the baseline",
        ),
    ],
)
def test_a_run_ends_with_its_reason(state: WaitState, expected: tuple[Reason, str] | None) -> None:
    assert verdict(state) == expected


EVERYTHING = {
    "low_disk_seconds": HOUR,
    "node_restarts": 50,
    "not_started_seconds": HOUR,
    "unhealthy_seconds": HOUR,
    "idle_seconds": 24 * HOUR,
    "observed_seconds": 60 * DAY,
}


@pytest.mark.parametrize(
    ("fixed", "reason"),
    [
        ((), Reason.DISK_FULL),
        (("volume",), Reason.NOT_STARTED),
        (("volume", "not_started_seconds"), Reason.CRASHED),
        (("volume", "not_started_seconds", "node_restarts"), Reason.UNHEALTHY),
        (("volume", "not_started_seconds", "node_restarts", "unhealthy_seconds"), Reason.STALLED),
        (("volume", *(name for name in EVERYTHING if name != "observed_seconds")), Reason.DEADLINE),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else "",
)
def test_of_several_reasons_the_first_of_the_table_counts(fixed: tuple[str, ...], reason: Reason) -> None:
    wrong = {name: value for name, value in EVERYTHING.items() if name not in fixed}
    found = verdict(wait_state(last=tracking(**wrong), volume=volume() if "volume" in fixed else full(1)))

    assert found is not None
    assert found[0] is reason


def test_success_comes_before_every_failure() -> None:
    healthy = run(tracking=healthy_books(300.0, **EVERYTHING))
    (end,) = decide_wait(wait_state(last=healthy, volume=full(1))).records

    assert isinstance(end, EndRun)
    assert end.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_verdict_is_final(outcome: Outcome) -> None:
    ended = replace(tracking(**EVERYTHING), outcome=outcome, reason=None)

    assert verdict(wait_state(last=ended, volume=full(1))) is None


def test_a_success_of_a_node_whose_process_was_never_seen_has_no_duration() -> None:
    """A success has no duration if the node's process was never observed.

    Without metrics, the active time of the node is unknown.
    """
    unseen = run(tracking=healthy_books(300.0, active_seconds=0.0))
    (end,) = decide_wait(wait_state(last=unseen, volume=volume())).records

    assert isinstance(end, EndRun)
    assert (end.outcome, end.duration_seconds, end.wall_seconds) == (Outcome.SUCCEEDED, None, 9_700.0)


@pytest.mark.parametrize(
    ("last", "measured_seconds_ago"),
    [
        pytest.param(run(tracking=healthy_books(1000.0)), 1001.0, id="before it was healthy"),
        pytest.param(tracking(idle_seconds=24 * HOUR), 10_001.0, id="before the run"),
    ],
)
def test_a_size_that_was_measured_too_early_is_of_no_result(last: Run, measured_seconds_ago: float) -> None:
    (end,) = decide_wait(wait_state(last=last, volume=volume(measured_seconds_ago))).records

    assert isinstance(end, EndRun)
    assert end.disk_usage_bytes is None


def test_a_failure_keeps_what_was_measured() -> None:
    last = replace(tracking(idle_seconds=24 * HOUR, active_seconds=77.0), started_at=NOW.wall - 100)
    (end,) = decide_wait(wait_state(last=last, volume=volume())).records

    assert isinstance(end, EndRun)
    assert (end.duration_seconds, end.wall_seconds) == (77.0, 100.0)
    assert (end.disk_usage_bytes, end.volume_size_bytes) == (4096, 10**12)


FAILED_START = run(outcome=Outcome.FAILED, reason=Reason.NOT_STARTED, ended_at=NOW.wall - 900)
REJECTED = run(
    outcome=Outcome.FAILED,
    reason=Reason.MISCONFIGURED,
    ended_at=NOW.wall - 10 * DAY,
    tracking=RunTracking(revision="one"),
)
FULL = run(outcome=Outcome.FAILED, reason=Reason.DISK_FULL, ended_at=NOW.wall - 900, volume_size_bytes=10**12)


def ended_before(seconds: float) -> Run:
    """Return a run that did not start and ended `seconds` ago."""
    return replace(FAILED_START, ended_at=NOW.wall - seconds)


def in_revision(revision: str) -> Run:
    """Return a run in a pod of this revision that ended long ago without starting."""
    return replace(ended_before(10 * DAY), tracking=RunTracking(revision=revision))


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        pytest.param(
            wait_state(last=ended_before(900), repeated_failures=1), AttemptCause.RETRY, id="after 15 minutes"
        ),
        pytest.param(wait_state(last=ended_before(899), repeated_failures=1), None, id="not before"),
        pytest.param(
            wait_state(last=ended_before(1800), repeated_failures=2),
            AttemptCause.RETRY,
            id="then after 30 minutes",
        ),
        pytest.param(wait_state(last=ended_before(1799), repeated_failures=2), None, id="not before those"),
        pytest.param(wait_state(last=ended_before(10 * DAY), repeated_failures=3), None, id="twice, no more"),
        pytest.param(
            wait_state(last=REJECTED, workload=workload(build(), revision="two")),
            AttemptCause.RETRY,
            id="misconfigured: with another command",
        ),
        pytest.param(
            wait_state(last=REJECTED, workload=workload(build(), revision="one"), repeated_failures=1),
            None,
            id="misconfigured: not with the command that failed",
        ),
        pytest.param(
            wait_state(last=REJECTED, workload=workload(build(), revision="one"), newest=build(NEW)),
            AttemptCause.NEW_BUILD,
            id="misconfigured: a newer build is tested",
        ),
        pytest.param(
            wait_state(last=FULL, volume=replace(volume(), size_bytes=2 * 10**12)),
            AttemptCause.RETRY,
            id="full: on a bigger volume",
        ),
        pytest.param(
            wait_state(last=FULL, volume=volume(), repeated_failures=1),
            AttemptCause.RETRY,
            id="full: once the floor holds again",
        ),
        pytest.param(
            wait_state(last=replace(FULL, ended_at=NOW.wall - 899), volume=volume(), repeated_failures=1),
            None,
            id="full: not immediately",
        ),
        pytest.param(
            wait_state(last=FULL, volume=volume(), repeated_failures=3), None, id="full: twice, no more"
        ),
        pytest.param(
            wait_state(last=FULL, volume=full(99, 10**12), repeated_failures=1),
            None,
            id="full: not while it is so",
        ),
        pytest.param(
            wait_state(
                last=FULL,
                volume=full(29),
                repeated_failures=1,
                policy=replace(POLICY, disk_floor_ratio=0.0),
            ),
            None,
            id="full: not while no node could run, whatever the floor",
        ),
        pytest.param(
            wait_state(last=FULL, volume=full(0, 0), repeated_failures=1),
            None,
            id="full: not on a volume that reports no size",
        ),
        pytest.param(
            wait_state(last=FULL, volume=volume(), node=unhealthy("diskspace"), repeated_failures=1),
            None,
            id="full: not while the node itself says so",
        ),
        pytest.param(
            wait_state(last=FULL, volume=volume(), node=unhealthy("router"), repeated_failures=1),
            AttemptCause.RETRY,
            id="full: whatever else the node says",
        ),
        pytest.param(
            wait_state(last=FULL, volume=volume(), node=DOWN, repeated_failures=1),
            AttemptCause.RETRY,
            id="full: also if the node is down",
        ),
        pytest.param(
            wait_state(last=replace(FULL, ended_at=None), volume=volume(), repeated_failures=1),
            None,
            id="full: nobody knows when",
        ),
        pytest.param(
            wait_state(
                last=in_revision("one"), workload=workload(build(), revision="two"), repeated_failures=3
            ),
            AttemptCause.RETRY,
            id="the pod is set otherwise",
        ),
        pytest.param(
            wait_state(
                last=in_revision("one"), workload=workload(build(), revision="one"), repeated_failures=3
            ),
            None,
            id="the pod is set as before",
        ),
        pytest.param(
            wait_state(last=in_revision(""), workload=workload(build(), revision="two"), repeated_failures=3),
            None,
            id="how the pod was set is not known",
        ),
        pytest.param(wait_state(last=FULL), None, id="full: not while the volume is unknown"),
        pytest.param(
            wait_state(last=run(outcome=Outcome.FAILED, reason=Reason.MISCONFIGURED, ended_at=0.0)),
            None,
            id="misconfigured: never",
        ),
        pytest.param(
            wait_state(last=run(outcome=Outcome.FAILED, reason=Reason.CRASHED, ended_at=0.0)),
            None,
            id="the build's own failure: never",
        ),
        pytest.param(
            wait_state(last=ended_before(900), repeated_failures=1, paused=True), None, id="not while paused"
        ),
        pytest.param(
            wait_state(last=ended_before(900), repeated_failures=1, newest=build(NEW)),
            AttemptCause.NEW_BUILD,
            id="a newer build comes first",
        ),
        pytest.param(
            wait_state(last=run(outcome=Outcome.SUCCEEDED), requested=build(), newest=build(NEW)),
            AttemptCause.REQUEST,
            id="a person's wish comes before",
        ),
        pytest.param(wait_state(requested=build()), None, id="a wish waits until the open run has ended"),
        pytest.param(
            wait_state(last=tracking(blocked_seconds=DAY - 1), newest=build(NEW)),
            None,
            id="blocked, but not for long",
        ),
        pytest.param(
            wait_state(last=tracking(blocked_seconds=DAY), newest=build(NEW)),
            AttemptCause.NEW_BUILD,
            id="blocked for a day: it may be the build",
        ),
    ],
)
def test_what_is_run_next(state: WaitState, cause: AttemptCause | None) -> None:
    attempts = [each for each in decide_wait(state).records if isinstance(each, RecordAttempt)]

    assert [each.cause for each in attempts] == ([] if cause is None else [cause])


def test_the_same_build_is_recreated_although_nothing_changes() -> None:
    decision = decide_wait(wait_state(last=ended_before(900), repeated_failures=1))

    assert decision.actions == (Pin(build()), Recreate(unchanged=True))


@pytest.mark.parametrize(
    ("state", "phase", "message"),
    [
        (
            wait_state(last=run(outcome=Outcome.SUCCEEDED), paused=True),
            Phase.PAUSED,
            "no new build is taken until resume",
        ),
        (wait_state(paused=True), Phase.BOOTSTRAPPING, "bootstrapping"),
        (
            wait_state(blocked="the node has no peers"),
            Phase.BLOCKED,
            "the node has no peers; timers are paused. Check outbound TCP 9651 and DNS.",
        ),
        (
            wait_state(
                blocked="the node has no peers",
                log=NodeLog(newer_version="avalanchego/1.15.0"),
                last=tracking(refusal=Refusal(is_fresh=True)),
            ),
            Phase.BLOCKED,
            "the network runs newer builds (1.15.0) and refuses this one; the run fails as outdated after 15m",
        ),
        (
            wait_state(last=tracking(idle_seconds=1800.0)),
            Phase.BOOTSTRAPPING,
            "no progress for 30m or longer",
        ),
        (wait_state(last=low(60.0)), Phase.BOOTSTRAPPING, f"bootstrapping; {LOW}"),
        (wait_state(last=low(60.0), node=DOWN), Phase.STARTING, f"waiting for the node: refused; {LOW}"),
        (
            wait_state(last=low(60.0), blocked="the node has no peers"),
            Phase.BLOCKED,
            "the node has no peers; timers are paused. Check outbound TCP 9651 and DNS.",
        ),
        (
            wait_state(
                node=answering(
                    health=HealthReport(healthy=True, oldest_check=""),
                    metrics=NodeMetrics(None, {("C", "height_executed"): 7_000.0}),
                ),
                last=tracking(execution_targets={"C": 10_000.0}),
            ),
            Phase.BOOTSTRAPPING,
            "healthy, but 3,000 accepted blocks are not executed yet",
        ),
        (
            wait_state(
                node=answering(
                    health=HealthReport(healthy=False, oldest_check=""),
                    metrics=NodeMetrics(None, {("C", "height_executed"): 7_000.0}),
                ),
                last=tracking(execution_targets={"C": 10_000.0}),
            ),
            Phase.BOOTSTRAPPING,
            "bootstrapping",
        ),
    ],
    ids=[
        "paused",
        "paused while a run is open",
        "blocked",
        "refused",
        "stalled",
        "too little space",
        "too little space, and down",
        "too little space, and blocked",
        "blocks to execute",
        "blocks to execute, and not healthy",
    ],
)
def test_what_it_waits_for(state: WaitState, phase: Phase, message: str) -> None:
    decision = decide_wait(state)

    assert (decision.phase, decision.message) == (phase, message)


def test_a_recorded_attempt_is_gone_on_with_while_paused() -> None:
    """A recorded attempt is carried out while paused, because a partial switch must not remain."""
    decision = decide_wait(
        wait_state(last=run(outcome=Outcome.SUCCEEDED), attempt=attempt(build(NEW)), paused=True)
    )

    assert decision.rule == "build_is_due"


@pytest.mark.parametrize(
    ("changes", "wall_seconds"),
    [
        pytest.param({"started_at": NOW.wall + 5e6}, 700.0, id="the clock was set back"),
        pytest.param({"started_at": NOW.wall - 5e6}, 700.0, id="the clock was set forward"),
        pytest.param({"started_at": NOW.wall - 700}, 700.0, id="nothing happened to the clock"),
    ],
)
@pytest.mark.parametrize("healthy", [False, True], ids=["a failure", "a success"])
def test_a_changed_clock_changes_no_wall_time_within_one_boot(
    changes: dict[str, Any],
    wall_seconds: float,
    healthy: bool,  # noqa: FBT001 - a test parameter
) -> None:
    started: dict[str, Any] = {
        "started_boot_id": NOW.boot_id,
        "started_boot_seconds": NOW.boot_seconds - 700,
    }
    found = healthy_books(400.0, **started) if healthy else RunTracking(idle_seconds=24 * HOUR, **started)
    (end,) = decide_wait(wait_state(last=run(tracking=found, **changes), volume=volume(10.0))).records

    assert isinstance(end, EndRun)
    assert end.wall_seconds == wall_seconds - (400.0 if healthy else 0.0)


def test_after_another_boot_the_wall_clock_is_all_there_is() -> None:
    found = RunTracking(idle_seconds=24 * HOUR, started_boot_id="another", started_boot_seconds=1.0)
    (end,) = decide_wait(wait_state(last=run(tracking=found), volume=volume())).records

    assert isinstance(end, EndRun)
    assert end.wall_seconds == 10_000
