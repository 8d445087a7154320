"""Builders of ordinary values for tests; a test names only the fields that it is about."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from monitor.decide.decisions import AdoptRun, EndRun
from monitor.decide.state import InitState, WaitState
from monitor.domain.baseline import Limit, Verdict
from monitor.domain.build import Build, Versions
from monitor.domain.build_results import BuildResults
from monitor.domain.instant import Instant
from monitor.domain.observations import (
    ChainActivity,
    ChainLog,
    DataState,
    Health,
    NodeAnswering,
    NodeData,
    NodeIdentity,
    VolumeReading,
)
from monitor.domain.policy import Policy
from monitor.domain.regression import Measure, Regression, RunVerdict
from monitor.domain.run import Attempt, AttemptCause, Evidence, Outcome, Reason, Run
from monitor.domain.status import NodeStatus, Phase, Problem, Status, VolumeStatus
from monitor.domain.tracking import ChainWatch, Count, HealthyStreak, Refusal, RunTracking
from monitor.domain.workload import SyncMode, Workload
from monitor.errors import Cause
from monitor.ledger import open_ledger
from monitor.ledger.export import export_history

REPOSITORY = "registry.example:5000/node"
OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
COMMIT = "c" * 40

POLICY = Policy(
    tester="tester",
    testbed="default",
    rolling_tag="latest",
    restart_on_new_build=False,
    tick_seconds=10.0,
    soak_seconds=300.0,
    holder_timeout_seconds=300.0,
)
NOW = Instant(wall=1_000_000.0, boot_seconds=50_000.0, boot_id="boot")
# Each value differs from the default.
FULL_TRACKING = RunTracking(
    started_boot_id="boot before",
    started_boot_seconds=0.5,
    boot_id="boot",
    accounted_boot_seconds=1.5,
    active_seconds=12.5,
    observed_seconds=13.5,
    process_start_boot_seconds=-0.5,
    process_uid="pod",
    process_restarts=2,
    node_restarts=3,
    restarts_at_progress=1,
    healthy=HealthyStreak(NOW.wall, 7.5, 8.5, 9.5),
    identity_agreed=True,
    progress_at=NOW.wall,
    idle_seconds=14.5,
    lifeless_seconds=15.5,
    not_started_seconds=16.5,
    unhealthy_seconds=17.5,
    blocked_seconds=18.5,
    disk_write_bytes=19.5,
    chains={"P": ChainWatch(ChainLog(ChainActivity.EXECUTING, 0.5, NOW.wall), seen=True, visible=True)},
    stalled_chain="P",
    unknown_seconds=20.5,
    usage_mark_bytes=21,
    refusal=Refusal("a line"),
    execution_targets={"C": 22.5},
    state_synced=True,
    state_summary="a line",
    state_sync_restarted=True,
    low_disk_seconds=23.5,
    low_disk_at=NOW.wall,
    starved_seconds=26.5,
    down_seconds=27.5,
    restarted_at=(28.5, 29.5),
    healthy_seconds=24.5,
    replaced_healthy_seconds=25.5,
    other_build="node@sha256:2",
    revision="tester-1",
)


def build(digest: str = OLD, commit: str = COMMIT) -> Build:
    """Return a build in the repository of the tests."""
    versions = Versions("avalanchego/1.14.2", "v1.4.5", 45, commit, "1.26")
    return Build(f"{REPOSITORY}@{digest}", frozenset({digest}), versions)


def workload(of: Build | None = None, **changes: Any) -> Workload:
    """Return a pod that is pinned to a build; without a build it is on the rolling tag."""
    pod = Workload(
        uid="pod-1",
        image=of.image if of else f"{REPOSITORY}:latest",
        build=of,
        network="fuji",
        sync_mode=SyncMode.FULL_SYNC,
        settings_digest="settings",
    )
    return replace(pod, **changes)


def run(of: Build | None = None, **changes: Any) -> Run:
    """Return an open run of a build."""
    found = Run(
        number=1,
        build=of or build(),
        network="fuji",
        sync_mode=SyncMode.FULL_SYNC,
        testbed="default",
        settings_digest="settings",
        started_at=NOW.wall - 10_000,
    )
    return replace(found, **changes)


def attempt(of: Build, uid: str = "pod-1") -> Attempt:
    """Return an attempt of a build after run 1."""
    return Attempt(of, 1, AttemptCause.NEW_BUILD, uid)


def init_state(**changes: Any) -> InitState:
    """Return the state of `init` for a pinned pod on an empty volume that has no ledger entries."""
    state = InitState(
        policy=POLICY,
        workload=workload(build()),
        last=None,
        clearing=None,
        attempt=None,
        known=False,
        data=NodeData("/data/avalanchego", DataState.ABSENT),
        newest=None,
        newest_judged=False,
        pinned_before="",
        reverts_today=0,
        reverter="",
        held_by=None,
        issued_token="",
        fresh_token="fresh",
    )
    return replace(state, **changes)


DATA = NodeData("/data/avalanchego", DataState.PRESENT)


def answering(**changes: Any) -> NodeAnswering:
    """Return a reading of a node that answers, with the network and the commit of the tests."""
    node = NodeAnswering(
        health=None, bootstrapped=None, identity=NodeIdentity(5, "avalanchego/1.14.2", COMMIT), metrics=None
    )
    return replace(node, **changes)


def healthy_books(soaked_seconds: float, **changes: Any) -> RunTracking:
    """Return the tracking of a node that has been healthy for a number of seconds."""
    streak = HealthyStreak(
        since_wall=NOW.wall - soaked_seconds,
        since_boot_seconds=NOW.boot_seconds - soaked_seconds,
        active_seconds_at_start=1234.0,
        observed_seconds=soaked_seconds,
    )
    return replace(RunTracking(healthy=streak, identity_agreed=True, active_seconds=1600.0), **changes)


def volume(measured_seconds_ago: float = 0.0, usage_bytes: int | None = 4096) -> VolumeReading:
    """Return a measurement of the volume that is a number of seconds old."""
    taken = replace(
        NOW, wall=NOW.wall - measured_seconds_ago, boot_seconds=NOW.boot_seconds - measured_seconds_ago
    )
    return VolumeReading(taken, usage_bytes, 10**12, 10**11)


def wait_state(**changes: Any) -> WaitState:
    """Return the state of an open run of this pod's build, whose node answers."""
    state = WaitState(
        now=NOW,
        policy=POLICY,
        workload=workload(build()),
        held_by=None,
        last=run(),
        clearing=None,
        attempt=None,
        node=answering(),
        volume=None,
        newest=None,
        newest_judged=False,
        seconds_since_stray_recreation=None,
    )
    return replace(state, **changes)


def status(**changes: Any) -> Status:
    """Return the status of a tester that has its configuration and nothing else."""
    empty = Status(
        at=NOW.wall,
        tester="tester",
        network="fuji",
        sync_mode="full-sync",
        testbed="default",
        phase=None,
        message="",
        notice="",
        run=None,
        counts={},
        progress=None,
        node=None,
        volume=None,
        new_build=None,
        last_image_check_at=None,
        results=(),
        totals={},
        consecutive_failures=0,
        last_success=None,
        tester_since=None,
        pin_reverts=0,
        recoveries=0,
        stray_recreations=0,
    )
    return replace(empty, **changes)


def ended(number: int, outcome: Outcome = Outcome.SUCCEEDED, **changes: Any) -> Run:
    """Return an ended run of the old build, with every measurement."""
    measured = {"duration_seconds": 5400.0, "wall_seconds": 5460.0, "disk_usage_bytes": 3 * 2**30}
    return run(number=number, outcome=outcome, ended_at=NOW.wall - 1000 + number, **{**measured, **changes})


def full_status(**changes: Any) -> Status:
    """Return the status of a tester with runs of every outcome, one of them open."""
    open_run = run(number=6, tracking=RunTracking(active_seconds=900.0, node_restarts=2))
    results = (
        ended(5, Outcome.FAILED, reason=Reason.STALLED, message="P stood still", duration_seconds=None),
        ended(4, Outcome.SUPERSEDED, duration_seconds=None, disk_usage_bytes=None),
        ended(3),
        ended(2, recovered=True, duration_seconds=None, wall_seconds=None, disk_usage_bytes=None),
        ended(1, build=replace(build(NEW), versions=None)),
    )
    status_now = status(
        phase=Phase.BOOTSTRAPPING,
        message="bootstrapping",
        run=open_run,
        counts={
            ("P", "blocks_fetched"): Count(1000, 234, 1000),
            ("P", "blocks_accepted"): Count(0, 200, 200),
            ("C", "leaves_synced"): Count(12_000, 5, 12_000),
        },
        node=NodeStatus(NOW.wall - 3, up=True, health=Health.UNHEALTHY, bootstrapped=False, peers=12),
        volume=VolumeStatus(NOW.wall - 60, 2**30, 10 * 2**30, 8 * 2**30),
        new_build=build(NEW, "d" * 40),
        last_image_check_at=NOW.wall - 30,
        results=results,
        totals={
            ("succeeded", ""): 3,
            ("failed", "stalled"): 1,
            ("failed", "crashed"): 2,
            ("superseded", ""): 1,
        },
        consecutive_failures=1,
        last_success=results[2],
        tester_since=NOW.wall - 10**6,
        pin_reverts=1,
        recoveries=2,
    )
    return replace(status_now, **changes)


PROBLEMS = (
    Problem(Cause.PERMISSION_MISSING, "not permitted to get pods", NOW.wall - 90),
    Problem(Cause.REGISTRY_UNAUTHORIZED, "the registry denies access to it", NOW.wall - 30),
)
REGRESSIONS = {
    Measure.DURATION: Regression(
        Verdict.CONFIRMED,
        9,
        Limit(3600.0, 4000.0, 9),
        last_good=ended(2),
        first_bad=ended(3, build=build(NEW, "d" * 40)),
    ),
    Measure.DISK_USAGE: Regression(
        Verdict.SUSPECTED, 8, Limit(2e9, 3e9, 8), first_bad=ended(3, build=replace(build(), versions=None))
    ),
    Measure.BLOCK_TIME: Regression(Verdict.NONE, 7, Limit(0.01, 0.0125, 7)),
    Measure.LEAF_TIME: Regression(Verdict.NONE, 7, Limit(2e-5, 2.5e-5, 7)),
}

FAILING_SINCE = BuildResults(
    (*(ended(number, Outcome.FAILED, reason=Reason.CRASHED) for number in (5, 4)), ended(3))
)
"""Results of a build that succeeded in run 3, and has failed twice since."""

VERDICTS = {
    3: {
        Measure.DURATION: RunVerdict(
            Verdict.CONFIRMED, Limit(3600.0, 4000.0, 9), regression=REGRESSIONS[Measure.DURATION]
        ),
        Measure.DISK_USAGE: RunVerdict(Verdict.NONE, Limit(2e9, 4e9, 8)),
    },
    1: {Measure.DURATION: RunVerdict(Verdict.INSUFFICIENT_DATA)},
}


def history_file() -> bytes:
    """Return the content of an export file with one run, which has a counter and a saved log tail."""
    with tempfile.TemporaryDirectory() as folder, closing(open_ledger(Path(folder))) as ledger:
        ledger.record(NOW, "desk", [AdoptRun(workload(build()))])
        run = ledger.last()
        assert run is not None
        ledger.record(NOW, "desk", tracking=run, counts={("P", "blocks_accepted"): Count(1, 2, 2)})
        ledger.keep_evidence(run.number, Evidence("its last words", NOW.wall))
        ledger.record(
            NOW, "desk", [EndRun(run, Outcome.SUCCEEDED, None, "a message", 10.5, 11.5, 2**30, 2**40)]
        )
        return export_history(ledger)[0]


def altered(history: bytes, statements: str) -> bytes:
    """Return an export file after the SQL statements ran on it."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(history)
        connection.executescript(statements)
        return connection.serialize()
