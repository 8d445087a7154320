"""Testers with a full history, each in a real ledger, for measurements of a fleet.

A history has more ended runs than a tester shows, of every outcome. If the newest of them are slower, a
regression is confirmed. The last run is open, with progress on each chain and a newer build waiting.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from monitor.decide.decisions import BeginClearing, BeginRun, EndRun
from monitor.domain.build import Build, Versions
from monitor.domain.instant import Instant
from monitor.domain.observations import ChainActivity, ChainLog, Health, VolumeReading
from monitor.domain.run import Outcome, Reason, Run
from monitor.domain.status import RESULTS_SHOWN, NodeStatus, Phase, ProgressStatus, Status
from monitor.domain.tracking import Count
from monitor.domain.workload import SyncMode, Workload
from monitor.engine.activity import IMAGE_CHECK_RESULTS, Activity
from monitor.ledger import Ledger, open_ledger
from monitor.ledger.codecs import (
    build_reading,
    configuration_reading,
    node_reading,
    phase_reading,
    progress_reading,
    volume_reading,
)
from monitor.ledger.status import status_of
from monitor.output.metrics import StatusCollector

NAME = "tester-of-the-bench"
NETWORK, SYNC_MODE = "mainnet", SyncMode.FULL_SYNC
ENDED_RUNS, SLOWER_RUNS = 40, 3
RUN_SECONDS, GAP_SECONDS = 36 * 3600.0, 3600.0
GIBIBYTE = 1 << 30
TASKS = ("beat", "disk", "image", "report", "tick")
CHAINS = ("P", "X", "C")
# Runs that failed or were superseded, by the number of runs after them.
OTHER_ENDS = {
    4: (Outcome.FAILED, Reason.CRASHED),
    9: (Outcome.SUPERSEDED, None),
    17: (Outcome.FAILED, Reason.DISK_FULL),
}


def write_history(folder: Path, *, regressed: bool) -> Ledger:
    """Return a ledger with a tester's whole history; the caller closes it."""
    folder.mkdir()
    ledger, now = open_ledger(folder), time.time()
    begin = now - 2 * 3600 - ENDED_RUNS * (RUN_SECONDS + GAP_SECONDS)
    for number in range(1, ENDED_RUNS + 1):
        started_at = begin + (number - 1) * (RUN_SECONDS + GAP_SECONDS)
        run = _begin_run(ledger, number, started_at)
        from_end = ENDED_RUNS - number
        slower = regressed and from_end < SLOWER_RUNS
        _end(ledger, run, started_at, RUN_SECONDS * (1.5 if slower else 1.0), from_end)
    _watch(ledger, _begin_run(ledger, ENDED_RUNS + 1, now - 2 * 3600), now)
    return ledger


def registry_of(ledger: Ledger) -> CollectorRegistry:
    """Return the metrics of a tester as its monitor serves them."""
    activity = Activity()
    for task in TASKS:
        activity.task_finished(task, 0.01, time.time())
    for result in IMAGE_CHECK_RESULTS:
        activity.image_check("registry", result)
    registry = CollectorRegistry()
    registry.register(StatusCollector(lambda: status(ledger), activity))
    return registry


def status(ledger: Ledger) -> Status:
    """Return the current Status of a tester."""
    return status_of(ledger.snapshot(RESULTS_SHOWN + 1), time.time(), NAME)


def _moment(at: float) -> Instant:
    return Instant(at, at, "boot")


def _build(number: int) -> Build:
    digest = f"sha256:{number:064x}"
    versions = Versions(f"avalanchego/1.14.{number}", "v1.4.5", 45, f"{number:040x}", "1.26.8")
    return Build(f"registry.example.org/avalanche/avalanchego@{digest}", frozenset({digest}), versions)


def _begin_run(ledger: Ledger, number: int, at: float) -> Run:
    build = _build(number)
    workload = Workload("pod", build.image, build, NETWORK, SYNC_MODE, "settings")
    ledger.record(_moment(at), "bench", (BeginClearing(workload, "a new build"),))
    ledger.record(_moment(at), "bench", (BeginRun(workload),))
    run = ledger.last()
    if run is None:
        raise AssertionError("it was just started")
    return run


def _end(ledger: Ledger, run: Run, started_at: float, about_seconds: float, from_end: int) -> None:
    seconds = about_seconds * (1 + 0.01 * (run.number % 5))
    outcome, reason = OTHER_ENDS.get(from_end, (Outcome.SUCCEEDED, None))
    tracking = replace(run, tracking=replace(run.tracking, active_seconds=seconds))
    counts = {(chain, "blocks_accepted"): Count(0.0, 2e7, 2e7) for chain in CHAINS}
    ended = EndRun(tracking, outcome, reason, f"run {run.number} {outcome}", seconds, seconds, 900 * GIBIBYTE)
    at = _moment(started_at + RUN_SECONDS)
    ledger.record(at, "bench", tracking=tracking, counts=counts)
    ledger.record(at, "bench", (ended,))


def _watch(ledger: Ledger, run: Run, now: float) -> None:
    tracking = replace(run.tracking, active_seconds=7200.0, node_restarts=1, progress_at=now)
    log = ChainLog(ChainActivity.EXECUTING, ratio=0.25, end_at=now + 86400)
    readings = {
        "configuration": configuration_reading(
            NAME, "bench", Workload("pod", "", None, NETWORK, SYNC_MODE, "settings")
        ),
        "phase": phase_reading(Phase.BOOTSTRAPPING, "bootstrapping"),
        "node": node_reading(NodeStatus(now, up=True, health=Health.UNHEALTHY, bootstrapped=False, peers=12)),
        "progress": progress_reading(run.number, ProgressStatus(dict.fromkeys(CHAINS, log), stalled=False)),
        "volume": volume_reading(
            VolumeReading(_moment(now), 300 * GIBIBYTE, 2000 * GIBIBYTE, 1600 * GIBIBYTE)
        ),
        "new_build": build_reading(_build(ENDED_RUNS + 2)),
        "image_check": {"succeeded_at": now, "image": ""},
    }
    counts = {
        (chain, signal): Count(0.0, 1e6, 1e6)
        for chain in CHAINS
        for signal in ("blocks_fetched", "blocks_accepted", "leaves_synced")
    }
    ledger.record(
        _moment(now), "bench", readings=readings, tracking=replace(run, tracking=tracking), counts=counts
    )
